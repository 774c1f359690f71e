#include "pipeline/cel/call.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace tidemill::cel {
namespace {

constexpr int max_precision = 100;

std::string text_of(const value& v, budget& left);

std::string list_text(const value_list& list, budget& left) {
  std::string out = "[";
  for (std::size_t i = 0; i < list.size() && left.good(); ++i)
    out += (i ? ", " : "") + text_of(list[i], left);
  return out + "]";
}

/// Entries in the order of their keys' texts.
std::string map_text(const value_map& map, budget& left) {
  std::vector<std::pair<std::string, const value*>> entries;
  for (const auto& [key, mapped] : map)
    entries.emplace_back(text_of(key, left), &mapped);
  std::sort(entries.begin(), entries.end());
  std::string out = "{";
  for (std::size_t i = 0; i < entries.size() && left.good(); ++i)
    out += (i ? ", " : "") + entries[i].first + ": " + text_of(*entries[i].second, left);
  return out + "}";
}

/// What `%s` writes.
std::string text_of(const value& v, budget& left) {
  left.elements(1);
  if (v.is_null())
    return "null";
  if (const auto* l = v.as_list())
    return list_text(*l, left);
  if (const auto* m = v.as_map())
    return map_text(*m, left);
  if (const auto* t = v.get_if<type>())
    return type_name(t->of());
  if (const auto* b = v.get_if<byte_string>())
    return b->bytes;
  if (const auto* o = v.get_if<optional_value>())
    return o->held ? "optional(" + text_of(*o->held, left) + ")" : "optional.none()";
  const value* args[] = {&v};
  auto converted = call_conversion(fn::to_string, args);
  const auto* s = converted.get_if<std::string>();
  return s ? *s : "";
}

struct whole {
  bool negative;
  std::uint64_t magnitude;
};

std::optional<whole> whole_of(const value& v) {
  if (const auto* u = v.get_if<std::uint64_t>())
    return whole{false, *u};
  const auto* i = v.get_if<std::int64_t>();
  if (!i)
    return {};
  auto bits = static_cast<std::uint64_t>(*i);
  return whole{*i < 0, *i < 0 ? ~bits + 1 : bits};
}

std::string in_base(whole w, int base) {
  char digits[72];
  auto end = std::to_chars(digits, digits + sizeof digits, w.magnitude, base).ptr;
  return (w.negative ? "-" : "") + std::string{digits, end};
}

std::string hex_of(std::string_view bytes) {
  std::string out;
  for (auto c : bytes) {
    constexpr auto digits = "0123456789abcdef";
    auto u = static_cast<unsigned char>(c);
    out += digits[u >> 4];
    out += digits[u & 15];
  }
  return out;
}

std::optional<std::string> fixed(const value& v, bool exponent, int precision) {
  double x = 0;
  if (const auto* d = v.get_if<double>())
    x = *d;
  else if (auto w = whole_of(v))
    x = w->negative ? -static_cast<double>(w->magnitude) : static_cast<double>(w->magnitude);
  else if (v.of() == kind::decimal)
    return fixed(call_conversion(fn::to_double, std::array{&v}), exponent, precision);
  else
    return {};
  if (!std::isfinite(x))
    return number_text(x);
  char digits[512];
  auto form = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  auto end = std::to_chars(digits, digits + sizeof digits, x, form, precision).ptr;
  return std::string{digits, end};
}

/// Nothing: the clause can't write this value.
std::optional<std::string> clause(char c, int precision, const value& v, budget& left) {
  auto w = whole_of(v);
  switch (c) {
  case 's':
    return text_of(v, left);
  case 'd': {
    const auto* d = v.get_if<double>();
    return w ? std::optional{in_base(*w, 10)} : d ? std::optional{number_text(*d)} : std::nullopt;
  }
  case 'f':
  case 'e':
    return fixed(v, c == 'e', precision);
  case 'b':
    if (const auto* b = v.get_if<bool>())
      return *b ? "1" : "0";
    return w ? std::optional{in_base(*w, 2)} : std::nullopt;
  case 'o':
    return w ? std::optional{in_base(*w, 8)} : std::nullopt;
  case 'x':
  case 'X': {
    const auto* s = v.get_if<std::string>();
    const auto* b = v.get_if<byte_string>();
    if (!w && !s && !b)
      return {};
    auto out = w ? in_base(*w, 16) : hex_of(s ? *s : b->bytes);
    if (c == 'X')
      std::transform(out.begin(), out.end(), out.begin(),
                     [](char x) { return x >= 'a' && x <= 'f' ? static_cast<char>(x - 32) : x; });
    return out;
  }
  default:
    return {};
  }
}

/// Reads `.3` at `at`; -1: malformed or too large.
int read_precision(std::string_view pattern, std::size_t& at) {
  if (at >= pattern.size() || pattern[at] != '.')
    return 6;
  int out = 0;
  auto [end, code] = std::from_chars(pattern.data() + at + 1, pattern.data() + pattern.size(), out);
  if (code != std::errc{} || out < 0 || out > max_precision)
    return -1;
  at = static_cast<std::size_t>(end - pattern.data());
  return out;
}

} // namespace

value format_text(std::string_view pattern, const value_list& args, budget& left) {
  std::string out;
  std::size_t used = 0;
  for (std::size_t at = 0; at < pattern.size();) {
    auto percent = std::min(pattern.find('%', at), pattern.size());
    out += pattern.substr(at, percent - at);
    at = percent + 1;
    if (percent == pattern.size())
      break;
    if (at < pattern.size() && pattern[at] == '%') {
      out += '%';
      ++at;
      continue;
    }
    auto precision = read_precision(pattern, at);
    if (precision < 0)
      return failure("format: precision is at most " + std::to_string(max_precision));
    if (at >= pattern.size() || std::string_view{"sdfebxXo"}.find(pattern[at]) == std::string_view::npos)
      return failure("format: unknown clause" +
                     (at < pattern.size() ? " %" + std::string{pattern.substr(at, 1)} : ""));
    if (used >= args.size())
      return failure("format: more clauses than arguments (" + std::to_string(args.size()) + ")");
    auto text = clause(pattern[at], precision, args[used], left);
    if (!text)
      return failure("format: %" + std::string{pattern.substr(at, 1)} + " can't write " +
                     to_string(type{args[used].of()}));
    if (!left.bytes(text->size()))
      return over_budget();
    out += *text;
    ++used;
    ++at;
  }
  return left.good() ? value{std::move(out)} : over_budget();
}

} // namespace tidemill::cel
