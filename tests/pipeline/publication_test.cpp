// Rows that are removed.
#include "pipeline/publication.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tidemill;
using std::chrono::seconds;

namespace {

std::shared_ptr<const view_schema> counts() {
  auto s = std::make_shared<view_schema>();
  s->columns = {{"n", kind::integer, {}, time_format::rfc3339}};
  return s;
}

row_ptr make(event_time start, event_time end, const std::string& key, std::int64_t n) {
  auto r = std::make_shared<row>();
  r->window_start = start;
  r->window_end = end;
  r->key = key;
  r->columns = {value{n}};
  return r;
}

row_ptr make(std::int64_t start, std::int64_t end, const std::string& key, std::int64_t n) {
  return make(event_time{seconds{start}}, event_time{seconds{end}}, key, n);
}

snapshot_ptr apply(publication& rows, const std::vector<row_ptr>& put, const std::vector<row_ptr>& remove) {
  publication::tick t;
  t.put = put;
  t.remove = remove;
  return rows.apply(t);
}

} // namespace

TEST_CASE("a removed row is told to those who knew it, and is not among the rows of others") {
  publication rows{counts(), 7, 1};
  auto first = apply(rows, {make(0, 10, "a", 1), make(0, 10, "b", 1), make(5, 20, "a", 1)}, {});
  auto second = apply(rows, {make(0, 20, "a", 2)}, {make(0, 10, "a", 1), make(5, 20, "a", 1)});
  auto known = changes_since(*second, 7, first->offset);
  CHECK(known.recovered);
  REQUIRE(known.put.size() == 1);
  CHECK(*known.put[0].data->columns[0].get_if<std::int64_t>() == 2);
  CHECK(known.removed.size() == 2);
  CHECK(changes_since(*second, 7, second->offset).removed.empty());
  auto anew = changes_since(*second, 1, 0);
  CHECK_FALSE(anew.recovered);
  CHECK(anew.put.size() == 2);
  CHECK(anew.removed.empty());
  // Again, or what never was: nothing changes.
  auto third = apply(rows, {}, {make(0, 10, "a", 1), make(0, 10, "z", 1)});
  CHECK(third->offset == second->offset);
  // It may come back, also in the tick that removes it.
  auto fourth = apply(rows, {make(0, 10, "a", 5), make(0, 10, "b", 6)}, {make(0, 10, "b", 1)});
  auto back = changes_since(*fourth, 7, third->offset);
  CHECK(back.put.size() == 2);
  CHECK(back.removed.empty());
}

TEST_CASE("gravestones are bounded, and a position from before the oldest one gets a snapshot") {
  publication rows{counts(), 7, 1};
  auto early = apply(rows, {make(0, 10, "kept", 1)}, {});
  std::uint64_t late = 0;
  std::size_t most = 0;
  for (std::int64_t i = 0; i < 3 * static_cast<std::int64_t>(publication::least_gravestones); ++i) {
    auto r = make(i, i + 10, "a", 1);
    (void)apply(rows, {r}, {});
    auto now = apply(rows, {}, {r});
    if (i % 4096 == 0) {
      std::size_t stones = 0;
      for (const auto& b : now->blocks)
        stones += static_cast<std::size_t>(std::ranges::count(b->rows, true, &published_row::removed));
      most = std::max(most, stones);
      late = now->offset;
    }
  }
  CHECK(most <= publication::least_gravestones + 2);
  const auto& now = *rows.current();
  CHECK_FALSE(changes_since(now, 7, early->offset).recovered);
  auto delta = changes_since(now, 7, late);
  CHECK(delta.recovered);
  CHECK(delta.removed.size() == 4095);
  CHECK(changes_since(now, 7, now.floor).recovered);
  CHECK_FALSE(changes_since(now, 7, now.floor - 1).recovered);
}
