#pragma once

#include "event/bytes.hpp"
#include "event/column.hpp"
#include "event/result.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// One aggregate function over accumulators that live in someone else's memory.
///
/// An accumulator is `size()` bytes, 8-aligned, between `construct` and `destroy`; it may own heap memory
/// (sketches) and may be moved by memcpy. Updating in offset order, then merging in the order of partitions,
/// then of slices, gives the same bits for the same events. `save` is canonical (equal state, equal bytes)
/// and starts with a format version. Immutable and thread-safe; accumulators are not.
class aggregate {
public:
  virtual ~aggregate() = default;
  /// `count`, `sum(int)`, `quantile(0.99)`: function and what its state depends on. Part of state ids.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  virtual void construct(std::byte* at) const noexcept = 0;
  virtual void destroy(std::byte* at) const noexcept = 0;
  /// Adds row `rows[i]` of `argument` to `states[i]`. Null rows are skipped. No argument (`count()`): null.
  virtual void update(std::span<std::byte* const> states, const column* argument,
                      std::span<const std::uint32_t> rows) const = 0;
  virtual void merge(std::byte* into, const std::byte* from) const = 0;
  /// The result's type, and the result; of an empty accumulator: 0 for counts and sums, else null.
  [[nodiscard]] virtual type result() const = 0;
  [[nodiscard]] virtual value finish(const std::byte* at) const = 0;
  virtual void save(const std::byte* at, byte_writer& out) const = 0;
  /// `at` is constructed and empty. False: the bytes are damaged; `at` may then be destroyed only.
  [[nodiscard]] virtual bool load(std::byte* at, byte_reader& in) const = 0;
  /// Makes a copy in raw memory: one that saves to the same bytes.
  virtual void copy(std::byte* to, const std::byte* from) const {
    construct(to);
    merge(to, from);
  }
  /// Whether memcpy makes such a copy and nothing needs to be destroyed.
  [[nodiscard]] virtual bool flat() const noexcept { return false; }
  /// Heap bytes that the accumulator owns.
  [[nodiscard]] virtual std::size_t heap_bytes(const std::byte*) const noexcept { return 0; }
};

/// Makes an aggregate by name for an argument type (nothing for `count()`), with constant parameters
/// (`quantile(x, 0.99)` → {0.99}). Errors: `expression_invalid`, saying which arguments it takes.
///
/// count() · count_if(bool) · sum(int|uint|double|decimal|duration) · avg(the same; double, of decimal
/// decimal, of duration duration) · min/max(any ordered type) · distinct(any scalar) ·
/// quantile(int|uint|double, q in [0, 1])
/// Integer, decimal and duration sums are exact on the way; a result out of range is null. NaN is a number to
/// sum and avg, one value to distinct, and skipped by min, max and quantile. Averages round half away from
/// zero.
[[nodiscard]] result<std::unique_ptr<const aggregate>> make_aggregate(std::string_view function,
                                                                      const std::optional<type>& argument,
                                                                      const std::vector<value>& parameters);
/// Names of all aggregates, for the parser and for hints.
[[nodiscard]] const std::vector<std::string>& aggregate_names();

/// All aggregates of a view, laid out one after the other: the state of one key in one slice.
class accumulator_layout {
public:
  explicit accumulator_layout(std::vector<std::shared_ptr<const aggregate>> parts);
  [[nodiscard]] std::size_t size() const noexcept { return size_; } ///< bytes, a multiple of 8
  [[nodiscard]] std::size_t parts() const noexcept { return parts_.size(); }
  [[nodiscard]] const aggregate& part(std::size_t i) const { return *parts_[i]; }
  [[nodiscard]] std::size_t offset(std::size_t i) const { return offsets_[i]; }
  void construct(std::byte* at) const noexcept;
  void destroy(std::byte* at) const noexcept;
  void merge(std::byte* into, const std::byte* from) const;
  void copy(std::byte* to, const std::byte* from) const; ///< into raw memory
  [[nodiscard]] bool flat() const noexcept { return flat_; }
  void save(const std::byte* at, byte_writer& out) const;
  [[nodiscard]] bool load(std::byte* at, byte_reader& in) const;

private:
  std::vector<std::shared_ptr<const aggregate>> parts_;
  std::vector<std::size_t> offsets_;
  std::size_t size_ = 0;
  bool flat_ = true;
};
using layout_ptr = std::shared_ptr<const accumulator_layout>;

/// One owned state of a layout.
class accumulator {
public:
  accumulator() = default;
  explicit accumulator(layout_ptr layout);
  accumulator(accumulator&& other) noexcept;
  accumulator& operator=(accumulator&& other) noexcept;
  ~accumulator();
  [[nodiscard]] bool empty() const noexcept { return memory_ == nullptr; }
  [[nodiscard]] std::byte* data() noexcept { return memory_.get(); }
  [[nodiscard]] const std::byte* data() const noexcept { return memory_.get(); }
  void merge(const accumulator& from);
  /// Merges a state of the same layout; not into an empty one.
  void merge(const std::byte* from) { layout_->merge(memory_.get(), from); }
  /// As if it had been made anew.
  void reset();
  [[nodiscard]] accumulator clone() const; ///< by merging into a fresh one
  [[nodiscard]] std::vector<value> finish() const;
  void finish(std::vector<value>& out) const; ///< appends
  void save(byte_writer& out) const;
  [[nodiscard]] static std::optional<accumulator> load(const layout_ptr& layout, byte_reader& in);

private:
  layout_ptr layout_;
  std::unique_ptr<std::byte[]> memory_;
};

} // namespace tidemill
