#pragma once

#include "event/ids.hpp"
#include "event/time.hpp"
#include "pipeline/shared_blocks.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tidemill {

/// An event that waits for partners.
struct join_row {
  std::string key;    ///< encoded
  std::string record; ///< as it lies in the exchange's log
};

/// The order of events of one side; it is that of their sources, however their records were mixed in the log.
struct join_place {
  event_time time{};
  event_id origin;
  friend auto operator<=>(const join_place&, const join_place&) = default;
};

/// The events of one side of a join that may still find partners, by key and by time.
class join_side {
public:
  struct slot {
    std::shared_ptr<const join_row> row; ///< null: unused
    join_place place{};
    offset changed_at = 0;
    bool matched = false; ///< it has had a partner
  };

  [[nodiscard]] std::size_t size() const noexcept { return by_time_.size(); }
  /// `at`: the offset after the record that brought it. There is no other of this place.
  void add(std::shared_ptr<const join_row> row, const join_place& place, offset at, bool matched);
  [[nodiscard]] bool has(const join_place& place) const { return by_time_.contains(place); }
  void remove(std::uint32_t number);
  /// It has found a partner by the record before `at`.
  void match(std::uint32_t number, offset at);

  [[nodiscard]] const slot& at(std::uint32_t number) const noexcept { return slots_[number]; }
  /// Slots of a key whose times lie in [from, to], in their order.
  [[nodiscard]] std::span<const std::uint32_t> find(std::string_view key, event_time from,
                                                    event_time to) const;
  /// Of the same key, the one before in time.
  [[nodiscard]] std::optional<std::uint32_t> before(std::uint32_t number) const;
  /// All slots in the order of their places.
  [[nodiscard]] const std::map<join_place, std::uint32_t>& by_time() const noexcept { return by_time_; }
  /// As they are now: see `shared_blocks`. Some are unused.
  [[nodiscard]] const shared_blocks<slot>& slots() const noexcept { return slots_; }

private:
  struct key_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept;
  };
  struct key_equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const noexcept { return a == b; }
  };
  using slot_numbers = std::vector<std::uint32_t>;
  [[nodiscard]] slot_numbers::const_iterator place_in(const slot_numbers& all, const join_place& place) const;

  shared_blocks<slot> slots_;
  std::vector<std::uint32_t> unused_;
  std::map<join_place, std::uint32_t> by_time_;
  std::unordered_map<std::string, slot_numbers, key_hash, key_equal> by_key_;
};

} // namespace tidemill
