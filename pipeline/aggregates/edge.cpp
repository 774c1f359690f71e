// first(x) and last(x), by event time.
#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/slots.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"

namespace tidemill {
namespace {

// Of equal times the first or the last in canonical order counts.
template <class Slot, bool Last>
struct edge {
  static constexpr bool timed = true;
  Slot slot;
  event_time at{};

  edge() noexcept = default;
  template <class T>
  void add(T x, event_time t) {
    if constexpr (requires { scalar_form<T>::skip(x); })
      if (scalar_form<T>::skip(x))
        return;
    if (slot.present() && (Last ? t < at : t >= at))
      return;
    slot.hold(x);
    at = t;
  }
  void merge(const edge& from) {
    if (from.slot.present())
      add(from.slot.held(), from.at);
  }
  void save(byte_writer& out) const {
    slot.save(out);
    if (slot.present())
      out.svarint(at.time_since_epoch().count());
  }
  [[nodiscard]] bool load(byte_reader& in) {
    if (!slot.load(in))
      return false;
    if (slot.present())
      at = event_time{microseconds{in.svarint()}};
    return true;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return slot.heap_bytes(); }
};

template <bool Last>
std::string name_of(const type& t) {
  return (Last ? "last(" : "first(") + to_string(t) + ')';
}

template <class T, bool Last>
made_aggregate scalar(const type& t) {
  using state = edge<scalar_slot<T>, Last>;
  return make_state_aggregate<state, T>(name_of<Last>(t), t.with_null(), [](const state& s) {
    return s.slot.present() ? scalar_form<T>::give(s.slot.held()) : value{};
  });
}

template <class Input, bool Last>
made_aggregate text(const type& t, value (*give)(std::string_view)) {
  using state = edge<text_slot, Last>;
  return make_state_aggregate<state, Input>(name_of<Last>(t), t.with_null(), [give](const state& s) {
    return s.slot.present() ? give(s.slot.held()) : value{};
  });
}

template <bool Last>
made_aggregate make(const type& argument) {
  auto t = argument.with_null(false);
  switch (t.of()) {
  case kind::boolean:
    return scalar<std::uint8_t, Last>(t);
  case kind::integer:
    return scalar<std::int64_t, Last>(t);
  case kind::uinteger:
    return scalar<std::uint64_t, Last>(t);
  case kind::real:
    return scalar<double, Last>(t);
  case kind::decimal:
    return scalar<decimal, Last>(t);
  case kind::timestamp:
    return scalar<timestamp, Last>(t);
  case kind::duration:
    return scalar<duration, Last>(t);
  case kind::string:
    return text<std::string_view, Last>(t, [](std::string_view held) { return value{held}; });
  case kind::bytes:
    return text<std::string_view, Last>(
        t, [](std::string_view held) { return value{byte_string{std::string{held}}}; });
  default:
    return can_be_held(t) ? text<any_kind, Last>(t, decoded) : nullptr;
  }
}

} // namespace

made_aggregate make_first(const type& argument) {
  return make<false>(argument);
}

made_aggregate make_last(const type& argument) {
  return make<true>(argument);
}

} // namespace tidemill
