// Rows of views without windows over HTTP and WebSocket.
#include "http/frames.hpp"
#include "http/row_query.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;

namespace {

published_row make_row(const std::string& user, std::int64_t n, std::uint64_t changed, bool removed = false) {
  auto r = std::make_shared<row>();
  r->window_start = time_min;
  r->window_end = time_max;
  append_encoded(r->key, value{user});
  r->columns = {value{user}, value{n}};
  return {r, changed, removed, nullptr};
}

snapshot_ptr totals() {
  auto schema = std::make_shared<view_schema>();
  schema->name = "totals";
  schema->columns = {{"user", type{kind::string}, {}, {}}, {"n", type{kind::integer}, {}, {}}};
  schema->by = 1;
  schema->window = window_kind::latest;
  auto view = std::make_shared<view_snapshot>();
  view->schema = schema;
  view->epoch = 7;
  view->offset = 3;
  auto block = std::make_shared<row_block>();
  block->rows = {make_row("ann", 1, 3, true), make_row("bob", 2, 2)};
  block->changed = 3;
  view->blocks = {block};
  return view;
}

} // namespace

TEST_CASE("endless rows have null as window, where they are put and where they are removed") {
  auto frame = encode_frame(deliver(totals(), 7, 1), {}, 1'000'000);
  CHECK_THAT(
      frame.body,
      Catch::Contains(
          R"("put":[{"window_start":null,"window_end":null,"user":"bob","n":2,"state":"open","revision":0}])"));
  CHECK_THAT(frame.body,
             Catch::Contains(R"("remove":[{"window_start":null,"window_end":null,"user":"ann"}])"));
}

TEST_CASE("the newest rows of an endless view are its open ones, at whatever time") {
  auto view = totals();
  row_query query;
  CHECK(select_rows(*view, query)->size() == 1);
  query.from = event_time{std::chrono::hours{100'000}};
  query.to = query.from + std::chrono::hours{1};
  auto rows = select_rows(*view, query);
  REQUIRE(rows->size() == 1);
  CHECK_THAT(format_rows(row_format::csv, *view, query, *rows, event_time{}),
             Catch::Contains("\r\n,,bob,2,open,0\r\n"));
}

TEST_CASE("a filter that takes too long ends the question, and says how far it has come") {
  auto view = totals();
  row_query query;
  query.patience = {};
  CHECK(select_rows(*view, query)->size() == 1); // nothing takes no time
  query.where = [](const row&) { return true; };
  for (auto window : {window_choice::newest, window_choice::all}) {
    query.window = window;
    auto rows = select_rows(*view, query);
    REQUIRE_FALSE(rows.has_value());
    CHECK(rows.error().code() == errc::refused);
    CHECK_THAT(rows.error().text(), Catch::StartsWith("where: after 0 rows it had taken"));
  }
}
