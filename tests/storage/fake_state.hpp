#pragma once

#include "event/bytes.hpp"
#include "event/frozen_state.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill::test {

/// A state of named texts, each with the offset of its last change; the core names those that live.
class fake_state final : public frozen_state {
public:
  struct entry {
    offset changed_at = 0;
    std::string text;
    friend bool operator==(const entry&, const entry&) = default;
  };
  using entry_map = std::map<std::string, entry>;

  explicit fake_state(entry_map all) : all_(std::move(all)) {
    byte_writer out{core_};
    for (const auto& [name, e] : all_)
      out.text(name);
  }

  [[nodiscard]] const std::string& core() const override { return core_; }
  [[nodiscard]] std::uint64_t entries() const override { return all_.size(); }
  [[nodiscard]] std::vector<std::uint64_t> count(std::span<const offset_range> ranges) const override {
    std::vector<std::uint64_t> n(ranges.size());
    for (const auto& [name, e] : all_)
      for (std::size_t i = 0; i < ranges.size(); ++i)
        n[i] += in(e, ranges[i]) ? 1 : 0;
    return n;
  }
  status write(std::span<const offset_range> ranges, std::size_t piece_bytes,
               const piece_taker& take) const override {
    std::string piece;
    std::uint64_t n = 0;
    auto flush = [&]() -> status {
      if (n == 0)
        return {};
      auto done = take(piece, std::exchange(n, 0));
      piece.clear();
      return done;
    };
    for (const auto& [name, e] : all_) {
      if (std::ranges::none_of(ranges, [&e = e](const offset_range& r) { return in(e, r); }))
        continue;
      byte_writer out{piece};
      out.text(name);
      out.varint(e.changed_at);
      out.text(e.text);
      ++n;
      written_bytes += e.text.size();
      if (piece.size() >= piece_bytes)
        TIDEMILL_CHECK(flush());
    }
    return flush();
  }

  mutable std::uint64_t written_bytes = 0;

private:
  static bool in(const entry& e, const offset_range& r) {
    return e.changed_at > r.after && e.changed_at <= r.upto;
  }
  entry_map all_;
  std::string core_;
};

/// What a loaded checkpoint holds.
inline fake_state::entry_map read_state(const std::string& core, const stored_pieces& pieces) {
  fake_state::entry_map got, living;
  auto done = pieces([&](std::string_view piece) -> status {
    byte_reader in{piece};
    while (!in.at_end()) {
      auto name = std::string{in.text()};
      auto changed_at = in.varint();
      got.emplace(name, fake_state::entry{changed_at, std::string{in.text()}});
    }
    return in.ok() ? status{} : error{errc::corrupt, "piece"};
  });
  if (!done)
    return {{done.error().text(), {}}};
  for (byte_reader in{core}; !in.at_end();) {
    auto name = std::string{in.text()};
    living[name] = got[name];
  }
  return living;
}

} // namespace tidemill::test
