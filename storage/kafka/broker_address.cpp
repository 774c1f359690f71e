#include "storage/kafka/broker_address.hpp"

#include <charconv>

namespace tidemill {
namespace {

std::string_view trimmed(std::string_view text) {
  auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

} // namespace

result<broker_address> parse_broker_address(std::string_view text) {
  auto wrong = [&](std::string_view why) {
    return error{errc::config_invalid, '"' + std::string{text} + "\" is no broker: " + std::string{why}};
  };
  if (text.find("://") != std::string_view::npos)
    return wrong("there is a scheme; the sections tls and sasl say how to speak");
  if (text.find_first_of("/ \t@,") != std::string_view::npos)
    return wrong("only a host and a port are expected");
  broker_address out;
  auto rest = text;
  if (rest.starts_with('[')) {
    auto end = rest.find(']');
    if (end == std::string_view::npos)
      return wrong("the bracket isn't closed");
    out.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!rest.empty() && !rest.starts_with(':'))
      return wrong("a port is expected behind the bracket");
  } else {
    auto colon = rest.find(':');
    if (colon != std::string_view::npos && rest.find(':', colon + 1) != std::string_view::npos)
      return wrong("an IPv6 address stands in brackets: [::1]:9092");
    out.host = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon);
  }
  if (out.host.empty())
    return wrong("the host is missing");
  if (rest.empty())
    return out;
  rest.remove_prefix(1);
  auto [end, fault] = std::from_chars(rest.data(), rest.data() + rest.size(), out.port);
  if (fault != std::errc{} || end != rest.data() + rest.size() || out.port == 0)
    return wrong("a port is 1 … 65535");
  return out;
}

std::vector<std::string> split_addresses(std::string_view text) {
  std::vector<std::string> out;
  for (;;) {
    auto comma = text.find(',');
    out.emplace_back(trimmed(text.substr(0, comma)));
    if (comma == std::string_view::npos)
      return out;
    text.remove_prefix(comma + 1);
  }
}

} // namespace tidemill
