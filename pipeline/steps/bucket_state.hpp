#pragma once

#include "pipeline/bucket_table.hpp"
#include "pipeline/step.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace tidemill {

/// What a step remembers that keeps a number by key and stretch of event time, and counts what it drops.
///
///     core: format u8, first bucket, dropped, entries
class bucket_state final : public step_state {
public:
  /// `table` has at most so many entries: the step sees to that.
  explicit bucket_state(std::size_t max_keys) : max_keys_(max_keys) {}

  bucket_table<number_values> table;
  std::uint64_t dropped = 0;

  [[nodiscard]] bool full() const noexcept { return table.size() >= max_keys_; }
  [[nodiscard]] std::size_t max_keys() const noexcept { return max_keys_; }

  void save(byte_writer& out) const override;
  bool load(byte_reader& in) override;
  std::unique_ptr<const frozen_part> freeze() const override { return table.freeze(); }
  bool restore(std::string_view sections) override { return table.restore(sections, max_keys_); }
  bool finish_restore() override { return table.finish_restore() && table.size() == expected_; }
  step_totals totals() const override { return {table.size(), dropped}; }

private:
  std::size_t max_keys_;
  std::uint64_t expected_ = 0; // entries that are to be restored
};

/// `max_keys` of a step; a fault, and nothing, if it is no number that a table can hold.
[[nodiscard]] std::optional<std::size_t> read_max_keys(const component& c, std::vector<diagnostic>& out);
/// A stretch of event time that a step remembers; a fault, and nothing, if it isn't longer than zero and 365
/// d at most.
[[nodiscard]] std::optional<microseconds> read_stretch(const component& c, const char* setting,
                                                       const char* hint, std::vector<diagnostic>& out);

} // namespace tidemill
