#pragma once

#include "event/result.hpp"
#include "storage/kafka/fetcher.hpp"
#include "storage/kafka/kafka_settings.hpp"

#include <cstdint>
#include <memory>

namespace tidemill {

/// A fetcher over the client library: TLS, SASL, every compression. It has a handle of its own, without a
/// group, so that what happens in the group disturbs no fetch.
///
/// `partitions`: among how many `read_ahead` is divided. Compressed batches are held unpacked, and the
/// library fetches one more when a share is nearly full: for a short time a partition may hold a batch more
/// than its share. Errors: `config_invalid`.
[[nodiscard]] result<std::unique_ptr<fetcher>> make_client_fetcher(const kafka_client_settings& client,
                                                                   const fetcher::settings& s,
                                                                   std::uint32_t partitions);

} // namespace tidemill
