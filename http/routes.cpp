#include "http/routes.hpp"

#include "http/alert_list.hpp"
#include "http/embedded.hpp"
#include "http/page.hpp"
#include "http/row_query.hpp"
#include "http/view_list.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tidemill {
namespace {

using names = std::vector<std::string_view>;

std::string listed(const names& all) {
  std::string out;
  for (const auto name : all)
    (out += out.empty() ? "" : ", ") += name;
  return out.empty() ? "none" : out;
}

/// 400 if a parameter is unknown or repeated: a typing error must not silently change the answer.
std::optional<http_response> check_parameters(const request_target& target, const names& known) {
  for (std::size_t i = 0; i < target.query.size(); ++i) {
    const auto& name = target.query[i].first;
    if (std::find(known.begin(), known.end(), name) == known.end())
      return problem(400, "unknown_parameter",
                     "parameter \"" + name + "\" is unknown; parameters here: " + listed(known));
    for (std::size_t j = 0; j < i; ++j)
      if (target.query[j].first == name)
        return problem(400, "repeated_parameter",
                       "parameter \"" + name + "\" is given twice; parameters here: " + listed(known));
  }
  return std::nullopt;
}

http_response not_allowed(std::string_view allow) {
  auto r = problem(405, "method_not_allowed", "this path takes " + std::string{allow});
  r.fields.emplace_back("Allow", allow);
  return r;
}

http_response starting() {
  return problem(503, "starting", "the pipeline is still being set up; try again in a moment");
}

http_response no_such_path(const request_target& target) {
  return problem(404, "not_found",
                 "nothing is at \"" + target.path +
                     "\"; try /, /v1/views, /v1/views/{view}/rows, /v1/alerts, /v1/streams/{stream}/events, "
                     "/v1/pipeline, /v1/dead-letters, /v1/ws, "
                     "/livez, /readyz or /metrics");
}

const served_view* find_view(const server_content& content, std::string_view name) {
  for (const auto& view : content.views)
    if (view.schema->name == name)
      return &view;
  return nullptr;
}

template <class List, class Name>
std::string names_of(const List& list, Name name) {
  names all;
  for (const auto& one : list)
    all.push_back(name(one));
  return listed(all);
}

http_response no_such_view(const server_content& content, std::string_view name) {
  return problem(
      404, "unknown_view",
      "no view is named \"" + std::string{name} + "\"; views here: " +
          names_of(content.views, [](const served_view& v) -> std::string_view { return v.schema->name; }));
}

http_response json(std::string body) {
  if (body.empty() || body.back() != '\n')
    body.push_back('\n');
  return {200, "application/json", {{"Cache-Control", "no-cache"}}, std::move(body)};
}

constexpr std::array<std::string_view, 3> row_types = {"application/json", "application/x-ndjson",
                                                       "text/csv"};
constexpr std::array<std::string_view, 3> row_formats = {"json", "ndjson", "csv"};

/// By `format=`, else by `Accept`.
std::variant<row_format, http_response> choose_format(const http_request& request) {
  if (const auto* asked = request.target.find("format")) {
    const auto at = std::find(row_formats.begin(), row_formats.end(), *asked);
    if (at == row_formats.end())
      return problem(400, "refused", "format: expected json, ndjson or csv");
    return static_cast<row_format>(at - row_formats.begin());
  }
  const int chosen = negotiate(request.accept, row_types);
  if (chosen < 0)
    return problem(406, "not_acceptable", "rows come as application/json, application/x-ndjson or text/csv");
  return static_cast<row_format>(chosen);
}

/// Weak comparison against a list of entity tags, or `*`.
bool matches_tag(std::string_view list, std::string_view tag) {
  const auto bare = [](std::string_view t) { return t.substr(0, 2) == "W/" ? t.substr(2) : t; };
  while (!list.empty()) {
    const auto one = trimmed(list.substr(0, list.find(',')));
    list.remove_prefix(
        std::min(list.size(), list.find(',') == std::string_view::npos ? list.size() : list.find(',') + 1));
    if (one == "*" || bare(one) == bare(tag))
      return true;
  }
  return false;
}

/// Rows of a view. The position stands in fields too, as NDJSON and CSV have no other place for it.
http_response rows(const served_view& view, const http_request& request, event_time now) {
  if (auto wrong = check_parameters(request.target, row_parameters()))
    return *wrong;
  const auto format = choose_format(request);
  if (const auto* refused = std::get_if<http_response>(&format))
    return *refused;
  const auto query = parse_row_query(request.target, view);
  if (!query)
    return problem(query.error());
  const auto snapshot = view.cell->load();
  if (query->refuse_partial && !snapshot->partial.empty()) {
    std::string extra = ",\"partial\":";
    append_partial(extra, snapshot->partial);
    return problem(503, "partial", "the view is not whole now, and partial=refuse was asked for", extra);
  }
  const auto shape = static_cast<std::size_t>(std::get<row_format>(format));
  const auto position = std::to_string(snapshot->epoch) + "-" + std::to_string(snapshot->offset);
  http_response r{
      200, std::string{row_types[shape]}, {{"Vary", "Accept"}, {"Cache-Control", "no-cache"}}, {}};
  r.fields.emplace_back("Tidemill-As-Of", position);
  if (!snapshot->partial.empty()) {
    r.fields.emplace_back("Tidemill-Partial", std::to_string(snapshot->partial.size()));
  } else {
    // An answer with holes gets no tag: it may change while its offset doesn't.
    const auto tag = "W/\"" + position + "-" + std::string{row_formats[shape]} + "\"";
    r.fields.emplace_back("ETag", tag);
    if (matches_tag(request.if_none_match, tag)) {
      r.status = 304;
      return r;
    }
  }
  if (shape == 2)
    r.content_type += "; charset=utf-8; header=present";
  const auto chosen = select_rows(*snapshot, *query);
  if (!chosen)
    return problem(400, "too_costly", chosen.error().text());
  r.body = format_rows(std::get<row_format>(format), *snapshot, *query, *chosen, now);
  return r;
}

http_response views(const server_content& content, const http_request& request, event_time now) {
  const auto& path = request.target.segments;
  if (path.size() > 4 || (path.size() == 4 && path[3] != "rows"))
    return no_such_path(request.target);
  if (path.size() == 2) {
    if (auto wrong = check_parameters(request.target, {}))
      return *wrong;
    return json(describe_views(content, now));
  }
  const auto* view = find_view(content, path[2]);
  if (view == nullptr)
    return no_such_view(content, path[2]);
  if (path.size() == 4)
    return rows(*view, request, now);
  if (auto wrong = check_parameters(request.target, {}))
    return *wrong;
  return json(describe_view(*view, now));
}

http_response alerts(const server_content& content, const http_request& request) {
  const auto& path = request.target.segments;
  if (path.size() > 4 || (path.size() == 4 && path[3] != "entries"))
    return no_such_path(request.target);
  auto wrong = path.size() == 4 ? check_parameters(request.target, {"from", "limit"})
                                : check_parameters(request.target, {"state"});
  if (wrong)
    return *wrong;
  if (path.size() == 2)
    return list_alerts(content, request.target);
  const auto name = [](const served_alert& a) -> std::string { return a.cell->load()->rule->name; };
  for (const auto& alert : content.alerts)
    if (name(alert) == path[2])
      return path.size() == 4 ? list_entries(*alert.cell->load(), request)
                              : describe_alert(*alert.cell->load(), request.target);
  return problem(404, "unknown_alert",
                 "no alert is named \"" + path[2] + "\"; alerts here: " +
                     names_of(content.alerts, [](const served_alert& a) -> std::string_view {
                       return a.cell->load()->rule->name;
                     }));
}

template <class Number>
std::optional<Number> number_of(const std::string& text, Number least, Number most) {
  Number n{};
  const auto* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, n);
  return failure == std::errc{} && stop == end && n >= least && n <= most ? std::optional{n} : std::nullopt;
}

/// Events between the steps of a stream.
http_response events(const server_content& content, const request_target& target) {
  const auto& path = target.segments;
  if (path.size() != 4 || path[3] != "events")
    return no_such_path(target);
  if (auto wrong = check_parameters(target, {"after", "where", "per_second", "raw", "from", "limit"}))
    return *wrong;
  if (!content.tap)
    return problem(403, "tap_off", "serve.tap is false: this pipeline doesn't show its events");
  tap_query q;
  q.stream = path[2];
  if (const auto steps = content.steps_of(q.stream))
    q.after = *steps;
  const auto refuse = [](std::string text) { return problem(400, "refused", text); };
  const auto read = [&](std::string_view name, auto least, auto most, auto& into) {
    const auto* text = target.find(name);
    if (text == nullptr)
      return true;
    const auto n = number_of<decltype(least)>(*text, least, most);
    if (n)
      into = *n;
    return n.has_value();
  };
  if (!read("after", std::size_t{0}, std::size_t{10'000}, q.after))
    return refuse("after: expected a number of steps");
  if (!read("per_second", 0.1, 10'000.0, q.per_second))
    return refuse("per_second: expected a number from 0.1 to 10000");
  if (!read("limit", std::size_t{1}, std::size_t{10'000}, q.limit))
    return refuse("limit: expected a number from 1 to 10000");
  if (!read("from", std::uint64_t{0}, std::uint64_t{1} << 53, q.from))
    return refuse("from: expected the `next` of an earlier answer");
  if (const auto* raw = target.find("raw"); raw != nullptr && *raw != "true" && *raw != "false")
    return refuse("raw: expected true or false");
  else
    q.raw = raw != nullptr && *raw == "true";
  if (const auto* where = target.find("where"))
    q.where = *where;
  auto told = content.tap(q);
  if (told)
    return json(std::move(*told));
  if (told.error().code() == errc::refused)
    return problem(404, "unknown_stream", told.error().text());
  return problem(told.error());
}

http_response dead_letters(const server_content& content, const request_target& target) {
  if (auto wrong = check_parameters(target, {"stream", "limit"}))
    return *wrong;
  std::size_t limit = 100;
  if (const auto* text = target.find("limit")) {
    const auto n = number_of<std::size_t>(*text, 1, 1000);
    if (!n)
      return problem(400, "refused", "limit: expected a number from 1 to 1000");
    limit = *n;
  }
  const auto* stream = target.find("stream");
  if (!content.dead_letters_json)
    return json("{\"dead_letters\":[]}");
  auto told = content.dead_letters_json(stream != nullptr ? *stream : std::string{}, limit);
  return told ? json(std::move(*told)) : problem(404, "unknown_stream", told.error().text());
}

http_response ready(const server_content* content) {
  const auto reasons = content == nullptr
                           ? std::vector<std::string>{"the pipeline is still being set up"}
                           : (content->not_ready ? content->not_ready() : std::vector<std::string>{});
  if (reasons.empty())
    return json("{\"ready\":true}");
  std::string extra = ",\"reasons\":[";
  for (const auto& reason : reasons) {
    if (extra.back() != '[')
      extra.push_back(',');
    append_json_string(extra, reason);
  }
  return problem(503, "not_ready", reasons.front(), extra + "]");
}

http_response plain(std::string type, std::string body) {
  return {200, std::move(type), {{"Cache-Control", "no-store"}}, std::move(body)};
}

/// Paths that take no parameter and read nothing but their content.
std::optional<http_response> simple(const server_content* content, const request_target& target) {
  const auto& path = target.segments;
  const auto at = [&](std::string_view a, std::string_view b = {}) {
    return path.size() == (b.empty() ? 1U : 2U) && path[0] == a && (b.empty() || path[1] == b);
  };
  const bool known = at("livez") || at("readyz") || at("metrics") || at("v1", "pipeline");
  if (!known)
    return std::nullopt;
  if (auto wrong = check_parameters(target, {}))
    return wrong;
  if (at("livez"))
    return plain("text/plain; charset=utf-8", "ok\n");
  if (at("readyz"))
    return ready(content);
  if (content == nullptr)
    return starting();
  if (at("metrics"))
    return plain("text/plain; version=0.0.4; charset=utf-8", content->metrics ? content->metrics() : "");
  return json(content->pipeline_json ? content->pipeline_json() : "{}");
}

} // namespace

std::string why_withheld(const server_content* content) {
  return content != nullptr && content->withheld ? content->withheld() : std::string{};
}

http_response answer(const server_content* content, const http_request& request, event_time now) {
  const auto& path = request.target.segments;
  const bool ingest_path = path.size() == 4 && path[0] == "v1" && path[1] == "sources" && path[3] == "events";
  if (ingest_path)
    return not_allowed("POST");
  auto page = page_file(request);
  const bool view_path = path.size() >= 2 && path[0] == "v1" && path[1] == "views";
  const bool alert_path = path.size() >= 2 && path[0] == "v1" && path[1] == "alerts";
  const bool stream_path = path.size() >= 2 && path[0] == "v1" && path[1] == "streams";
  const bool letters_path = path.size() == 2 && path[0] == "v1" && path[1] == "dead-letters";
  auto found = page ? std::move(page) : simple(content, request.target);
  if (!found && !view_path && !alert_path && !stream_path && !letters_path)
    return request.target.path == websocket_path
               ? problem(426, "upgrade_required", "this path speaks WebSocket; see docs/websocket.md")
               : no_such_path(request.target);
  if (request.method != http_method::get && request.method != http_method::head)
    return not_allowed("GET, HEAD");
  if (found)
    return std::move(*found);
  if (content == nullptr)
    return starting();
  if (letters_path)
    return dead_letters(*content, request.target);
  auto told = view_path    ? views(*content, request, now)
              : alert_path ? alerts(*content, request)
                           : events(*content, request.target);
  // Asked last: whoever was stopped in the middle has rows of then.
  if (auto why = why_withheld(content); !why.empty())
    return problem(503, "withheld", why);
  return told;
}

std::variant<http_response, ingest_target>
route_post(const server_content* content, const http_request& request, std::uint64_t content_length) {
  const auto& path = request.target.segments;
  if (path.size() != 4 || path[0] != "v1" || path[1] != "sources" || path[3] != "events")
    return answer(content, request, {});
  if (content == nullptr)
    return starting();
  if (auto wrong = check_parameters(request.target, {}))
    return *wrong;
  for (const auto& source : content->sources) {
    if (source.name != path[2])
      continue;
    const auto format = body_format_of(request.content_type);
    if (!format)
      return problem(
          415, "unsupported_media_type",
          "send application/x-ndjson (a JSON object a line) or application/json (an array of objects)");
    if (!request.content_encoding.empty() && !same_word(request.content_encoding, "identity"))
      return problem(415, "unsupported_media_type",
                     "a body with Content-Encoding " + request.content_encoding +
                         " is not taken; send it uncompressed");
    if (content_length > source.max_body)
      return problem(413, "event_too_large",
                     "the body is longer than " + std::to_string(source.max_body) + " bytes; send several");
    return ingest_target{&source, *format};
  }
  return problem(
      404, "unknown_source",
      "no HTTP source is named \"" + path[2] + "\"; sources here: " +
          names_of(content->sources, [](const served_source& s) -> std::string_view { return s.name; }));
}

std::optional<http_response> preflight(const http_request& request, const std::vector<std::string>& origins) {
  if (request.method != http_method::options || !request.has_origin)
    return std::nullopt;
  http_response r{204, {}, {}, {}};
  allow_reading(r, request, origins);
  if (r.fields.size() > 1) {
    r.fields.emplace_back("Access-Control-Allow-Methods", "GET, HEAD, POST");
    r.fields.emplace_back("Access-Control-Allow-Headers", "Content-Type, If-None-Match");
    r.fields.emplace_back("Access-Control-Max-Age", "600");
  }
  return r;
}

void allow_reading(http_response& response, const http_request& request,
                   const std::vector<std::string>& origins) {
  if (origins.empty() || !request.has_origin)
    return;
  response.fields.emplace_back("Vary", "Origin");
  for (const auto& origin : origins)
    if (same_word(origin, request.origin)) {
      response.fields.emplace_back("Access-Control-Allow-Origin", request.origin);
      response.fields.emplace_back("Access-Control-Expose-Headers", "ETag, Tidemill-As-Of, Tidemill-Partial");
      return;
    }
}

http_response ingest(const ingest_target& target, std::string_view body) {
  const auto records = split_records(target.format, body);
  if (!records)
    return problem(records.error());
  const auto receipt = target.source->append(*records);
  if (!receipt)
    return problem(receipt.error());
  std::string out = "{\"accepted\":" + std::to_string(receipt->count) + ",\"offsets\":[";
  for (const auto& [partition, range] : receipt->ranges) {
    if (out.back() != '[')
      out.push_back(',');
    out += "{\"partition\":" + std::to_string(partition) + ",\"first\":" + std::to_string(range.first) +
           ",\"next\":" + std::to_string(range.second) + "}";
  }
  return {202, "application/json", {{"Cache-Control", "no-store"}}, out + "]}\n"};
}

} // namespace tidemill
