#pragma once

#include "storage/kafka/fetcher.hpp"

#include <memory>
#include <string>
#include <vector>

namespace tidemill {

/// Speaks the Fetch protocol itself, over plain TCP without login; see `fetcher`. Everything happens in
/// `poll`, on its thread: one connection to each broker that leads a partition, one long poll at a time on
/// each. While batches are handed on, the next answer is on its way.
///
///     answer → one buffer for each partition → batches whose records are views into it
///
/// Buffers are used again when the last batch of theirs is gone. A record may take up to 128 MiB. Where much
/// arrives it is collected into larger answers, for up to 5 ms. A partition whose log begins behind what is
/// wanted, or that is halted, rests until it is sought again; so does one whose topic was deleted and created
/// again since it was sought, where brokers tell (Kafka 2.8 and later).
///
/// `poll` answers `unavailable` only when nothing can be had for any of the wanted partitions; gauges tell of
/// single ones. `bootstrap`: `host:port` or `host`, of which one must be right.
[[nodiscard]] std::unique_ptr<fetcher> make_wire_fetcher(const std::vector<std::string>& bootstrap,
                                                         std::string client_id, fetcher::settings s);

} // namespace tidemill
