#include "config/traps.hpp"

#include <algorithm>

namespace tidemill {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
  auto begin = text.find_first_not_of(" \t");
  if (begin == text.npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Calls `f` for each character outside quotes; returns whether a quote stays open.
template <class F>
bool outside_quotes(std::string_view text, F f) noexcept {
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quote != 0) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == quote)
        quote = 0;
    } else if (text[i] == '"' || text[i] == '\'') {
      quote = text[i];
    } else {
      f(i);
    }
  }
  return quote != 0;
}

// Where a quoted value ends, if it begins with a quote; npos if never.
std::size_t end_of_quotes(std::string_view value) noexcept {
  for (std::size_t i = 1; i < value.size(); ++i) {
    if (value.front() == '"' && value[i] == '\\')
      ++i;
    else if (value[i] == value.front())
      return i + 1;
  }
  return value.npos;
}

bool looks_like_expression(std::string_view value) noexcept {
  for (auto part : {"==", "!=", "<", ">", "&&", "||", "+", " ? ", "(", ".", "["})
    if (value.find(part) != value.npos)
      return true;
  return false;
}

// The entry around a byte of `{filter: a ? b : c, from: x}`.
std::string hint_for_flow(std::string_view line, std::size_t byte) {
  byte = std::min(byte, line.size());
  auto before = line.substr(0, byte);
  if (before.ends_with('$') && line.substr(byte).starts_with('{'))
    return "inside braces and brackets, quote values with ${…}: \"${NAME}\"";
  auto begin = before.find_last_of("{[,");
  if (begin == before.npos)
    return {};
  auto end = line.find_first_of(",}", byte);
  auto value = split_line(trimmed(line.substr(begin + 1, end == line.npos ? end : end - begin - 1))).value;
  while (value.ends_with(']') && open_brackets(value) < 0)
    value.remove_suffix(1);
  return looks_like_expression(value) ? quote_hint(value) : "";
}

} // namespace

int open_brackets(std::string_view text) noexcept {
  int open = 0;
  outside_quotes(text, [&](std::size_t i) {
    auto c = text[i];
    open += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
  });
  return open;
}

bool open_quote(std::string_view text) noexcept {
  return outside_quotes(text, [](std::size_t) {});
}

std::string quote_hint(std::string_view expression) {
  constexpr std::size_t limit = 100;
  auto text = trimmed(expression);
  if (text.size() > limit)
    return "quote the expression";
  std::string out = "quote the expression: '";
  for (auto c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return "quote the expression";
    out += c;
    if (c == '\'')
      out += '\'';
  }
  return out + '\'';
}

line_parts split_line(std::string_view line) noexcept {
  std::size_t begin = line.find_first_not_of(" \t");
  while (begin != line.npos && line.substr(begin).starts_with("- "))
    begin = line.find_first_not_of(" \t", begin + 1);
  if (begin == line.npos)
    return {line, {}};
  // A key is a word; anything else before a colon belongs to a value.
  auto end = begin;
  while (end < line.size() &&
         (line[end] == '_' || line[end] == '-' || line[end] == '.' ||
          (line[end] >= '0' && line[end] <= '9') || (line[end] >= 'a' && line[end] <= 'z') ||
          (line[end] >= 'A' && line[end] <= 'Z')))
    ++end;
  if (end == begin || end == line.size() || line[end] != ':' ||
      (end + 1 < line.size() && line[end + 1] != ' ' && line[end + 1] != '\t'))
    return {line.substr(0, begin), trimmed(line.substr(begin))};
  return {line.substr(0, end + 1), trimmed(line.substr(end + 1))};
}

std::string hint_for_line(std::string_view line, std::size_t byte) {
  if (auto indent = line.substr(0, line.find_first_not_of(" \t")); indent.find('\t') != indent.npos)
    return "indent with spaces, not with tabs";
  auto [before, value] = split_line(line);
  if (value.empty() || byte < before.size())
    return {};
  if (value.front() == '{' || value.front() == '[')
    return hint_for_flow(line, byte);
  if (value.front() == '"' || value.front() == '\'') {
    auto end = end_of_quotes(value);
    return end < value.size() ? quote_hint(value) : "";
  }
  if (value.find(": ") != value.npos || value.ends_with(':'))
    return looks_like_expression(value) ? quote_hint(value) : "a text with \": \" must be quoted";
  if (std::string_view{"!&*%@`|>,]}#-?"}.find(value.front()) != std::string_view::npos)
    return quote_hint(value);
  return {};
}

} // namespace tidemill
