#pragma once

#include "event/batch.hpp"
#include "pipeline/cel/code.hpp"
#include "pipeline/cel/expression.hpp"

#include <vector>

namespace tidemill::cel {

/// `expression::evaluate` over a batch, by kernels where there are some.
void evaluate_columns(const program& p, const event_batch& batch, const selection& rows, column& out,
                      std::vector<row_error>& errors);
/// The same, all of it by the interpreter.
void interpret_columns(const program& p, const event_batch& batch, const selection& rows, column& out,
                       std::vector<row_error>& errors);

} // namespace tidemill::cel
