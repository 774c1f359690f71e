#pragma once

#include "event/result.hpp"
#include "storage/kafka/kafka_settings.hpp"
#include "storage/record_source.hpp"

#include <memory>

namespace tidemill {

/// Reads the partitions that a `kafka_source` has given numbers to once more, each from where it began, up to
/// where its log ended at `open`. Belongs to no group, commits nothing and writes nothing to `state_folder`:
/// the pipeline may be running.
///
/// Where a partition began is known for `start: earliest` and a time, as far as the log still reaches there.
/// Errors: `corrupt` and `io` of the stored numbers; `config_invalid`. Of `open`: `mismatch` for `start:
/// latest`, as where that was is stored nowhere.
[[nodiscard]] result<std::unique_ptr<record_source>> make_kafka_replay(kafka_source_settings s);

} // namespace tidemill
