#include "event/cell.hpp"

#include "event/json_parse.hpp"
#include "event/number_text.hpp"
#include "event/utf8.hpp"

#include <algorithm>

namespace tidemill {
namespace {

bool mismatch(const cell& c, const std::string& found, error& why) {
  why = {errc::event_type, c.as.name + ": expected " + type_name(c.as) + ", found " + found};
  return false;
}

// Why a reader refused a text, with the name of the field.
bool refused(const cell& c, const error& reason, error& why) {
  why = {reason.code(), c.as.name + ": expected " + type_name(c.as) + ": " + reason.text()};
  return false;
}

template <class T>
bool put(const cell& c, const T& x) {
  c.to.as<T>()[c.row] = x;
  return true;
}

template <class T>
bool put_result(const cell& c, const result<T>& read, error& why) {
  return read ? put(c, *read) : refused(c, read.error(), why);
}

std::string quoted_text(std::string_view text) {
  return "text " + excerpt(text);
}

bool read_bool(std::string_view text, std::uint8_t& out) noexcept {
  bool yes = text == "true" || text == "True" || text == "TRUE";
  out = yes ? 1 : 0;
  return yes || text == "false" || text == "False" || text == "FALSE";
}

using describe = std::string (*)(std::string_view);

// `text` is the number in `raw`, if it is one.
bool store_epoch(const cell& c, std::string_view text, bool number, std::string_view raw, describe found,
                 error& why) {
  timestamp t;
  if (!number)
    return mismatch(c, found(raw), why);
  if (!read_epoch(text, c.as.time, t))
    return mismatch(c, found(raw) + ", which is outside of the years 0001 to 9999", why);
  return put(c, t);
}

bool is_json_string(std::string_view json) noexcept {
  return json.front() == '"';
}

// The inside of a JSON string without escapes. With them, it is unescaped into `buffer`.
bool plain_text(const cell& c, std::string_view json, std::string& buffer, std::string_view& out,
                error& why) {
  out = json.substr(1, json.size() - 2);
  if (out.find('\\') == std::string_view::npos)
    return true;
  buffer.resize(out.size());
  auto size = unescape_json(out, buffer.data());
  if (!size)
    return refused(c, size.error(), why);
  out = std::string_view{buffer}.substr(0, *size);
  return true;
}

bool store_json_text(const cell& c, std::string_view json, error& why) {
  if (!is_json_string(json))
    return mismatch(c, describe_json(json), why);
  auto inside = json.substr(1, json.size() - 2);
  if (inside.find('\\') == std::string_view::npos)
    return put(c, inside);
  auto* to = c.to.memory().reserve(inside.size()); // no escape is shorter than what it means
  auto size = unescape_json(inside, to);
  return size ? put(c, std::string_view{to, *size}) : refused(c, size.error(), why);
}

bool store_json_list(const cell& c, std::string_view json, error& why) {
  auto elements = split_json_array(json);
  if (!elements)
    return json.starts_with('[') ? refused(c, elements.error(), why) : mismatch(c, quoted_text(json), why);
  field item{c.as.name, c.as.of.first(), {}, c.as.time};
  column one{item.of};
  one.resize(1);
  value_list list;
  list.reserve(elements->size());
  for (auto element : *elements) {
    bool is_null = element == "null" && !item.of.is(kind::dyn);
    if (is_null && !item.of.nullable()) {
      why = {errc::event_type, item.name + ": expected " + type_name(item) + " in the list, found null"};
      return false;
    }
    if (!is_null && !store_json({item, one, 0}, element, why))
      return false;
    list.push_back(is_null ? value{} : one.at(0));
  }
  return put(c, value{std::move(list)});
}

// Kinds whose text may stand in a JSON string, and nowhere else but in a number.
bool store_json_spelled(const cell& c, std::string_view json, error& why) {
  std::string buffer;
  auto text = json;
  bool string = is_json_string(json);
  if (string && !plain_text(c, json, buffer, text, why))
    return false;
  bool number = json_number(text) != number_form::none;
  switch (c.as.of.of()) {
  case kind::decimal:
    return number ? put_result(c, parse_decimal(text), why) : mismatch(c, describe_json(json), why);
  case kind::timestamp:
    if (c.as.time != time_format::rfc3339)
      return store_epoch(c, text, number, json, describe_json, why);
    return string ? put_result(c, parse_rfc3339(text), why) : mismatch(c, describe_json(json), why);
  default:
    return string ? put_result(c, parse_cel_duration(text), why) : mismatch(c, describe_json(json), why);
  }
}

bool store_json_boxed(const cell& c, std::string_view json, error& why) {
  auto read = parse_json(json);
  return read ? put(c, *read) : refused(c, read.error(), why);
}

// Numbers are compared with the grammar after the fact: what `read_int` takes and JSON doesn't is rare.
bool json_integer(std::string_view json) noexcept {
  auto digits = json.substr(json.front() == '-' ? 1 : 0);
  return digits.size() == 1 || (digits.front() != '0' && digits.front() != '+');
}

} // namespace

std::string describe_json(std::string_view json) {
  switch (json.front()) {
  case '"':
    return "string " + excerpt(json.substr(1, json.size() - 2));
  case '[':
    return "a list";
  case '{':
    return "an object";
  case 't':
  case 'f':
    return "bool " + std::string{json};
  case 'n':
    return "null";
  default:
    return "number " + std::string{json.substr(0, 40)};
  }
}

bool store_text(cell to, std::string_view text, text_life life, error& why) {
  std::uint8_t b = 0;
  std::int64_t i = 0;
  std::uint64_t u = 0;
  double d = 0;
  switch (to.as.of.of()) {
  case kind::boolean:
    return read_bool(text, b) ? put(to, b) : mismatch(to, quoted_text(text), why);
  case kind::integer:
    return read_int(text, i) ? put(to, i) : mismatch(to, quoted_text(text), why);
  case kind::uinteger:
    return read_uint(text, u) ? put(to, u) : mismatch(to, quoted_text(text), why);
  case kind::real:
    if (text_number(text) == number_form::none || !read_double(text, d))
      return mismatch(to, quoted_text(text), why);
    return put(to, d);
  case kind::decimal:
    return put_result(to, parse_decimal(text), why);
  case kind::string:
  case kind::bytes:
    return put(to, life == text_life::batch ? text : to.to.memory().copy(text));
  case kind::timestamp:
    if (to.as.time == time_format::rfc3339)
      return put_result(to, parse_rfc3339(text), why);
    return store_epoch(to, text, text_number(text) != number_form::none, text, quoted_text, why);
  case kind::duration:
    return put_result(to, parse_cel_duration(text), why);
  default:
    return store_json_list(to, text, why);
  }
}

bool store_json(cell to, std::string_view json, error& why) {
  std::int64_t i = 0;
  std::uint64_t u = 0;
  double d = 0;
  switch (to.as.of.of()) {
  case kind::boolean:
    if (json != "true" && json != "false")
      return mismatch(to, describe_json(json), why);
    return put(to, std::uint8_t{json == "true"});
  case kind::integer:
    return read_int(json, i) && json_integer(json) ? put(to, i) : mismatch(to, describe_json(json), why);
  case kind::uinteger:
    return read_uint(json, u) && json_integer(json) ? put(to, u) : mismatch(to, describe_json(json), why);
  case kind::real:
    if (json_number(json) == number_form::none || !read_double(json, d))
      return mismatch(to, describe_json(json), why);
    return put(to, d);
  case kind::string:
  case kind::bytes:
    return store_json_text(to, json, why);
  case kind::list:
    return json.front() == '[' ? store_json_list(to, json, why) : mismatch(to, describe_json(json), why);
  case kind::dyn:
    return store_json_boxed(to, json, why);
  default:
    return store_json_spelled(to, json, why);
  }
}

std::string type_name(const field& f) {
  auto innermost = f.of.with_null(false);
  auto name = to_string(innermost);
  if (f.time == time_format::rfc3339)
    return name;
  auto suffix = f.time == time_format::epoch_s ? "_s" : f.time == time_format::epoch_ms ? "_ms" : "_us";
  if (auto at = name.find("timestamp"); at != std::string::npos)
    name.insert(at + std::string_view{"timestamp"}.size(), suffix);
  return name;
}

bool has_cells(const type& t) noexcept {
  switch (t.of()) {
  case kind::list:
    return has_cells(t.first());
  case kind::null_type:
  case kind::map:
  case kind::optional:
  case kind::type:
    return false;
  default:
    return true;
  }
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t longest = 40;
  std::string out = "\"";
  for (auto rest = text.substr(0, longest); !rest.empty();) {
    auto step = next_utf8(rest);
    auto control = static_cast<unsigned char>(rest.front()) < 0x20 || rest.front() == '\x7F';
    if (step.valid && !control)
      out += rest.substr(0, step.length);
    else if (text.size() <= longest || rest.size() > 3) // not a character that the cut has halved
      out += '?';
    rest.remove_prefix(step.length);
  }
  return out + (text.size() > longest ? "…\"" : "\"");
}

bool check_utf8(std::string_view text, error& why) {
  if (is_utf8(text))
    return true;
  auto rest = text;
  for (;;) {
    rest.remove_prefix(ascii_prefix(rest));
    auto step = next_utf8(rest);
    if (!step.valid)
      break;
    rest.remove_prefix(step.length);
  }
  why = {errc::event_encoding, "text that is not UTF-8 at byte " + std::to_string(text.size() - rest.size())};
  return false;
}

} // namespace tidemill
