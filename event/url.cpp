#include "event/url.hpp"

#include "event/cell.hpp"
#include "event/ip_address.hpp"

#include <algorithm>
#include <charconv>

namespace tidemill {
namespace {

constexpr auto npos = std::string_view::npos;

error malformed(std::string text) {
  return {errc::event_malformed, std::move(text)};
}

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_scheme(std::string_view text) noexcept {
  return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

bool is_port(std::string_view text) noexcept {
  unsigned number = 0;
  const auto* end = text.data() + text.size();
  auto [at, fault] = std::from_chars(text.data(), end, number);
  return fault == std::errc{} && at == end && number <= 65'535;
}

/// Cuts off what follows the first `mark`.
std::optional<std::string_view> cut_after(std::string_view& text, char mark) noexcept {
  const auto at = text.find(mark);
  if (at == npos)
    return std::nullopt;
  auto rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

result<std::string_view> take_bracketed(std::string_view& text) {
  const auto end = text.find(']');
  if (end == npos)
    return malformed("expected a closing bracket behind " + excerpt(text));
  auto inside = text.substr(1, end - 1);
  if (auto address = parse_ip(inside); !address || inside.find(':') == npos)
    return malformed("expected an IPv6 address in brackets, found " + excerpt(inside));
  text.remove_prefix(end + 1);
  if (!text.empty() && text.front() != ':')
    return malformed("expected a port behind the address, found " + excerpt(text));
  return inside;
}

status split_authority(std::string_view text, url_parts& to) {
  if (const auto at = text.rfind('@'); at != npos) {
    auto user = text.substr(0, at);
    text.remove_prefix(at + 1);
    to.password = cut_after(user, ':');
    to.user = user;
  }
  if (text.starts_with('[')) {
    TIDEMILL_TRY(to.host, take_bracketed(text));
  } else {
    to.host = text.substr(0, text.find(':'));
    text.remove_prefix(to.host->size());
  }
  if (text.size() <= 1) // no port, or the colon alone
    return {};
  to.port = text.substr(1);
  if (!is_port(*to.port))
    return malformed("expected a port up to 65535, found " + excerpt(*to.port));
  return {};
}

std::optional<unsigned char> hex_digit(char c) noexcept {
  if (is_digit(c))
    return static_cast<unsigned char>(c - '0');
  if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
    return static_cast<unsigned char>((c | 0x20) - 'a' + 10);
  return std::nullopt;
}

} // namespace

result<url_parts> split_url(std::string_view text) {
  auto blank = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7F'; };
  if (auto at = std::ranges::find_if(text, blank); at != text.end())
    return malformed("a URL has no white space or control characters, here is one at byte " +
                     std::to_string(at - text.begin()));
  url_parts parts;
  parts.fragment = cut_after(text, '#');
  parts.query = cut_after(text, '?');
  if (const auto at = text.find_first_of(":/"); at != npos && text[at] == ':') {
    parts.scheme = text.substr(0, at);
    if (!is_scheme(*parts.scheme))
      return malformed("expected a scheme before the colon, found " + excerpt(*parts.scheme));
    text.remove_prefix(at + 1);
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    const auto end = std::min(text.size(), text.find('/'));
    TIDEMILL_CHECK(split_authority(text.substr(0, end), parts));
    text.remove_prefix(end);
  }
  parts.path = text;
  return parts;
}

std::optional<url_parameter> take_parameter(std::string_view& query) noexcept {
  while (!query.empty()) {
    auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty())
      continue;
    auto value = cut_after(pair, '=');
    return url_parameter{pair, value.value_or(std::string_view{})};
  }
  return std::nullopt;
}

void append_percent_decoded(std::string& out, std::string_view text, bool of_form) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      auto high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high && low) {
        out += static_cast<char>(*high << 4 | *low);
        i += 2;
        continue;
      }
    }
    out += of_form && text[i] == '+' ? ' ' : text[i];
  }
}

} // namespace tidemill
