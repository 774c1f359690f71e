#pragma once

#include "storage/event_sink.hpp"
#include "storage/kafka/sink_progress.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Events since the last commit, to be sent again if it fails. One string holds all their texts.
class unsynced_events {
public:
  struct event {
    event_id id;
    std::string_view json; ///< valid until the next change
    std::optional<std::string_view> key;
  };

  void add(const outgoing_batch& batch);
  /// Whether the batch is the one that was added last.
  [[nodiscard]] bool ends_with(const outgoing_batch& batch) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return events_.size(); }
  [[nodiscard]] event operator[](std::size_t i) const;
  /// Forgets the batches that `held` covers. The events left are numbered anew.
  void forget(const sink_progress& held);
  void clear();

private:
  static constexpr std::uint32_t no_key = ~std::uint32_t{0};
  struct place {
    event_id id;
    std::size_t at;
    std::uint32_t json, key; ///< lengths; the key comes first
  };
  struct batch {
    partition_id partition;
    offset upto;
    std::size_t events; ///< number of the event behind its last one
  };

  std::string text_;
  std::vector<place> events_;
  std::vector<batch> batches_;
};

} // namespace tidemill
