// What the HTTP server asks a platform for.
#include "actors/platform_impl.hpp"

#include "actors/process_metrics.hpp"
#include "actors/status.hpp"
#include "http/spec.hpp"
#include "pipeline/row_filter.hpp"

#include <algorithm>

namespace tidemill {
namespace {

/// Side outputs that a plan keeps letters of.
std::vector<std::string> letter_streams(const plan& all) {
  std::vector<std::string> names;
  for (const auto& source : all.sources)
    for (const auto& output : source.outputs)
      if (output.kind != output_kind::events && output.kind != output_kind::exchange)
        names.push_back(output.name);
  return names;
}

std::string listed(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names)
    all += (all.empty() ? "" : ", ") + name;
  return all;
}

} // namespace

status platform::impl::start_http() {
  if (!all->written.serve.has("http") || server)
    return {};
  TIDEMILL_TRY(auto listening, http_server::listen(serve_settings(all->written.serve)));
  std::lock_guard lock{mutex};
  server = std::move(listening);
  serve();
  return {};
}

void platform::impl::serve() {
  server_content content;
  content.pipeline = all->written.name;
  for (const auto& v : views)
    content.views.push_back({v.plan->schema, v.cell, [schema = v.plan->schema](std::string_view where) {
                               return compile_row_filter(*schema, where);
                             }});
  for (const auto& v : views)
    for (const auto& rule : v.alerts)
      content.alerts.push_back({rule});
  for (std::size_t s = 0; s < all->sources.size(); ++s) {
    if (all->sources[s].settings.type != "http")
      continue;
    served_source source;
    source.name = all->sources[s].name;
    source.max_body =
        static_cast<std::size_t>(all->sources[s].settings.settings.integer("max_body", 16 << 20));
    source.append = [this, s, one_at_a_time = std::make_shared<std::mutex>()](
                        const std::vector<std::string_view>& records) -> result<ingest_receipt> {
      if (!boards->sources[s]->known.load(std::memory_order_acquire))
        return error{errc::unavailable, "the pipeline is starting, or this process is a standby"};
      const auto& log = ingests[s];
      const auto& route = routes[s];
      std::vector<ingest_log::incoming> incoming;
      {
        std::lock_guard lock{*one_at_a_time}; // a route keeps buffers
        for (auto bytes : records)
          incoming.push_back({route ? route({bytes, 0, 1, std::nullopt}, nullptr) : partition_id{0}, bytes});
      }
      auto appended = log->append(wall_now(), incoming);
      if (auto broken = appended ? std::nullopt : log->broken())
        fail(broken->text());
      TIDEMILL_TRY(auto ranges, std::move(appended));
      ingest_receipt receipt;
      receipt.count = records.size();
      for (const auto& r : ranges)
        receipt.ranges.push_back({to_index(r.partition), {r.begin, r.end}});
      return receipt;
    };
    content.sources.push_back(std::move(source));
  }
  content.steps_of = [this](std::string_view name) -> std::optional<std::size_t> {
    for (const auto& source : all->sources)
      for (const auto& stream : source.streams)
        if (stream.name == name)
          return stream.steps.size();
    return std::nullopt;
  };
  if (all->written.serve.flag("tap", true))
    content.tap = [this](const tap_query& q) { return taps->read(q, tap_board::clock::now()); };
  content.pipeline_json = [this] {
    return tidemill::pipeline_json(all->written.name, *boards, events_per_second);
  };
  content.dead_letters_json = [this](std::string_view stream, std::size_t limit) -> result<std::string> {
    std::vector<std::string> letters;
    if (data_open)
      letters = dead_letters->newest(stream, limit);
    // A stream of a former definition may have left some.
    if (const auto known = letter_streams(*all);
        letters.empty() && !stream.empty() && std::ranges::find(known, stream) == known.end())
      return error{errc::refused,
                   "no dead letters are called \"" + std::string{stream} + "\"; there are " + listed(known)};
    std::string out = "{\"dead_letters\":[";
    for (const auto& json : letters)
      out += (out.back() == '[' ? "" : ",") + json;
    return out + "]}\n";
  };
  content.metrics = [this] {
    return metrics_text(all->written.name, *boards, server->count()) + process_metrics();
  };
  content.not_ready = [this] {
    auto why = tidemill::not_ready(*boards);
    if (data_open && !data->holds())
      why.push_back("this process was paused: whether it still holds its data folder is being looked at");
    return why;
  };
  content.withheld = [this]() -> std::string {
    if (data_open && !data->holds())
      return "this process was paused: another one may have taken over, and know newer rows";
    if (shown_unheld && !data_open && !disk_is_full)
      return "another process holds the data folder, and knows newer rows";
    return {};
  };
  server->serve(std::move(content));
}

} // namespace tidemill
