// arg_min(x, by) and arg_max(x, by).
#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/slots.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"

namespace tidemill {
namespace {

// The value in its stored form beside what it is chosen by; of several the one that happened first, and of
// those the first in canonical order.
template <class By, class Slot, bool Max>
struct arg_extreme {
  text_slot chosen;
  Slot by;
  event_time at{};

  arg_extreme() noexcept = default;
  [[nodiscard]] bool loses_to(By x, event_time t) const {
    if (!by.present())
      return true;
    auto held = by.held();
    return x == held ? t < at : Max ? held < x : x < held;
  }
  void hold(std::string_view stored, By x, event_time t) {
    chosen.hold(stored);
    by.hold(x);
    at = t;
  }
  void merge(const arg_extreme& from) {
    if (from.by.present() && loses_to(from.by.held(), from.at))
      hold(from.chosen.held(), from.by.held(), from.at);
  }
  void save(byte_writer& out) const {
    by.save(out);
    if (!by.present())
      return;
    out.text(chosen.held());
    out.svarint(at.time_since_epoch().count());
  }
  [[nodiscard]] bool load(byte_reader& in) {
    if (!by.load(in))
      return false;
    if (!by.present())
      return true;
    auto stored = in.text();
    if (!in.ok() || decoded(stored).is_null())
      return false;
    chosen.hold(stored);
    at = event_time{microseconds{in.svarint()}};
    return true;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return chosen.heap_bytes() + by.heap_bytes(); }
};

struct give_chosen {
  template <class State>
  value operator()(const State& s) const {
    return s.by.present() ? decoded(s.chosen.held()) : value{};
  }
};

template <class By, class Slot, bool Max>
class arg_aggregate final : public state_aggregate<arg_extreme<By, Slot, Max>, own_update, give_chosen> {
  using base = state_aggregate<arg_extreme<By, Slot, Max>, own_update, give_chosen>;

public:
  using base::base;

  void update(std::span<std::byte* const> states, const aggregate_input& in,
              std::span<const std::uint32_t> rows) const override {
    const auto& by = in.by->as<By>();
    const auto* boxes = base::is_boxed(*in.argument) ? in.argument->as<value>().data() : nullptr;
    std::string stored;
    base::each_value(in.argument, rows, [&](std::size_t i, std::uint32_t row) {
      if (in.by->is_null(row) || (boxes != nullptr && (boxes[row].is_null() || boxes[row].is_error())))
        return;
      if constexpr (requires { scalar_form<By>::skip(by[row]); })
        if (scalar_form<By>::skip(by[row]))
          return;
      auto& s = base::state(states[i]);
      if (!s.loses_to(by[row], in.times[row]))
        return;
      stored.clear();
      append_encoded(stored, *in.argument, row);
      s.hold(stored, by[row], in.times[row]);
    });
  }
};

template <class By, class Slot, bool Max>
made_aggregate make(const type& t, kind by) {
  return std::make_unique<const arg_aggregate<By, Slot, Max>>((Max ? "arg_max(" : "arg_min(") + to_string(t) +
                                                                  ", " + to_string(type{by}) + ')',
                                                              t.with_null(), give_chosen{});
}

template <bool Max>
made_aggregate make(const type& argument, kind by) {
  auto t = argument.with_null(false);
  if (!can_be_held(t))
    return nullptr;
  switch (by) {
  case kind::boolean:
    return make<std::uint8_t, scalar_slot<std::uint8_t>, Max>(t, by);
  case kind::integer:
    return make<std::int64_t, scalar_slot<std::int64_t>, Max>(t, by);
  case kind::uinteger:
    return make<std::uint64_t, scalar_slot<std::uint64_t>, Max>(t, by);
  case kind::real:
    return make<double, scalar_slot<double>, Max>(t, by);
  case kind::decimal:
    return make<decimal, scalar_slot<decimal>, Max>(t, by);
  case kind::timestamp:
    return make<timestamp, scalar_slot<timestamp>, Max>(t, by);
  case kind::duration:
    return make<duration, scalar_slot<duration>, Max>(t, by);
  case kind::string:
  case kind::bytes:
    return make<std::string_view, text_slot, Max>(t, by);
  default:
    return nullptr;
  }
}

} // namespace

made_aggregate make_arg_min(const type& argument, kind by) {
  return make<false>(argument, by);
}

made_aggregate make_arg_max(const type& argument, kind by) {
  return make<true>(argument, by);
}

} // namespace tidemill
