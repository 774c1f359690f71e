#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"
#include "pipeline/sketch/space_saving.hpp"

#include <algorithm>

namespace tidemill {
namespace {

struct frequent : space_saving {
  using setting = std::size_t; // counters
};

// `most` of at most n/m too high are of use if m is much more than `most`.
std::size_t counters_for(std::size_t most) {
  return std::max<std::size_t>(100, 10 * most);
}

value listed(const space_saving& s, std::size_t most) {
  value_list list;
  for (const auto& [item, count, error] : s.top(most))
    list.emplace_back(value_map{{"value", decoded(item)},
                                {"count", static_cast<std::int64_t>(count)},
                                {"error", static_cast<std::int64_t>(error)}});
  return list;
}

} // namespace

made_aggregate make_top(const type& argument, std::size_t most) {
  auto t = argument.with_null(false);
  if (!can_be_held(t))
    return nullptr;
  auto m = counters_for(most);
  return make_state_aggregate<frequent, any_kind>(
      "top(" + to_string(t) + ", " + std::to_string(m) + ')',
      type::list_of(type::map_of(kind::string, kind::dyn)),
      [most](const frequent& s) { return listed(s, most); }, m);
}

} // namespace tidemill
