#pragma once

#include <cstddef>

namespace tidemill::test {

/// Which code an input reaches, told by the compiler's -fsanitize-coverage=trace-pc: pairs of places passed
/// one after the other, and about how often, as AFL counts them. Without that option nothing is ever reached.
void coverage_begin() noexcept;
/// Whether anything was reached since `coverage_begin` that never was before.
[[nodiscard]] bool coverage_end() noexcept;
/// Pairs that were ever reached.
[[nodiscard]] std::size_t coverage_places() noexcept;

} // namespace tidemill::test
