#include "config/scalar.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace tidemill {
namespace {

error say(std::string text) {
  return {errc::config_invalid, std::move(text)};
}

template <class Number>
bool whole_text(std::string_view text, Number& x) noexcept {
  if (text.starts_with('+') && !text.starts_with("+-"))
    text.remove_prefix(1);
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), x);
  return code == std::errc{} && end == text.data() + text.size();
}

bool is_upper(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}

char lower(char c) noexcept {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_word(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size())
    return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i]))
      return false;
  return true;
}

} // namespace

result<bool> parse_flag(std::string_view text) {
  if (text == "true" || text == "false")
    return text == "true";
  for (auto yes : {"true", "yes", "on", "y", "1"})
    if (same_word(text, yes))
      return say("write true");
  for (auto no : {"false", "no", "off", "n", "0"})
    if (same_word(text, no))
      return say("write false");
  return say("write true or false");
}

result<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t x = 0;
  if (whole_text(text, x))
    return x;
  return say("write digits only, such as 4");
}

result<double> parse_number(std::string_view text) {
  double x = 0;
  if (whole_text(text, x) && std::isfinite(x))
    return x;
  return say("write a number such as 0.5");
}

result<std::int64_t> parse_size(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 10> units{{{"B", 1},
                                                                              {"KB", 1e3},
                                                                              {"MB", 1e6},
                                                                              {"GB", 1e9},
                                                                              {"TB", 1e12},
                                                                              {"KiB", 0x1p10},
                                                                              {"MiB", 0x1p20},
                                                                              {"GiB", 0x1p30},
                                                                              {"TiB", 0x1p40},
                                                                              {"PiB", 0x1p50}}};
  constexpr double most = 0x1p60;
  auto end = text.find_first_not_of("0123456789.");
  double x = 0;
  if (!whole_text(text.substr(0, end), x))
    return say("write a number with a unit, such as 64KiB or 1MB");
  if (end == text.npos)
    return x == 0 ? result<std::int64_t>{0}
                  : say("add a unit: " + std::string{text} + "B, or KiB, MiB, GiB behind the right number");
  for (auto [name, factor] : units) {
    if (!same_word(text.substr(end), name))
      continue;
    auto bytes = x * factor;
    if (bytes > most)
      return say("write at most 1024PiB");
    if (bytes != std::floor(bytes))
      return say("write a whole number of bytes");
    return static_cast<std::int64_t>(bytes);
  }
  return say("use one of the units B, KiB, MiB, GiB, TiB or KB, MB, GB, TB");
}

bool is_identifier(std::string_view text) noexcept {
  constexpr std::size_t longest = 64;
  if (text.empty() || text.size() > longest || (text.front() >= '0' && text.front() <= '9'))
    return false;
  for (auto c : text)
    if (c != '_' && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
      return false;
  return true;
}

bool is_reserved(std::string_view text) noexcept {
  for (std::string_view word :
       {"true", "false", "null",     "in",     "as",    "break",    "const",   "continue",
        "else", "for",   "if",       "import", "let",   "loop",     "package", "return",
        "var",  "void",  "function", "while",  "event", "namespace"})
    if (text == word)
      return true;
  return false;
}

std::string as_identifier(std::string_view text) {
  constexpr std::size_t longest = 40;
  std::string out;
  for (std::size_t i = 0; i < text.size() && out.size() < longest; ++i) {
    auto c = text[i];
    if (is_upper(c) && i > 0 && !is_upper(text[i - 1]) && out.back() != '_')
      out += '_';
    c = lower(c);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      out += c;
    else if (out.empty() || out.back() != '_')
      out += '_';
  }
  if (out.empty() || (out.front() >= '0' && out.front() <= '9'))
    out.insert(0, 1, '_');
  return out;
}

std::string native_type(std::string_view foreign) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 27> words{
      {{"integer", "int"},      {"int64", "int"},      {"int32", "int"},
       {"long", "int"},         {"bigint", "int"},     {"short", "int"},
       {"uint64", "uint"},      {"unsigned", "uint"},  {"float", "double"},
       {"float64", "double"},   {"real", "double"},    {"number", "double"},
       {"numeric", "decimal"},  {"str", "string"},     {"text", "string"},
       {"varchar", "string"},   {"boolean", "bool"},   {"datetime", "timestamp"},
       {"date", "timestamp"},   {"time", "timestamp"}, {"epoch", "timestamp_s"},
       {"unix", "timestamp_s"}, {"binary", "bytes"},   {"json", "dyn"},
       {"object", "dyn"},       {"any", "dyn"},        {"interval", "duration"}}};
  bool nullable = foreign.ends_with('?');
  if (nullable)
    foreign.remove_suffix(1);
  for (auto [word, name] : words)
    if (same_word(foreign, word))
      return std::string{name} + (nullable ? "?" : "");
  return {};
}

} // namespace tidemill
