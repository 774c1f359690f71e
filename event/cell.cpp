#include "event/cell.hpp"

#include "event/number_text.hpp"
#include "event/time_pattern.hpp"
#include "event/utf8.hpp"

namespace tidemill {
namespace {

bool not_the_text(const cell& c, std::string_view text, error& why) {
  return cell_mismatch(c, "text " + excerpt(text), why);
}

// For a text that would do, were its value not out of range.
bool not_in_range(const cell& c, std::string_view text, bool grammar, error& why) {
  return cell_mismatch(c, "text " + excerpt(text) + (grammar ? ", which is out of range" : ""), why);
}

bool text_bool(const cell& c, std::string_view text, text_life, error& why) {
  bool yes = text == "true" || text == "True" || text == "TRUE";
  bool no = text == "false" || text == "False" || text == "FALSE";
  return yes || no ? c.put(std::uint8_t{yes}) : not_the_text(c, text, why);
}

bool text_int(const cell& c, std::string_view text, text_life, error& why) {
  std::int64_t x = 0;
  return read_int(text, x) ? c.put(x) : not_in_range(c, text, text_number(text) == number_form::integer, why);
}

bool text_uint(const cell& c, std::string_view text, text_life, error& why) {
  std::uint64_t x = 0;
  return read_uint(text, x) ? c.put(x)
                            : not_in_range(c, text, text_number(text) == number_form::integer, why);
}

bool text_double(const cell& c, std::string_view text, text_life, error& why) {
  double x = 0;
  bool number = text_number(text) != number_form::none;
  return number && read_double(text, x) ? c.put(x) : not_in_range(c, text, number, why);
}

bool text_string(const cell& c, std::string_view text, text_life life, error&) {
  return c.put(life == text_life::batch ? text : c.to.memory().copy(text));
}

bool text_decimal(const cell& c, std::string_view text, text_life, error& why) {
  auto read = parse_decimal(text);
  return read ? c.put(*read) : cell_refused(c, read.error(), why);
}

bool text_timestamp(const cell& c, std::string_view text, text_life, error& why) {
  if (c.as.time == time_format::rfc3339 || c.as.time == time_format::pattern) {
    auto read = c.as.pattern ? c.as.pattern->parse(text) : parse_rfc3339(text);
    return read ? c.put(*read) : cell_refused(c, read.error(), why);
  }
  bool number = text_number(text) != number_form::none;
  return (number && store_epoch(c, text)) || not_in_range(c, text, number, why);
}

bool text_duration(const cell& c, std::string_view text, text_life, error& why) {
  auto read = parse_cel_duration(text);
  return read ? c.put(*read) : cell_refused(c, read.error(), why);
}

bool text_list(const cell& c, std::string_view text, text_life, error& why) {
  return text.starts_with('[') ? store_json_list(c, text, why) : not_the_text(c, text, why);
}

} // namespace

text_cell_reader text_reader(const type& t) noexcept {
  switch (t.of()) {
  case kind::boolean:
    return text_bool;
  case kind::integer:
    return text_int;
  case kind::uinteger:
    return text_uint;
  case kind::real:
    return text_double;
  case kind::decimal:
    return text_decimal;
  case kind::timestamp:
    return text_timestamp;
  case kind::duration:
    return text_duration;
  case kind::list:
    return text_list;
  default:
    return text_string;
  }
}

bool cell_mismatch(const cell& c, const std::string& found, error& why) {
  why = {errc::event_type, c.as.name + ": expected " + type_name(c.as) + ", found " + found};
  return false;
}

bool cell_refused(const cell& c, const error& reason, error& why) {
  why = {reason.code(), c.as.name + ": expected " + type_name(c.as) + ": " + reason.text()};
  return false;
}

bool store_epoch(const cell& c, std::string_view number) noexcept {
  timestamp t;
  return read_epoch(number, c.as.time, t) && c.put(t);
}

std::string type_name(const field& f) {
  auto name = to_string(f.of.with_null(false));
  static constexpr std::string_view suffixes[] = {"", "_s", "_ms", "_us", "_ns", ""};
  auto suffix = suffixes[static_cast<std::size_t>(f.time)];
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
  case kind::ip:
  case kind::cidr:
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
  out += text.size() > longest ? "…\"" : "\"";
  return out;
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
