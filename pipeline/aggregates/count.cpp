#include "pipeline/aggregates/canonical.hpp"
#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"

#include <limits>

namespace tidemill {
namespace {

struct count_state {
  std::uint64_t n = 0;

  void add() noexcept { ++n; }
  void add(std::uint8_t truth) noexcept { n += truth != 0 ? 1 : 0; }
  void merge(const count_state& from) noexcept { n += from.n; }
  void save(byte_writer& out) const { out.varint(n); }
  [[nodiscard]] bool load(byte_reader& in) {
    n = in.varint();
    return n <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return 0; }
};

struct share_state {
  std::uint64_t held = 0, n = 0;

  void add(std::uint8_t truth) noexcept {
    held += truth != 0 ? 1 : 0;
    ++n;
  }
  void merge(const share_state& from) noexcept {
    held += from.held;
    n += from.n;
  }
  void save(byte_writer& out) const {
    out.varint(held);
    out.varint(n);
  }
  [[nodiscard]] bool load(byte_reader& in) {
    held = in.varint();
    n = in.varint();
    return held <= n && n <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return 0; }
};

value to_value(const count_state& s) {
  return static_cast<std::int64_t>(s.n);
}

} // namespace

made_aggregate make_count() {
  return make_state_aggregate<count_state, void>("count", kind::integer, to_value);
}

made_aggregate make_rate() {
  return make_state_aggregate<count_state, void>(
      "count", type{kind::real, true},
      [](const count_state& s, microseconds window) { return per_second(static_cast<double>(s.n), window); });
}

made_aggregate make_ratio(kind argument) {
  if (argument != kind::boolean)
    return nullptr;
  return make_state_aggregate<share_state, std::uint8_t>(
      "ratio", type{kind::real, true}, [](const share_state& s) -> value {
        if (s.n == 0)
          return {};
        return static_cast<double>(s.held) / static_cast<double>(s.n);
      });
}

made_aggregate make_count_if(kind argument) {
  if (argument != kind::boolean)
    return nullptr;
  return make_state_aggregate<count_state, std::uint8_t>("count_if", kind::integer, to_value);
}

} // namespace tidemill
