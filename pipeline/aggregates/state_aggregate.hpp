#pragma once

#include "pipeline/aggregate.hpp"

#include <new>
#include <string>
#include <type_traits>
#include <utility>

namespace tidemill {

/// An aggregate whose accumulator is one `State`, fed from a column stored as `Input`.
///
/// `State` is default-constructible without allocating, at most 8-aligned, relocatable by memcpy, and has
/// `add(Input)`, `merge`, `save`, `load` (from any bytes) and `heap_bytes`. `Finish` turns it into a value.
/// `Input` is void for an aggregate without an argument.
template <class State, class Input, class Finish>
class state_aggregate final : public aggregate {
public:
  state_aggregate(std::string named, type of, Finish give)
      : name_(std::move(named)), result_(std::move(of)), finish_(std::move(give)) {
    static_assert(alignof(State) <= 8 && std::is_nothrow_default_constructible_v<State>);
  }

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] std::size_t size() const noexcept override { return (sizeof(State) + 7) / 8 * 8; }
  void construct(std::byte* at) const noexcept override { ::new (static_cast<void*>(at)) State{}; }
  void destroy(std::byte* at) const noexcept override { state(at).~State(); }

  void update(std::span<std::byte* const> states, [[maybe_unused]] const column* argument,
              [[maybe_unused]] std::span<const std::uint32_t> rows) const override {
    if constexpr (std::is_void_v<Input>) {
      for (auto* at : states)
        state(at).add();
    } else if (const auto* values = argument->as<Input>().data(); !argument->has_nulls()) {
      for (std::size_t i = 0; i < rows.size(); ++i)
        state(states[i]).add(values[rows[i]]);
    } else {
      const auto* nulls = argument->nulls().data();
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (nulls[rows[i]] == 0)
          state(states[i]).add(values[rows[i]]);
    }
  }
  void merge(std::byte* into, const std::byte* from) const override { state(into).merge(state(from)); }
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
  [[nodiscard]] value finish(const std::byte* at) const override { return finish_(state(at)); }

  void save(const std::byte* at, byte_writer& out) const override {
    out.u8(version);
    state(at).save(out);
  }
  [[nodiscard]] bool load(std::byte* at, byte_reader& in) const override {
    state(at) = State{};
    return in.u8() == version && in.ok() && state(at).load(in) && in.ok();
  }
  [[nodiscard]] std::size_t heap_bytes(const std::byte* at) const noexcept override {
    return state(at).heap_bytes();
  }

private:
  static constexpr std::uint8_t version = 1;
  static State& state(std::byte* at) noexcept { return *std::launder(reinterpret_cast<State*>(at)); }
  static const State& state(const std::byte* at) noexcept {
    return *std::launder(reinterpret_cast<const State*>(at));
  }

  std::string name_;
  type result_;
  Finish finish_;
};

/// Makes one; `Input` is how the argument's column is stored.
template <class State, class Input, class Finish>
[[nodiscard]] std::unique_ptr<const aggregate> make_state_aggregate(std::string name, type result,
                                                                    Finish finish) {
  return std::make_unique<const state_aggregate<State, Input, Finish>>(std::move(name), std::move(result),
                                                                       std::move(finish));
}

} // namespace tidemill
