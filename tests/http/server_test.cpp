#include "tests/http/running_server.hpp"

#include <catch2/catch.hpp>

#include <future>

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;

namespace {

constexpr auto livez = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

std::string post(std::string_view body, std::string_view fields = "Content-Type: application/x-ndjson\r\n") {
  return "POST /v1/sources/clicks/events HTTP/1.1\r\nHost: a\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + std::string{fields} + "\r\n" + std::string{body};
}

/// A source that keeps what it is given, and can be held.
struct held_source {
  std::mutex mutex;
  std::vector<std::string> records;
  std::promise<void> release;
  std::shared_future<void> released{release.get_future().share()};
  std::atomic<bool> hold = false;
  std::atomic<int> inside = 0;
  std::thread::id thread;

  served_source served() {
    return {"clicks", 1u << 20, [this](const std::vector<std::string_view>& all) -> result<ingest_receipt> {
              ++inside;
              if (hold)
                released.wait();
              const std::lock_guard lock(mutex);
              thread = std::this_thread::get_id();
              const auto first = records.size();
              records.insert(records.end(), all.begin(), all.end());
              return ingest_receipt{all.size(), {{0, {first, records.size()}}}};
            }};
  }
};

} // namespace

TEST_CASE("a connection serves requests one after another, pipelined ones too") {
  running_server s;
  s.start();
  peer p(s.port());
  p.send(livez);
  CHECK(p.answer().find("\r\n\r\nok\n") != std::string::npos);
  std::string many;
  for (int i = 0; i < 50; ++i)
    many += livez;
  p.send(many + "HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int i = 0; i < 50; ++i)
    CHECK(status_in(p.answer()) == 200);
  const auto head = p.answer(true);
  CHECK(head.find("Content-Length: 3\r\n") != std::string::npos);
  CHECK(p.buffered().empty());
  p.send("GET /livez HTTP/1.0\r\n\r\n");
  CHECK(p.answer().find("Connection: close") != std::string::npos);
  CHECK(p.closed());
  CHECK(s.server->count().requests == 53);
}

TEST_CASE("a request that comes byte by byte is understood") {
  running_server s;
  s.start();
  peer p(s.port());
  for (const char c : std::string_view{livez})
    p.send({&c, 1});
  CHECK(status_in(p.answer()) == 200);
}

TEST_CASE("hostile requests are answered once, and the connection is closed") {
  running_server s;
  held_source source;
  s.content.sources.push_back(source.served());
  s.start();
  const std::string start =
      "POST /v1/sources/clicks/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n";
  struct {
    std::string bytes;
    int number;
  } const table[] = {
      {start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {start + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
      {start + "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nGET /", 400},
      {start + "Transfer-Encoding: gzip\r\n\r\nGET /livez HTTP/1.1\r\n\r\n", 400},
      {start + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400},
      {start + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + std::string(70'000, 'a') + "\r\n\r\n", 411},
      {start + "Transfer-Encoding: chunked\r\n\r\n5;" + std::string(60'000, 'e') + "\r\nhello\r\n0\r\n\r\n",
       411},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {start + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
      {start + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
      {start + "Content-Length: +2\r\n\r\n{}", 400},
      {start + "Content-Length : 2\r\n\r\n{}", 400},
      {"GET /livez HTTP/1.1\nHost: a\n\n", 400},
      {"GET /livez HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400},
      {"GET /livez HTTP/1.1\r\n\r\n", 400},
      {"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + std::string(9000, 'a') + "\r\n\r\n", 431},
      {"GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {std::string(10'000, 'a'), 431},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400},
      {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
  };
  for (const auto& row : table) {
    INFO(row.bytes.substr(0, 200));
    peer p(s.port());
    p.send(row.bytes + livez); // what follows must not be taken for a request
    const auto answers = p.all();
    CHECK(status_in(answers) == row.number);
    CHECK(answers.find("\nHTTP/1.1 ") == std::string::npos);
    CHECK(answers.find("Connection: close\r\n") != std::string::npos);
  }
  CHECK(source.records.empty());
  peer p(s.port());
  p.send(livez);
  CHECK(status_in(p.answer()) == 200);
}

TEST_CASE("a client that dawdles is cut by deadlines") {
  running_server s;
  held_source source;
  s.content.sources.push_back(source.served());
  s.limits.idle = 100ms;
  s.limits.header_time = 100ms;
  s.limits.body_gap = 100ms;
  s.start();
  peer idle(s.port()), header(s.port()), body(s.port());
  header.send("GET /livez HTTP/1.1\r\nHos");
  body.send("POST /v1/sources/clicks/events HTTP/1.1\r\nHost: a\r\nContent-Type: "
            "text/plain\r\nContent-Length: 9\r\n\r\n{}");
  CHECK(idle.all().empty());
  CHECK(status_in(header.all()) == 408);
  CHECK(status_in(body.all()) == 408);
  CHECK(source.records.empty());
  CHECK(eventually([&] { return s.server->count().connections == 0; }));
}

TEST_CASE("a reader that takes nothing is cut, and its answer freed") {
  running_server s;
  s.limits.stall = 200ms;
  s.content.metrics = [] { return std::string(20u << 20, 'x'); };
  s.start();
  peer p(s.port(), 4096);
  p.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(eventually([&] { return s.server->count().connections == 1; }));
  CHECK(eventually([&] { return s.server->count().connections == 0; }));
}

TEST_CASE("records are appended on the ingest thread while others are answered") {
  running_server s;
  held_source source;
  source.hold = true;
  s.limits.ingest_jobs = 1;
  s.content.sources.push_back(source.served());
  s.start();
  peer first(s.port()), second(s.port()), third(s.port()), other(s.port());
  first.send(post("{\"a\":1}\n"));
  REQUIRE(eventually([&] { return source.inside == 1; }));
  second.send(post("{\"a\":2}\n"));
  other.send(livez);
  CHECK(status_in(other.answer()) == 200);
  // One at work, one waits: the next is sent away.
  int number = 0;
  CHECK(eventually([&] {
    third.send(post("{\"a\":3}\n"));
    const auto answer = third.answer();
    number = status_in(answer);
    return answer.find("Retry-After: ") != std::string::npos;
  }));
  CHECK(number == 429);
  source.release.set_value();
  CHECK(first.answer().find("{\"accepted\":1,\"offsets\":[{\"partition\":0,\"first\":0,\"next\":1}]}") !=
        std::string::npos);
  CHECK(status_in(second.answer()) == 202);
  CHECK(source.records.size() == 2);
}

TEST_CASE("a body is refused before it is read if it is too long or of the wrong type") {
  running_server s;
  held_source source;
  s.content.sources.push_back(source.served());
  s.start();
  peer p(s.port());
  p.send("POST /v1/sources/clicks/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
         "Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n");
  CHECK(status_in(p.answer()) == 413);
  CHECK(p.closed());
  peer q(s.port());
  q.send(post("<a/>", "Content-Type: application/xml\r\n"));
  CHECK(status_in(q.answer()) == 415);
  peer foreign(s.port());
  foreign.send(post("{}", "Content-Type: text/plain\r\nOrigin: http://evil.example\r\n"));
  CHECK(status_in(foreign.answer()) == 403);
  CHECK(source.records.empty());
}

TEST_CASE("a listed origin may read and post from its pages") {
  running_server s;
  held_source source;
  s.settings.origins = {"https://app.example"};
  s.content.sources.push_back(source.served());
  s.start();
  peer p(s.port());
  p.send("OPTIONS /v1/sources/clicks/events HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n"
         "Access-Control-Request-Method: POST\r\n\r\n" +
         post("{}", "Content-Type: application/x-ndjson\r\nOrigin: https://app.example\r\n") + livez);
  const auto asked = p.answer();
  CHECK(status_in(asked) == 204);
  CHECK(asked.find("Content-Length") == std::string::npos);
  const auto posted = p.answer();
  CHECK(status_in(posted) == 202);
  CHECK(posted.find("Access-Control-Allow-Origin: https://app.example\r\n") != std::string::npos);
  CHECK(p.answer().find("Access-Control") == std::string::npos);
}

TEST_CASE("Expect: 100-continue is answered, then the body is taken, then the next request") {
  running_server s;
  held_source source;
  s.content.sources.push_back(source.served());
  s.start();
  peer p(s.port());
  p.send("POST /v1/sources/clicks/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
         "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  CHECK(p.answer() == "HTTP/1.1 100 Continue\r\n\r\n");
  p.send("[{\"a\":1}]" + std::string{livez});
  CHECK(status_in(p.answer()) == 202);
  CHECK(status_in(p.answer()) == 200);
  CHECK(source.records == std::vector<std::string>{"{\"a\":1}"});
}

TEST_CASE("a large body arrives whole") {
  running_server s;
  held_source source;
  s.content.sources.push_back(source.served());
  s.start();
  std::string body;
  for (int i = 0; i < 20'000; ++i)
    body += "{\"n\":" + std::to_string(i) + ",\"text\":\"0123456789\"}\n";
  peer p(s.port());
  p.send(post(body));
  CHECK(p.answer().find("\"accepted\":20000") != std::string::npos);
  CHECK(source.records.back() == "{\"n\":19999,\"text\":\"0123456789\"}");
}

TEST_CASE("a handler that throws costs its own connection only") {
  running_server s;
  s.content.pipeline_json = []() -> std::string { throw std::length_error("a bug"); };
  s.start();
  peer other(s.port()), p(s.port());
  other.send(livez);
  CHECK(status_in(other.answer()) == 200);
  p.send("GET /v1/pipeline HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(p.closed());
  other.send(livez);
  CHECK(status_in(other.answer()) == 200);
}

TEST_CASE("connections beyond the limit get 503") {
  running_server s;
  s.settings.max_connections = 2;
  s.start();
  peer a(s.port()), b(s.port());
  REQUIRE(eventually([&] { return s.server->count().connections == 2; }));
  peer c(s.port());
  CHECK(status_in(c.all()) == 503);
  a.send(livez);
  CHECK(status_in(a.answer()) == 200);
}

TEST_CASE("before content is there the server lives but is not ready") {
  running_server s;
  s.start(false);
  peer p(s.port());
  p.send(std::string{livez} + "GET /v1/views HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(status_in(p.answer()) == 200);
  CHECK(status_in(p.answer()) == 503);
  s.server->serve(s.content);
  p.send("GET /v1/views HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(status_in(p.answer()) == 200);
}

TEST_CASE("a taken or impossible address is an error with a remedy") {
  running_server s;
  s.start();
  auto again = s.settings;
  again.port = s.port();
  const auto taken = http_server::listen(again);
  REQUIRE_FALSE(taken.has_value());
  CHECK(taken.error().code() == errc::address_in_use);
  CHECK(taken.error().text().find("127.0.0.1:" + std::to_string(s.port()) + " is taken") == 0);
  again.address = "example.com";
  CHECK(http_server::listen(again).error().code() == errc::io);
  again.address = "192.0.2.1";
  CHECK(http_server::listen(again).error().code() == errc::io);
}

TEST_CASE("several threads share the connections") {
  running_server s;
  s.settings.threads = 3;
  s.start();
  std::vector<std::unique_ptr<peer>> all;
  for (int i = 0; i < 30; ++i) {
    all.push_back(std::make_unique<peer>(s.port()));
    all.back()->send(livez);
  }
  for (auto& p : all)
    CHECK(status_in(p->answer()) == 200);
  CHECK(s.server->count().connections == 30);
  s.server = nullptr;
  for (auto& p : all)
    CHECK(p->closed());
}
