#include "http/json.hpp"
#include "tests/http/running_server.hpp"

#include <catch2/catch.hpp>

#include <atomic>

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;

namespace {

std::string handshake(std::string_view fields = {}) {
  return "GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         std::string{fields} + "\r\n";
}

constexpr auto subscribe = R"({"id":1,"subscribe":{"view":"traffic"}})";

struct live {
  fake_view view{"traffic"};
  running_server s;

  live() { s.content.views.push_back(view.served()); }
  void start() {
    view.publish();
    s.start();
    // The io thread takes up the content at its next tick.
    REQUIRE(eventually([&] {
      peer p(s.port());
      p.send(handshake());
      static_cast<void>(p.answer());
      return p.hear_text().find("\"pipeline\":\"shop\"") != std::string::npos;
    }));
  }
  /// A client past the handshake and the hello.
  std::unique_ptr<peer> open(int receive_buffer = 0) {
    auto p = std::make_unique<peer>(s.port(), receive_buffer);
    p->send(handshake());
    if (status_in(p->answer()) != 101 || p->hear_text().find("hello") == std::string::npos)
      FAIL("no handshake");
    return p;
  }
};

std::uint64_t number(const std::string& message, std::string_view name) {
  const auto v = parse_json(message, 16);
  const auto* n = v ? json_member(*v, name) : nullptr;
  return n != nullptr && n->get_if<std::int64_t>() != nullptr
             ? static_cast<std::uint64_t>(*n->get_if<std::int64_t>())
             : 0;
}

} // namespace

TEST_CASE("the handshake is RFC 6455's and the first message names the protocol") {
  live l;
  l.start();
  peer p(l.s.port());
  p.send(handshake("Sec-WebSocket-Protocol: other, tidemill.v1\r\nOrigin: http://127.0.0.1\r\n"));
  const auto answer = p.answer();
  CHECK(status_in(answer) == 101);
  CHECK(answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
  CHECK(answer.find("Sec-WebSocket-Protocol: tidemill.v1\r\n") != std::string::npos);
  CHECK(p.hear_text() == R"({"hello":{"protocol":1,"pipeline":"shop","tick_ms":10,"ping_s":25}})");
}

TEST_CASE("pages of other sites may not subscribe") {
  live l;
  l.s.settings.origins = {"https://app.example"};
  l.start();
  for (const auto* origin : {"http://evil.example", "null", "http://127.0.0.1:1"}) {
    peer p(l.s.port());
    p.send(handshake("Origin: " + std::string{origin} + "\r\n"));
    CHECK(status_in(p.answer()) == 403);
    CHECK(p.closed());
  }
  peer p(l.s.port());
  p.send(handshake("Origin: https://app.example\r\n"));
  CHECK(status_in(p.answer()) == 101);
}

TEST_CASE("changes reach a subscriber within a tick or two") {
  live l;
  l.view.put(0, "DE", 1, row_state::open);
  l.start();
  auto p = l.open();
  p->say(subscribe);
  CHECK(p->hear_text().find("\"subscribed\":{\"sub\":1,\"view\":\"traffic\"") != std::string::npos);
  CHECK(p->hear_text().find(
            "{\"sub\":1,\"epoch\":1,\"offset\":1,\"snapshot\":true,\"put\":[{\"window_start\"") == 0);
  l.view.put(0, "DE", 2, row_state::closed);
  l.view.publish();
  const auto push = p->hear_text();
  CHECK(number(push, "offset") == 2);
  CHECK(push.find("\"requests\":2,\"state\":\"closed\"") != std::string::npos);
}

TEST_CASE("frames sent right behind the handshake, and messages in pieces, are understood") {
  live l;
  l.start();
  peer p(l.s.port());
  p.send(handshake());
  p.frame(1, R"({"id":1,)", false);
  p.frame(9, "between");
  p.frame(0, R"("ping":{}})", true);
  REQUIRE(status_in(p.answer()) == 101);
  bool pong = false, reply = false;
  for (int i = 0; i < 3; ++i) {
    const auto h = p.hear();
    pong = pong || (h.opcode == 10 && h.payload == "between");
    reply = reply || h.payload == R"({"id":1,"pong":{}})";
  }
  CHECK(pong);
  CHECK(reply);
}

TEST_CASE("breaches of the protocol close with their code") {
  live l;
  l.start();
  const auto code_after = [&](auto act) {
    auto p = l.open();
    act(*p);
    for (;;) {
      const auto h = p->hear();
      if (h.opcode == 8)
        return h.code();
      if (h.opcode == -1)
        return 1006;
    }
  };
  CHECK(code_after([](peer& p) { p.frame(2, "binary"); }) == 3502);
  CHECK(code_after([](peer& p) { p.frame(1, "\xff\xfe"); }) == 1007);
  CHECK(code_after([](peer& p) { p.frame(1, std::string(70'000, ' ')); }) == 1009);
  CHECK(code_after([](peer& p) { p.send(std::string_view{"\x81\x02hi", 4}); }) == 1002);
  CHECK(code_after([](peer& p) { p.frame(3, "reserved"); }) == 1002);
  CHECK(code_after([](peer& p) { p.frame(8, std::string_view{"\x03\xe8", 2}); }) == 1000);
  CHECK(code_after([](peer& p) {
          for (int i = 0; i < 1000; ++i)
            p.say(R"({"ping":{}})");
        }) == 3501);
  CHECK(eventually([&] { return l.s.server->count().websockets == 0; }));
}

TEST_CASE("a plain request for the WebSocket is told to upgrade") {
  live l;
  l.start();
  peer p(l.s.port());
  p.send("GET /v1/ws HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(status_in(p.answer()) == 426);
}

TEST_CASE("a slow client gets merged changes while a fast one sees every tick") {
  live l;
  l.start();
  auto slow = l.open(4096), fast = l.open();
  slow->say(subscribe);
  fast->say(subscribe);
  static_cast<void>(fast->hear_text());
  const std::string wide(2000, 'x');
  std::uint64_t frames = 0, seen = 0;
  for (int tick = 0; tick < 300; ++tick) {
    for (int key = 0; key < 50; ++key)
      l.view.put(0, wide + std::to_string(key), tick, row_state::open);
    l.view.publish();
    while (seen < l.view.offset()) {
      seen = number(fast->hear_text(), "offset");
      ++frames;
    }
  }
  CHECK(frames >= 300);
  CHECK(fast->buffered().empty());
  // The slow one has 30 MB of changes behind it, but only the latest 100 KB to read.
  std::uint64_t slow_frames = 0, merged = 0;
  for (seen = 0; seen < l.view.offset(); ++slow_frames) {
    const auto message = slow->hear_text();
    REQUIRE_FALSE(message.empty());
    seen = std::max(seen, number(message, "offset"));
    merged += number(message, "merged");
  }
  CHECK(slow_frames < 100);
  CHECK(merged > 5000);
  CHECK(l.s.server->count().merged >= merged);
}

TEST_CASE("a client that takes nothing at all is cut") {
  live l;
  l.s.limits.stall = 200ms;
  l.start();
  auto p = l.open(4096);
  p->say(subscribe);
  const std::string wide(3000, 'x');
  REQUIRE(eventually([&] { return l.s.server->count().websockets == 1; }));
  CHECK(eventually([&] {
    for (int key = 0; key < 100; ++key)
      l.view.put(0, wide + std::to_string(key), 1, row_state::open);
    l.view.publish();
    return l.s.server->count().websockets == 0;
  }));
}

TEST_CASE("a silent peer is found by pings") {
  live l;
  l.s.limits.silence = 200ms;
  l.start();
  auto p = l.open();
  CHECK(p->hear().opcode == 9);
  CHECK(eventually([&] { return l.s.server->count().websockets == 0; }));
}

TEST_CASE("a client that comes back to the server gets exactly what it missed") {
  live l;
  l.view.put(0, "DE", 1, row_state::open);
  l.view.put(0, "FR", 1, row_state::open);
  l.start();
  l.view.put(0, "FR", 2, row_state::open);
  l.view.publish();
  auto p = l.open();
  p->say(R"({"id":1,"subscribe":{"view":"traffic","from":{"epoch":1,"offset":2}}})");
  CHECK(p->hear_text().find("\"recovered\":true") != std::string::npos);
  const auto push = p->hear_text();
  CHECK(push.find("snapshot") == std::string::npos);
  CHECK(push.find("FR") != std::string::npos);
  CHECK(push.find("DE") == std::string::npos);
}

TEST_CASE("readers go when another process may know newer rows, and new ones are refused") {
  live l;
  std::atomic<bool> paused{false};
  l.s.content.withheld = [&] { return paused ? std::string{"this process was paused"} : std::string{}; };
  l.start();
  auto p = l.open();
  p->say(subscribe);
  CHECK(p->hear_text().find("\"subscribed\"") != std::string::npos);
  CHECK(p->hear_text().find("\"snapshot\"") != std::string::npos);
  paused = true;
  const auto h = p->hear();
  CHECK(h.opcode == 8);
  CHECK(h.code() == 3003);
  p->frame(8, h.payload);
  CHECK(p->closed());
  peer late(l.s.port());
  late.send(handshake());
  CHECK(status_in(late.answer()) == 503);
  paused = false;
  CHECK(l.open() != nullptr);
}

TEST_CASE("a server that goes says so") {
  live l;
  l.start();
  auto p = l.open();
  std::thread stop([&] { l.s.server = nullptr; });
  auto h = p->hear();
  CHECK(h.opcode == 8);
  CHECK(h.code() == 3001);
  p->frame(8, h.payload);
  CHECK(p->closed());
  p = nullptr;
  stop.join();
}
