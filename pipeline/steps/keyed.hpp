#pragma once

#include "event/hash.hpp"
#include "pipeline/step.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tidemill {

/// Whether values of a type can tell keys apart.
[[nodiscard]] bool can_be_key(const type& t);

/// The columns of the fields that `by` of a step names. Faults: unknown fields, types that are no keys, and a
/// source that may have events of one key in several partitions, where the step would see only some of them.
[[nodiscard]] std::optional<std::vector<std::size_t>> read_step_key(const component& c, step_scope& scope,
                                                                    std::vector<diagnostic>& out);

/// Stands for the values of these columns.
[[nodiscard]] hash128 key_of_row(const event_batch& batch, std::span<const std::size_t> slots,
                                 std::size_t row, std::string& scratch);

/// The largest number ≤ a / b, for b > 0.
[[nodiscard]] constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b != 0 && a < 0 ? 1 : 0);
}

} // namespace tidemill
