#pragma once

#include "event/bytes.hpp"
#include "event/column.hpp"
#include "event/time.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tidemill {

/// What an aggregate is fed with, by row of a batch.
struct aggregate_input {
  const column* argument = nullptr; ///< null: the aggregate has none
  const column* by = nullptr;       ///< the second column, of those that read two
  const event_time* times = nullptr;

  aggregate_input(const column* of = nullptr, const column* second = nullptr, const event_time* at = nullptr)
      : argument(of), by(second), times(at) {}
};

/// One aggregate function over accumulators that live in someone else's memory.
///
/// An accumulator is `size()` bytes, 8-aligned, between `construct` and `destroy`; it may own heap memory
/// (sketches) and may be moved by memcpy. Updating in offset order, then merging in the order of partitions,
/// then of slices, gives the same bits for the same events. `save` is canonical (equal state, equal bytes)
/// and starts with a format version. Immutable and thread-safe; accumulators are not.
class aggregate {
public:
  virtual ~aggregate() = default;
  /// `count`, `sum(int)`, `top(10, string)`: what its state is and depends on. Part of state ids; aggregates
  /// of one name over the same columns can share a state, as those of several quantiles do.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  virtual void construct(std::byte* at) const noexcept = 0;
  virtual void destroy(std::byte* at) const noexcept = 0;
  /// Adds row `rows[i]` of `in` to `states[i]`. Rows that are null in a column are skipped.
  virtual void update(std::span<std::byte* const> states, const aggregate_input& in,
                      std::span<const std::uint32_t> rows) const = 0;
  virtual void merge(std::byte* into, const std::byte* from) const = 0;
  /// The result's type, and the result for a window of some length; of an empty accumulator: 0 for counts and
  /// sums, else null.
  [[nodiscard]] virtual type result() const = 0;
  [[nodiscard]] virtual value finish(const std::byte* at, microseconds window) const = 0;
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
using aggregate_ptr = std::shared_ptr<const aggregate>;

/// All aggregates of a view, laid out one after the other: the state of one key in one slice.
class accumulator_layout {
public:
  /// How a result is read from the state of a part: by an aggregate of the same name.
  struct reading {
    std::size_t part = 0;
    aggregate_ptr how;
  };
  /// Each part gives one result, in their order.
  explicit accumulator_layout(std::vector<aggregate_ptr> parts);
  accumulator_layout(std::vector<aggregate_ptr> parts, std::vector<reading> results);
  [[nodiscard]] std::size_t size() const noexcept { return size_; } ///< bytes, a multiple of 8
  [[nodiscard]] std::size_t parts() const noexcept { return parts_.size(); }
  [[nodiscard]] const aggregate& part(std::size_t i) const { return *parts_[i]; }
  [[nodiscard]] std::size_t offset(std::size_t i) const { return offsets_[i]; }
  /// The part whose state a result is read from.
  [[nodiscard]] std::size_t part_of(std::size_t result) const { return results_[result].part; }
  void construct(std::byte* at) const noexcept;
  void destroy(std::byte* at) const noexcept;
  void merge(std::byte* into, const std::byte* from) const;
  void copy(std::byte* to, const std::byte* from) const; ///< into raw memory
  [[nodiscard]] bool flat() const noexcept { return flat_; }
  void save(const std::byte* at, byte_writer& out) const;
  [[nodiscard]] bool load(std::byte* at, byte_reader& in) const;
  void finish(const std::byte* at, microseconds window, std::vector<value>& out) const; ///< appends

private:
  std::vector<aggregate_ptr> parts_;
  std::vector<reading> results_;
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
  /// The results for a window of this length.
  [[nodiscard]] std::vector<value> finish(microseconds window = {}) const;
  void finish(std::vector<value>& out, microseconds window) const; ///< appends
  void save(byte_writer& out) const;
  [[nodiscard]] static std::optional<accumulator> load(const layout_ptr& layout, byte_reader& in);

private:
  layout_ptr layout_;
  std::unique_ptr<std::byte[]> memory_;
};

} // namespace tidemill
