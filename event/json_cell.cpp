#include "event/cell.hpp"
#include "event/json_parse.hpp"
#include "event/number_text.hpp"
#include "event/time_pattern.hpp"

namespace tidemill {
namespace {

bool not_the_json(const cell& c, std::string_view json, error& why) {
  return cell_mismatch(c, describe_json(json), why);
}

// For a value that would do, were it not out of range.
bool not_in_range(const cell& c, std::string_view json, bool grammar, error& why) {
  return cell_mismatch(c, describe_json(json) + (grammar ? ", which is out of range" : ""), why);
}

bool json_bool(const cell& c, std::string_view json, error& why) {
  bool yes = json == "true";
  return yes || json == "false" ? c.put(std::uint8_t{yes}) : not_the_json(c, json, why);
}

// Of what `read_int` takes, JSON has neither `+1` nor `01`.
bool is_json_integer(std::string_view json) noexcept {
  auto digits = json.substr(json.front() == '-' ? 1 : 0);
  return digits.size() == 1 || (digits.front() != '0' && digits.front() != '+');
}

bool json_int(const cell& c, std::string_view json, error& why) {
  std::int64_t x = 0;
  if (read_int(json, x) && is_json_integer(json))
    return c.put(x);
  return not_in_range(c, json, json_number(json) == number_form::integer, why);
}

bool json_uint(const cell& c, std::string_view json, error& why) {
  std::uint64_t x = 0;
  if (read_uint(json, x) && is_json_integer(json))
    return c.put(x);
  return not_in_range(c, json, json_number(json) == number_form::integer, why);
}

bool json_double(const cell& c, std::string_view json, error& why) {
  double x = 0;
  bool number = json_number(json) != number_form::none;
  return number && read_double(json, x) ? c.put(x) : not_in_range(c, json, number, why);
}

std::string_view inside(std::string_view json) noexcept {
  return json.substr(1, json.size() - 2);
}

bool json_escaped_string(const cell& c, std::string_view text, error& why) {
  auto* to = c.to.memory().reserve(text.size()); // no escape is shorter than what it means
  auto size = unescape_json(text, to);
  return size ? c.put(std::string_view{to, *size}) : cell_refused(c, size.error(), why);
}

bool json_string(const cell& c, std::string_view json, error& why) {
  if (json.front() != '"')
    return not_the_json(c, json, why);
  auto text = inside(json);
  return text.find('\\') == text.npos ? c.put(text) : json_escaped_string(c, text, why);
}

// The text of a string, or any other value as it is. Escapes are undone in `buffer`.
bool spelled_text(const cell& c, std::string_view json, std::string& buffer, std::string_view& out,
                  error& why) {
  out = json;
  if (json.front() != '"')
    return true;
  out = inside(json);
  if (out.find('\\') == out.npos)
    return true;
  buffer.resize(out.size());
  auto size = unescape_json(out, buffer.data());
  if (!size)
    return cell_refused(c, size.error(), why);
  out = std::string_view{buffer}.substr(0, *size);
  return true;
}

bool json_decimal(const cell& c, std::string_view json, error& why) {
  std::string buffer;
  std::string_view text;
  if (!spelled_text(c, json, buffer, text, why))
    return false;
  if (json_number(text) == number_form::none)
    return not_the_json(c, json, why);
  auto read = parse_decimal(text);
  return read ? c.put(*read) : cell_refused(c, read.error(), why);
}

bool json_any_timestamp(const cell& c, std::string_view json, error& why) {
  std::string buffer;
  std::string_view text;
  if (!spelled_text(c, json, buffer, text, why))
    return false;
  if (c.as.time == time_format::pattern) {
    auto read = c.as.pattern->parse(text);
    return read ? c.put(*read) : cell_refused(c, read.error(), why);
  }
  if (c.as.time != time_format::rfc3339) {
    bool number = json_number(text) != number_form::none;
    return (number && store_epoch(c, text)) || not_in_range(c, json, number, why);
  }
  if (json.front() != '"')
    return not_the_json(c, json, why);
  auto read = parse_rfc3339(text);
  return read ? c.put(*read) : cell_refused(c, read.error(), why);
}

bool json_timestamp(const cell& c, std::string_view json, error& why) {
  if (c.as.time != time_format::rfc3339 && c.as.time != time_format::pattern)
    if (timestamp t; read_plain_epoch(json.front() == '"' ? inside(json) : json, c.as.time, t))
      return c.put(t);
  return json_any_timestamp(c, json, why);
}

bool json_duration(const cell& c, std::string_view json, error& why) {
  std::string buffer;
  std::string_view text;
  if (!spelled_text(c, json, buffer, text, why))
    return false;
  if (json.front() != '"')
    return not_the_json(c, json, why);
  auto read = parse_cel_duration(text);
  return read ? c.put(*read) : cell_refused(c, read.error(), why);
}

bool json_list(const cell& c, std::string_view json, error& why) {
  return json.front() == '[' ? store_json_list(c, json, why) : not_the_json(c, json, why);
}

bool json_any(const cell& c, std::string_view json, error& why) {
  auto read = parse_json(json);
  return read ? c.put(*read) : cell_refused(c, read.error(), why);
}

} // namespace

json_cell_reader json_reader(const type& t) noexcept {
  switch (t.of()) {
  case kind::boolean:
    return json_bool;
  case kind::integer:
    return json_int;
  case kind::uinteger:
    return json_uint;
  case kind::real:
    return json_double;
  case kind::decimal:
    return json_decimal;
  case kind::string:
  case kind::bytes:
    return json_string;
  case kind::timestamp:
    return json_timestamp;
  case kind::duration:
    return json_duration;
  case kind::list:
    return json_list;
  default:
    return json_any;
  }
}

bool store_json_list(const cell& c, std::string_view json, error& why) {
  auto elements = split_json_array(json);
  if (!elements)
    return cell_refused(c, elements.error(), why);
  field item{c.as.name, c.as.of.first(), {}, c.as.time, c.as.pattern};
  column one{item.of};
  one.resize(1);
  auto read = json_reader(item.of);
  value_list list;
  list.reserve(elements->size());
  for (auto element : *elements) {
    bool is_null = element == "null" && !item.of.is(kind::dyn);
    if (is_null && !item.of.nullable())
      return cell_mismatch({item, one, 0}, "null in the list", why);
    if (!is_null && !read({item, one, 0}, element, why))
      return false;
    list.push_back(is_null ? value{} : one.at(0));
  }
  return c.put(value{std::move(list)});
}

std::string describe_json(std::string_view json) {
  switch (json.front()) {
  case '"':
    return "string " + excerpt(inside(json));
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

} // namespace tidemill
