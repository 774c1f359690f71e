#include "pipeline/window/event_span.hpp"

#include "pipeline/aggregates/state_aggregate.hpp"

#include <new>

namespace tidemill {
namespace {

value no_result(const event_span&) {
  return {};
}

class span_aggregate final : public state_aggregate<event_span, own_update, value (*)(const event_span&)> {
public:
  span_aggregate() : state_aggregate("span()", type{kind::null_type}, no_result) {}

  void update(std::span<std::byte* const> states, const aggregate_input& in,
              std::span<const std::uint32_t> rows) const override {
    for (std::size_t i = 0; i < rows.size(); ++i)
      state(states[i]).add(in.times[rows[i]]);
  }
};

} // namespace

void event_span::save(byte_writer& out) const {
  out.svarint(first.time_since_epoch().count());
  out.svarint(last.time_since_epoch().count());
}

bool event_span::load(byte_reader& in) {
  first = event_time{microseconds{in.svarint()}};
  last = event_time{microseconds{in.svarint()}};
  return in.ok() && first >= time_min && first <= time_max && last >= time_min && last <= time_max;
}

aggregate_ptr make_span() {
  return std::make_shared<const span_aggregate>();
}

const event_span& span_in(const std::byte* at) noexcept {
  return *std::launder(reinterpret_cast<const event_span*>(at));
}

} // namespace tidemill
