#include "pipeline/cel/call.hpp"
#include "pipeline/cel/checked.hpp"
#include "pipeline/cel/strings.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace tidemill::cel {
namespace {

template <class T>
bool parse_whole(std::string_view text, T& out) {
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc{} && end == text.data() + text.size();
}

value no_number(std::string_view text, const char* what) {
  return failure("not " + std::string{what} + ": \"" + std::string{shortened(text, 60)} + "\"");
}

template <class T>
value outcome(problem why, const T& out) {
  return why ? failure(why) : value{out};
}

value make_int(const value& v) {
  std::int64_t out = 0;
  if (const auto* u = v.get_if<std::uint64_t>())
    return outcome(to_int(*u, out), out);
  if (const auto* d = v.get_if<double>())
    return outcome(to_int(*d, out), out);
  if (const auto* s = v.get_if<std::string>())
    return parse_number(*s, out) ? value{out} : no_number(*s, "an int");
  if (const auto* t = v.get_if<timestamp>())
    return t->seconds;
  if (const auto* d = v.get_if<decimal>()) {
    auto whole = d->units / decimal_one;
    out = static_cast<std::int64_t>(whole);
    return whole == out ? value{out} : failure("decimal out of int's range");
  }
  return v.of() == kind::integer ? v : no_overload();
}

value make_uint(const value& v) {
  std::uint64_t out = 0;
  if (const auto* i = v.get_if<std::int64_t>())
    return outcome(to_uint(*i, out), out);
  if (const auto* d = v.get_if<double>())
    return outcome(to_uint(*d, out), out);
  if (const auto* s = v.get_if<std::string>())
    return parse_number(*s, out) ? value{out} : no_number(*s, "a uint");
  if (const auto* d = v.get_if<decimal>()) {
    auto whole = d->units / decimal_one;
    out = static_cast<std::uint64_t>(whole);
    return d->units >= 0 && whole == static_cast<int128>(out) ? value{out}
                                                              : failure("decimal out of uint's range");
  }
  return v.of() == kind::uinteger ? v : no_overload();
}

value make_double(const value& v) {
  if (const auto* i = v.get_if<std::int64_t>())
    return static_cast<double>(*i);
  if (const auto* u = v.get_if<std::uint64_t>())
    return static_cast<double>(*u);
  if (const auto* d = v.get_if<decimal>())
    return to_double(*d);
  if (const auto* s = v.get_if<std::string>()) {
    double out = 0;
    return parse_number(*s, out) ? value{out} : no_number(*s, "a double");
  }
  return v.of() == kind::real ? v : no_overload();
}

value make_decimal(const value& v) {
  decimal out;
  if (const auto* i = v.get_if<std::int64_t>())
    return to_decimal(*i);
  if (const auto* u = v.get_if<std::uint64_t>())
    return to_decimal(*u);
  if (const auto* d = v.get_if<double>())
    return outcome(to_decimal(*d, out), out);
  if (const auto* s = v.get_if<std::string>()) {
    auto parsed = parse_decimal(*s);
    return parsed ? value{*parsed} : failure(parsed.error().text());
  }
  return v.of() == kind::decimal ? v : no_overload();
}

value make_bool(const value& v) {
  const auto* s = v.get_if<std::string>();
  if (!s)
    return v.of() == kind::boolean ? v : no_overload();
  for (auto yes : {"1", "t", "true", "TRUE", "True"})
    if (*s == yes)
      return true;
  for (auto no : {"0", "f", "false", "FALSE", "False"})
    if (*s == no)
      return false;
  return no_number(*s, "a bool");
}

value make_string(const value& v) {
  switch (v.of()) {
  case kind::string:
    return v;
  case kind::boolean:
    return *v.get_if<bool>() ? "true" : "false";
  case kind::integer:
    return std::to_string(*v.get_if<std::int64_t>());
  case kind::uinteger:
    return std::to_string(*v.get_if<std::uint64_t>());
  case kind::real:
    return number_text(*v.get_if<double>());
  case kind::decimal:
    return to_string(*v.get_if<decimal>());
  case kind::timestamp:
    return format_rfc3339(*v.get_if<timestamp>());
  case kind::duration:
    return format_cel_duration(*v.get_if<duration>());
  case kind::ip:
    return to_string(*v.get_if<ip_address>());
  case kind::cidr:
    return to_string(*v.get_if<cidr_block>());
  case kind::bytes: {
    const auto& bytes = v.get_if<byte_string>()->bytes;
    return is_utf8(bytes) ? value{bytes} : failure("these bytes are not valid UTF-8");
  }
  default:
    return no_overload();
  }
}

value make_timestamp(const value& v) {
  if (const auto* s = v.get_if<std::string>()) {
    auto t = parse_rfc3339(*s);
    return t ? value{*t} : failure(t.error().text());
  }
  if (const auto* i = v.get_if<std::int64_t>()) {
    if (*i < timestamp_min_seconds || *i > timestamp_max_seconds)
      return failure(timestamp_overflow);
    return timestamp{*i, 0};
  }
  return v.of() == kind::timestamp ? v : no_overload();
}

value from_millis(const value& v) {
  const auto* ms = v.get_if<std::int64_t>();
  if (!ms)
    return no_overload();
  timestamp out;
  auto why = add(timestamp{*ms / 1000, 0}, duration{*ms % 1000 * 1'000'000}, out);
  return outcome(why, out);
}

value make_duration(const value& v) {
  if (const auto* s = v.get_if<std::string>()) {
    auto d = parse_cel_duration(*s);
    return d ? value{*d} : failure(d.error().text());
  }
  return v.of() == kind::duration ? v : no_overload();
}

std::optional<unsigned> sextet(char c) {
  if (c >= 'A' && c <= 'Z')
    return static_cast<unsigned>(c - 'A');
  if (c >= 'a' && c <= 'z')
    return static_cast<unsigned>(c - 'a') + 26;
  if (c >= '0' && c <= '9')
    return static_cast<unsigned>(c - '0') + 52;
  return c == '+' ? std::optional{62u} : c == '/' ? std::optional{63u} : std::nullopt;
}

/// Padding may be left out.
value decode_base64(std::string_view text) {
  auto digits = text.substr(0, text.find('='));
  auto padding = text.size() - digits.size();
  bool good = digits.size() % 4 != 1 &&
              text.find_first_not_of('=', digits.size()) == std::string_view::npos &&
              (padding == 0 || (padding + digits.size()) % 4 == 0) && padding < 3;
  std::string out;
  unsigned bits = 0, pending = 0;
  for (auto c : digits) {
    auto s = sextet(c);
    good &= s.has_value();
    pending = (pending << 6 | s.value_or(0)) & 0xFFFF;
    if ((bits += 6) >= 8)
      out.push_back(static_cast<char>(pending >> (bits -= 8) & 0xFF));
  }
  return good ? value{byte_string{std::move(out)}} : failure("not base64");
}

value call_base64(fn f, const value& v) {
  const auto* b = v.get_if<byte_string>();
  const auto* s = v.get_if<std::string>();
  if (f == fn::base64_encode)
    return b ? value{base64_encode(b->bytes)} : no_overload();
  return s ? decode_base64(*s) : no_overload();
}

} // namespace

std::string number_text(double x) {
  if (std::isnan(x))
    return "NaN";
  if (std::isinf(x))
    return x > 0 ? "Infinity" : "-Infinity";
  char digits[40];
  auto end = std::to_chars(digits, digits + sizeof digits, x, std::chars_format::general).ptr;
  return {digits, end};
}

bool parse_number(std::string_view text, std::int64_t& out) {
  if (text.starts_with('+') && !text.starts_with("+-"))
    text.remove_prefix(1);
  return parse_whole(text, out);
}

bool parse_number(std::string_view text, std::uint64_t& out) {
  return parse_whole(text, out);
}

bool parse_number(std::string_view text, double& out) {
  // from_chars would also read `nan(x)`; only these names count.
  auto rest = text;
  if (rest.starts_with('+') || rest.starts_with('-'))
    rest.remove_prefix(1);
  if (rest.empty())
    return false;
  if (rest.front() == '.' || (rest.front() >= '0' && rest.front() <= '9')) {
    if (text.front() == '+')
      text.remove_prefix(1);
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (code != std::errc::result_out_of_range || end != text.data() + text.size())
      return code == std::errc{} && end == text.data() + text.size();
    // Too small is zero, too large is none; from_chars tells neither.
    auto exponent = rest.find_first_of("eE");
    bool tiny = exponent == std::string_view::npos ? rest.front() == '0' || rest.front() == '.'
                                                   : rest[exponent + 1] == '-';
    out = text.front() == '-' ? -0.0 : 0.0;
    return tiny;
  }
  std::string name;
  for (auto c : rest.substr(0, 10))
    name.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  if (name != "nan" && name != "inf" && name != "infinity")
    return false;
  out = name == "nan" ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  if (text.front() == '-')
    out = -out;
  return true;
}

std::string type_name(kind k) {
  switch (k) {
  case kind::timestamp:
    return "google.protobuf.Timestamp";
  case kind::duration:
    return "google.protobuf.Duration";
  case kind::null_type:
    return "null_type";
  case kind::optional:
    return "optional_type";
  case kind::list:
    return "list";
  case kind::map:
    return "map";
  case kind::type:
    return "type";
  case kind::ip:
    return "net.IP";
  case kind::cidr:
    return "net.CIDR";
  default:
    return to_string(type{k});
  }
}

value call_conversion(fn f, arguments args) {
  if (args.size() != 1)
    return no_overload();
  const auto& v = *args[0];
  switch (f) {
  case fn::to_int:
    return make_int(v);
  case fn::to_uint:
    return make_uint(v);
  case fn::to_double:
    return make_double(v);
  case fn::to_decimal:
    return make_decimal(v);
  case fn::to_string:
    return make_string(v);
  case fn::to_bool:
    return make_bool(v);
  case fn::to_bytes: {
    const auto* s = v.get_if<std::string>();
    return s ? value{byte_string{*s}} : v.of() == kind::bytes ? v : no_overload();
  }
  case fn::to_timestamp:
    return make_timestamp(v);
  case fn::timestamp_millis:
    return from_millis(v);
  case fn::to_duration:
    return make_duration(v);
  case fn::type_of:
    return type{v.of()};
  case fn::dyn:
    return v;
  default:
    return call_base64(f, v);
  }
}

} // namespace tidemill::cel
