#include "event/json_parse.hpp"

#include "event/number_text.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

namespace tidemill {
namespace {

constexpr auto npos = std::string_view::npos;

constexpr bool is_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

// Descends into lists and maps, at most `json_depth` deep.
class json_parser {
public:
  explicit json_parser(std::string_view text) : text_(text) {}

  status document(value& out) {
    skip_space();
    TIDEMILL_CHECK(any(0, out));
    return end();
  }

  result<std::vector<std::string_view>> elements() {
    std::vector<std::string_view> found;
    skip_space();
    if (peek() != '[')
      return error{errc::event_type, "not a JSON list"};
    value unused;
    auto item = [&]() -> status {
      auto begin = at_;
      auto read = any(1, unused);
      found.push_back(text_.substr(begin, std::min(at_, text_.size()) - begin));
      return read;
    };
    TIDEMILL_CHECK(sequence(']', item));
    TIDEMILL_CHECK(end());
    return found;
  }

private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_]))
      ++at_;
  }
  [[nodiscard]] error bad(std::string_view what, std::size_t at) const {
    return {errc::event_malformed, std::string{what} + " at byte " + std::to_string(at)};
  }
  status end() {
    skip_space();
    return at_ == text_.size() ? status{} : bad("text behind the value", at_);
  }

  status any(std::size_t depth, value& out) {
    switch (peek()) {
    case '{':
    case '[':
      if (depth == json_depth)
        return bad("nested deeper than " + std::to_string(json_depth), at_);
      return peek() == '[' ? list(depth, out) : map(depth, out);
    case '"': {
      TIDEMILL_TRY(auto s, string());
      out = std::move(s);
      return {};
    }
    default:
      return scalar(out);
    }
  }

  // From an opening bracket to the closing one; `item` reads what stands between commas.
  template <class Item>
  status sequence(char close, Item item) {
    ++at_;
    skip_space();
    if (peek() == close) {
      ++at_;
      return {};
    }
    for (;;) {
      TIDEMILL_CHECK(item());
      skip_space();
      auto c = peek();
      if (c != ',' && c != close)
        return bad(std::string{"expected , or "} + close, at_);
      ++at_;
      if (c == close)
        return {};
      skip_space();
    }
  }

  status list(std::size_t depth, value& out) {
    value_list items;
    auto item = [&] { return any(depth + 1, items.emplace_back()); };
    TIDEMILL_CHECK(sequence(']', item));
    out = std::move(items);
    return {};
  }

  status map(std::size_t depth, value& out) {
    value_map entries;
    auto item = [&]() -> status {
      if (peek() != '"')
        return bad("expected a key", at_);
      TIDEMILL_TRY(auto key, string());
      skip_space();
      if (peek() != ':')
        return bad("expected :", at_);
      ++at_;
      skip_space();
      return any(depth + 1, entries.emplace_back(std::move(key), value{}).second);
    };
    TIDEMILL_CHECK(sequence('}', item));
    drop_repeated_keys(entries);
    out = std::move(entries);
    return {};
  }

  // Sorting keeps a hostile object of 100,000 keys from costing their square.
  static void drop_repeated_keys(value_map& entries) {
    auto key = [&](std::size_t i) -> const std::string& { return *entries[i].first.get_if<std::string>(); };
    std::vector<std::size_t> order(entries.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return key(a) < key(b); });
    std::vector<bool> repeated(entries.size());
    bool any = false;
    for (std::size_t i = 1; i < order.size(); ++i)
      if (key(order[i - 1]) == key(order[i]))
        any = repeated[order[i]] = true;
    if (!any)
      return;
    value_map kept;
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (!repeated[i])
        kept.push_back(std::move(entries[i]));
    entries = std::move(kept);
  }

  result<std::string> string() {
    auto begin = ++at_;
    bool escaped = false;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (static_cast<unsigned char>(text_[at_]) < 0x20)
        return bad("unescaped control character", at_);
      if (text_[at_] == '\\') {
        escaped = true;
        ++at_;
      }
    }
    if (at_ >= text_.size())
      return bad("unclosed string", begin - 1);
    auto inside = text_.substr(begin, at_++ - begin);
    if (!is_utf8(inside))
      return error{errc::event_encoding, "string that is not UTF-8 at byte " + std::to_string(begin)};
    std::string out{inside};
    if (escaped) {
      auto size = unescape_json(inside, out.data());
      if (!size)
        return error{size.error().code(), size.error().text() + " at byte " + std::to_string(begin)};
      out.resize(*size);
    }
    return out;
  }

  status scalar(value& out) {
    auto begin = at_;
    while (at_ < text_.size() && std::string_view{" \n\t\r,:]}[{\""}.find(text_[at_]) == npos)
      ++at_;
    auto token = text_.substr(begin, at_ - begin);
    auto form = json_number(token);
    std::int64_t i = 0;
    std::uint64_t u = 0;
    double d = 0;
    if (token == "null")
      out = value{};
    else if (token == "true" || token == "false")
      out = token == "true";
    else if (form == number_form::none)
      return bad(begin == text_.size() ? "the text ends" : "not a JSON value", begin);
    else if (form == number_form::integer && read_int(token, i))
      out = i;
    else if (form == number_form::integer && read_uint(token, u))
      out = u;
    else if (read_double(token, d))
      out = d;
    else
      return bad("number beyond a double", begin);
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// The code unit of `\uXXXX` at the front of `text`.
std::optional<unsigned> code_unit(std::string_view text) noexcept {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u')
    return std::nullopt;
  unsigned x = 0;
  for (auto c : text.substr(2, 4)) {
    auto digit = hex_digit(c);
    if (digit < 0)
      return std::nullopt;
    x = x << 4 | static_cast<unsigned>(digit);
  }
  return x;
}

constexpr std::string_view escape_letters = "\"\\/bfnrt";
constexpr std::string_view escape_meanings = "\"\\/\b\f\n\r\t";

char* put_utf8(char* to, unsigned code) noexcept {
  auto put = [&](unsigned byte) { *to++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
  return to;
}

} // namespace

result<value> parse_json(std::string_view text) {
  value out;
  if (auto read = json_parser{text}.document(out); !read)
    return {boost::system::in_place_error, read.error()}; // an error is a value too: say which is meant
  return out;
}

result<std::vector<std::string_view>> split_json_array(std::string_view text) {
  return json_parser{text}.elements();
}

result<std::size_t> unescape_json(std::string_view text, char* to) {
  auto* begin = to;
  while (!text.empty()) {
    auto plain = std::min(text.find('\\'), text.size());
    to = std::copy_n(text.data(), plain, to);
    text.remove_prefix(plain);
    if (text.empty())
      break;
    if (text.size() > 1 && text[1] != 'u') {
      auto letter = escape_letters.find(text[1]);
      if (letter == npos)
        return error{errc::event_malformed, "string with an unknown escape"};
      *to++ = escape_meanings[letter];
      text.remove_prefix(2);
      continue;
    }
    auto unit = code_unit(text);
    if (!unit)
      return error{errc::event_malformed, "string with an incomplete escape"};
    text.remove_prefix(6);
    if (*unit >= 0xD800 && *unit < 0xE000) {
      auto low = *unit < 0xDC00 ? code_unit(text) : std::nullopt;
      if (!low || *low < 0xDC00 || *low >= 0xE000)
        return error{errc::event_encoding, "string with half of a surrogate pair"};
      text.remove_prefix(6);
      unit = 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00);
    }
    to = put_utf8(to, *unit);
  }
  return static_cast<std::size_t>(to - begin);
}

bool valid_json_escapes(std::string_view text) noexcept {
  for (auto at = text.find('\\'); at != npos; at = text.find('\\')) {
    text.remove_prefix(at);
    if (text.size() < 2)
      return false;
    if (text[1] != 'u' ? escape_letters.find(text[1]) == npos : !code_unit(text))
      return false;
    text.remove_prefix(text[1] == 'u' ? 6 : 2);
  }
  return true;
}

} // namespace tidemill
