#include "pipeline/join.hpp"

#include "pipeline/frozen_join.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <tuple>

using namespace tidemill;

namespace {

event_time at(std::int64_t s) {
  return event_time{std::chrono::seconds{s}};
}

void must(const status& done) {
  if (!done)
    FAIL(done.error().text());
}

/// An event of the tests: its record is `side:number`.
struct given {
  std::size_t side;
  std::string key;
  std::int64_t time;
  std::uint32_t number;
  [[nodiscard]] std::string record() const { return std::to_string(side) + ':' + std::to_string(number); }
};

using found = std::tuple<std::string, std::string, event_time>; ///< left, right, time

join_plan plan_of(bool as_of, bool keeps_left) {
  join_plan p;
  p.as_of = as_of;
  p.keeps_left = keeps_left;
  p.before = std::chrono::seconds{4};
  p.after = as_of ? microseconds{0} : microseconds{std::chrono::seconds{7}};
  p.max_rows = 1000;
  return p;
}

/// All events at once, without a watermark: each left one with each right one.
std::multiset<found> naive(const join_plan& how, const std::vector<given>& all) {
  std::multiset<found> out;
  for (const auto& left : all) {
    if (left.side != 0)
      continue;
    std::vector<const given*> near;
    for (const auto& right : all)
      if (right.side == 1 && right.key == left.key && at(right.time) >= at(left.time) - how.before &&
          at(right.time) <= at(left.time) + how.after)
        near.push_back(&right);
    if (how.as_of && near.size() > 1) {
      std::ranges::sort(near, {}, [](const given* g) { return std::pair{g->time, g->number}; });
      near = {near.back()};
    }
    for (const auto* right : near)
      out.emplace(left.record(), right->record(),
                  at(how.as_of ? left.time : std::max(left.time, right->time)));
    if (near.empty() && how.keeps_left)
      out.emplace(left.record(), "", at(left.time));
  }
  return out;
}

std::vector<given> random_events(std::mt19937& random) {
  std::vector<given> all;
  for (std::uint32_t i = 0; i < 60; ++i)
    all.push_back({random() % 2, std::string(1, static_cast<char>('a' + random() % 4)),
                   static_cast<std::int64_t>(random() % 60), i});
  return all;
}

/// Mixed, but none more than 5 s behind another that came before it.
void disorder(std::vector<given>& all, std::mt19937& random) {
  std::map<std::uint32_t, double> due;
  for (const auto& g : all)
    due[g.number] = static_cast<double>(g.time) + static_cast<double>(random() % 5000) / 1000;
  std::ranges::sort(all, {}, [&](const given& g) { return std::pair{due[g.number], g.number}; });
}

/// What a checkpoint of it would bring back.
std::unique_ptr<joiner> restored(const joiner& from, const join_plan& how, event_time watermark,
                                 const std::vector<given>& all) {
  auto to = std::make_unique<joiner>(how);
  to->restore(watermark);
  const frozen_join frozen{from.side(0).slots(), from.side(1).slots()};
  const std::array ranges{offset_range{0, std::numeric_limits<offset>::max()}};
  auto take = [&](std::string_view piece, std::uint64_t) -> status {
    byte_reader in{piece.substr(1)};
    while (!in.at_end()) {
      const auto side = static_cast<std::size_t>(in.svarint());
      byte_reader rows{in.text()};
      while (!rows.at_end()) {
        const auto row = read_frozen_row(rows);
        const auto& g = *std::ranges::find(all, row.record, &given::record);
        to->restore(side, {g.key, std::string{row.record}}, {at(g.time), {partition_id{0}, g.number, 0}},
                    row.changed_at, row.matched);
      }
    }
    return {};
  };
  must(frozen.write("#", ranges, 200, take));
  to->finish_restore();
  CHECK(to->side(0).size() == from.side(0).size());
  CHECK(to->side(1).size() == from.side(1).size());
  return to;
}

std::multiset<found> run(const join_plan& how, const std::vector<given>& all, std::mt19937& random,
                         bool crashes) {
  auto state = std::make_unique<joiner>(how);
  std::multiset<found> out;
  std::vector<joined> got;
  auto collect = [&] {
    for (const auto& j : got)
      out.emplace(j.left, j.right, j.time);
    got.clear();
  };
  auto newest = std::int64_t{-1000};
  auto watermark = time_min;
  offset log = 0;
  for (const auto& g : all) {
    state->begin();
    const auto before = state->watermark();
    must(state->accept(g.side, {g.key, g.record()}, false, {at(g.time), {partition_id{0}, g.number, 0}},
                       ++log, got));
    newest = std::max(newest, g.time);
    if (random() % 3 == 0) {
      watermark = at(newest - 5);
      state->advance(watermark, got);
    }
    for (const auto& j : got)
      CHECK(j.time >= before); // it is late for no view
    collect();
    if (crashes && random() % 5 == 0)
      state = restored(*state, how, watermark, all);
  }
  state->begin();
  state->advance(time_max, got);
  collect();
  CHECK(state->side(0).size() + state->side(1).size() == 0);
  return out;
}

} // namespace

TEST_CASE("pairs are those of all events with all, however they come, and through any restore") {
  for (auto as_of : {false, true})
    for (auto keeps_left : {false, true}) {
      const auto how = plan_of(as_of, keeps_left);
      for (std::uint32_t seed = 0; seed < 200; ++seed) {
        std::mt19937 random{seed};
        auto all = random_events(random);
        disorder(all, random);
        const auto want = naive(how, all);
        CHECK(run(how, all, random, false) == want);
        CHECK(run(how, all, random, true) == want);
      }
    }
}

TEST_CASE("a join keeps no event longer than a partner may come") {
  const auto how = plan_of(false, false);
  joiner state{how};
  std::vector<joined> out;
  must(state.accept(0, {"k", "left"}, false, {at(10), {partition_id{0}, 1, 0}}, 1, out));
  must(state.accept(1, {"k", "right"}, false, {at(20), {partition_id{0}, 1, 0}}, 2, out));
  state.advance(at(17), out);
  CHECK(state.side(0).size() == 1); // a right event at 17 may come
  state.advance(at(18), out);
  CHECK(state.side(0).size() == 0);
  state.advance(at(24), out);
  CHECK(state.side(1).size() == 1);
  state.advance(at(25), out);
  CHECK(state.side(1).size() == 0);
  CHECK(out.empty());
}

TEST_CASE("of the events that an as-of join takes, a key keeps one that the watermark has passed") {
  const auto how = plan_of(true, false);
  joiner state{how};
  std::vector<joined> out;
  for (std::uint32_t i = 0; i < 100; ++i)
    must(state.accept(1, {"k", std::to_string(i)}, false, {at(10), {partition_id{0}, i, 0}}, i, out));
  CHECK(state.side(1).size() == 100);
  state.advance(at(10), out);
  CHECK(state.side(1).size() == 1);
  must(state.accept(0, {"k", "left"}, false, {at(10), {partition_id{0}, 1, 0}}, 200, out));
  state.advance(at(11), out);
  REQUIRE(out.size() == 1);
  CHECK(out.front().right == "99");
}

TEST_CASE("what is frozen of a join stays as it is while the join goes on") {
  const auto how = plan_of(false, true);
  joiner state{how};
  std::vector<joined> out;
  for (std::uint32_t i = 0; i < 1000; ++i)
    must(state.accept(0, {std::to_string(i), "left"}, false, {at(10), {partition_id{0}, i, 0}}, i + 1, out));
  const frozen_join frozen{state.side(0).slots(), state.side(1).slots()};
  std::string before, after;
  const std::array ranges{offset_range{0, 2000}};
  auto write = [&](std::string& to) {
    must(frozen.write("#", ranges, 1u << 20, [&](std::string_view piece, std::uint64_t) -> status {
      to += piece;
      return {};
    }));
  };
  write(before);
  for (std::uint32_t i = 0; i < 500; ++i)
    must(state.accept(1, {std::to_string(i), "right"}, false, {at(11), {partition_id{0}, i, 0}}, 2000, out));
  state.advance(at(100), out);
  write(after);
  CHECK(before == after);
  std::vector<std::uint64_t> counts(1);
  frozen.count(ranges, counts);
  CHECK(counts.front() == 1000);
  CHECK(frozen.entries() == 1000);
}
