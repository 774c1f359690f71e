#pragma once

#include "pipeline/aggregate.hpp"

#include <concepts>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

namespace tidemill {

/// Whether values of a type can be kept in their stored form and given back.
[[nodiscard]] inline bool can_be_held(const type& t) noexcept {
  return can_be_field(t) && !t.is(kind::null_type);
}
/// A value from its stored form; null if that is damaged.
[[nodiscard]] inline value decoded(std::string_view stored) {
  auto v = take_encoded(stored);
  return v && stored.empty() ? std::move(*v) : value{};
}

/// As `Input`: a column of any kind, of which each value comes in its stored form (`append_encoded`).
struct any_kind {};
/// As `Input`: a class that derives has an `update` of its own.
struct own_update {};

/// An aggregate whose accumulator is one `State`, fed from a column stored as `Input`.
///
/// `State` is default-constructible without allocating, at most 8-aligned, relocatable by memcpy, and has
/// `add(Input)`, `merge`, `save`, `load` (from any bytes) and `heap_bytes`. `Finish` turns it into a value;
/// it may ask for the length of the window, too. `Input` is void for an aggregate without an argument.
///
/// A state with `static constexpr bool timed = true` gets `add(Input, event_time)`. One with a type `setting`
/// gets what the call's constant says as the last argument of `add`, `merge` and `load`; of `save` if it
/// likes.
template <class State, class Input, class Finish>
class state_aggregate : public aggregate {
  static constexpr bool timed = requires { State::timed; };
  static constexpr bool set = requires { typename State::setting; };
  template <class S>
  struct setting_of {
    struct type {};
  };
  template <class S>
  requires requires { typename S::setting; }
  struct setting_of<S> {
    using type = typename S::setting;
  };

public:
  using setting = typename setting_of<State>::type;

  state_aggregate(std::string named, type of, Finish give, setting with = {})
      : name_(std::move(named)), result_(std::move(of)), finish_(std::move(give)), setting_(std::move(with)) {
    static_assert(alignof(State) <= 8 && std::is_nothrow_default_constructible_v<State>);
  }

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] std::size_t size() const noexcept override { return (sizeof(State) + 7) / 8 * 8; }
  void construct(std::byte* at) const noexcept override { ::new (static_cast<void*>(at)) State{}; }
  void destroy(std::byte* at) const noexcept override { state(at).~State(); }

  void update(std::span<std::byte* const> states, [[maybe_unused]] const aggregate_input& in,
              [[maybe_unused]] std::span<const std::uint32_t> rows) const override {
    if constexpr (std::same_as<Input, own_update>) {
      return;
    } else if constexpr (std::is_void_v<Input>) {
      for (auto* at : states)
        state(at).add();
    } else if constexpr (std::same_as<Input, any_kind>) {
      std::string encoded;
      const auto* boxes = is_boxed(*in.argument) ? in.argument->as<value>().data() : nullptr;
      each_value(in.argument, rows, [&](std::size_t i, std::uint32_t row) {
        // A boxed value may be what a column's null bytes don't show.
        if (boxes != nullptr && (boxes[row].is_null() || boxes[row].is_error()))
          return;
        encoded.clear();
        append_encoded(encoded, *in.argument, row);
        add(states[i], std::string_view{encoded}, in, row);
      });
    } else {
      const auto* values = in.argument->as<Input>().data();
      each_value(in.argument, rows,
                 [&](std::size_t i, std::uint32_t row) { add(states[i], values[row], in, row); });
    }
  }
  void merge(std::byte* into, const std::byte* from) const override {
    if constexpr (set)
      state(into).merge(state(from), setting_);
    else
      state(into).merge(state(from));
  }
  void copy(std::byte* to, const std::byte* from) const override {
    if constexpr (std::is_copy_constructible_v<State>) {
      ::new (static_cast<void*>(to)) State{state(from)};
    } else {
      construct(to);
      merge(to, from);
    }
  }
  [[nodiscard]] bool flat() const noexcept override { return std::is_trivially_copyable_v<State>; }

  [[nodiscard]] type result() const override { return result_; }
  [[nodiscard]] value finish(const std::byte* at, [[maybe_unused]] microseconds window) const override {
    if constexpr (std::is_invocable_v<const Finish&, const State&, microseconds>)
      return finish_(state(at), window);
    else
      return finish_(state(at));
  }

  void save(const std::byte* at, byte_writer& out) const override {
    out.u8(version);
    if constexpr (requires(const State& s) { s.save(out, setting_); })
      state(at).save(out, setting_);
    else
      state(at).save(out);
  }
  [[nodiscard]] bool load(std::byte* at, byte_reader& in) const override {
    state(at) = State{};
    if (in.u8() != version || !in.ok())
      return false;
    if constexpr (set)
      return state(at).load(in, setting_) && in.ok();
    else
      return state(at).load(in) && in.ok();
  }
  [[nodiscard]] std::size_t heap_bytes(const std::byte* at) const noexcept override {
    return state(at).heap_bytes();
  }

protected:
  static State& state(std::byte* at) noexcept { return *std::launder(reinterpret_cast<State*>(at)); }
  static const State& state(const std::byte* at) noexcept {
    return *std::launder(reinterpret_cast<const State*>(at));
  }

  static bool is_boxed(const column& c) noexcept {
    return c.of().of() == kind::null_type || c.of().of() > kind::duration;
  }
  /// Calls `each(i, rows[i])` for rows that are not null.
  template <class Each>
  static void each_value(const column* values, std::span<const std::uint32_t> rows, Each each) {
    if (!values->has_nulls()) {
      for (std::size_t i = 0; i < rows.size(); ++i)
        each(i, rows[i]);
    } else {
      const auto* nulls = values->nulls().data();
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (nulls[rows[i]] == 0)
          each(i, rows[i]);
    }
  }

private:
  static constexpr std::uint8_t version = 1;

  template <class T>
  void add(std::byte* at, const T& x, [[maybe_unused]] const aggregate_input& in,
           [[maybe_unused]] std::uint32_t row) const {
    if constexpr (timed && set)
      state(at).add(x, in.times[row], setting_);
    else if constexpr (timed)
      state(at).add(x, in.times[row]);
    else if constexpr (set)
      state(at).add(x, setting_);
    else
      state(at).add(x);
  }

  std::string name_;
  type result_;
  Finish finish_;
  [[no_unique_address]] setting setting_;
};

/// Makes one; `Input` is how the argument's column is stored.
template <class State, class Input, class Finish>
[[nodiscard]] std::unique_ptr<const aggregate>
make_state_aggregate(std::string name, type result, Finish finish,
                     typename state_aggregate<State, Input, Finish>::setting with = {}) {
  return std::make_unique<const state_aggregate<State, Input, Finish>>(std::move(name), std::move(result),
                                                                       std::move(finish), std::move(with));
}

} // namespace tidemill
