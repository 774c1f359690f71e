#pragma once

#include "pipeline/cel/columns.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace tidemill::test {

/// Kernels and interpreter must give the same values and the same errors for the same rows.
inline void compare_evaluators(const cel::program& p, const event_batch& batch, const selection& rows) {
  column fast, slow;
  std::vector<cel::row_error> fast_errors, slow_errors;
  cel::evaluate_columns(p, batch, rows, fast, fast_errors);
  cel::interpret_columns(p, batch, rows, slow, slow_errors);
  auto why = [](const cel::row_error& e) { return std::to_string(e.row) + ": " + e.why.text(); };
  if (fast_errors.size() != slow_errors.size())
    finding(std::to_string(fast_errors.size()) + " rows fail by kernels, " +
            std::to_string(slow_errors.size()) + " by the interpreter");
  for (std::size_t i = 0; i < fast_errors.size(); ++i)
    if (why(fast_errors[i]) != why(slow_errors[i]))
      finding("by kernels " + why(fast_errors[i]) + ", by the interpreter " + why(slow_errors[i]));
  for (auto row : rows) {
    std::string a, b; // the stored form: NaN equals NaN
    append_encoded(a, fast, row);
    append_encoded(b, slow, row);
    if (a != b)
      finding("row " + std::to_string(row) + " differs");
  }
}

} // namespace tidemill::test
