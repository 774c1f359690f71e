#include "http/http_client.hpp"

#include "tests/http/running_server.hpp"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <atomic>
#include <functional>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace tidemill;
using namespace tidemill::test;

namespace {

/// Accepts connections one after the other and gives each what a function answers to its bytes.
class plain_server {
public:
  explicit plain_server(std::function<std::string(const std::string&)> answer)
      : answer_(std::move(answer)), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_, 8) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error{"no server"};
    port_ = ntohs(address.sin_port);
    thread_ = std::thread{[this] { run(); }};
  }
  ~plain_server() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  [[nodiscard]] http_target target() const { return {"127.0.0.1", port_, "/x"}; }

private:
  void run() {
    for (int one = 0; (one = ::accept(fd_, nullptr, nullptr)) >= 0;) {
      std::string got(4096, '\0');
      auto n = ::recv(one, got.data(), got.size(), 0);
      got.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
      auto answer = answer_(got);
      ::send(one, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(one);
    }
  }
  std::function<std::string(const std::string&)> answer_;
  int fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

} // namespace

TEST_CASE("a target is http://host:port/path, and what is wrong with another is said") {
  auto plain = parse_http_target("http://example.org/v1/sources/a/events");
  REQUIRE(plain.has_value());
  CHECK(plain->host == "example.org");
  CHECK(plain->port == 80);
  CHECK(plain->path == "/v1/sources/a/events");
  auto v6 = parse_http_target("http://[::1]:8080/x?y=z");
  REQUIRE(v6.has_value());
  CHECK(v6->host == "::1");
  CHECK(v6->port == 8080);
  CHECK(v6->path == "/x?y=z");
  for (const char* wrong :
       {"", "https://a/b", "a/b", "http://", "http://a", "http://:80/b", "http:///b", "http://a:0/b",
        "http://a:70000/b", "http://a:x/b", "http://u@a/b", "http://a/b c", "http://a/\r\nb", "http://a/ä"}) {
    auto parsed = parse_http_target(wrong);
    INFO(wrong);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code() == errc::config_invalid);
  }
}

TEST_CASE("bodies are posted over one connection, and answers read, also of a real server") {
  running_server server;
  server.start();
  http_client client{{"127.0.0.1", server.port(), "/v1/sources/none/events"}};
  for (int i = 0; i < 3; ++i) {
    auto answer = client.post("application/x-ndjson", "{}\n");
    REQUIRE(answer.has_value());
    CHECK(answer->status == 404);
    CHECK(answer->body.find("none") != std::string::npos);
  }
}

TEST_CASE("a connection that the server closes is made anew, a waiting time is told") {
  std::atomic<int> requests = 0;
  plain_server server{[&](const std::string& got) {
    ++requests;
    return got.find("\r\nContent-Length: 5\r\n") == std::string::npos
               ? ""
               : "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nConnection: close\r\nContent-Length: "
                 "2\r\n\r\nno";
  }};
  http_client client{server.target()};
  for (int i = 0; i < 3; ++i) {
    auto answer = client.post("text/plain", "hello");
    REQUIRE(answer.has_value());
    CHECK(answer->status == 503);
    CHECK(answer->body == "no");
    CHECK(answer->retry_after == std::chrono::seconds{7});
  }
  CHECK(requests == 3);
}

TEST_CASE("no answer, and none that is HTTP, are errors within the client's patience") {
  auto answer = [](const std::string& text) {
    plain_server server{[&](const std::string&) { return text; }};
    http_client client{server.target(), std::chrono::milliseconds{300}};
    return client.post("text/plain", "hello");
  };
  for (const char* text : {"", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
                           "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"}) {
    auto got = answer(text);
    INFO(text);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().code() == errc::unavailable);
  }
  std::atomic<bool> done = false;
  plain_server silent{[&](const std::string&) {
    eventually([&] { return done.load(); });
    return "";
  }};
  http_client client{silent.target(), std::chrono::milliseconds{200}};
  CHECK_FALSE(client.post("text/plain", "hello").has_value());
  done = true;
}
