#include "storage/file/csv_text.hpp"

#include "event/json_parse.hpp"
#include "event/json_tokens.hpp"

#include <algorithm>

namespace tidemill {
namespace {

bool needs_quotes(std::string_view text) noexcept {
  return text.empty() || text.front() == ' ' || text.back() == ' ' ||
         text.find_first_of(",\"\r\n\t") != text.npos;
}

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
  json_scanner scanner;
  std::vector<std::string_view> tokens; ///< of each column; empty: absent
  std::string room;

  status find_tokens(std::string_view json);
};

/// Finds the token of each column; the first of several equal keys counts.
status json_to_csv::impl::find_tokens(std::string_view json) {
  tokens.assign(columns.size(), {});
  error why;
  if (!scanner.scan(json, why))
    return why;
  json_cursor at{json, scanner};
  if (!at.skip_char('{', why))
    return why;
  for (auto first = true; at.peek() != '}'; first = false) {
    if (!first && !at.skip_char(',', why))
      return why;
    if (at.peek() != '"')
      return at.expected("a key");
    std::string_view quoted, token;
    if (!at.skip_value(quoted, why))
      return why;
    TIDEMILL_TRY(auto key, plain(quoted, room));
    auto column = std::find(columns.begin(), columns.end(), key) - columns.begin();
    if (!at.skip_char(':', why) || !at.skip_value(token, why))
      return why;
    if (auto i = static_cast<std::size_t>(column); i < columns.size() && tokens[i].empty())
      tokens[i] = token;
  }
  at.advance();
  if (!at.at_end())
    return at.expected("the end");
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
