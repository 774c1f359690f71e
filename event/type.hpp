#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tidemill {

/// The kinds of CEL values, and `decimal`, which is ours (exact, 9 fraction digits).
enum class kind : std::uint8_t {
  null_type,
  boolean,
  integer,
  uinteger,
  real,
  decimal,
  string,
  bytes,
  timestamp,
  duration,
  list,
  map,
  optional,
  type,
  ip,   ///< CEL's net.IP
  cidr, ///< CEL's net.CIDR
  dyn,
};

/// A static type. `nullable` marks a field declared with `?`: its value may be null.
/// Cheap to copy: parameters are shared and immutable.
class type {
public:
  constexpr type() = default;                                                      // dyn
  constexpr type(kind k, bool nullable = false) : kind_(k), nullable_(nullable) {} // NOLINT: a kind is a type

  [[nodiscard]] static type list_of(type element);
  [[nodiscard]] static type map_of(type key, type mapped);
  [[nodiscard]] static type optional_of(type held);

  [[nodiscard]] kind of() const noexcept { return kind_; }
  [[nodiscard]] bool nullable() const noexcept { return nullable_; }
  [[nodiscard]] type with_null(bool nullable = true) const;
  /// Of a list its elements, of an optional what it holds, of a map its keys; dyn otherwise.
  [[nodiscard]] type first() const;
  /// Of a map its values; dyn otherwise.
  [[nodiscard]] type second() const;
  [[nodiscard]] bool is(kind k) const noexcept { return kind_ == k; }
  [[nodiscard]] bool numeric() const noexcept {
    return kind_ == kind::integer || kind_ == kind::uinteger || kind_ == kind::real || kind_ == kind::decimal;
  }

  friend bool operator==(const type& a, const type& b);

private:
  struct parameters;
  kind kind_ = kind::dyn;
  bool nullable_ = false;
  std::shared_ptr<const parameters> parameters_;
};

/// Whether a field may have it: optionals, types and addresses live inside expressions only.
[[nodiscard]] bool can_be_field(const type& t) noexcept;
/// What makes a value of such a type one for a field: `end it with .orValue(…)`. May be empty.
[[nodiscard]] std::string_view field_hint(const type& t) noexcept;

/// As in a schema: `int?`, `[string]`, `map(string, dyn)`.
[[nodiscard]] std::string to_string(const type& t);

} // namespace tidemill
