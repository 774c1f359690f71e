#pragma once

#include <string>

namespace tidemill {

/// This process in the Prometheus text format, under the names that its client libraries have agreed on:
/// processor time, memory, threads, open files and their limit, time of the start. What the kernel doesn't
/// tell is left out. Any thread.
[[nodiscard]] std::string process_metrics();

} // namespace tidemill
