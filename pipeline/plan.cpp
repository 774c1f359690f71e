#include "pipeline/plan.hpp"

#include "pipeline/plan_compiler.hpp"

namespace tidemill {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

} // namespace

std::int64_t window_plan::slice_of(event_time t) const noexcept {
  return units ? units->unit_of(t) : floor_div((t.time_since_epoch() - origin).count(), slice.count());
}

// Windows are [origin + k·slide, origin + k·slide + size). Their last slice is (k·slide + size) / slice − 1.
bool window_plan::window_ends(std::int64_t s) const noexcept {
  return next_window_end(s) == s;
}

std::int64_t window_plan::next_window_end(std::int64_t s) const noexcept {
  auto shift = slices - 1; // the window of k = 0 ends with slice `slices - 1`
  return -floor_div(shift - s, step) * step + shift;
}

std::shared_ptr<const plan> compile_plan(const definition& d, const table_columns& columns,
                                         std::vector<diagnostic>& faults) {
  plan_compiler compiler{d, columns, faults};
  auto made = compiler.run();
  return has_errors(faults) ? nullptr : made;
}

} // namespace tidemill
