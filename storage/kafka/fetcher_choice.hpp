#pragma once

#include "event/result.hpp"
#include "storage/kafka/fetcher.hpp"
#include "storage/kafka/kafka_settings.hpp"

#include <cstdint>
#include <memory>

namespace tidemill {

/// The fetcher that the settings name, or the cheapest that can reach these brokers: our own where they speak
/// plain text without login, else the client library's. Errors: `config_invalid`.
[[nodiscard]] result<std::unique_ptr<fetcher>> make_fetcher(const kafka_source_settings& s,
                                                            std::uint32_t partitions);

} // namespace tidemill
