#pragma once

#include "pipeline/frozen_partition.hpp"
#include "pipeline/plan.hpp"

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace tidemill {

/// The steps of a partition, by stream, and what those remember that remember something.
class step_set {
public:
  /// `source` must outlive the set, and so must `intake`: the state of `step_state_plan::intake`, if any.
  step_set(const source_plan& source, step_state* intake);

  [[nodiscard]] step& at(std::size_t stream, std::size_t i) { return *streams_[stream][i]; }
  /// Of the steps with state, in the order of the plan.
  [[nodiscard]] std::vector<step_totals> totals() const;

  /// The small parts, by name and state id.
  void save(byte_writer& out) const;
  void freeze(frozen_partition& out) const;
  /// Into a fresh set, what `save` wrote; then each piece of a step, then `finish_restore`. State of another
  /// id is passed over: its step starts empty. Errors: `corrupt`.
  status load(byte_reader& in);
  status restore(const piece_heading& piece);
  status finish_restore();

private:
  struct kept {
    const step_state_plan* plan;
    step_state* state;
    bool loaded = false;
  };
  [[nodiscard]] kept* find(std::string_view name, std::string_view id) noexcept;

  std::vector<std::vector<std::unique_ptr<step>>> streams_;
  std::vector<kept> states_;
};

} // namespace tidemill
