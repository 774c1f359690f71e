#pragma once

#include "event/batch.hpp"
#include "storage/kafka/handles.hpp"

#include <span>

namespace tidemill {

/// Messages as records: their bytes are copied into one block with 64 readable bytes behind it, as the JSON
/// parser wants. `meta`: keys and headers too; those of tombstones always. No message may be an error, and
/// there is at least one.
[[nodiscard]] record_batch_ptr to_batch(partition_id p, offset begin,
                                        std::span<rd_kafka_message_t* const> messages, bool meta);

} // namespace tidemill
