#include "pipeline/cel/function.hpp"

#include <algorithm>

namespace tidemill::cel {
namespace {

struct row {
  fn id;
  std::string_view name, signatures;
};

constexpr std::string_view any_ordered =
    "bool, bool -> bool; int, int -> bool; uint, uint -> bool; double, double -> bool; "
    "string, string -> bool; bytes, bytes -> bool; timestamp, timestamp -> bool; duration, duration -> bool; "
    "decimal, decimal -> bool; int, uint -> bool; int, double -> bool; int, decimal -> bool; "
    "uint, int -> bool; uint, double -> bool; uint, decimal -> bool; double, int -> bool; "
    "double, uint -> bool; double, decimal -> bool; decimal, int -> bool; decimal, uint -> bool; "
    "decimal, double -> bool";
// Money is compared with literals of any kind; other numbers must be of one type.
constexpr std::string_view any_equal =
    "A, A -> bool; decimal, int -> bool; decimal, uint -> bool; decimal, double -> bool; "
    "int, decimal -> bool; uint, decimal -> bool; double, decimal -> bool";
constexpr std::string_view getter = "timestamp -> int; timestamp, string -> int";
constexpr std::string_view clock_getter = "timestamp -> int; timestamp, string -> int; duration -> int";
constexpr std::string_view of_double = "double -> double";
constexpr std::string_view of_ip = "ip -> bool";
constexpr std::string_view of_bits = "int, int -> int; uint, uint -> uint";

// One line a function: what it takes, `->`, what it gives.
constexpr row table[] = {
    {fn::add, "_+_",
     "int, int -> int; uint, uint -> uint; double, double -> double; string, string -> string; "
     "bytes, bytes -> bytes; [A], [A] -> [A]; timestamp, duration -> timestamp; "
     "duration, timestamp -> timestamp; duration, duration -> duration; decimal, decimal -> decimal; "
     "decimal, int -> decimal; int, decimal -> decimal"},
    {fn::sub, "_-_",
     "int, int -> int; uint, uint -> uint; double, double -> double; timestamp, timestamp -> duration; "
     "timestamp, duration -> timestamp; duration, duration -> duration; decimal, decimal -> decimal; "
     "decimal, int -> decimal; int, decimal -> decimal"},
    {fn::mul, "_*_",
     "int, int -> int; uint, uint -> uint; double, double -> double; decimal, decimal -> decimal; "
     "decimal, int -> decimal; int, decimal -> decimal"},
    {fn::div, "_/_",
     "int, int -> int; uint, uint -> uint; double, double -> double; decimal, decimal -> decimal; "
     "decimal, int -> decimal; int, decimal -> decimal"},
    {fn::mod, "_%_", "int, int -> int; uint, uint -> uint"},
    {fn::neg, "-_", "int -> int; double -> double; decimal -> decimal; duration -> duration"},
    {fn::not_, "!_", "bool -> bool"},
    {fn::eq, "_==_", any_equal},
    {fn::ne, "_!=_", any_equal},
    {fn::lt, "_<_", any_ordered},
    {fn::le, "_<=_", any_ordered},
    {fn::gt, "_>_", any_ordered},
    {fn::ge, "_>=_", any_ordered},
    {fn::in, "@in", "A, [A] -> bool; A, {A: B} -> bool"},
    {fn::index, "_[_]", "[A], int -> A; {A: B}, A -> B; ?[A], int -> ?A; ?{A: B}, A -> ?B"},
    {fn::opt_index, "_[?_]", "[A], int -> ?A; {A: B}, A -> ?B; ?[A], int -> ?A; ?{A: B}, A -> ?B"},
    {fn::size, "size", "string -> int; bytes -> int; [A] -> int; {A: B} -> int"},
    {fn::size, ".size", "string -> int; bytes -> int; [A] -> int; {A: B} -> int"},
    {fn::contains, ".contains", "string, string -> bool"},
    {fn::starts_with, ".startsWith", "string, string -> bool"},
    {fn::ends_with, ".endsWith", "string, string -> bool"},
    {fn::matches, ".matches", "string, string -> bool"},
    {fn::matches, "matches", "string, string -> bool"},
    {fn::char_at, ".charAt", "string, int -> string"},
    {fn::index_of, ".indexOf", "string, string -> int; string, string, int -> int"},
    {fn::last_index_of, ".lastIndexOf", "string, string -> int; string, string, int -> int"},
    {fn::substring, ".substring", "string, int -> string; string, int, int -> string"},
    {fn::replace, ".replace", "string, string, string -> string; string, string, string, int -> string"},
    {fn::split, ".split", "string, string -> [string]; string, string, int -> [string]"},
    {fn::join, ".join", "[string] -> string; [string], string -> string"},
    {fn::trim, ".trim", "string -> string"},
    {fn::lower_ascii, ".lowerAscii", "string -> string"},
    {fn::upper_ascii, ".upperAscii", "string -> string"},
    {fn::reverse, ".reverse", "string -> string"},
    {fn::format, ".format", "string, [dyn] -> string"},
    {fn::quote, "strings.quote", "string -> string"},
    {fn::to_int, "int",
     "int -> int; uint -> int; double -> int; string -> int; timestamp -> int; decimal -> int"},
    {fn::to_uint, "uint", "uint -> uint; int -> uint; double -> uint; string -> uint; decimal -> uint"},
    {fn::to_double, "double",
     "double -> double; int -> double; uint -> double; string -> double; decimal -> double"},
    {fn::to_decimal, "decimal",
     "decimal -> decimal; int -> decimal; uint -> decimal; double -> decimal; string -> decimal"},
    {fn::to_string, "string",
     "string -> string; int -> string; uint -> string; double -> string; bool -> string; bytes -> string; "
     "timestamp -> string; duration -> string; decimal -> string; ip -> string; cidr -> string"},
    {fn::to_bool, "bool", "bool -> bool; string -> bool"},
    {fn::to_bytes, "bytes", "bytes -> bytes; string -> bytes"},
    {fn::to_timestamp, "timestamp", "timestamp -> timestamp; string -> timestamp; int -> timestamp"},
    {fn::timestamp_millis, "timestampMillis", "int -> timestamp"},
    {fn::to_duration, "duration", "duration -> duration; string -> duration"},
    {fn::type_of, "type", "A -> type"},
    {fn::dyn, "dyn", "A -> dyn"},
    {fn::full_year, ".getFullYear", getter},
    {fn::month, ".getMonth", getter},
    {fn::date, ".getDate", getter},
    {fn::day_of_month, ".getDayOfMonth", getter},
    {fn::day_of_year, ".getDayOfYear", getter},
    {fn::day_of_week, ".getDayOfWeek", getter},
    {fn::hours, ".getHours", clock_getter},
    {fn::minutes, ".getMinutes", clock_getter},
    {fn::seconds, ".getSeconds", clock_getter},
    {fn::milliseconds, ".getMilliseconds", clock_getter},
    {fn::optional_of, "optional.of", "A -> ?A"},
    {fn::optional_none, "optional.none", "-> ?A"},
    {fn::optional_of_non_zero, "optional.ofNonZeroValue", "A -> ?A"},
    {fn::has_value, ".hasValue", "?A -> bool"},
    {fn::value_of, ".value", "?A -> A"},
    {fn::or_, ".or", "?A, ?A -> ?A"},
    {fn::or_value, ".orValue", "?A, A -> A"},
    {fn::abs, "math.abs", "int -> int; uint -> uint; double -> double; decimal -> decimal"},
    {fn::ceil, "math.ceil", of_double},
    {fn::floor, "math.floor", of_double},
    {fn::round, "math.round", of_double},
    {fn::trunc, "math.trunc", of_double},
    {fn::sign, "math.sign", "int -> int; uint -> uint; double -> double"},
    {fn::is_nan, "math.isNaN", "double -> bool"},
    {fn::is_inf, "math.isInf", "double -> bool"},
    {fn::is_finite, "math.isFinite", "double -> bool"},
    {fn::bit_and, "math.bitAnd", of_bits},
    {fn::bit_or, "math.bitOr", of_bits},
    {fn::bit_xor, "math.bitXor", of_bits},
    {fn::bit_not, "math.bitNot", "int -> int; uint -> uint"},
    {fn::shift_left, "math.bitShiftLeft", "int, int -> int; uint, int -> uint"},
    {fn::shift_right, "math.bitShiftRight", "int, int -> int; uint, int -> uint"},
    {fn::sqrt, "math.sqrt", "double -> double; int -> double; uint -> double"},
    // The checker gives these two their type: they take any number of arguments.
    {fn::greatest, "math.greatest", ""},
    {fn::least, "math.least", ""},
    {fn::ratio, "ratio",
     "int, int -> double; uint, uint -> double; double, double -> double; int, double -> double; "
     "double, int -> double; uint, int -> double; int, uint -> double; uint, double -> double; "
     "double, uint -> double; decimal, decimal -> double; decimal, int -> double; int, decimal -> double"},
    {fn::base64_encode, "base64.encode", "bytes -> string"},
    {fn::base64_decode, "base64.decode", "string -> bytes"},
    {fn::to_ip, "ip", "string -> ip; ip -> ip"},
    {fn::to_cidr, "cidr", "string -> cidr; cidr -> cidr"},
    {fn::is_ip, "isIP", "string -> bool"},
    {fn::is_cidr, "isCIDR", "string -> bool"},
    {fn::family, ".family", "ip -> int"},
    {fn::is_unspecified, ".isUnspecified", of_ip},
    {fn::is_loopback, ".isLoopback", of_ip},
    {fn::is_link_local_multicast, ".isLinkLocalMulticast", of_ip},
    {fn::is_link_local_unicast, ".isLinkLocalUnicast", of_ip},
    {fn::is_global_unicast, ".isGlobalUnicast", of_ip},
    {fn::contains_ip, ".containsIP", "cidr, ip -> bool; cidr, string -> bool"},
    {fn::contains_cidr, ".containsCIDR", "cidr, cidr -> bool; cidr, string -> bool"},
    {fn::ip_of, ".ip", "cidr -> ip"},
    {fn::masked, ".masked", "cidr -> cidr"},
    {fn::prefix_length, ".prefixLength", "cidr -> int"},
};

overload parse_overload(std::string_view text) {
  auto arrow = text.find("->");
  overload out;
  out.result = parse_term(text.substr(arrow + 2));
  auto params = text.substr(0, arrow);
  while (params.find_first_not_of(' ') != std::string_view::npos) {
    auto comma = std::min(params.find(','), params.size());
    out.params.push_back(parse_term(params.substr(0, comma)));
    params.remove_prefix(std::min(comma + 1, params.size()));
  }
  return out;
}

std::vector<function> parse_table() {
  std::vector<function> out;
  for (const auto& r : table) {
    function f{r.id, r.name, {}};
    for (auto rest = r.signatures; !rest.empty();) {
      auto semicolon = std::min(rest.find(';'), rest.size());
      f.overloads.push_back(parse_overload(rest.substr(0, semicolon)));
      rest.remove_prefix(std::min(semicolon + 1, rest.size()));
    }
    out.push_back(std::move(f));
  }
  std::sort(out.begin(), out.end(), [](const function& a, const function& b) { return a.name < b.name; });
  return out;
}

} // namespace

const std::vector<function>& functions() {
  static const auto all = parse_table();
  return all;
}

const function* find_function(std::string_view name) {
  const auto& all = functions();
  auto at = std::lower_bound(all.begin(), all.end(), name,
                             [](const function& f, std::string_view n) { return f.name < n; });
  return at != all.end() && at->name == name ? &*at : nullptr;
}

} // namespace tidemill::cel
