#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"
#include "pipeline/sketch/dd_sketch.hpp"

namespace tidemill {
namespace {

struct quantile_state : dd_sketch {
  template <class T>
  void add(T x) {
    dd_sketch::add(static_cast<double>(x));
  }
};

template <class Input>
made_aggregate quantile(double q) {
  return make_state_aggregate<quantile_state, Input>(
      "quantile", type{kind::real, true},
      [q](const quantile_state& s) { return s.count() == 0 ? value{} : value{s.quantile(q)}; });
}

} // namespace

made_aggregate make_quantile(kind argument, double q) {
  switch (argument) {
  case kind::integer:
    return quantile<std::int64_t>(q);
  case kind::uinteger:
    return quantile<std::uint64_t>(q);
  case kind::real:
    return quantile<double>(q);
  default:
    return nullptr;
  }
}

} // namespace tidemill
