#include "actors/tap_tools.hpp"

#include "event/json_member.hpp"
#include "event/json_parse.hpp"
#include "http/http_client.hpp"
#include "http/request.hpp"
#include "http/spec.hpp"

namespace tidemill {
namespace {

std::string address_of(const definition& d) {
  auto listen = serve_settings(d.serve);
  auto host = listen.address.find(':') == std::string::npos ? listen.address : "[" + listen.address + "]";
  return "http://" + host + ":" + std::to_string(listen.port);
}

std::uint64_t natural(const value& object, std::string_view name) {
  const auto* v = json_member(object, name);
  const auto* n = v != nullptr ? v->get_if<std::int64_t>() : nullptr;
  return n != nullptr ? static_cast<std::uint64_t>(*n) : 0;
}

/// The reason in a problem document, or the status.
std::string reason(const http_answer& a) {
  auto body = parse_json(a.body);
  if (body)
    if (const auto* detail = json_member(*body, "detail"))
      if (const auto* text = detail->get_if<std::string>())
        return *text;
  return "the server answered " + std::to_string(a.status);
}

} // namespace

struct tap_reader::impl {
  impl(http_target target, std::string q)
      : client(std::move(target), std::chrono::seconds{10}), query(std::move(q)) {}

  http_client client;
  std::string query;
  std::optional<std::uint64_t> next{};
};

tap_reader::tap_reader(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
tap_reader::~tap_reader() = default;
tap_reader::tap_reader(tap_reader&&) noexcept = default;
tap_reader& tap_reader::operator=(tap_reader&&) noexcept = default;

result<tap_reader> tap_reader::open(const definition& d, const std::string& server, const tap_wish& wish) {
  auto base = server.empty() ? address_of(d) : server;
  if (server.empty() && serve_settings(d.serve).port == 0)
    return error{errc::config_invalid,
                 "the pipeline listens on any free port: say which with --at http://host:port"};
  while (base.ends_with('/'))
    base.pop_back();
  TIDEMILL_TRY(auto target,
               parse_http_target(base + "/v1/streams/" + percent_encode(wish.stream) + "/events"));
  auto query = "?per_second=" + std::to_string(wish.per_second) + (wish.raw ? "&raw=true" : "");
  if (wish.after)
    query += "&after=" + std::to_string(*wish.after);
  if (!wish.where.empty())
    query += "&where=" + percent_encode(wish.where);
  return tap_reader{std::make_unique<impl>(std::move(target), std::move(query))};
}

result<tap_page> tap_reader::next() {
  auto& i = *impl_;
  TIDEMILL_TRY(auto answer, i.client.get(i.query + (i.next ? "&from=" + std::to_string(*i.next) : "")));
  if (answer.status != 200)
    return error{answer.status == 503 || answer.status == 429 ? errc::unavailable : errc::refused,
                 reason(answer)};
  auto body = parse_json(answer.body);
  if (!body || body->as_map() == nullptr)
    return error{errc::refused, "what answered is no pipeline of this version"};
  tap_page page;
  if (const auto* fields = json_member(*body, "fields"); fields != nullptr && fields->as_list() != nullptr)
    for (const auto& f : *fields->as_list())
      if (const auto* name = f.get_if<std::string>())
        page.fields.push_back(*name);
  // Events as they were written: a decimal read as a double and written again would be another.
  constexpr std::string_view mark = ",\"events\":";
  const std::string_view text{answer.body};
  const auto at = text.find(mark), end = text.rfind('}');
  if (at == text.npos || end == text.npos || end < at + mark.size())
    return error{errc::refused, "what answered is no pipeline of this version"};
  TIDEMILL_TRY(auto events, split_json_array(text.substr(at + mark.size(), end - at - mark.size())));
  page.events.assign(events.begin(), events.end());
  page.skipped = natural(*body, "skipped");
  i.next = natural(*body, "next");
  return page;
}

} // namespace tidemill
