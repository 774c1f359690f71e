#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/slots.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"

namespace tidemill {
namespace {

template <bool Max, class T>
bool better(const T& a, const T& b) noexcept {
  return Max ? b < a : a < b;
}

template <class T, bool Max>
struct extreme : scalar_slot<T> {
  void add(T x) noexcept {
    if (!scalar_form<T>::skip(x) && (!this->present() || better<Max>(x, this->held())))
      this->hold(x);
  }
  void merge(const extreme& from) noexcept {
    if (from.present())
      add(from.held());
  }
  [[nodiscard]] value finish() const {
    return this->present() ? scalar_form<T>::give(this->held()) : value{};
  }
};

// Text or bytes. Bytewise order, which for UTF-8 is that of code points, as CEL wants it.
template <bool Max>
struct text_extreme : text_slot {
  void add(std::string_view x) {
    if (!present() || better<Max>(x, held()))
      hold(x);
  }
  void merge(const text_extreme& from) {
    if (from.present())
      add(from.held());
  }
};

template <class T, bool Max>
made_aggregate scalar(const char* argument, kind k) {
  using state = extreme<T, Max>;
  return make_state_aggregate<state, T>(std::string{Max ? "max(" : "min("} + argument + ")", type{k, true},
                                        [](const state& s) { return s.finish(); });
}

template <class Held, bool Max>
made_aggregate text(const char* argument, kind k) {
  using state = text_extreme<Max>;
  return make_state_aggregate<state, std::string_view>(
      std::string{Max ? "max(" : "min("} + argument + ")", type{k, true},
      [](const state& s) -> value { return s.present() ? value{Held{std::string{s.held()}}} : value{}; });
}

template <bool Max>
made_aggregate make_extreme(kind k) {
  switch (k) {
  case kind::boolean:
    return scalar<std::uint8_t, Max>("bool", k);
  case kind::integer:
    return scalar<std::int64_t, Max>("int", k);
  case kind::uinteger:
    return scalar<std::uint64_t, Max>("uint", k);
  case kind::real:
    return scalar<double, Max>("double", k);
  case kind::decimal:
    return scalar<decimal, Max>("decimal", k);
  case kind::timestamp:
    return scalar<timestamp, Max>("timestamp", k);
  case kind::duration:
    return scalar<duration, Max>("duration", k);
  case kind::string:
    return text<std::string, Max>("string", k);
  case kind::bytes:
    return text<byte_string, Max>("bytes", k);
  default:
    return nullptr;
  }
}

} // namespace

made_aggregate make_min(kind argument) {
  return make_extreme<false>(argument);
}

made_aggregate make_max(kind argument) {
  return make_extreme<true>(argument);
}

} // namespace tidemill
