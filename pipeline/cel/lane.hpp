#pragma once

#include "event/batch.hpp"
#include "event/type.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>

namespace tidemill::cel {

/// Uninitialised memory from a free list of this thread, to which it returns.
class buffer {
public:
  buffer() = default;
  explicit buffer(std::size_t bytes);
  buffer(buffer&&) noexcept = default;
  buffer& operator=(buffer&& other) noexcept;
  ~buffer();
  template <class T>
  [[nodiscard]] T* as() noexcept {
    return reinterpret_cast<T*>(memory_.get());
  }

private:
  void give_back() noexcept;
  std::unique_ptr<std::byte[]> memory_;
  std::size_t size_ = 0;
};

/// Rows to work on, ascending. `dense`: they are 0 … size - 1, and `rows` may be null.
struct row_set {
  const std::uint32_t* rows = nullptr;
  std::size_t size = 0;
  bool dense = false;
};

template <class F>
void for_rows(const row_set& set, F f) {
  if (set.dense)
    for (std::uint32_t i = 0, n = static_cast<std::uint32_t>(set.size); i < n; ++i)
      f(i);
  else
    for (std::size_t i = 0; i < set.size; ++i)
      f(set.rows[i]);
}

/// How a lane stores a kind; `void`: it doesn't.
template <class T>
inline constexpr kind kind_of = std::is_same_v<T, std::uint8_t>       ? kind::boolean
                                : std::is_same_v<T, std::int64_t>     ? kind::integer
                                : std::is_same_v<T, std::uint64_t>    ? kind::uinteger
                                : std::is_same_v<T, double>           ? kind::real
                                : std::is_same_v<T, decimal>          ? kind::decimal
                                : std::is_same_v<T, timestamp>        ? kind::timestamp
                                : std::is_same_v<T, duration>         ? kind::duration
                                : std::is_same_v<T, std::string_view> ? kind::string
                                                                      : kind::dyn;

/// The value of a sub-expression for some rows of a batch, indexed by row number.
///
/// `errors` and `nulls` are null while there are none. A row with one of them holds a zero value; other rows
/// than those it was made for hold anything. A constant has everything at index 0.
struct lane {
  kind of = kind::dyn;
  bool constant = false;
  const void* data = nullptr;
  const std::uint8_t* nulls = nullptr;
  const std::uint8_t* errors = nullptr;
  buffer own_data, own_nulls, own_errors;

  template <class T>
  [[nodiscard]] const T* values() const noexcept {
    return static_cast<const T*>(data);
  }
  /// Index of a row: `values<T>()[row & mask()]`.
  [[nodiscard]] std::uint32_t mask() const noexcept { return constant ? 0 : ~std::uint32_t{0}; }
  [[nodiscard]] bool is_null(std::uint32_t row) const noexcept { return nulls && nulls[row & mask()]; }
  [[nodiscard]] bool is_error(std::uint32_t row) const noexcept { return errors && errors[row & mask()]; }
  /// Neither null nor error anywhere.
  [[nodiscard]] bool clean() const noexcept { return !nulls && !errors; }

  /// Room for `rows` values of kind `k`.
  template <class T>
  T* make(kind k, std::size_t rows) {
    of = k;
    own_data = buffer{rows * sizeof(T)};
    data = own_data.as<T>();
    return own_data.as<T>();
  }
  /// Error or null bytes for `rows` rows, zero for those of `set`.
  std::uint8_t* make_errors(std::size_t rows, const row_set& set);
  std::uint8_t* make_nulls(std::size_t rows, const row_set& set);
};

/// Whether lanes have values of this kind.
[[nodiscard]] constexpr bool has_lane(kind k) noexcept {
  return k == kind::boolean || k == kind::integer || k == kind::uinteger || k == kind::real ||
         k == kind::decimal || k == kind::string || k == kind::bytes || k == kind::timestamp ||
         k == kind::duration || k == kind::null_type;
}

/// Calls `f` with a zero of the type that stores `k`; `k` has a lane and is not null.
template <class F>
auto with_storage(kind k, F f) {
  switch (k) {
  case kind::boolean:
    return f(std::uint8_t{});
  case kind::integer:
    return f(std::int64_t{});
  case kind::uinteger:
    return f(std::uint64_t{});
  case kind::real:
    return f(double{});
  case kind::decimal:
    return f(decimal{});
  case kind::timestamp:
    return f(timestamp{});
  case kind::duration:
    return f(duration{});
  default:
    return f(std::string_view{});
  }
}

} // namespace tidemill::cel
