#pragma once

#include "storage/file/file_source.hpp"

namespace tidemill {

/// Delivers the records of a finite source at their recorded pace times `pace`: a record of time t when
/// (t - first) / pace has passed since the first record after the start was met.
///
/// Records whose time has passed already (also after a seek) go at once, as do those without a time. A
/// single record far ahead of the next three doesn't hold up the partition: a record waits no longer than the
/// earliest of these. Holds what one poll of the inner source brought, per partition.
[[nodiscard]] std::unique_ptr<record_source>
make_paced_source(std::unique_ptr<record_source> inner, double pace,
                  decltype(file_source_settings::time_of) time_of, source_clock clock);

} // namespace tidemill
