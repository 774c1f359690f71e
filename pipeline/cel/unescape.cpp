#include "pipeline/cel/lexer.hpp"

namespace tidemill::cel {

void append_utf8(std::string& out, char32_t point) {
  auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | (point >> 6));
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3F));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

namespace {

std::optional<unsigned> digit_of(char c, unsigned base) {
  unsigned d = 99;
  if (c >= '0' && c <= '9')
    d = static_cast<unsigned>(c - '0');
  else if (c >= 'a' && c <= 'f')
    d = static_cast<unsigned>(c - 'a') + 10;
  else if (c >= 'A' && c <= 'F')
    d = static_cast<unsigned>(c - 'A') + 10;
  return d < base ? std::optional{d} : std::nullopt;
}

std::optional<char32_t> number(std::string_view body, std::size_t from, std::size_t digits, unsigned base) {
  if (from + digits > body.size())
    return {};
  char32_t out = 0;
  for (auto c : body.substr(from, digits)) {
    auto d = digit_of(c, base);
    if (!d)
      return {};
    out = out * base + *d;
  }
  return out;
}

std::optional<char> simple_escape(char c) {
  switch (c) {
  case 'a':
    return '\a';
  case 'b':
    return '\b';
  case 'f':
    return '\f';
  case 'n':
    return '\n';
  case 'r':
    return '\r';
  case 't':
    return '\t';
  case 'v':
    return '\v';
  case '\\':
  case '?':
  case '"':
  case '\'':
  case '`':
    return c;
  default:
    return {};
  }
}

struct numeric_escape {
  std::size_t start, digits;
  unsigned base;
};

/// Which number an escape `\c…` holds, its digits beginning at body[i].
std::optional<numeric_escape> numeric_form(char c, std::size_t i) {
  switch (c) {
  case 'x':
  case 'X':
    return numeric_escape{i + 1, 2, 16};
  case 'u':
    return numeric_escape{i + 1, 4, 16};
  case 'U':
    return numeric_escape{i + 1, 8, 16};
  default:
    if (c >= '0' && c <= '3')
      return numeric_escape{i, 3, 8};
    return {};
  }
}

} // namespace

std::optional<std::string> unescape(std::string_view body, bool bytes, std::string& problem,
                                    std::size_t& offset) {
  std::string out;
  out.reserve(body.size());
  for (std::size_t i = 0; i < body.size();) {
    if (body[i] != '\\') {
      out.push_back(body[i++]);
      continue;
    }
    offset = i++;
    auto c = i < body.size() ? body[i] : '\0';
    if (auto plain = simple_escape(c); plain && i < body.size()) {
      out.push_back(*plain);
      ++i;
      continue;
    }
    auto form = i < body.size() ? numeric_form(c, i) : std::nullopt;
    if (!form) {
      problem = "unknown escape";
      return {};
    }
    if (bytes && (c == 'u' || c == 'U')) {
      problem = "no \\u and \\U in bytes";
      return {};
    }
    auto point = number(body, form->start, form->digits, form->base);
    if (!point) {
      problem = "an escape needs " + std::to_string(form->digits) + " digits";
      return {};
    }
    if (*point > 0x10FFFF || (*point >= 0xD800 && *point < 0xE000)) {
      problem = "no such character";
      return {};
    }
    if (bytes)
      out.push_back(static_cast<char>(*point));
    else
      append_utf8(out, *point);
    i = form->start + form->digits;
  }
  return out;
}

} // namespace tidemill::cel
