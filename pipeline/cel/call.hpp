#pragma once

#include "event/result.hpp"
#include "event/value.hpp"
#include "pipeline/cel/expression.hpp"
#include "pipeline/cel/function.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tidemill::cel {

/// What one row may cost, so that nested macros and concatenations can't explode.
///
/// Everything that an expression makes is charged. What it only reads is charged inside macros: elsewhere
/// the text of the expression bounds it. Kernels charge the same, so that they agree with the interpreter.
class budget {
public:
  static constexpr std::int64_t elements_per_row = row_limits{}.elements;
  static constexpr std::int64_t bytes_per_row = row_limits{}.bytes;

  budget() = default;
  explicit budget(row_limits limits) noexcept : elements_(limits.elements), bytes_(limits.bytes) {}

  /// Elements or bytes made. False from the moment when there were too many.
  bool elements(std::size_t n) noexcept {
    elements_ -= static_cast<std::int64_t>(n);
    return good();
  }
  bool bytes(std::size_t n) noexcept {
    bytes_ -= static_cast<std::int64_t>(n);
    return good();
  }
  /// Elements or bytes read.
  bool read_elements(std::size_t n) noexcept { return loops == 0 || elements(n); }
  bool read_bytes(std::size_t n) noexcept { return loops == 0 || bytes(n); }
  [[nodiscard]] bool good() const noexcept { return elements_ >= 0 && bytes_ >= 0; }
  /// Charges for all that a value holds; stops when the budget is gone.
  bool contents(const value& v);

  int loops = 0; ///< macros open

private:
  std::int64_t elements_ = elements_per_row, bytes_ = bytes_per_row;
};

/// Arguments by reference: constants and variables are not copied.
using arguments = std::span<const value* const>;

/// Calls a strict function, an operator or a method. No argument is an error. The result is an error
/// without a place; one without a text means "no such overload".
[[nodiscard]] value call(fn f, arguments args, budget& left);

/// The parts of `call`, by topic; each answers only for its own functions.
[[nodiscard]] value call_operator(fn f, arguments args, budget& left);
[[nodiscard]] value call_collection(fn f, arguments args, budget& left);
[[nodiscard]] value call_string(fn f, arguments args, budget& left);
[[nodiscard]] value call_conversion(fn f, arguments args);
[[nodiscard]] value call_time(fn f, arguments args);
[[nodiscard]] value call_math(fn f, arguments args);
[[nodiscard]] value call_network(fn f, arguments args);

[[nodiscard]] inline value no_overload() {
  return error{errc::evaluation, {}};
}
[[nodiscard]] inline value failure(std::string text) {
  return error{errc::evaluation, std::move(text)};
}
[[nodiscard]] value over_budget();

/// CEL's run-time `==`: never fails. Work is charged; over budget the answer means nothing.
[[nodiscard]] bool equals(const value& a, const value& b, budget& left);
/// The key in its one form: a number by its value, so that 1, 1u and 1.0 meet. Null pointer: no such key can
/// be in a map.
[[nodiscard]] const value* find_key(const value_map& m, const value& key, budget& left);
/// Whether it may be a key of a map.
[[nodiscard]] bool is_key(const value& v) noexcept;
/// Makes a map, or the error of a key that is none or comes twice.
[[nodiscard]] value make_map(value_map entries, budget& left);

/// A field or key of a map, of an optional that holds one: the value, none in case of an optional, or the
/// error `no such key`.
[[nodiscard]] value index_value(const value& target, const value& key, bool optional, budget& left);

/// `getHours()` and its like of a timestamp, where clocks are `offset` seconds ahead of UTC.
[[nodiscard]] std::int64_t get_part(fn f, timestamp t, std::int64_t offset);
[[nodiscard]] std::int64_t get_part(fn f, duration d);

/// A type as CEL prints it: `int`, `list`, `google.protobuf.Timestamp`.
[[nodiscard]] std::string type_name(kind k);
/// Text of a number as `string()` writes it.
[[nodiscard]] std::string number_text(double x);
/// A whole text as a number; false if it is none or out of range.
[[nodiscard]] bool parse_number(std::string_view text, std::int64_t& out);
[[nodiscard]] bool parse_number(std::string_view text, std::uint64_t& out);
[[nodiscard]] bool parse_number(std::string_view text, double& out);

/// `format()`: `%s %d %f %e %x %X %o %b %%`, with a precision of at most 100.
[[nodiscard]] value format_text(std::string_view pattern, const value_list& args, budget& left);

} // namespace tidemill::cel
