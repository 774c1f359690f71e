#include "cli/create_command.hpp"

#include "cli/commands.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <string_view>
#include <system_error>

namespace tidemill {
namespace {

constexpr const char* usage = R"(tidemill create: a pipeline to begin with

  tidemill create NAME [--from generate|file|http|kafka]
      writes NAME.yaml: a source of this kind (default: http), a stream, a view, an alert and a test, with what
      each is for. `tidemill check NAME.yaml` and `tidemill test NAME.yaml` pass on it.

Exit codes: 0 written, 1 the file is there or can't be written, 78 the command line is wrong.
)";

struct starter {
  std::string_view kind, source;
};

constexpr std::string_view schema =
    R"(    schema:                      # the fields that are used; `?` allows null and absence
      ts: timestamp              # RFC 3339; also timestamp_ms, or {type: timestamp, format: '%d/%b/%Y:%H:%M:%S %z'}
      user: string
      amount: double
      country: string?
    time:
      field: ts                  # results follow the time in the events, not that of their arrival
      out_of_order: 5s           # how long to wait for stragglers before a window closes
)";

constexpr std::array<starter, 4> starters{{
    {"http", R"(  orders:
    type: http                   # curl -X POST localhost:8080/v1/sources/orders/events -H 'Content-Type: application/x-ndjson'
                                 #   --data '{"ts":"2026-01-05T10:00:00Z","user":"ann","amount":12.5,"country":"DE"}'
)"},
    {"file", R"(  orders:
    type: file
    path: "orders/*.ndjson"      # relative to this file; format: csv or combined_log reads others
    follow: true                 # goes on with what is appended; without it the pipeline ends with the files
)"},
    {"kafka", R"(  orders:
    type: kafka
    brokers: ["${KAFKA:-localhost:9092}"]
    topics: [orders]
    group: NAME
    start: earliest              # only where there is no checkpoint yet
)"},
    {"generate", R"(  clicks:
    type: generate               # made-up visits of a shop, for trying things out; its fields are its own
    rate: 200
    time: {field: ts, out_of_order: 1s}
)"},
}};

constexpr std::string_view rest = R"(
streams:
  paid:
    from: orders
    steps:                       # done in order; an event that fails in one becomes a dead letter
      - filter: 'amount > 0'     # expressions are CEL, checked before anything runs
      - set: {country: 'country == null ? "unknown" : country'}

views:
  revenue:
    from: paid
    by: [country]                # a row for each country and window
    window: {size: 1m, slide: 10s, lateness: 30s}
    emit: {every: 1s}            # rows of open windows are shown, too
    select:
      orders: 'count()'
      total: 'sum(amount)'
      largest: 'max(amount)'
      buyers: 'distinct(user)'
    retain: 1d

alerts:
  no_revenue:                    # docs/alerts.md
    from: revenue
    when: 'orders == 0'
    for: 1m

# sinks:
#   history: {type: file, path: revenue.ndjson, from: revenue}                      # each sealed row once
#   serving: {type: redis, url: "redis://localhost:6379", from: [revenue]}          # kept equal to the view

serve:
  http: "${LISTEN:-127.0.0.1:8080}"   # dashboard, HTTP API, WebSocket

tests:                           # tidemill test NAME.yaml
  a country counts its orders:
    send:
      orders:
        - {ts: "2026-01-05T10:00:01Z", user: ann, amount: 10.0, country: DE}
        - {ts: "2026-01-05T10:00:02Z", user: bob, amount: 2.5, country: DE}
        - {ts: "2026-01-05T10:00:03Z", user: cid, amount: -1.0, country: DE}
        - {ts: "2026-01-05T10:00:04Z", user: cid, amount: 4.0}
    expect:
      some_rows:
        revenue:
          - {window_start: "2026-01-05T10:00:00Z", country: DE, orders: 2, total: 12.5, buyers: 2}
          - {window_start: "2026-01-05T10:00:00Z", country: unknown, orders: 1}
)";

constexpr std::string_view rest_of_generate = R"(
streams:
  hits:
    from: clicks
    steps:                       # done in order; an event that fails in one becomes a dead letter
      - filter: 'page != "/health"'          # expressions are CEL, checked before anything runs
      - set: {section: 'page.split("/")[1]', failed: 'status >= 500'}

views:
  traffic:
    from: hits
    by: [section]                # a row for each section and window
    window: {size: 30s, slide: 5s, lateness: 10s}
    emit: {every: 1s}            # rows of open windows are shown, too
    select:
      requests: 'count()'
      errors: 'count_if(failed)'
      p99: 'quantile(took_ms, 0.99)'
      visitors: 'distinct(user)'
    retain: 1h

alerts:
  failing:                       # docs/alerts.md
    from: traffic
    when: 'errors > 2 && ratio(errors, requests) > 0.02'

serve:
  http: "${LISTEN:-127.0.0.1:8080}"   # dashboard, HTTP API, WebSocket

tests:                           # tidemill test NAME.yaml
  a section counts its requests and errors:
    send:
      clicks:
        - {ts: "2026-01-05T10:00:01Z", user: ann, session: s, ip: 10.0.0.1, page: /cart, status: 200, bytes: 1, took_ms: 5.0, agent: x}
        - {ts: "2026-01-05T10:00:02Z", user: bob, session: t, ip: 10.0.0.2, page: /cart, status: 503, bytes: 1, took_ms: 9.0, agent: x}
    expect:
      some_rows:
        traffic: [{window_start: "2026-01-05T10:00:00Z", section: cart, requests: 2, errors: 1, visitors: 2}]
)";

/// As a pipeline may be called: what else stands in a path is no name.
bool is_name(std::string_view text) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  auto inner = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= 64 && letter(text.front()) && std::ranges::all_of(text, inner);
}

std::string pipeline(const std::string& name, const starter& with) {
  std::string text = "# tidemill check NAME.yaml · tidemill test NAME.yaml · tidemill run NAME.yaml\n"
                     "# Every setting: docs/reference.md.\n"
                     "pipeline: NAME\n\nsources:\n";
  text += with.source;
  const auto generated = with.kind == "generate";
  if (!generated)
    text += schema;
  text += generated ? rest_of_generate : rest;
  for (std::size_t at = 0; (at = text.find("NAME", at)) != text.npos; at += name.size())
    text.replace(at, 4, name);
  return text;
}

int refuse(const std::string& why) {
  std::cerr << "tidemill create: " << why << "; see tidemill create --help\n";
  return exit_config;
}

} // namespace

int create_command(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && (arguments[0] == "--help" || arguments[0] == "-h")) {
    std::cout << usage;
    return 0;
  }
  std::string name, kind = "http";
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& a = arguments[i];
    if (a == "--from" && i + 1 < arguments.size())
      kind = arguments[++i];
    else if (a.starts_with('-'))
      return refuse(a == "--from" ? "--from needs a kind of source" : "unknown option " + a);
    else if (name.empty())
      name = a;
    else
      return refuse("unexpected argument " + a);
  }
  const auto* with = std::ranges::find(starters, std::string_view{kind}, &starter::kind);
  if (name.empty())
    return refuse("what is it called?");
  if (!is_name(name))
    return refuse("\"" + name +
                  "\" can't be a name: lower-case letters, digits, - and _ make one, no digit first");
  if (with == starters.end())
    return refuse("there is no starter for " + kind + "; there are generate, file, http and kafka");
  const auto file = name + ".yaml";
  // "x": a file that is there stays.
  auto* out = std::fopen(file.c_str(), "wx");
  const auto text = pipeline(name, *with);
  auto written = out != nullptr && std::fwrite(text.data(), 1, text.size(), out) == text.size();
  auto fault = errno;
  if (out != nullptr && std::fclose(out) != 0) {
    written = false;
    fault = errno;
  }
  if (!written) {
    std::cerr << "tidemill create: " << file << ": "
              << std::error_code{fault, std::generic_category()}.message() << '\n';
    return exit_failed;
  }
  std::cout << file << " is written; try\n\n  tidemill test " << file << "\n  tidemill run " << file << '\n';
  return 0;
}

} // namespace tidemill
