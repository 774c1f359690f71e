#pragma once

#include "pipeline/cel/checker.hpp"

#include <memory>

namespace tidemill::cel {

/// Parse, check and fold. Null and at least one fault if the text is no expression.
[[nodiscard]] std::shared_ptr<const program> compile_program(std::string_view text, const environment& names,
                                                             const check_options& options,
                                                             std::vector<fault>& faults);
/// The same for a tree that is parsed already.
[[nodiscard]] std::shared_ptr<const program> compile_tree(const node& root, const environment& names,
                                                          const check_options& options,
                                                          std::vector<fault>& faults);

} // namespace tidemill::cel
