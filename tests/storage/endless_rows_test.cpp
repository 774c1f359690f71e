// Rows of views without windows on their way to Kafka and Redis.
#include "storage/kafka/row_keys.hpp"
#include "storage/redis/mirror_plan.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;

namespace {

std::shared_ptr<const view_schema> totals() {
  auto s = std::make_shared<view_schema>();
  s->name = "totals";
  s->columns = {{"user", type{kind::string}, {}, {}}, {"n", type{kind::integer}, {}, {}}};
  s->by = 1;
  s->window = window_kind::global;
  return s;
}

published_row make_row(const std::string& user, std::int64_t n, std::uint64_t changed, bool removed = false) {
  auto r = std::make_shared<row>();
  r->window_start = time_min;
  r->window_end = time_max;
  append_encoded(r->key, value{user});
  r->columns = {value{user}, value{n}};
  return {r, changed, removed, nullptr};
}

} // namespace

TEST_CASE("the key of an endless row's record is its `by` values alone") {
  CHECK(identity_json(*totals(), *make_row("ann", 1, 1).data) == R"({"user":"ann"})");
}

TEST_CASE("a removed endless row leaves nothing in Redis, however many others there are") {
  view_snapshot view;
  view.schema = totals();
  view.offset = 3;
  auto block = std::make_shared<row_block>();
  block->rows = {make_row("ann", 1, 3, true), make_row("bob", 2, 2)};
  block->changed = 3;
  view.blocks = {block};
  auto writes = plan_writes(view, changes_since(view, 0, 1), false);
  REQUIRE(writes.size() == 2);
  for (const auto& w : writes) {
    CHECK(w.how == (w.key == "ann" ? key_write::mode::remove : key_write::mode::put));
    CHECK((w.shown == nullptr) == (w.key == "ann"));
  }
  CHECK(*writes[0].json ==
        R"({"window_start":null,"window_end":null,"user":"bob","n":2,"state":"open","revision":0})");
}
