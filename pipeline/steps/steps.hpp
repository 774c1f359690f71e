#pragma once

#include "pipeline/step.hpp"

namespace tidemill {

/// The steps, one file each; `steps()` lists them.
[[nodiscard]] step_entry filter_step();
[[nodiscard]] step_entry set_step();
[[nodiscard]] step_entry keep_step();
[[nodiscard]] step_entry drop_step();
[[nodiscard]] step_entry dedup_step();
[[nodiscard]] step_entry lookup_step();
[[nodiscard]] step_entry mask_step();
[[nodiscard]] step_entry parse_step();
[[nodiscard]] step_entry rate_limit_step();
[[nodiscard]] step_entry sample_step();
[[nodiscard]] step_entry score_step();
[[nodiscard]] step_entry unnest_step();

/// One more, for programs that test others: `steps()` lists it from then on. Before the first use of
/// `steps()`.
void add_step(step_entry e);

/// An error diagnostic at a place.
[[nodiscard]] diagnostic fault_at(position at, std::string path, std::string text, std::string hint = {});
/// The name in `known` nearest to `word`, as a hint `did you mean "…"?`; empty if none is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

} // namespace tidemill
