// From settings to objects: the only place that knows every kind of source, table and sink.
#include "actors/components.hpp"

#include "actors/state_check.hpp"

#include "event/hash.hpp"
#include "storage/file/file_event_sink.hpp"
#include "storage/file/file_source.hpp"
#include "storage/file/sealed_file_sink.hpp"
#include "storage/generate/generate_source.hpp"
#include "storage/kafka/kafka_changelog.hpp"
#include "storage/kafka/kafka_event_sink.hpp"
#include "storage/kafka/kafka_options.hpp"
#include "storage/kafka/kafka_replay.hpp"
#include "storage/kafka/kafka_sealed_sink.hpp"
#include "storage/kafka/kafka_source.hpp"
#include "storage/log/ingest_replay.hpp"
#include "storage/log/log_source.hpp"
#include "storage/redis/redis_log_mirror.hpp"
#include "storage/redis/redis_mirror.hpp"
#include "storage/tables/mmdb_table.hpp"
#include "storage/tables/row_table.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <unistd.h>

namespace tidemill {
namespace {

std::filesystem::path resolve(const std::filesystem::path& base, const std::string& path) {
  auto p = std::filesystem::path{path};
  return p.is_absolute() ? p : base / p;
}

/// Decodes single records outside a partition: to route them, or to pace them. One thread at a time.
class record_reader {
public:
  record_reader(const source_plan& s, std::vector<bool> needed)
      : codec_(*make_codec(s.format, s.fields, std::move(needed))) {}

  /// The record as a batch of at most one row; null if it doesn't decode.
  const event_batch* read(const record& r, const std::shared_ptr<const std::string>& header) {
    auto in = std::make_shared<record_batch>();
    in->records = {r};
    in->header = header;
    events_ = {};
    failures_.clear();
    codec_->decode(*in, events_, failures_);
    return events_.rows() == 1 ? &events_ : nullptr;
  }

private:
  std::unique_ptr<codec> codec_;
  event_batch events_;
  std::vector<decode_failure> failures_;
};

partitioner make_partitioner(const source_plan& s, std::uint32_t partitions) {
  std::vector<bool> needed(s.fields.size(), false);
  for (auto slot : s.partition_by->slots())
    needed[slot] = true;
  auto reader = std::make_shared<record_reader>(s, std::move(needed));
  return [reader, by = *s.partition_by, partitions](const record& r,
                                                    const std::shared_ptr<const std::string>& header) {
    const auto* events = reader->read(r, header);
    if (events == nullptr)
      return partition_id{0};
    column out;
    std::vector<cel::row_error> failed;
    by.evaluate(*events, {0}, out, failed);
    if (!failed.empty())
      return partition_id{0};
    std::string key;
    append_encoded(key, out.at(0));
    return static_cast<partition_id>(hash64(key) % partitions);
  };
}

std::uint32_t partitions_of(const source_plan& s) {
  return static_cast<std::uint32_t>(s.settings.settings.integer("partitions", 1));
}

enum class pacing : std::uint8_t { as_configured, none };

result<made_source> make_file(const source_plan& s, const std::filesystem::path& base,
                              const std::filesystem::path& data, pacing how) {
  const auto& o = s.settings.settings;
  file_source_settings f;
  f.name = s.name;
  f.base = base;
  f.path = o.text("path");
  f.format = s.format;
  f.pace = how == pacing::none ? 0 : o.number("pace");
  f.follow = o.flag("follow");
  f.state_folder = data / "sources" / s.name;
  if (s.partition_by) {
    f.partitions = partitions_of(s);
    f.partition_by = make_partitioner(s, f.partitions);
    f.partition_text = s.partition_by->text();
  }
  if (f.pace > 0) {
    std::vector<bool> needed(s.fields.size(), false);
    needed[s.time_slot] = true;
    auto reader = std::make_shared<record_reader>(s, std::move(needed));
    f.time_of = [reader, slot = s.time_slot](
                    const record& r,
                    const std::shared_ptr<const std::string>& header) -> std::optional<event_time> {
      const auto* events = reader->read(r, header);
      if (events == nullptr || events->columns[slot].is_null(0))
        return std::nullopt;
      return to_event_time(events->columns[slot].as<timestamp>()[0]);
    };
  }
  TIDEMILL_TRY(auto source, make_file_source(std::move(f)));
  return made_source{std::move(source), nullptr, {}};
}

result<made_source> make_generate(const source_plan& s, const std::filesystem::path& data) {
  const auto& o = s.settings.settings;
  generate_settings g;
  g.name = s.name;
  g.seed = static_cast<std::uint64_t>(o.integer("seed", 1));
  g.partitions = static_cast<std::uint32_t>(o.integer("partitions", 4));
  g.rate = o.number("rate", 1000);
  g.events = static_cast<std::uint64_t>(o.integer("events", 0));
  g.users = static_cast<std::uint32_t>(o.integer("users", 5000));
  g.state_folder = data / "sources";
  if (o.has("start")) {
    TIDEMILL_TRY(auto start, parse_rfc3339(o.text("start")));
    g.start = to_event_time(start);
  }
  TIDEMILL_TRY(auto source, make_generate_source(std::move(g)));
  return made_source{std::move(source), nullptr, {}};
}

std::string new_log_id() {
  std::random_device device;
  return content_id(std::to_string(device()) + std::to_string(device()) + std::to_string(device()));
}

result<made_source> make_http(const source_plan& s, const std::filesystem::path& data) {
  const auto& o = s.settings.settings;
  ingest_log::settings l;
  l.name = s.name;
  l.partitions = partitions_of(s);
  l.max_unread = static_cast<std::uint64_t>(o.integer("max_backlog", 1 << 30));
  l.max_record = static_cast<std::uint32_t>(o.integer("max_body", 16 << 20));
  TIDEMILL_TRY(auto log, ingest_log::open(data / "ingest" / s.name, l, new_log_id()));
  return made_source{std::make_unique<log_source>(log), log,
                     s.partition_by ? make_partitioner(s, l.partitions) : partitioner{}};
}

std::string host_name() {
  std::array<char, 256> host{};
  return ::gethostname(host.data(), host.size() - 1) == 0 ? host.data() : "?";
}

/// How brokers name us in their logs.
std::string client_id(const std::string& pipeline) {
  return "tidemill/" + pipeline + "@" + host_name() + ":" + std::to_string(::getpid());
}

result<made_source> make_kafka(const source_plan& s, const component_home& home) {
  auto k = kafka_settings_of(s.settings.settings);
  k.name = s.name;
  k.meta = k.meta || s.wants_meta();
  k.client.client_id = client_id(home.pipeline);
  k.state_folder = home.data.path() / "sources";
  k.store_id = home.data.store_id();
  k.store_name = host_name() + ":" + std::filesystem::absolute(home.data.root()).lexically_normal().string();
  k.still_ours = [&data = home.data] { return data.verify(); };
  TIDEMILL_TRY(auto source, make_kafka_source(std::move(k)));
  return made_source{std::move(source), nullptr, {}};
}

/// Hands each event to the log under the name of its stream, and under the source's own number of its
/// partition: those among all sources may be others after a change of the definition.
class dead_letters_of_source : public event_sink {
public:
  dead_letters_of_source(const source_plan& s, std::uint32_t first,
                         const std::shared_ptr<dead_letter_log>& log)
      : first_(first) {
    for (const auto& o : s.outputs)
      if (o.kind != output_kind::events) // earlier versions kept progress by number under the stream's name
        streams_.emplace(o.name, dead_letter_sink{log, s.name + '/' + o.name});
  }

  result<std::map<partition_id, offset>> resume() override {
    // A letter that comes again is known by its id, so the least of all streams is right for each.
    std::map<partition_id, offset> least;
    auto first = true;
    for (auto& [name, sink] : streams_) {
      TIDEMILL_TRY(auto held, sink.resume());
      for (auto it = least.begin(); it != least.end();)
        it = held.contains(it->first) ? std::next(it) : least.erase(it);
      for (const auto& [p, upto] : held)
        if (auto it = least.find(p); it != least.end())
          it->second = std::min(it->second, upto);
        else if (first)
          least.emplace(p, upto);
      first = false;
    }
    std::map<partition_id, offset> numbered;
    for (const auto& [p, upto] : least)
      numbered.emplace(static_cast<partition_id>(to_index(p) + first_), upto);
    return numbered;
  }

  status write(const outgoing_batch& batch) override {
    for (auto& [name, sink] : streams_) {
      outgoing_batch mine{static_cast<partition_id>(to_index(batch.partition) - first_), batch.upto, {}, 0};
      for (const auto& e : batch.events)
        if (e.stream == name)
          mine.events.emplace_back(e).id.partition = mine.partition;
      TIDEMILL_CHECK(sink.write(mine));
    }
    return {};
  }

  status sync() override {
    for (auto& [name, sink] : streams_)
      TIDEMILL_CHECK(sink.sync());
    return {};
  }

private:
  std::uint32_t first_;
  std::map<std::string, dead_letter_sink, std::less<>> streams_;
};

std::filesystem::path sink_file(const sink_plan& s, const plan& all) {
  return resolve(base_folder(all.written), s.settings.settings.text("path"));
}

/// The columns of a sink of events with `format: csv`; empty for others.
std::vector<std::string> csv_columns(const sink_plan& s, const plan& all) {
  if (s.settings.settings.text("format", "ndjson") != "csv")
    return {};
  std::vector<std::string> columns;
  for (const auto& source : all.sources)
    for (const auto& stream : source.streams)
      if (stream.name == s.outputs.front())
        for (const auto& f : stream.fields.fields())
          columns.push_back(f.name);
  if (columns.empty()) // a side output
    columns = {"stream", "source", "partition",  "offset", "step",
               "code",   "reason", "event_time", "raw",    "raw_base64"};
  return columns;
}

bool feeds(const source_plan& source, const sink_plan& s) {
  return std::ranges::any_of(source.outputs, [&](const output_plan& o) {
    return std::ranges::find(s.outputs, o.name) != s.outputs.end();
  });
}

/// What comes to a sink of events.
std::vector<sink_input> inputs_of(const sink_plan& s, const plan& all,
                                  const std::vector<sink_input>& sources) {
  std::vector<sink_input> inputs;
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (feeds(all.sources[i], s))
      inputs.push_back(sources[i]);
  for (const auto& alert : s.alerts)
    inputs.push_back({alert, number_of_alert(alert)});
  return inputs;
}

kafka_sink_settings kafka_sink(const sink_plan& s, const plan& all, const std::vector<sink_input>& sources) {
  auto k = kafka_sink_settings_of(s.settings.settings);
  k.pipeline = all.written.name;
  k.name = s.settings.name.text;
  k.client.client_id = client_id(k.pipeline);
  k.inputs = inputs_of(s, all, sources);
  return k;
}

} // namespace

std::filesystem::path base_folder(const definition& d) {
  auto folder = std::filesystem::path{d.file}.parent_path();
  return folder.empty() ? std::filesystem::path{"."} : folder;
}

result<made_source> make_source(const source_plan& s, const component_home& home) {
  const auto& state = home.data.path();
  auto made = s.settings.type == "file"       ? make_file(s, home.base, state, pacing::as_configured)
              : s.settings.type == "generate" ? make_generate(s, state)
              : s.settings.type == "kafka"    ? make_kafka(s, home)
                                              : make_http(s, state);
  if (!made)
    return made.error().in("sources." + s.name);
  return made;
}

result<std::unique_ptr<record_source>> make_replay_source(const source_plan& s, const plan& all,
                                                          const std::filesystem::path& state,
                                                          const std::filesystem::path& scratch) {
  if (s.exchange)
    return make_ingest_replay(exchange_folder(state, s), s.exchange->partitions);
  if (s.settings.type == "http")
    return make_ingest_replay(state / "ingest" / s.name, partitions_of(s));
  if (s.settings.type == "kafka") {
    auto k = kafka_settings_of(s.settings.settings);
    k.name = s.name;
    k.meta = k.meta || s.wants_meta();
    k.client.client_id = client_id(all.written.name);
    k.state_folder = state / "sources";
    return make_kafka_replay(std::move(k));
  }
  std::error_code failed; // of a source without such files
  std::filesystem::create_directories(scratch, failed);
  std::filesystem::copy(
      state / "sources", scratch / "sources",
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::skip_existing, failed);
  auto made = s.settings.type == "file" ? make_file(s, base_folder(all.written), scratch, pacing::none)
                                        : make_generate(s, scratch);
  if (!made)
    return made.error();
  return std::move(made->source);
}

std::uint64_t identity_at_sinks(const source_plan& s, const record_source& opened,
                                const data_directory& data) {
  if (opened.assigns()) // each partition has an identity of its own, and a group that guards them all
    return 0;
  // Another data folder counts the same files from another one on, as some are gone by then.
  auto here =
      s.settings.type == "file" && s.settings.settings.flag("follow") ? data.store_id() : std::string{};
  return hash64(opened.identity() + here);
}

schema declared_columns(const component& c) {
  schema columns;
  for (const auto& [name, settings] : c.settings.sections("columns")) {
    if (auto f = read_field(name.text, *settings)) // config has checked it
      columns.set(std::move(*f));
  }
  return columns;
}

std::unique_ptr<table_store> make_table(const component& c, const std::filesystem::path& base,
                                        const std::filesystem::path& folder) {
  auto path = resolve(base, c.settings.text("path"));
  if (c.type == "mmdb")
    return make_mmdb_table(
        {.name = c.name.text, .path = path, .folder = folder, .columns = declared_columns(c)});
  const auto& o = c.settings;
  const auto& range = o.section("range");
  const auto& valid = o.section("valid");
  row_table_settings t;
  t.name = c.name.text;
  t.format = c.type == "view" ? "cells" : c.type;
  t.path = path;
  t.folder = folder;
  t.key = {o.text("key"),     range.text("from"), range.text("to"), range.text("of") == "ip",
           o.text("network"), valid.text("from"), valid.text("to")};
  t.columns = declared_columns(c);
  t.delimiter = (o.text("delimiter", ",") + ",").front();
  return make_row_table(std::move(t));
}

result<std::shared_ptr<exchange_log>> open_exchange(const plan& all, std::size_t s,
                                                    const std::vector<sink_input>& sources,
                                                    const std::filesystem::path& data) {
  const auto& plan = *all.sources[s].exchange;
  const auto folder = exchange_folder(data, all.sources[s]);
  exchange_log::settings l;
  std::error_code ignored;
  // In place of another one, whose offsets sinks and dead letters remember; a log never gets a million
  // records a second.
  if (std::filesystem::exists(folder.parent_path(), ignored))
    l.first =
        static_cast<offset>(std::chrono::system_clock::now().time_since_epoch() / std::chrono::seconds{1})
        << 20;
  l.name = all.sources[s].name;
  l.partitions = plan.partitions;
  for (auto from : plan.sources)
    l.sources.push_back({sources.at(from).source, sources.at(from).first, sources.at(from).partitions});
  for (const auto& in : plan.inputs)
    l.inputs.push_back(in.origin);
  return exchange_log::open(folder, std::move(l), new_log_id());
}

result<std::unique_ptr<event_sink>> make_event_sink(const sink_plan& s, const plan& all,
                                                    const std::vector<sink_input>& sources) {
  if (s.settings.type == "kafka")
    return make_kafka_event_sink(kafka_sink(s, all, sources));
  return std::unique_ptr<event_sink>{
      std::make_unique<file_event_sink>(sink_file(s, all), csv_columns(s, all), inputs_of(s, all, sources))};
}

result<std::unique_ptr<sealed_sink>> make_sealed_sink(const sink_plan& s, const plan& all) {
  if (s.settings.type == "kafka")
    return make_kafka_sealed_sink(kafka_sink(s, all, {}));
  using format = sealed_file_sink::format;
  auto csv = s.settings.settings.text("format", "ndjson") == "csv";
  return std::unique_ptr<sealed_sink>{
      std::make_unique<sealed_file_sink>(sink_file(s, all), csv ? format::csv : format::ndjson)};
}

namespace {

redis_mirror_settings redis_of(const sink_plan& s) {
  const auto& o = s.settings.settings;
  redis_mirror_settings r;
  r.url = o.text("url");
  r.ttl = std::chrono::duration_cast<std::chrono::milliseconds>(o.time("ttl", std::chrono::hours{24}));
  r.prefix = o.text("prefix", "tm");
  r.series = o.flag("series");
  return r;
}

} // namespace

result<std::unique_ptr<view_mirror>> make_mirror(const sink_plan& s, const plan& all) {
  if (s.settings.type == "kafka")
    return make_kafka_changelog(kafka_sink(s, all, {}));
  return make_redis_mirror(redis_of(s));
}

result<std::unique_ptr<log_mirror>> make_log_mirror(const sink_plan& s) {
  return make_redis_log_mirror(redis_of(s));
}

std::uint32_t number_of_alert(const std::string& name) {
  return 0x8000'0000u | static_cast<std::uint32_t>(hash64(name));
}

std::unique_ptr<event_sink> make_dead_letter_sink(const source_plan& s, std::uint32_t first,
                                                  std::shared_ptr<dead_letter_log> log) {
  return std::make_unique<dead_letters_of_source>(s, first, log);
}

} // namespace tidemill
