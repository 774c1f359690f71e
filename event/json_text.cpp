#include "event/utf8.hpp"
#include "event/value.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace tidemill {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD"; // U+FFFD

bool plain(unsigned char c) noexcept {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

// How many bytes at the front are plain, eight at a time; a word with one that isn't is not counted.
std::size_t plain_words(std::string_view text) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
  auto zero = [](std::uint64_t x) { return (x - ones) & ~x & high; }; // a bit if any byte is 0
  std::size_t n = 0;
  for (std::uint64_t x; n + 8 <= text.size(); n += 8) {
    std::memcpy(&x, text.data() + n, 8);
    auto low = (x - ones * 0x20) & ~x & high; // a bit if any byte is below a space
    if ((low | (x & high) | zero(x ^ ones * '"') | zero(x ^ ones * '\\')) != 0)
      break;
  }
  return n;
}

void append_escaped(std::string& out, unsigned char c) {
  static constexpr char hex[] = "0123456789abcdef";
  switch (c) {
  case '"':
    out += "\\\"";
    break;
  case '\\':
    out += "\\\\";
    break;
  case '\b':
    out += "\\b";
    break;
  case '\f':
    out += "\\f";
    break;
  case '\n':
    out += "\\n";
    break;
  case '\r':
    out += "\\r";
    break;
  case '\t':
    out += "\\t";
    break;
  default:
    out += "\\u00";
    out += hex[c >> 4];
    out += hex[c & 15];
  }
}

template <class Integer>
void append_integer(std::string& out, Integer x) {
  char text[24];
  auto end = std::to_chars(text, text + sizeof text, x).ptr;
  out.append(text, end);
}

// As JavaScript writes numbers: shortest digits that read back, an exponent only for very large or small.
void append_real(std::string& out, double x) {
  if (std::isnan(x)) {
    out += "\"NaN\"";
    return;
  }
  if (std::isinf(x)) {
    out += x > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  char text[40];
  auto size = std::fabs(x);
  auto format =
      x == 0 || (size >= 1e-6 && size < 1e21) ? std::chars_format::fixed : std::chars_format::scientific;
  auto end = std::to_chars(text, text + sizeof text, x, format).ptr;
  out.append(text, end);
}

// JSON has only strings as keys.
void append_key(std::string& out, const value& key) {
  if (const auto* text = key.get_if<std::string>()) {
    append_json_string(out, *text);
    return;
  }
  std::string json;
  append_json(json, key);
  if (json.starts_with('"'))
    out += json;
  else
    append_json_string(out, json);
}

struct writer {
  std::string& out;

  void operator()(null) const { out += "null"; }
  void operator()(bool x) const { out += x ? "true" : "false"; }
  void operator()(std::int64_t x) const { append_integer(out, x); }
  void operator()(std::uint64_t x) const { append_integer(out, x); }
  void operator()(double x) const { append_real(out, x); }
  void operator()(decimal x) const { out += to_string(x); }
  void operator()(const std::string& x) const { append_json_string(out, x); }
  void operator()(const byte_string& x) const { quote(base64_encode(x.bytes)); }
  void operator()(timestamp x) const { quote(format_rfc3339(x)); }
  void operator()(duration x) const { quote(format_cel_duration(x)); }
  void operator()(const type& x) const { quote(to_string(x)); }
  void operator()(const ip_address& x) const { quote(to_string(x)); }
  void operator()(const cidr_block& x) const { quote(to_string(x)); }
  // A result that could not be computed has no value; the reason stands in the dead letters.
  void operator()(const value::error_ptr&) const { out += "null"; }
  void operator()(const optional_value& x) const {
    if (x.held)
      append_json(out, *x.held);
    else
      out += "null";
  }
  void operator()(const value::list_ptr& x) const {
    out += '[';
    for (std::size_t i = 0; i < x->size(); ++i) {
      if (i != 0)
        out += ',';
      append_json(out, (*x)[i]);
    }
    out += ']';
  }
  void operator()(const value::map_ptr& x) const {
    out += '{';
    for (std::size_t i = 0; i < x->size(); ++i) {
      if (i != 0)
        out += ',';
      append_key(out, (*x)[i].first);
      out += ':';
      append_json(out, (*x)[i].second);
    }
    out += '}';
  }

private:
  void quote(const std::string& text) const {
    out += '"';
    out += text;
    out += '"';
  }
};

} // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    auto n = plain_words(text);
    while (n < text.size() && plain(static_cast<unsigned char>(text[n])))
      ++n;
    out.append(text.data(), n);
    text.remove_prefix(n);
    if (text.empty())
      break;
    auto step = next_utf8(text);
    if (!step.valid)
      out += replacement;
    else if (step.length > 1)
      out.append(text.data(), step.length);
    else
      append_escaped(out, static_cast<unsigned char>(text.front()));
    text.remove_prefix(step.length);
  }
  out += '"';
}

void append_json(std::string& out, const value& v) {
  std::visit(writer{out}, v.data());
}

} // namespace tidemill
