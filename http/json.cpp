#include "http/json.hpp"

#include <charconv>
#include <cstdint>

namespace tidemill {
namespace {

constexpr bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

int hex_digit(char c) noexcept {
  if (is_digit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, std::uint32_t c) {
  auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

/// A recursive reader over one text; builds values only if asked, so checking allocates nothing.
class json_scanner {
public:
  json_scanner(std::string_view text, std::size_t depth) : text_(text), depth_(depth) {}

  [[nodiscard]] bool skip_value(value* out) { return any(out, 0); }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_]))
      ++at_;
  }
  [[nodiscard]] bool done() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] char peek() const noexcept { return done() ? '\0' : text_[at_]; }
  void step() noexcept { ++at_; }
  [[nodiscard]] std::size_t at() const noexcept { return at_; }
  [[nodiscard]] const json_fault& fault() const noexcept { return fault_; }
  [[nodiscard]] bool fail(const char* why) {
    fault_ = {at_, why};
    return false;
  }

private:
  [[nodiscard]] bool any(value* out, std::size_t level) {
    if (done())
      return fail("the text ends where a value should be");
    switch (peek()) {
    case '{':
      return level < depth_ ? object(out, level) : fail("nested too deep");
    case '[':
      return level < depth_ ? array(out, level) : fail("nested too deep");
    case '"': {
      std::string text;
      if (!string(out != nullptr ? &text : nullptr))
        return false;
      if (out != nullptr)
        *out = value{std::move(text)};
      return true;
    }
    case 't':
      return word("true", value{true}, out);
    case 'f':
      return word("false", value{false}, out);
    case 'n':
      return word("null", value{}, out);
    default:
      return number(out);
    }
  }

  [[nodiscard]] bool object(value* out, std::size_t level) {
    value_map members;
    step();
    skip_space();
    for (bool first = true; peek() != '}' || done(); first = false) {
      if (!first) {
        if (peek() != ',')
          return fail(done() ? "the object is not closed" : "expected , or }");
        step();
        skip_space();
      }
      if (peek() != '"')
        return fail(done() ? "the object is not closed" : "expected a quoted name");
      std::string name;
      if (!string(out != nullptr ? &name : nullptr))
        return false;
      skip_space();
      if (peek() != ':')
        return fail("expected :");
      step();
      skip_space();
      value member;
      if (!any(out != nullptr ? &member : nullptr, level + 1))
        return false;
      if (out != nullptr)
        members.emplace_back(value{std::move(name)}, std::move(member));
      skip_space();
    }
    step();
    if (out != nullptr)
      *out = value{std::move(members)};
    return true;
  }

  [[nodiscard]] bool array(value* out, std::size_t level) {
    value_list elements;
    step();
    skip_space();
    for (bool first = true; peek() != ']' || done(); first = false) {
      if (!first) {
        if (peek() != ',')
          return fail(done() ? "the array is not closed" : "expected , or ]");
        step();
        skip_space();
      }
      value element;
      if (!any(out != nullptr ? &element : nullptr, level + 1))
        return false;
      if (out != nullptr)
        elements.push_back(std::move(element));
      skip_space();
    }
    step();
    if (out != nullptr)
      *out = value{std::move(elements)};
    return true;
  }

  [[nodiscard]] bool word(std::string_view expected, value meaning, value* out) {
    if (text_.substr(at_, expected.size()) != expected)
      return fail("expected a value");
    at_ += expected.size();
    if (out != nullptr)
      *out = std::move(meaning);
    return true;
  }

  [[nodiscard]] bool digits() {
    if (!is_digit(peek()))
      return fail("expected a digit");
    while (is_digit(peek()))
      step();
    return true;
  }

  [[nodiscard]] bool number(value* out) {
    const auto begin = at_;
    bool whole = true;
    if (peek() == '-')
      step();
    if (!is_digit(peek()))
      return fail("expected a value");
    if (peek() == '0')
      step();
    else if (!digits())
      return false;
    if (is_digit(peek()))
      return fail("a number must not begin with 0");
    if (peek() == '.') {
      whole = false;
      step();
      if (!digits())
        return false;
    }
    if (peek() == 'e' || peek() == 'E') {
      whole = false;
      step();
      if (peek() == '+' || peek() == '-')
        step();
      if (!digits())
        return false;
    }
    if (out != nullptr)
      *out = to_number(text_.substr(begin, at_ - begin), whole);
    return true;
  }

  static value to_number(std::string_view text, bool whole) {
    const char* end = text.data() + text.size();
    if (std::int64_t i = 0; whole && std::from_chars(text.data(), end, i).ec == std::errc{})
      return value{i};
    double d = 0;
    std::from_chars(text.data(), end, d);
    return value{d};
  }

  [[nodiscard]] bool string(std::string* out) {
    step();
    for (;;) {
      if (done())
        return fail("the string is not closed");
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        step();
        return true;
      }
      if (c < 0x20)
        return fail("a control character inside a string");
      if (c == '\\') {
        if (!escape(out))
          return false;
      } else if (c < 0x80) {
        if (out != nullptr)
          out->push_back(static_cast<char>(c));
        step();
      } else if (!multibyte(out)) {
        return false;
      }
    }
  }

  [[nodiscard]] bool escape(std::string* out) {
    step();
    static constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    if (const auto i = from.find(peek()); !done() && i != std::string_view::npos) {
      if (out != nullptr)
        out->push_back(to[i]);
      step();
      return true;
    }
    if (peek() != 'u')
      return fail("an unknown escape");
    step();
    std::uint32_t c = 0;
    if (!hex4(c))
      return false;
    if (c >= 0xDC00 && c < 0xE000)
      return fail("half a surrogate pair");
    if (c >= 0xD800 && c < 0xDC00) {
      std::uint32_t low = 0;
      if (text_.substr(at_, 2) != "\\u")
        return fail("half a surrogate pair");
      at_ += 2;
      if (!hex4(low))
        return false;
      if (low < 0xDC00 || low >= 0xE000)
        return fail("half a surrogate pair");
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    if (out != nullptr)
      append_utf8(*out, c);
    return true;
  }

  [[nodiscard]] bool hex4(std::uint32_t& c) {
    c = 0;
    for (int i = 0; i < 4; ++i, step()) {
      const int digit = hex_digit(peek());
      if (digit < 0)
        return fail("expected four hex digits");
      c = c << 4 | static_cast<std::uint32_t>(digit);
    }
    return true;
  }

  /// One character of two to four bytes: no overlong forms, no surrogates, nothing beyond U+10FFFF.
  [[nodiscard]] bool multibyte(std::string* out) {
    const auto byte = [&](std::size_t i) {
      return at_ + i < text_.size() ? static_cast<unsigned char>(text_[at_ + i]) : 0U;
    };
    const auto lead = byte(0), second = byte(1);
    std::size_t length = 0;
    if (lead >= 0xC2 && lead <= 0xDF)
      length = 2;
    else if (lead >= 0xE0 && lead <= 0xEF && !(lead == 0xE0 && second < 0xA0) &&
             !(lead == 0xED && second > 0x9F))
      length = 3;
    else if (lead >= 0xF0 && lead <= 0xF4 && !(lead == 0xF0 && second < 0x90) &&
             !(lead == 0xF4 && second > 0x8F))
      length = 4;
    else
      return fail("not UTF-8");
    for (std::size_t i = 1; i < length; ++i)
      if ((byte(i) & 0xC0) != 0x80)
        return fail("not UTF-8");
    if (out != nullptr)
      out->append(text_.substr(at_, length));
    at_ += length;
    return true;
  }

  std::string_view text_;
  std::size_t depth_;
  std::size_t at_ = 0;
  json_fault fault_;
};

} // namespace

std::optional<json_fault> check_json(std::string_view text, json_root root, std::size_t depth) {
  json_scanner in(text, depth);
  in.skip_space();
  if (root == json_root::object && in.peek() != '{')
    return json_fault{in.at(), "expected an object"};
  if (!in.skip_value(nullptr))
    return in.fault();
  in.skip_space();
  if (!in.done())
    return json_fault{in.at(), "text after the end of the value"};
  return std::nullopt;
}

std::optional<json_array_fault> split_json_array(std::string_view text, std::size_t most,
                                                 std::vector<std::string_view>& elements, std::size_t depth) {
  json_scanner in(text, depth);
  auto of_array = [&](const char* why) { return json_array_fault{{}, {in.at(), why}}; };
  in.skip_space();
  if (in.peek() != '[')
    return of_array("expected an array");
  in.step();
  in.skip_space();
  while (in.peek() != ']' || in.done()) {
    if (!elements.empty()) {
      if (in.peek() != ',')
        return of_array(in.done() ? "the array is not closed" : "expected , or ]");
      in.step();
      in.skip_space();
    }
    const auto begin = in.at();
    if (elements.size() == most)
      return json_array_fault{elements.size(), {begin, "too many records in one request"}};
    if (in.done())
      return of_array("the array is not closed");
    if (in.peek() != '{')
      return json_array_fault{elements.size(), {begin, "expected an object"}};
    if (!in.skip_value(nullptr))
      return json_array_fault{elements.size(), in.fault()};
    elements.push_back(text.substr(begin, in.at() - begin));
    in.skip_space();
  }
  in.step();
  in.skip_space();
  if (!in.done())
    return of_array("text after the end of the array");
  return std::nullopt;
}

result<value> parse_json(std::string_view text, std::size_t depth) {
  json_scanner in(text, depth);
  value v;
  in.skip_space();
  bool good = in.skip_value(&v);
  if (good) {
    in.skip_space();
    good = in.done() || in.fail("text after the end of the value");
  }
  if (!good)
    return {boost::system::in_place_error, errc::event_malformed,
            "byte " + std::to_string(in.fault().at) + ": " + in.fault().why};
  return v;
}

} // namespace tidemill
