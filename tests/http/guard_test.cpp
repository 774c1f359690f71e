#include "http/guard.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;

namespace {

/// The status that the guard gives a header, 0 if it lets it pass.
int verdict(const std::string& block, guarded_head* head = nullptr) {
  guarded_head own;
  const auto wrong = guard(block, header_limits{}, head != nullptr ? *head : own);
  return wrong ? wrong->status : 0;
}

std::string get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
std::string post(const std::string& fields) {
  return "POST /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

} // namespace

TEST_CASE("ordinary requests pass the guard") {
  guarded_head head;
  CHECK(verdict(get(""), &head) == 0);
  CHECK(head.keep_alive);
  CHECK_FALSE(head.has_length);
  CHECK(verdict(get("Connection: Keep-Alive, Close\r\n"), &head) == 0);
  CHECK_FALSE(head.keep_alive);
  CHECK(verdict(post("Content-Length: 42\r\nExpect: 100-Continue\r\n"), &head) == 0);
  CHECK(head.content_length == 42);
  CHECK(head.expect_continue);
  CHECK(verdict(get("Connection: upgrade\r\nUpgrade: WebSocket\r\n"), &head) == 0);
  CHECK(head.websocket);
  CHECK(verdict("GET / HTTP/1.0\r\n\r\n", &head) == 0);
  CHECK_FALSE(head.keep_alive);
  CHECK(verdict(get("Content-Length: 0\r\n")) == 0);
  CHECK(verdict(get("Empty:\r\nX: a\tb \xE4\r\n")) == 0);
  CHECK(verdict("GET /%41?x=%20 HTTP/1.1\r\nhost:[::1]:80\r\n\r\n") == 0);
}

TEST_CASE("whatever two parsers could frame differently is refused") {
  struct {
    const char* name;
    std::string block;
    int number;
  } const table[] = {
      {"length, then chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"chunked, then length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
      {"gzip, then length", post("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n"), 400},
      {"gzip alone", post("Transfer-Encoding: gzip\r\n"), 400},
      {"chunked, gzip", post("Transfer-Encoding: chunked, gzip\r\n"), 400},
      {"two encodings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"chunked alone", post("Transfer-Encoding: Chunked\r\n"), 411},
      {"chunked on 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"differing lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
      {"equal lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
      {"length list", post("Content-Length: 5, 5\r\n"), 400},
      {"length with sign", post("Content-Length: +5\r\n"), 400},
      {"negative length", post("Content-Length: -5\r\n"), 400},
      {"hex length", post("Content-Length: 0x5\r\n"), 400},
      {"empty length", post("Content-Length: \r\n"), 400},
      {"length beyond 64 bits", post("Content-Length: 18446744073709551621\r\n"), 400},
      {"space before colon", post("Content-Length : 5\r\n"), 400},
      {"space before name", post(" Content-Length: 5\r\n"), 400},
      {"bare line feed", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"bare line feed in one line", get("X: 1\nY: 2\r\n"), 400},
      {"bare carriage return", get("X: 1\rContent-Length: 5\r\n"), 400},
      {"nul in a value", get(std::string("X: a\0b\r\n", 8)), 400},
      {"folded line", get("X: a\r\n b\r\n"), 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", get("Host: b\r\n"), 400},
      {"host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"no colon", get("nonsense\r\n"), 400},
      {"no name", get(": x\r\n"), 400},
      {"body on GET", get("Content-Length: 5\r\n"), 400},
      {"1.0 keep-alive with body", "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n",
       400},
      {"leading empty line", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"method not a token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"target with 8 bit", "GET /\xE4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
      {"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 505},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
      {"unknown expectation", post("Expect: 200-ok\r\nContent-Length: 1\r\n"), 417},
      {"two keys", get("Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: b\r\n"), 400},
      {"long target", "GET /" + std::string(4096, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"long header", get("X: " + std::string(9000, 'a') + "\r\n"), 431},
      {"incomplete", "GET / HTTP/1.1\r\nHost: a\r\n", 400},
      {"bytes after the end", get("") + "x\r\n", 400},
      {"empty", "", 400},
  };
  for (const auto& row : table) {
    INFO(row.name);
    CHECK(verdict(row.block) == row.number);
  }
}

TEST_CASE("a header has at most 64 fields") {
  std::string fields;
  for (int i = 0; i < 63; ++i)
    fields += "X: 1\r\n";
  CHECK(verdict(get(fields)) == 0);
  CHECK(verdict(get(fields + "X: 1\r\n")) == 431);
}

TEST_CASE("the end of a header is found wherever the reads are cut") {
  const auto block = get("X: 1\r\n");
  for (std::size_t n = 0; n < block.size(); ++n)
    CHECK_FALSE(header_end(block.substr(0, n)));
  CHECK(header_end(block + "rest") == block.size());
  for (std::size_t from = 0; from <= block.size() - 1; ++from)
    CHECK(header_end(block, from) == block.size());
  CHECK(header_end("GET / HTTP/1.1\n\nrest") == 16);
  CHECK(header_end("GET / HTTP/1.1\n\r\nrest") == 17);
}

TEST_CASE("no mutation of a header crashes the guard, and what passes has one framing") {
  std::mt19937_64 random{7};
  const auto seed = post("Content-Length: 5\r\nConnection: close\r\nX-Long: abc def\r\n");
  for (int i = 0; i < 20'000; ++i) {
    auto text = seed;
    for (int n = static_cast<int>(random() % 4); n >= 0; --n) {
      const auto at = random() % text.size();
      switch (random() % 3) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, 1);
        break;
      default:
        text.insert(at, 1, "\r\n :,\0x5"[random() % 8]);
      }
    }
    guarded_head head;
    if (verdict(text, &head) != 0)
      continue;
    const auto end = header_end(text);
    if (!end || *end != text.size())
      FAIL("passed, but ends elsewhere: " << text);
  }
}
