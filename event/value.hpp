#pragma once

#include "event/ip_address.hpp"
#include "event/time.hpp"
#include "event/type.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tidemill {

__extension__ using int128 = __int128;

/// An exact decimal number: `units` x 10^-9, |units| < 10^38. (BigQuery's NUMERIC has the same form.)
struct decimal {
  int128 units = 0;
  friend auto operator<=>(const decimal&, const decimal&) = default;
};
inline constexpr std::int64_t decimal_one = 1'000'000'000;

/// `-12.5`, without trailing zeros. `parse_decimal` reads it back, and an exponent too; fraction digits after
/// the ninth that are not zero are an `event_type` error, as rounding would be silent.
[[nodiscard]] std::string to_string(decimal d);
[[nodiscard]] result<decimal> parse_decimal(std::string_view text);

class value;
struct null {
  friend auto operator<=>(const null&, const null&) = default;
};
struct byte_string {
  std::string bytes;
  friend auto operator<=>(const byte_string&, const byte_string&) = default;
};
using value_list = std::vector<value>;
/// Insertion order is kept: a replay iterates alike.
using value_map = std::vector<std::pair<value, value>>;
struct optional_value {
  std::shared_ptr<const value> held; ///< null: `optional.none()`
};

/// A boxed CEL value: one row of one column, a key, a cell of a result, a node of a parsed document.
///
/// Lists, maps and optionals are shared and immutable. An error is a value too (`is_error`), as in CEL:
/// operators decide what becomes of it.
class value {
public:
  using list_ptr = std::shared_ptr<const value_list>;
  using map_ptr = std::shared_ptr<const value_map>;
  using error_ptr = std::shared_ptr<const error>;
  using storage = std::variant<null, bool, std::int64_t, std::uint64_t, double, decimal, std::string,
                               byte_string, timestamp, duration, list_ptr, map_ptr, optional_value, type,
                               ip_address, cidr_block, error_ptr>;

  value() = default; // null
  value(bool x) : data_(x) {}
  value(std::int64_t x) : data_(x) {}
  value(int x) : data_(std::int64_t{x}) {}
  value(std::uint64_t x) : data_(x) {}
  value(double x) : data_(x) {}
  value(decimal x) : data_(x) {}
  value(std::string x) : data_(std::move(x)) {}
  value(std::string_view x) : data_(std::string{x}) {}
  value(const char* x) : data_(std::string{x}) {}
  value(byte_string x) : data_(std::move(x)) {}
  value(timestamp x) : data_(x) {}
  value(duration x) : data_(x) {}
  value(value_list x) : data_(std::make_shared<const value_list>(std::move(x))) {}
  value(value_map x) : data_(std::make_shared<const value_map>(std::move(x))) {}
  value(optional_value x) : data_(std::move(x)) {}
  value(type x) : data_(std::move(x)) {}
  value(ip_address x) : data_(x) {}
  value(cidr_block x) : data_(x) {}
  value(error x) : data_(std::make_shared<const error>(std::move(x))) {}

  /// The kind at run time; an error answers `dyn`.
  [[nodiscard]] kind of() const noexcept;
  [[nodiscard]] bool is_null() const noexcept { return std::holds_alternative<null>(data_); }
  [[nodiscard]] bool is_error() const noexcept { return std::holds_alternative<error_ptr>(data_); }
  [[nodiscard]] const error& as_error() const { return *std::get<error_ptr>(data_); }

  template <class T>
  [[nodiscard]] const T* get_if() const noexcept {
    return std::get_if<T>(&data_);
  }
  [[nodiscard]] const value_list* as_list() const noexcept;
  [[nodiscard]] const value_map* as_map() const noexcept;
  [[nodiscard]] const storage& data() const noexcept { return data_; }

  /// CEL's run-time `==`: never fails, numbers compare across kinds, NaN equals nothing, maps in any order.
  friend bool operator==(const value& a, const value& b);

private:
  storage data_;
};

/// A total order for sorting rows, not CEL's `<`: null first, then by kind, numbers by value, NaN last.
[[nodiscard]] int compare_for_order(const value& a, const value& b);

/// Appends JSON: NaN and infinities as strings, timestamps as RFC 3339, durations as CEL text, addresses as
/// text, decimals as numbers, bytes as base64, integers beyond 2^53 as numbers.
void append_json(std::string& out, const value& v);
/// Appends a JSON string with quotes; invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);
/// The canonical binary form of keys and stored cells: equal values, equal bytes; self-delimiting.
/// Order: sorting encoded tuples bytewise equals `compare_for_order` on scalars of one kind.
void append_encoded(std::string& out, const value& v);
/// Reads one value from the front of `in` and removes it. Errors: `corrupt`.
[[nodiscard]] result<value> take_encoded(std::string_view& in);
[[nodiscard]] std::string base64_encode(std::string_view bytes);
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

} // namespace tidemill
