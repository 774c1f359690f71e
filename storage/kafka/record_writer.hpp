#pragma once

#include "storage/kafka/kafka_settings.hpp"
#include "storage/record_writer.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace tidemill {

/// Writes to a topic with an idempotent producer: nothing twice by its own retries.
///
/// Asks for the topic first: it isn't created. A record that the broker refuses for itself (its size, a
/// missing key where the topic is compacted) is unwritten. Errors: `config_invalid`, `refused`,
/// `unavailable` after about `patience` without a broker.
[[nodiscard]] result<std::unique_ptr<record_writer>>
make_record_writer(const kafka_client_settings& client, const std::string& topic,
                   std::chrono::milliseconds patience = std::chrono::seconds{30});

} // namespace tidemill
