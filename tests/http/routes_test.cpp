#include "http/routes.hpp"

#include "http/json.hpp"
#include "http/row_query.hpp"
#include "tests/http/fake_view.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

http_request request(std::string_view target, http_method method = http_method::get) {
  http_request r;
  r.method = method;
  r.target = *parse_target(target);
  return r;
}

const std::string& field_of(const http_response& r, std::string_view name) {
  static const std::string none;
  for (const auto& [key, text] : r.fields)
    if (key == name)
      return text;
  return none;
}

/// A view with three windows of two keys; the newest window is open.
struct traffic {
  fake_view view{"traffic"};
  server_content content;

  traffic() {
    for (int w = 0; w < 3; ++w)
      for (const char* country : {"DE", "FR"})
        view.put(w * 60, country, w * 10 + (country[0] == 'F' ? 5 : 0),
                 w == 2 ? row_state::open : row_state::closed);
    view.watermark(125);
    view.publish();
    content.pipeline = "shop";
    content.views.push_back(view.served());
    content.pipeline_json = [] { return std::string{"{\"events_per_s\":1}"}; };
    content.dead_letters_json = [](std::string_view stream, std::size_t limit) -> result<std::string> {
      if (stream == "log.daed")
        return error{errc::refused, "there are log.dead"};
      return "{\"stream\":\"" + std::string{stream} + "\",\"limit\":" + std::to_string(limit) + "}";
    };
    content.metrics = [] { return std::string{"up 1\n"}; };
  }

  http_response get(std::string_view target) const { return answer(&content, request(target), at(130)); }
  std::string body(std::string_view target) const { return get(target).body; }
  /// `country requests` of each row in order.
  std::string rows(std::string_view parameters) const {
    const auto r = get("/v1/views/traffic/rows?" + std::string{parameters});
    if (r.status != 200)
      return std::to_string(r.status) + " " + r.body;
    const auto parsed = parse_json(r.body);
    std::string out;
    for (const auto& one : *json_member(*parsed, "rows")->as_list()) {
      out += out.empty() ? "" : " ";
      out += *json_member(one, "country")->get_if<std::string>();
      out += std::to_string(*json_member(one, "requests")->get_if<std::int64_t>());
    }
    return out;
  }
};

} // namespace

TEST_CASE("the default is the newest closed window of each key") {
  const traffic t;
  CHECK(t.rows("") == "DE10 FR15");
  CHECK(t.rows("window=newest") == "DE10 FR15");
  CHECK(t.rows("window=latest") == "DE10 FR15");
  CHECK(t.rows("window=open") == "DE20 FR25");
  CHECK(t.rows("window=all") == "DE0 FR5 DE10 FR15 DE20 FR25");
}

TEST_CASE("rows are filtered, cut in time, ordered and limited") {
  const traffic t;
  CHECK(t.rows("window=all&where=DE") == "DE0 DE10 DE20");
  CHECK(t.rows("window=all&from=1970-01-01T00:01:00Z") == "DE10 FR15 DE20 FR25");
  CHECK(t.rows("window=all&to=60000") == "DE0 FR5");
  CHECK(t.rows("window=all&from=60001&to=60001") == "DE10 FR15");
  CHECK(t.rows("from=0&to=60000") == "DE0 FR5");
  CHECK(t.rows("window=all&order=-requests&limit=3") == "FR25 DE20 FR15");
  CHECK(t.rows("window=all&order=country") == "DE0 DE10 DE20 FR5 FR15 FR25");
  CHECK(t.rows("window=all&order=-country&limit=2") == "FR5 FR15");
  CHECK(t.rows("window=all&order=state&limit=1") == "DE0");
}

TEST_CASE("an answer says as of when it is and whether it is whole") {
  traffic t;
  CHECK(t.body("/v1/views/traffic/rows?limit=1&window=all") ==
        "{\"rows\":[{\"window_start\":\"1970-01-01T00:00:00Z\",\"window_end\":\"1970-01-01T00:01:00Z\","
        "\"country\":\"DE\",\"requests\":0,\"state\":\"closed\",\"revision\":0}],"
        "\"as_of\":{\"epoch\":1,\"offset\":6,\"watermark\":\"1970-01-01T00:02:05Z\",\"lag_ms\":5000},"
        "\"partial\":[]}\n");
  CHECK(t.body("/v1/views/traffic/rows?as_of=prefix&where=none").find("\"prefix\":[100,200]}") !=
        std::string::npos);
  t.view.partial({{"clicks/1", "recovering", at(7)}});
  t.view.publish();
  const auto r = t.get("/v1/views/traffic/rows");
  CHECK(r.body.find("\"partial\":[{\"partition\":\"clicks/1\",\"why\":\"recovering\","
                    "\"since\":\"1970-01-01T00:00:07Z\"}]") != std::string::npos);
  CHECK(field_of(r, "Tidemill-Partial") == "1");
  CHECK(field_of(r, "ETag").empty());
  const auto refused = t.get("/v1/views/traffic/rows?partial=refuse");
  CHECK(refused.status == 503);
  CHECK(refused.body.find("clicks/1") != std::string::npos);
}

TEST_CASE("formats come by parameter or by Accept") {
  traffic t;
  t.view.put(60, "a,\"b\"\n", 7, row_state::closed);
  t.view.publish();
  CHECK(t.body("/v1/views/traffic/rows?format=csv&window=all&from=60001&to=60001") ==
        "window_start,window_end,country,requests,state,revision\r\n"
        "1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,DE,10,closed,0\r\n"
        "1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,FR,15,closed,0\r\n"
        "1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,\"a,\"\"b\"\"\n\",7,closed,0\r\n");
  auto r = request("/v1/views/traffic/rows?limit=2");
  r.accept = "application/x-ndjson";
  const auto lines = answer(&t.content, r, at(0));
  CHECK(lines.content_type == "application/x-ndjson");
  CHECK(std::count(lines.body.begin(), lines.body.end(), '\n') == 2);
  CHECK(field_of(lines, "Tidemill-As-Of") == "1-7");
  r.accept = "text/html";
  CHECK(answer(&t.content, r, at(0)).status == 406);
  CHECK(t.get("/v1/views/traffic/rows?format=xml").status == 400);
}

TEST_CASE("an unchanged answer is 304") {
  traffic t;
  auto r = request("/v1/views/traffic/rows?format=csv");
  const auto tag = field_of(answer(&t.content, r, at(0)), "ETag");
  CHECK(tag == "W/\"1-6-csv\"");
  for (const auto& list : {tag, "\"x\", " + tag, std::string{"*"}, tag.substr(2)}) {
    r.if_none_match = list;
    const auto again = answer(&t.content, r, at(0));
    CHECK(again.status == 304);
    CHECK(again.body.empty());
  }
  t.view.put(0, "DE", 1, row_state::sealed);
  t.view.publish();
  CHECK(answer(&t.content, r, at(0)).status == 200);
}

TEST_CASE("wrong parameters are named together with the known ones") {
  const traffic t;
  struct {
    const char* parameters;
    const char* says;
  } const table[] = {
      {"limitt=5", "parameter \\\"limitt\\\" is unknown; parameters here: where, from"},
      {"limit=1&limit=2", "parameter \\\"limit\\\" is given twice"},
      {"limit=0", "limit: expected a number from 1 to 100000"},
      {"limit=100001", "limit:"},
      {"limit=1x", "limit:"},
      {"from=yesterday", "from: expected a time like"},
      {"to=99999999999999999", "to: milliseconds"},
      {"window=some", "window: expected newest, open or all"},
      {"order=cost", "columns: window_start, window_end, country, requests, state, revision"},
      {"as_of=now", "as_of: expected prefix"},
      {"partial=yes", "partial: expected refuse or allow"},
      {"where=bad(", "where: column 4"},
  };
  for (const auto& row : table) {
    INFO(row.parameters);
    const auto r = t.get("/v1/views/traffic/rows?" + std::string{row.parameters});
    CHECK(r.status == 400);
    CHECK(r.body.find(row.says) != std::string::npos);
  }
  for (const auto* path : {"/v1/views", "/v1/views/traffic", "/v1/pipeline", "/livez", "/readyz", "/metrics"})
    CHECK(t.get(std::string{path} + "?x=1").status == 400);
}

TEST_CASE("what is not there is 404 with a hint, and wrong methods are 405 with Allow") {
  const traffic t;
  CHECK(t.get("/v1/views/trafic/rows").body.find("views here: traffic") != std::string::npos);
  for (const auto* path : {"/v1/views/x", "/nope", "/v1", "/v1/views/traffic/x", "/v1/views/traffic/rows/x",
                           "/dashboard/none.js", "/dashboard/../server.cpp"})
    CHECK(t.get(path).status == 404);
  for (const auto* path : {"/v1/views", "/v1/views/traffic/rows", "/livez", "/v1/dead-letters", "/"}) {
    const auto r = answer(&t.content, request(path, http_method::post), at(0));
    CHECK(r.status == 405);
    CHECK(field_of(r, "Allow") == "GET, HEAD");
  }
  CHECK(answer(&t.content, request("/v1/sources/a/events"), at(0)).status == 405);
  CHECK(t.get("/v1/ws").status == 426);
}

TEST_CASE("views are described with columns, window and position") {
  const traffic t;
  const auto all = t.body("/v1/views");
  CHECK_FALSE(check_json(all, json_root::object));
  CHECK(all.find(
            "{\"pipeline\":\"shop\",\"views\":[{\"name\":\"traffic\",\"columns\":[{\"name\":\"window_start\","
            "\"type\":\"timestamp\"}") == 0);
  CHECK(all.find("\"by\":[\"country\"],\"scores\":[],\"window\":{\"size\":\"1m\",\"slide\":\"1m\","
                 "\"lateness\":\"10s\"},\"retain\":\"1h\",\"epoch\":1,\"offset\":6,"
                 "\"watermark\":\"1970-01-01T00:02:05Z\"") != std::string::npos);
  CHECK(all.find("\"rows\":6") != std::string::npos);
  CHECK(t.body("/v1/views/traffic").find("{\"name\":\"traffic\"") == 0);
}

TEST_CASE("readiness lists every reason, and nothing but liveness answers before content is there") {
  traffic t;
  CHECK(t.body("/readyz") == "{\"ready\":true}\n");
  t.content.not_ready = [] {
    return std::vector<std::string>{"clicks/1 has not moved for 2m", "redis is away"};
  };
  const auto r = t.get("/readyz");
  CHECK(r.status == 503);
  CHECK(r.body.find("\"reasons\":[\"clicks/1 has not moved for 2m\",\"redis is away\"]") !=
        std::string::npos);
  CHECK(answer(nullptr, request("/livez"), at(0)).status == 200);
  for (const auto* path :
       {"/readyz", "/metrics", "/v1/views", "/v1/views/x/rows", "/v1/pipeline", "/v1/dead-letters"})
    CHECK(answer(nullptr, request(path), at(0)).status == 503);
  CHECK(std::get<http_response>(route_post(nullptr, request("/v1/sources/a/events", http_method::post), 5))
            .status == 503);
}

TEST_CASE("views are not told while another process may know newer rows") {
  traffic t;
  std::string why;
  t.content.withheld = [&] { return why; };
  CHECK(t.get("/v1/views/traffic/rows").status == 200);
  why = "this process was paused";
  for (const auto* path : {"/v1/views", "/v1/views/traffic", "/v1/views/traffic/rows"}) {
    const auto r = t.get(path);
    CHECK(r.status == 503);
    CHECK(r.body.find("\"code\":\"withheld\"") != std::string::npos);
    CHECK(r.body.find(why) != std::string::npos);
    CHECK(r.body.find("DE") == std::string::npos);
  }
  CHECK(t.get("/v1/pipeline").status == 200);
  CHECK(t.get("/v1/dead-letters").status == 200);
}

TEST_CASE("pipeline, dead letters and metrics are handed through") {
  const traffic t;
  CHECK(t.body("/v1/pipeline") == "{\"events_per_s\":1}\n");
  CHECK(t.body("/v1/dead-letters") == "{\"stream\":\"\",\"limit\":100}\n");
  CHECK(t.body("/v1/dead-letters?stream=log.dead&limit=7") == "{\"stream\":\"log.dead\",\"limit\":7}\n");
  CHECK(t.get("/v1/dead-letters?limit=1001").status == 400);
  CHECK(t.get("/v1/dead-letters?stream=log.daed").status == 404);
  CHECK(t.get("/metrics").content_type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(t.body("/metrics") == "up 1\n");
}

TEST_CASE("the dashboard is served from memory under a strict policy") {
  const traffic t;
  const auto page = t.get("/");
  CHECK(page.status == 200);
  CHECK(page.content_type == "text/html; charset=utf-8");
  CHECK(field_of(page, "Content-Security-Policy").find("default-src 'none'") == 0);
  CHECK(page.body.find("<!doctype html>") == 0);
  CHECK(t.get("/dashboard/dashboard.js").content_type == "text/javascript; charset=utf-8");
  CHECK(t.get("/dashboard/dashboard.css").content_type == "text/css; charset=utf-8");
  auto again = request("/");
  again.if_none_match = field_of(page, "ETag");
  CHECK(answer(&t.content, again, at(0)).status == 304);
}

TEST_CASE("pages of listed origins may read answers, others may not") {
  const std::vector<std::string> origins{"https://app.example"};
  auto r = request("/v1/sources/a/events", http_method::options);
  CHECK_FALSE(preflight(r, origins));
  r.has_origin = true;
  r.origin = "https://app.example";
  const auto allowed = preflight(r, origins);
  CHECK(allowed->status == 204);
  CHECK(field_of(*allowed, "Access-Control-Allow-Origin") == "https://app.example");
  CHECK(field_of(*allowed, "Access-Control-Allow-Methods") == "GET, HEAD, POST");
  r.origin = "https://app.example.evil";
  CHECK(field_of(*preflight(r, origins), "Access-Control-Allow-Origin").empty());
  CHECK(preflight(r, {})->fields.empty());
}

TEST_CASE("a POST is decided by its header alone") {
  server_content content;
  content.sources.push_back({"clicks", 100, {}});
  auto r = request("/v1/sources/clicks/events", http_method::post);
  const auto number = [&](std::uint64_t length) {
    const auto routed = route_post(&content, r, length);
    const auto* response = std::get_if<http_response>(&routed);
    return response != nullptr ? response->status : 0;
  };
  CHECK(number(10) == 415);
  r.content_type = "application/x-ndjson";
  CHECK(number(100) == 0);
  CHECK(number(101) == 413);
  r.content_encoding = "gzip";
  CHECK(number(10) == 415);
  r.content_encoding = "Identity";
  CHECK(number(10) == 0);
  r.target = *parse_target("/v1/sources/clicks/events?x=1");
  CHECK(number(10) == 400);
  r.target = *parse_target("/v1/sources/klicks/events");
  CHECK(number(10) == 404);
  r.target = *parse_target("/v1/views");
  CHECK(number(10) == 405);
}

TEST_CASE("ingest accepts all records or none and says where they went") {
  std::vector<std::string> stored;
  served_source source{"clicks", 1000,
                       [&](const std::vector<std::string_view>& records) -> result<ingest_receipt> {
                         for (const auto record : records)
                           stored.emplace_back(record);
                         return ingest_receipt{records.size(), {{0, {5, 6}}, {3, {7, 8}}}};
                       }};
  const ingest_target target{&source, body_format::ndjson};
  const auto good = ingest(target, "{\"a\":1}\n{\"a\":2}\n");
  CHECK(good.status == 202);
  CHECK(good.body == "{\"accepted\":2,\"offsets\":[{\"partition\":0,\"first\":5,\"next\":6},"
                     "{\"partition\":3,\"first\":7,\"next\":8}]}\n");
  const auto bad = ingest(target, "{\"a\":3}\n{\"a\"\n");
  CHECK(bad.status == 400);
  CHECK(bad.body.find("line 2, column 5") != std::string::npos);
  CHECK(stored == std::vector<std::string>{"{\"a\":1}", "{\"a\":2}"});
  for (const auto& [code, number] :
       {std::pair{errc::full, 429}, {errc::io, 503}, {errc::event_too_large, 413}}) {
    source.append = [c = code](const auto&) -> result<ingest_receipt> { return error{c, "no"}; };
    CHECK(ingest(target, "{}").status == number);
  }
}
