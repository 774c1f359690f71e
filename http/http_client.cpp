#include "http/http_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <charconv>

namespace tidemill {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using failure = boost::system::error_code;
constexpr std::size_t longest_answer = 16u << 20;

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number n{};
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), n);
  return fault == std::errc{} && end == text.data() + text.size() ? std::optional{n} : std::nullopt;
}

} // namespace

result<http_target> parse_http_target(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  auto wrong = [&](const char* why) {
    return error{errc::config_invalid,
                 "\"" + std::string{url} + "\": " + why + "; write http://host:port/v1/sources/NAME/events"};
  };
  for (auto c : url)
    if (c <= ' ' || c > '~')
      return wrong("a URL has printable ASCII characters only");
  if (!url.starts_with(scheme))
    return wrong("it doesn't begin with http://");
  auto rest = url.substr(scheme.size());
  auto slash = rest.find('/');
  if (slash == std::string_view::npos)
    return wrong("it has no path");
  http_target out;
  out.path = rest.substr(slash);
  auto authority = rest.substr(0, slash);
  if (authority.find('@') != std::string_view::npos)
    return wrong("the server knows no logins");
  auto bracket = authority.rfind(']');
  auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    auto port = number_of<std::uint16_t>(authority.substr(colon + 1));
    if (!port || *port == 0)
      return wrong("its port is none");
    out.port = *port;
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']'))
    authority = authority.substr(1, authority.size() - 2);
  out.host = authority;
  if (out.host.empty())
    return wrong("it names no host");
  return out;
}

struct http_client::impl {
  http_target to;
  std::chrono::milliseconds patience;
  asio::io_context io{1};
  std::optional<beast::tcp_stream> stream;
  beast::flat_buffer read_ahead;

  /// Runs one operation to its end, or to the end of its time.
  template <class Start>
  failure run(Start start) {
    failure out;
    stream->expires_after(patience);
    start([&](failure ec, auto&&...) { out = ec; });
    io.restart();
    io.run();
    return out;
  }

  failure connect() {
    failure ec;
    auto found = asio::ip::tcp::resolver{io}.resolve(to.host, std::to_string(to.port), ec);
    if (ec)
      return ec;
    stream.emplace(io);
    read_ahead.clear();
    return run([&](auto done) { stream->async_connect(found, std::move(done)); });
  }

  failure exchange(const bhttp::request<bhttp::string_body>& request,
                   bhttp::response_parser<bhttp::string_body>& answer) {
    if (auto ec = run([&](auto done) { bhttp::async_write(*stream, request, std::move(done)); }))
      return ec;
    return run([&](auto done) { bhttp::async_read(*stream, read_ahead, answer, std::move(done)); });
  }

  result<http_answer> ask(bhttp::request<bhttp::string_body> request) {
    auto host = to.host.find(':') == std::string::npos ? to.host : "[" + to.host + "]";
    request.set(bhttp::field::host, host + ":" + std::to_string(to.port));
    if (!stream)
      if (auto ec = connect())
        return away(ec);
    bhttp::response_parser<bhttp::string_body> answer;
    answer.body_limit(longest_answer);
    if (auto ec = exchange(request, answer))
      return away(ec);
    auto& got = answer.get();
    http_answer out{got.result_int(), std::move(got.body()), std::nullopt};
    auto after = got[bhttp::field::retry_after];
    if (auto seconds = number_of<std::uint32_t>({after.data(), after.size()}))
      out.retry_after = std::chrono::seconds{*seconds};
    if (!got.keep_alive())
      stream.reset();
    return out;
  }

  error away(const failure& ec) {
    stream.reset();
    return {errc::unavailable, to.host + ":" + std::to_string(to.port) + ": " + ec.message()};
  }
};

http_client::http_client(http_target to, std::chrono::milliseconds patience)
    : impl_(std::make_unique<impl>()) {
  impl_->to = std::move(to);
  impl_->patience = patience;
}

http_client::~http_client() = default;

result<http_answer> http_client::post(std::string_view content_type, std::string_view body) {
  bhttp::request<bhttp::string_body> request{bhttp::verb::post, impl_->to.path, 11};
  request.set(bhttp::field::content_type, std::string{content_type});
  request.body() = body;
  request.prepare_payload();
  return impl_->ask(std::move(request));
}

result<http_answer> http_client::get(std::string_view query) {
  return impl_->ask({bhttp::verb::get, impl_->to.path + std::string{query}, 11});
}

} // namespace tidemill
