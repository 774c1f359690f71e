#include "pipeline/window/latest_cell.hpp"

#include "pipeline/aggregates/slots.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"

namespace tidemill {
namespace {

struct cell_state {
  event_time at{};
  text_slot stored; // `append_encoded`

  cell_state() noexcept = default;

  void add(std::string_view value, event_time t) {
    if (stored.present() && t < at)
      return;
    at = t;
    stored.hold(value);
  }
  void merge(const cell_state& from) {
    if (from.stored.present())
      add(from.stored.held(), from.at);
  }
  void save(byte_writer& out) const {
    stored.save(out);
    if (stored.present())
      out.svarint(at.time_since_epoch().count());
  }
  [[nodiscard]] bool load(byte_reader& in) {
    if (!stored.load(in))
      return false;
    if (stored.present())
      at = event_time{microseconds{in.svarint()}};
    return true;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return stored.heap_bytes(); }
};

value give(const cell_state& s) {
  return s.stored.present() ? decoded(s.stored.held()) : value{};
}

using cell_base = state_aggregate<cell_state, own_update, value (*)(const cell_state&)>;

class latest_cell final : public cell_base {
public:
  explicit latest_cell(const type& of) : cell_base("latest(" + to_string(of) + ')', of, give) {}

  void update(std::span<std::byte* const> states, const aggregate_input& in,
              std::span<const std::uint32_t> rows) const override {
    std::string encoded;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      encoded.clear();
      append_encoded(encoded, *in.argument, rows[i]);
      state(states[i]).add(encoded, in.times[rows[i]]);
    }
  }
};

} // namespace

aggregate_ptr make_latest_cell(const type& of) {
  return std::make_shared<const latest_cell>(of);
}

} // namespace tidemill
