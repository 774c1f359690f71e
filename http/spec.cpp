#include "http/spec.hpp"

#include <algorithm>
#include <charconv>

namespace tidemill {
namespace {

using namespace std::chrono_literals;

bool is_ipv4(std::string_view host) {
  int parts = 0;
  while (parts < 4) {
    const auto part = host.substr(0, host.find('.'));
    unsigned n = 256;
    const auto [end, failure] = std::from_chars(part.data(), part.data() + part.size(), n);
    if (failure != std::errc{} || end != part.data() + part.size() || n > 255)
      return false;
    ++parts;
    if (part.size() == host.size())
      break;
    host.remove_prefix(part.size() + 1);
  }
  return parts == 4;
}

bool is_host(std::string_view host) {
  const bool v6 = host.find(':') != std::string_view::npos &&
                  host.find_first_not_of("0123456789abcdefABCDEF:.%") == std::string_view::npos;
  return host == "localhost" || v6 || is_ipv4(host);
}

void lint(const options& serve, std::vector<diagnostic>& out) {
  const auto fault = [&](std::string_view name, std::string text, std::string hint) {
    out.push_back(
        {severity::error, serve.where(name), "serve." + std::string{name}, std::move(text), std::move(hint)});
  };
  http_server::settings s;
  if (const auto read = parse_listen_address(serve.text("http", "127.0.0.1:8080"), s); !read)
    fault("http", read.error().text(), "");
  if (const auto threads = serve.integer("threads", 1); threads < 1 || threads > 64)
    fault("threads", "expected a number from 1 to 64", "one thread writes about 45,000 frames a second");
  if (const auto tick = serve.time("tick", 100ms); tick < 10ms || tick > 1s)
    fault("tick", "expected a duration from 10ms to 1s", "100ms is a good start");
  for (const auto& origin : serve.texts("origins"))
    if (origin.text.find("://") == std::string::npos || origin.text.back() == '/')
      out.push_back({severity::error, origin.at, "serve.origins", "\"" + origin.text + "\" is not an origin",
                     "write scheme, host and port, no path: https://example.com"});
}

} // namespace

status parse_listen_address(std::string_view text, http_server::settings& out) {
  const auto wrong = [&] {
    return error{errc::config_invalid,
                 "\"" + std::string{text} +
                     "\" is not an address; write one like 127.0.0.1:8080 or [::1]:8080"};
  };
  const auto colon = text.rfind(':');
  auto host = colon == std::string_view::npos ? std::string_view{} : text.substr(0, colon);
  const auto port = colon == std::string_view::npos ? text : text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return wrong();
  if (host.empty())
    host = "127.0.0.1";
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (failure != std::errc{} || end != port.data() + port.size() || !is_host(host))
    return wrong();
  out.address = host == "localhost" ? "127.0.0.1" : std::string{host};
  return {};
}

const spec& serve_spec() {
  static const spec about{
      .name = "serve",
      .summary = "The HTTP API, the WebSocket and the dashboard.",
      .example = "serve: {http: \"127.0.0.1:8080\", tick: 100ms}",
      .fields = {{.name = "http",
                  .type = field_type::text,
                  .text = "Address and port to listen on; port 0 takes any free one.",
                  .fallback = "127.0.0.1:8080",
                  .foreign = {"listen", "address", "bind", "port", "addr"}},
                 {.name = "origins",
                  .type = field_type::texts,
                  .text = "Sites whose pages may open the WebSocket and post events, besides our own.",
                  .foreign = {"cors", "allowed_origins"}},
                 {.name = "threads",
                  .type = field_type::integer,
                  .text = "Threads that read and write connections.",
                  .fallback = "1",
                  .foreign = {"workers"}},
                 {.name = "tick",
                  .type = field_type::duration,
                  .text = "How often changed views are pushed to subscribers.",
                  .fallback = "100ms",
                  .foreign = {"interval", "refresh"}},
                 {.name = "tap",
                  .type = field_type::boolean,
                  .text = "Whether `tidemill tap` and GET /v1/streams/{stream}/events may show events "
                          "between steps, as "
                          "they are before what masks them.",
                  .fallback = "true"}},
      .lint = lint};
  return about;
}

http_server::settings serve_settings(const options& serve) {
  http_server::settings s;
  static_cast<void>(parse_listen_address(serve.text("http", "127.0.0.1:8080"), s));
  s.threads = static_cast<unsigned>(std::clamp<std::int64_t>(serve.integer("threads", 1), 1, 64));
  s.tick = std::chrono::duration_cast<std::chrono::milliseconds>(serve.time("tick", 100ms));
  for (const auto& origin : serve.texts("origins"))
    s.origins.push_back(origin.text);
  return s;
}

} // namespace tidemill
