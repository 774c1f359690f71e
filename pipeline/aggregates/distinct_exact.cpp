#include "event/hash.hpp"
#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"
#include "pipeline/sketch/exact_set.hpp"

#include <cmath>
#include <limits>

namespace tidemill {
namespace {

// Two hashes of a value's stored form. The seeds are part of stored sets.
exact_set::fingerprint fingerprint_of(std::string_view stored) {
  return {hash64(stored, 0x74696465), hash64(stored, 0x6d696c6c)};
}

// Numbers that CEL calls equal in one form, if they are whole and within int or uint: `distinct` tells values
// apart the same way.
value plain(const value& v) {
  constexpr auto most = std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  if (const auto* u = v.get_if<std::uint64_t>(); u != nullptr && *u <= most)
    return static_cast<std::int64_t>(*u);
  if (const auto* d = v.get_if<double>();
      d != nullptr && *d == std::trunc(*d) && *d >= -0x1p63 && *d < 0x1p64) {
    if (*d < 0x1p63)
      return static_cast<std::int64_t>(*d);
    return static_cast<std::uint64_t>(*d);
  }
  if (const auto* m = v.get_if<decimal>(); m != nullptr && m->units % decimal_one == 0)
    if (auto whole = m->units / decimal_one; whole >= std::numeric_limits<std::int64_t>::min() &&
                                             whole <= std::numeric_limits<std::uint64_t>::max()) {
      if (whole <= std::numeric_limits<std::int64_t>::max())
        return static_cast<std::int64_t>(whole);
      return static_cast<std::uint64_t>(whole);
    }
  return v;
}

struct members : exact_set {
  using setting = std::size_t; // the limit

  void add(std::string_view stored, std::size_t limit) { exact_set::add(fingerprint_of(stored), limit); }
  void add(const value& x, std::size_t limit) {
    if (x.is_null() || x.is_error())
      return;
    std::string stored;
    append_encoded(stored, plain(x));
    add(std::string_view{stored}, limit);
  }
};

template <class Input>
made_aggregate make(kind argument, std::size_t limit) {
  return make_state_aggregate<members, Input>(
      "distinct_exact(" + to_string(type{argument}) + ", " + std::to_string(limit) + ')',
      type{kind::integer, true},
      [](const members& s) { return s.over() ? value{} : value{static_cast<std::int64_t>(s.size())}; },
      limit);
}

} // namespace

made_aggregate make_distinct_exact(kind argument, std::size_t limit) {
  if (argument == kind::dyn)
    return make<value>(argument, limit);
  if (argument < kind::boolean || argument > kind::duration)
    return nullptr;
  return make<any_kind>(argument, limit);
}

} // namespace tidemill
