#include "storage/file/csv_text.hpp"

#include "event/json_parse.hpp"

#include <algorithm>

namespace tidemill {
namespace {

bool needs_quotes(std::string_view text) noexcept {
  return text.empty() || text.front() == ' ' || text.back() == ' ' ||
         text.find_first_of(",\"\r\n\t") != text.npos;
}

/// Cuts the members out of a JSON object, whose texts stay as they are. Nested values are only followed by
/// their brackets and quotes: they come from our own writer.
class object_text {
public:
  explicit object_text(std::string_view text) : text_(text) {}

  [[nodiscard]] bool take(char c) noexcept {
    skip_blanks();
    if (text_.empty() || text_.front() != c)
      return false;
    text_.remove_prefix(1);
    return true;
  }
  /// The next value; empty if there is none.
  [[nodiscard]] std::string_view take_value() noexcept {
    skip_blanks();
    std::size_t length = 0, depth = 0;
    do {
      auto c = length < text_.size() ? text_[length] : '\0';
      if (c == '"')
        length = end_of_string(length);
      else if (c == '{' || c == '[')
        ++depth, ++length;
      else if ((c == '}' || c == ']') && depth > 0)
        --depth, ++length;
      else
        length = depth > 0 ? length + 1 : end_of_scalar(length);
    } while (depth > 0 && length < text_.size());
    auto value = text_.substr(0, depth > 0 || length > text_.size() ? 0 : length);
    text_.remove_prefix(value.size());
    return value;
  }
  [[nodiscard]] bool at_end() noexcept {
    skip_blanks();
    return text_.empty();
  }

private:
  void skip_blanks() noexcept {
    text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size()));
  }
  /// Behind the closing quote; beyond the text if there is none.
  [[nodiscard]] std::size_t end_of_string(std::size_t at) const noexcept {
    for (++at; at < text_.size() && text_[at] != '"'; ++at)
      at += text_[at] == '\\';
    return at + 1;
  }
  [[nodiscard]] std::size_t end_of_scalar(std::size_t at) const noexcept {
    return std::min(text_.find_first_of(",:{}[]\" \t\r\n", at), text_.size());
  }

  std::string_view text_;
};

/// The text of a JSON string token; `room` holds it if it had escapes.
result<std::string_view> plain(std::string_view token, std::string& room) {
  auto inside = token.substr(1, token.size() - 2);
  if (inside.find('\\') == std::string_view::npos)
    return inside;
  room.resize(inside.size());
  TIDEMILL_TRY(auto length, unescape_json(inside, room.data()));
  return std::string_view{room}.substr(0, length);
}

} // namespace

void append_csv_field(std::string& out, std::string_view text) {
  if (!needs_quotes(text)) {
    out += text;
    return;
  }
  out += '"';
  for (auto c : text) {
    if (c == '"')
      out += '"';
    out += c;
  }
  out += '"';
}

void append_csv_value(std::string& out, const value& v) {
  if (v.is_null())
    return;
  if (const auto* text = v.get_if<std::string>())
    return append_csv_field(out, *text);
  std::string json;
  append_json(json, v);
  std::string_view text{json};
  // Times, bytes and NaN are JSON strings, which need no escapes.
  if (text.size() >= 2 && text.front() == '"')
    text = text.substr(1, text.size() - 2);
  append_csv_field(out, text);
}

struct json_to_csv::impl {
  std::vector<std::string> columns;
  std::vector<std::string_view> tokens; ///< of each column; empty: absent
  std::string room;

  status find_tokens(std::string_view json);
};

/// Finds the token of each column; the first of several equal keys counts.
status json_to_csv::impl::find_tokens(std::string_view json) {
  tokens.assign(columns.size(), {});
  error malformed{errc::event_malformed,
                  "an event for CSV is no JSON object: " + std::string{json.substr(0, 100)}};
  object_text text{json};
  if (!text.take('{'))
    return malformed;
  for (auto first = true; !text.take('}'); first = false) {
    if (!first && !text.take(','))
      return malformed;
    auto quoted = text.take_value();
    if (!quoted.starts_with('"'))
      return malformed;
    TIDEMILL_TRY(auto key, plain(quoted, room));
    auto column = static_cast<std::size_t>(std::find(columns.begin(), columns.end(), key) - columns.begin());
    auto has_value = text.take(':');
    auto token = text.take_value();
    if (!has_value || token.empty())
      return malformed;
    if (column < columns.size() && tokens[column].empty())
      tokens[column] = token;
  }
  if (!text.at_end())
    return malformed;
  return {};
}

json_to_csv::json_to_csv(std::vector<std::string> columns) : impl_(std::make_unique<impl>()) {
  impl_->columns = std::move(columns);
}
json_to_csv::~json_to_csv() = default;
json_to_csv::json_to_csv(json_to_csv&&) noexcept = default;
json_to_csv& json_to_csv::operator=(json_to_csv&&) noexcept = default;

std::string json_to_csv::header() const {
  std::string out;
  for (const auto& name : impl_->columns) {
    append_csv_field(out, name);
    out += ',';
  }
  if (!out.empty())
    out.back() = '\n';
  return out;
}

status json_to_csv::append_line(std::string& out, std::string_view json) {
  TIDEMILL_CHECK(impl_->find_tokens(json));
  auto begin = out.size();
  for (auto token : impl_->tokens) {
    if (token.starts_with('"')) {
      auto text = plain(token, impl_->room);
      if (!text) {
        out.resize(begin);
        return text.error();
      }
      append_csv_field(out, *text);
    } else if (!token.empty() && token != "null") {
      append_csv_field(out, token);
    }
    out += ',';
  }
  if (out.size() > begin)
    out.back() = '\n';
  return {};
}

} // namespace tidemill
