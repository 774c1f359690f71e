#include "pipeline/cel/lexer.hpp"

#include <algorithm>
#include <charconv>

namespace tidemill::cel {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_start(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_word(char c) {
  return is_start(c) || is_digit(c);
}

class lexer {
public:
  lexer(std::string_view text, std::vector<fault>& faults) : text_(text), faults_(faults) {}

  std::optional<std::vector<token>> run() {
    std::vector<token> out;
    for (;;) {
      skip_space();
      token next;
      next.at = place_of(at_);
      auto begin = at_;
      if (at_ == text_.size()) {
        out.push_back(std::move(next));
        return out;
      }
      if (!read(next))
        return {};
      if (next.raw.empty())
        next.raw = text_.substr(begin, at_ - begin);
      out.push_back(std::move(next));
    }
  }

private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  /// Places are asked for in ascending order: one walk over the text in all.
  place place_of(std::size_t offset) {
    for (; seen_ < offset; ++seen_) {
      if (text_[seen_] == '\n') {
        ++where_.line;
        where_.column = 1;
      } else if ((static_cast<unsigned char>(text_[seen_]) & 0xC0) != 0x80) {
        ++where_.column;
      }
    }
    return where_;
  }

  bool fail(std::size_t offset, std::string text, std::string hint = {}) {
    auto at = place_of(offset);
    faults_.push_back({at.line, at.column, std::move(text), std::move(hint)});
    return false;
  }

  void skip_space() {
    for (; at_ < text_.size(); ++at_) {
      auto c = text_[at_];
      if (c == '/' && peek(1) == '/') {
        at_ = std::min(text_.find('\n', at_), text_.size());
        if (at_ == text_.size())
          return;
      } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f') {
        return;
      }
    }
  }

  bool read(token& out) {
    auto c = peek();
    if (auto quote = string_prefix())
      return read_string(out, *quote);
    if (is_digit(c) || (c == '.' && is_digit(peek(1))))
      return read_number(out);
    if (is_start(c)) {
      while (is_word(peek()))
        ++at_;
      out.what = token_kind::name;
      return true;
    }
    return c == '`' ? read_quoted_name(out) : read_symbol(out);
  }

  /// Letters before a quote, if a string begins here.
  std::optional<std::size_t> string_prefix() const {
    for (std::size_t n = 0; n <= 2; ++n) {
      auto c = peek(n);
      if (c == '"' || c == '\'')
        return n;
      if (std::string_view{"rRbB"}.find(c) == std::string_view::npos || c == '\0')
        return {};
      if (n == 1 && (is_raw(peek(0)) || !is_raw(c)))
        return {}; // only `br`, never `rb` or `bb`
    }
    return {};
  }
  static bool is_raw(char c) { return c == 'r' || c == 'R'; }

  bool read_string(token& out, std::size_t prefix) {
    bool raw = false, bytes = false;
    for (std::size_t i = 0; i < prefix; ++i)
      (is_raw(peek(i)) ? raw : bytes) = true;
    auto begin = at_;
    at_ += prefix;
    auto quote = peek();
    bool triple = peek(1) == quote && peek(2) == quote;
    at_ += triple ? 3 : 1;
    auto body = at_;
    for (;; ++at_) {
      if (at_ >= text_.size())
        return fail(begin, "this string has no end");
      auto c = text_[at_];
      if (c == quote && (!triple || (peek(1) == quote && peek(2) == quote)))
        break;
      if (!triple && (c == '\n' || c == '\r'))
        return fail(begin, "this string has no end on its line", "write \\n, or use three quotes");
      if (c == '\\' && !raw)
        ++at_;
    }
    auto content = text_.substr(body, at_ - body);
    at_ += triple ? 3 : 1;
    out.what = bytes ? token_kind::bytes : token_kind::string;
    if (raw) {
      out.text = content;
      return true;
    }
    std::string problem;
    std::size_t offset = 0;
    auto plain = unescape(content, bytes, problem, offset);
    if (!plain)
      return fail(body + offset, problem, "a backslash is written \\\\; r\"…\" has no escapes");
    out.text = std::move(*plain);
    return true;
  }

  bool read_number(token& out) {
    auto begin = at_;
    int base = 10;
    bool real = false;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X') && is_hex(peek(2))) {
      base = 16;
      for (at_ += 2; is_hex(peek());)
        ++at_;
    } else {
      real = skip_decimal();
    }
    auto digits = text_.substr(begin, at_ - begin);
    out.what = real ? token_kind::real : token_kind::integer;
    if (!real && (peek() == 'u' || peek() == 'U')) {
      out.what = token_kind::uinteger;
      ++at_;
    }
    if (is_word(peek()))
      return fail(begin, "malformed number", peek() == '_' ? "write it without _" : "");
    return real ? convert_real(out, begin, digits) : convert_integer(out, begin, digits, base);
  }

  bool skip_decimal() {
    bool real = false;
    while (is_digit(peek()))
      ++at_;
    if (peek() == '.' && is_digit(peek(1))) {
      real = true;
      for (++at_; is_digit(peek());)
        ++at_;
    }
    auto sign = peek(1) == '+' || peek(1) == '-' ? 2u : 1u;
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(sign))) {
      real = true;
      for (at_ += sign; is_digit(peek());)
        ++at_;
    }
    return real;
  }

  bool convert_real(token& out, std::size_t begin, std::string_view digits) {
    auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), out.real);
    if (code == std::errc{} && end == digits.data() + digits.size())
      return true;
    // from_chars reports 1e400 and 1e-400 alike; the latter is zero.
    auto exponent = digits.find_first_of("eE");
    if (code == std::errc::result_out_of_range && exponent != std::string_view::npos &&
        digits[exponent + 1] == '-') {
      out.real = 0;
      return true;
    }
    return fail(begin, "this number is too large for a double");
  }

  bool convert_integer(token& out, std::size_t begin, std::string_view digits, int base) {
    if (base == 16)
      digits.remove_prefix(2);
    auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), out.magnitude, base);
    if (code != std::errc{} || end != digits.data() + digits.size())
      return fail(begin, "this number is too large for 64 bits", "1e20 is a double");
    return true;
  }

  bool read_quoted_name(token& out) {
    auto begin = ++at_;
    auto fits = [](char c) { return is_word(c) || c == '.' || c == '-' || c == '/' || c == ' '; };
    while (fits(peek()))
      ++at_;
    if (peek() != '`' || at_ == begin)
      return fail(begin - 1, "malformed field name in back-quotes", "letters, digits, _ . - / and space");
    out.what = token_kind::quoted_name;
    out.raw = text_.substr(begin, at_++ - begin);
    return true;
  }

  bool read_symbol(token& out) {
    out.what = token_kind::symbol;
    for (std::string_view two : {"==", "!=", "<=", ">=", "&&", "||"})
      if (text_.substr(at_, 2) == two) {
        at_ += 2;
        return true;
      }
    auto c = peek();
    if (std::string_view{"+-*/%!<>()[]{}.,:?"}.find(c) != std::string_view::npos && c != '\0') {
      ++at_;
      return true;
    }
    return fail(at_, "unexpected character", symbol_hint(c));
  }

  static std::string symbol_hint(char c) {
    switch (c) {
    case '=':
      return "equality is written ==";
    case '&':
      return "and is written &&";
    case '|':
      return "or is written ||";
    case '#':
      return "comments begin with //";
    default:
      return {};
    }
  }

  std::string_view text_;
  std::vector<fault>& faults_;
  std::size_t at_ = 0, seen_ = 0;
  place where_;
};

} // namespace

std::optional<std::vector<token>> tokenize(std::string_view text, std::vector<fault>& faults) {
  if (text.size() > max_text) {
    faults.push_back({1, 1, "the expression is longer than 64 KiB", {}});
    return {};
  }
  if (!is_utf8(text)) {
    faults.push_back({1, 1, "the expression is not valid UTF-8", {}});
    return {};
  }
  return lexer{text, faults}.run();
}

} // namespace tidemill::cel
