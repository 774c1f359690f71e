#include "storage/redis_url.hpp"

#include <charconv>
#include <optional>

namespace tidemill {
namespace {

error wrong(const std::string& what) {
  return {errc::config_invalid,
          "redis url: " + what + "; expected redis://[[user]:password@]host[:port][/database]"};
}

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    unsigned char byte = 0;
    auto digits = text.substr(i + 1, 2);
    auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (failed != std::errc{} || digits.size() != 2 || end != digits.data() + 2)
      return std::nullopt;
    out.push_back(static_cast<char>(byte));
    i += 2;
  }
  return out;
}

bool read_number(std::string_view text, int low, int high, int& out) {
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc{} && end == text.data() + text.size() && out >= low && out <= high;
}

status read_login(std::string_view& rest, redis_address& out) {
  auto path = rest.find('/');
  auto at = rest.substr(0, path).rfind('@');
  if (at == std::string_view::npos)
    return {};
  auto login = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  auto colon = login.find(':');
  if (colon == std::string_view::npos)
    return wrong("a user needs a password (user:password@)");
  auto user = unescape(login.substr(0, colon));
  auto password = unescape(login.substr(colon + 1));
  if (!user || !password)
    return wrong("the login has a % that is no escape; write it as %25");
  out.user = std::move(*user);
  out.password = std::move(*password);
  return {};
}

status read_place(std::string_view rest, redis_address& out) {
  if (auto slash = rest.find('/'); slash != std::string_view::npos) {
    auto database = rest.substr(slash + 1);
    if (!database.empty() && !read_number(database, 0, 1'000'000, out.database))
      return wrong("the database after / must be a number");
    rest = rest.substr(0, slash);
  }
  auto host = rest;
  if (rest.starts_with('[')) { // IPv6
    auto close = rest.find(']');
    if (close == std::string_view::npos)
      return wrong("the address after [ isn't closed by ]");
    host = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
  } else {
    host = rest.substr(0, rest.find(':'));
    rest.remove_prefix(host.size());
  }
  if (!rest.empty() && (rest[0] != ':' || !read_number(rest.substr(1), 1, 65535, out.port)))
    return wrong("the port must be a number from 1 to 65535");
  if (!host.empty())
    out.host = host;
  return {};
}

} // namespace

std::string redis_address::shown() const {
  if (!socket.empty())
    return socket;
  auto v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

result<redis_address> parse_redis_url(std::string_view url) {
  redis_address out;
  if (url.find('\0') != std::string_view::npos)
    return wrong("it has a zero byte");
  if (url.starts_with("rediss://"))
    return wrong("rediss (TLS) isn't supported; connect through a local TLS proxy such as stunnel");
  if (url.starts_with("redis://")) {
    auto rest = url.substr(8);
    TIDEMILL_CHECK(read_login(rest, out));
    TIDEMILL_CHECK(read_place(rest, out));
    return out;
  }
  if (url.starts_with("unix://")) {
    auto rest = url.substr(7);
    TIDEMILL_CHECK(read_login(rest, out));
    if (auto query = rest.find("?db="); query != std::string_view::npos) {
      if (!read_number(rest.substr(query + 4), 0, 1'000'000, out.database))
        return wrong("db must be a number");
      rest = rest.substr(0, query);
    }
    if (!rest.starts_with('/'))
      return wrong("the path of a Unix socket must be absolute");
    out.socket = rest;
    return out;
  }
  return wrong("it doesn't begin with redis:// or unix://");
}

} // namespace tidemill
