#pragma once

#include "event/value.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tidemill {

/// Bytes that string columns point into; grows by chunks, never moves what it holds.
class arena {
public:
  std::string_view copy(std::string_view text);
  /// Room for `n` bytes, to be filled at once.
  char* reserve(std::size_t n);
  /// Forgets all texts; keeps a chunk for the next ones.
  void clear() noexcept;
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* shared_ = nullptr; // the newest chunk for several texts
  std::size_t shared_size_ = 0;
  char* next_ = nullptr; // in it
  std::size_t left_ = 0;
  std::size_t bytes_ = 0;
};

/// One column of a batch: `rows` values of one static type in a dense vector, with a byte per row for null.
///
/// Storage by kind: boolean → u8, integer → i64, uinteger → u64, real → double, decimal, timestamp,
/// duration → their structs, string and bytes → views into `memory()` (or into the raw batch, which the
/// batch keeps alive), all else → boxed values. A null row holds a zero value.
/// A value of a nullable column is null where `is_null(row)`; `nulls` is empty while there are none.
class column {
public:
  using storage =
      std::variant<std::vector<std::uint8_t>, std::vector<std::int64_t>, std::vector<std::uint64_t>,
                   std::vector<double>, std::vector<decimal>, std::vector<std::string_view>,
                   std::vector<timestamp>, std::vector<duration>, std::vector<value>>;

  column() : column(type{}) {}
  explicit column(type t);

  [[nodiscard]] const type& of() const noexcept { return type_; }
  [[nodiscard]] std::size_t size() const noexcept;
  /// Sets the number of rows; new rows are zero and not null.
  void resize(std::size_t rows);
  void reserve(std::size_t rows);
  /// Removes all rows and keeps their room; texts in memory that is shared with nobody go, too.
  void clear();

  template <class T>
  [[nodiscard]] std::vector<T>& as() {
    return std::get<std::vector<T>>(data_);
  }
  template <class T>
  [[nodiscard]] const std::vector<T>& as() const {
    return std::get<std::vector<T>>(data_);
  }

  [[nodiscard]] bool has_nulls() const noexcept { return !nulls_.empty(); }
  [[nodiscard]] bool is_null(std::size_t row) const noexcept { return !nulls_.empty() && nulls_[row] != 0; }
  void set_null(std::size_t row);
  void clear_nulls() noexcept { nulls_.clear(); }
  [[nodiscard]] const std::vector<std::uint8_t>& nulls() const noexcept { return nulls_; }

  /// The value of a row, boxed. Slow: keys, dead letters, dyn.
  [[nodiscard]] value at(std::size_t row) const;
  /// Stores a boxed value of this column's kind, or null; strings are copied into `memory()`.
  void set(std::size_t row, const value& v);

  /// Row rows[i] becomes row `at[i]` of a column of the same kind, and shares its memory: until then this one
  /// has texts of no other.
  void gather(std::span<const std::uint32_t> rows, const column& from, std::span<const std::uint32_t> at);

  /// Where strings of this column live; created at the first use, shared when columns share.
  [[nodiscard]] arena& memory();
  void share_memory(std::shared_ptr<arena> memory) { memory_ = std::move(memory); }
  [[nodiscard]] const std::shared_ptr<arena>& shared_memory() const noexcept { return memory_; }

private:
  type type_;
  storage data_;
  std::vector<std::uint8_t> nulls_;
  std::shared_ptr<arena> memory_;
};

/// `append_encoded(out, c.at(row))` without the box.
void append_encoded(std::string& out, const column& c, std::size_t row);

} // namespace tidemill
