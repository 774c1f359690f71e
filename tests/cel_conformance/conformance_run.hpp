#pragma once

#include "tests/cel_conformance/conformance_case.hpp"

#include <array>
#include <string>
#include <string_view>

namespace tidemill::test {

/// How a case is evaluated.
enum class conformance_mode : std::uint8_t {
  alone,    ///< one row: by the interpreter, and as a batch of one
  copies,   ///< a batch of 1,000 copies of the row
  selected, ///< a random part of those 1,000 is selected
  failing,  ///< each second row, at random, is one for which the expression fails
};
inline constexpr std::array<std::string_view, 4> conformance_mode_names{"alone", "1,000 copies", "selected",
                                                                        "among failing"};

/// What became of a case. Passed: neither a skip nor a fault.
struct conformance_outcome {
  std::string skip;  ///< why it wasn't run
  std::string fault; ///< in which mode it gave what else
  /// It was run alone only: a variable has no value, which a column can't say.
  bool no_batches = false;
};

/// Runs one case in all modes. In those with batches once as written, when constants are folded, and once
/// with its scalar literals in columns, so that the kernels have to do the work. Deterministic.
[[nodiscard]] conformance_outcome run_conformance_case(const conformance_case& c);

} // namespace tidemill::test
