#pragma once

#include "event/batch.hpp"
#include "event/type.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace tidemill {

/// What expressions know of the record that an event came in.
///
///     meta.key         string?              null without a key, and for a key that isn't UTF-8
///     meta.key_bytes   bytes?               null without a key
///     meta.headers     map(string, string)  empty where there are none; see `fill_meta`
///     meta.time        timestamp?           when the log received it; null where the source can't say
///     meta.partition   int
///     meta.offset      int
///
/// The columns of a batch that hold them follow those of the source's fields, in this order.
struct meta_column {
  std::string_view name;
  type of;
};
inline constexpr std::size_t meta_columns = 6;
[[nodiscard]] const std::array<meta_column, meta_columns>& meta_names();

/// Which of them some expression reads.
using meta_use = std::array<bool, meta_columns>;
/// Whether the source has to fill `record::meta` for these.
[[nodiscard]] bool needs_record_meta(const meta_use& used) noexcept;

/// Fills the used columns for the selected rows; `first` is the number of the first one.
///
/// Of headers with the same name the last counts. A header whose value is null is there with an empty text;
/// one whose name or value isn't UTF-8 is left out.
void fill_meta(const meta_use& used, std::size_t first, event_batch& batch);

} // namespace tidemill
