#include "actors/restart_policy.hpp"

#include <catch2/catch.hpp>

using std::chrono::milliseconds;
using tidemill::restart_policy;

namespace {

constexpr restart_policy::limits limits{milliseconds{100}, milliseconds{1'000}, milliseconds{10'000}, 6};
constexpr double almost_one = 0.999999;

/// Fails right after each start.
struct failing {
  restart_policy policy{limits};
  restart_policy::time_point now{milliseconds{1}};

  std::optional<milliseconds> fail_after(milliseconds alive, double jitter) {
    policy.started(now);
    now += alive;
    return policy.failed(now, jitter);
  }
};

} // namespace

TEST_CASE("the backoff doubles up to its limit, and jitter spreads it over its upper half") {
  failing least, most;
  for (auto whole : {100, 200, 400, 800, 1'000, 1'000}) {
    CHECK(least.fail_after(milliseconds{1}, 0.0) == milliseconds{whole / 2});
    auto longest = most.fail_after(milliseconds{1}, almost_one);
    REQUIRE(longest);
    CHECK(longest->count() > whole / 2);
    CHECK(longest->count() <= whole);
  }
  CHECK(least.policy.restarts() == 6);
}

TEST_CASE("who fails too often in a row doesn't come back") {
  failing actor;
  for (int i = 0; i < 6; ++i)
    CHECK(actor.fail_after(milliseconds{9'999}, 0.0));
  CHECK_FALSE(actor.fail_after(milliseconds{9'999}, 0.0));
}

TEST_CASE("healthy time makes earlier failures forgotten") {
  failing actor;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 5; ++i)
      CHECK(actor.fail_after(milliseconds{1}, 0.0));
    CHECK(actor.fail_after(milliseconds{10'000}, 0.0) == milliseconds{50});
  }
}

TEST_CASE("forgiven failures don't count, and there is nothing to forgive beyond them") {
  failing actor;
  for (int i = 0; i < 6; ++i)
    CHECK(actor.fail_after(milliseconds{1}, 0.0));
  actor.policy.forgive(2);
  CHECK(actor.fail_after(milliseconds{1}, 0.0) == milliseconds{500});
  actor.policy.forgive(100);
  CHECK(actor.fail_after(milliseconds{1}, 0.0) == milliseconds{50});
}

TEST_CASE("a backoff of many failures doesn't overflow") {
  restart_policy policy{{milliseconds{1'000'000'000}, milliseconds{30'000}, milliseconds{10'000}, 1'000}};
  policy.started({});
  for (int i = 0; i < 1'000; ++i)
    if (policy.failed({}, almost_one).value_or(milliseconds{-1}) > milliseconds{30'000})
      FAIL("longer than the limit");
  CHECK_FALSE(policy.failed({}, 0.0));
}
