#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"
#include "pipeline/sketch/hyper_log_log.hpp"
#include "pipeline/sketch/value_hash.hpp"

#include <algorithm>
#include <limits>

namespace tidemill {
namespace {

template <kind Kind>
struct distinct_state : hyper_log_log {
  void add(std::uint8_t x) requires(Kind == kind::boolean) { hyper_log_log::add(value_hash(x != 0)); }
  void add(std::string_view x) requires(Kind == kind::bytes) { hyper_log_log::add(value_hash_of_bytes(x)); }
  // A boxed value may be what a column's null bytes don't show.
  void add(const value& x) requires(Kind == kind::dyn) {
    if (!x.is_null() && !x.is_error())
      hyper_log_log::add(value_hash(x));
  }
  template <class T>
  void add(T x) requires(Kind != kind::boolean && Kind != kind::bytes && Kind != kind::dyn) {
    hyper_log_log::add(value_hash(x));
  }
};

template <kind Kind, class Input>
made_aggregate distinct(const char* name) {
  using state = distinct_state<Kind>;
  return make_state_aggregate<state, Input>(name, kind::integer, [](const state& s) -> value {
    constexpr auto most = std::uint64_t{std::numeric_limits<std::int64_t>::max()};
    return static_cast<std::int64_t>(std::min(s.estimate(), most));
  });
}

} // namespace

made_aggregate make_distinct(kind argument) {
  switch (argument) {
  case kind::boolean:
    return distinct<kind::boolean, std::uint8_t>("distinct(bool)");
  case kind::integer:
    return distinct<kind::integer, std::int64_t>("distinct(int)");
  case kind::uinteger:
    return distinct<kind::uinteger, std::uint64_t>("distinct(uint)");
  case kind::real:
    return distinct<kind::real, double>("distinct(double)");
  case kind::decimal:
    return distinct<kind::decimal, decimal>("distinct(decimal)");
  case kind::string:
    return distinct<kind::string, std::string_view>("distinct(string)");
  case kind::bytes:
    return distinct<kind::bytes, std::string_view>("distinct(bytes)");
  case kind::timestamp:
    return distinct<kind::timestamp, timestamp>("distinct(timestamp)");
  case kind::duration:
    return distinct<kind::duration, duration>("distinct(duration)");
  case kind::dyn:
    return distinct<kind::dyn, value>("distinct(dyn)");
  default:
    return nullptr;
  }
}

} // namespace tidemill
