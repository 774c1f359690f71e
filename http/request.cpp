#include "http/request.hpp"

#include "event/value.hpp"

#include <algorithm>
#include <charconv>

namespace tidemill {
namespace {

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int hex_digit(char c) noexcept {
  c = lower(c);
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

result<std::string> decode(std::string_view text, bool query) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return error{errc::refused, "\"" + std::string{text.substr(i, 3)} +
                                        "\" is not a percent escape; write %25 for a percent sign"};
      c = static_cast<char>(high << 4 | low);
      i += 2;
    } else if (query && c == '+') {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      return error{errc::refused, "a control character in the request target"};
    out.push_back(c);
  }
  if (!is_utf8(out))
    return error{errc::refused, "the request target is not UTF-8 after decoding"};
  return out;
}

status decode_query(std::string_view query, request_target& target) {
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty())
      continue;
    const auto equals = pair.find('=');
    TIDEMILL_TRY(auto name, decode(pair.substr(0, equals), true));
    TIDEMILL_TRY(
        auto text,
        decode(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true));
    target.query.emplace_back(std::move(name), std::move(text));
  }
  return {};
}

/// q of one media range as thousandths; 1000 if absent, 0 if unreadable.
int quality(std::string_view parameters) {
  while (!parameters.empty()) {
    const auto one = parameters.substr(0, parameters.find(';'));
    parameters.remove_prefix(std::min(parameters.size(), one.size() + 1));
    const auto p = trimmed(one);
    if (p.size() > 2 && lower(p[0]) == 'q' && p[1] == '=') {
      double q = 0;
      const auto text = p.substr(2);
      if (std::from_chars(text.data(), text.data() + text.size(), q).ec != std::errc{} || !(q >= 0 && q <= 1))
        return 0;
      return static_cast<int>(q * 1000);
    }
  }
  return 1000;
}

/// How well a media range fits a type: 3 exactly, 2 `text/*`, 1 `*/*`, 0 not at all.
int fit(std::string_view range, std::string_view type) {
  if (range == "*/*" || range == "*")
    return 1;
  if (range.size() > 2 && range.substr(range.size() - 2) == "/*")
    return same_word(range.substr(0, range.size() - 1), type.substr(0, type.find('/') + 1)) ? 2 : 0;
  return same_word(range, type) ? 3 : 0;
}

/// The quality that the most specific fitting range gives to a type; 0 if none fits.
int quality_of(std::string_view accept, std::string_view type) {
  int best_fit = 0, best = 0;
  while (!accept.empty()) {
    const auto one = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), one.size() + 1));
    const auto semicolon = one.find(';');
    const int fits = fit(trimmed(one.substr(0, semicolon)), type);
    if (fits > best_fit) {
      best_fit = fits;
      best = quality(semicolon == std::string_view::npos ? std::string_view{} : one.substr(semicolon + 1));
    }
  }
  return best;
}

} // namespace

const std::string* request_target::find(std::string_view name) const noexcept {
  for (const auto& [key, text] : query)
    if (key == name)
      return &text;
  return nullptr;
}

result<request_target> parse_target(std::string_view target) {
  for (std::string_view scheme : {"http://", "https://"})
    if (target.size() >= scheme.size() && same_word(target.substr(0, scheme.size()), scheme)) {
      target.remove_prefix(scheme.size());
      const auto slash = target.find_first_of("/?");
      target = slash == std::string_view::npos ? std::string_view{"/"} : target.substr(slash);
      break;
    }
  target = target.substr(0, target.find('#'));
  request_target out;
  const auto mark = target.find('?');
  auto path = target.substr(0, mark);
  out.path = path.empty() ? "/" : path;
  if (out.path.front() != '/')
    return error{errc::refused, "the request target must begin with /"};
  path = std::string_view{out.path}.substr(1);
  while (!path.empty()) {
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), segment.size() + 1));
    TIDEMILL_TRY(auto decoded, decode(segment, false));
    out.segments.push_back(std::move(decoded));
  }
  if (mark != std::string_view::npos)
    TIDEMILL_CHECK(decode_query(target.substr(mark + 1), out));
  return out;
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append({'%', hex[byte >> 4], hex[byte & 15]});
  }
  return out;
}

http_method parse_method(std::string_view text) noexcept {
  if (text == "GET")
    return http_method::get;
  if (text == "HEAD")
    return http_method::head;
  if (text == "OPTIONS")
    return http_method::options;
  return text == "POST" ? http_method::post : http_method::other;
}

int negotiate(std::string_view accept, std::span<const std::string_view> offers) {
  if (trimmed(accept).empty())
    return 0;
  int best = -1, best_quality = 0;
  for (std::size_t i = 0; i < offers.size(); ++i)
    if (const int q = quality_of(accept, offers[i]); q > best_quality) {
      best = static_cast<int>(i);
      best_quality = q;
    }
  return best;
}

std::string media_type(std::string_view content_type) {
  std::string out{trimmed(content_type.substr(0, content_type.find(';')))};
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool origin_allowed(std::string_view origin, std::string_view host, const std::vector<std::string>& listed) {
  if (std::any_of(listed.begin(), listed.end(), [&](const std::string& o) { return same_word(o, origin); }))
    return true;
  const auto scheme = origin.find("://");
  if (scheme == std::string_view::npos || host.empty())
    return false;
  const auto name = origin.substr(0, scheme);
  return (same_word(name, "http") || same_word(name, "https")) && same_word(origin.substr(scheme + 3), host);
}

bool same_word(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool lists_word(std::string_view list, std::string_view word) noexcept {
  while (!list.empty()) {
    const auto one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    if (same_word(trimmed(one), word))
      return true;
  }
  return false;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

} // namespace tidemill
