#include "storage/file/sealed_file_sink.hpp"

#include "tests/storage/disk_fixture.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

using format = sealed_file_sink::format;

view_schema traffic() {
  view_schema v;
  v.name = "traffic";
  for (auto name : {"country", "requests", "p,99"}) {
    v.columns.emplace_back();
    v.columns.back().name = name;
  }
  v.by = 1;
  return v;
}

event_time at(std::int64_t s) {
  return event_time{std::chrono::seconds{s}};
}

row_ptr make_row(std::int64_t end, value country, std::int64_t requests, value p99) {
  row r;
  r.window_start = at(end - 60);
  r.window_end = at(end);
  r.columns = {std::move(country), value{requests}, std::move(p99)};
  r.state = row_state::sealed;
  return std::make_shared<const row>(std::move(r));
}

event_time resumed(sealed_file_sink& sink, const view_schema& view = traffic()) {
  auto last = sink.resume(view);
  if (!last)
    FAIL(last.error().text());
  return *last;
}

} // namespace

TEST_CASE("sealed rows are written as NDJSON, and after a restart the last window is known") {
  temporary_folder folder;
  auto out = folder.path() / "out";
  auto first = make_row(60, "de", 3, 1.5), second = make_row(120, "fr", 0, value{});
  {
    sealed_file_sink sink{out, format::ndjson};
    CHECK(resumed(sink) == time_min);
    REQUIRE(sink.write(traffic(), at(60), {first}));
    REQUIRE(sink.write(traffic(), at(90), {}));
  }
  sealed_file_sink sink{out, format::ndjson};
  CHECK(resumed(sink) == at(90));
  REQUIRE(sink.write(traffic(), at(90), {first})); // held already
  REQUIRE(sink.write(traffic(), at(120), {second}));
  CHECK(slurp(out) == to_json(traffic(), *first) + "\n" + to_json(traffic(), *second) + "\n");
}

TEST_CASE("sealed rows are written as CSV with one header and RFC 4180 quotes") {
  temporary_folder folder;
  auto out = folder.path() / "out.csv";
  for (auto round = 0; round < 2; ++round) {
    sealed_file_sink sink{out, format::csv};
    resumed(sink);
    REQUIRE(sink.write(traffic(), at(60), {make_row(60, "de", 3, 1.5), make_row(60, "a \"b\"\n", -1, {})}));
    REQUIRE(sink.write(traffic(), at(120),
                       {make_row(120, "", 7, value{value_list{value{1}, value{"x"}}}),
                        make_row(120, value{}, 7, value{timestamp{0, 0}})}));
  }
  CHECK(slurp(out) == "window_start,window_end,country,requests,\"p,99\",state,revision\n"
                      "1970-01-01T00:00:00Z,1970-01-01T00:01:00Z,de,3,1.5,sealed,0\n"
                      "1970-01-01T00:00:00Z,1970-01-01T00:01:00Z,\"a \"\"b\"\"\n\",-1,,sealed,0\n"
                      "1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,\"\",7,\"[1,\"\"x\"\"]\",sealed,0\n"
                      "1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,,7,1970-01-01T00:00:00Z,sealed,0\n");
}

TEST_CASE("rows behind the last durable window are cut at resume") {
  temporary_folder folder;
  auto out = folder.path() / "out";
  {
    sealed_file_sink sink{out, format::ndjson};
    resumed(sink);
    REQUIRE(sink.write(traffic(), at(60), {make_row(60, "de", 3, 1.5)}));
  }
  auto whole = slurp(out);
  for (std::size_t more = 0; more < 30; ++more) {
    spill(out, whole + whole.substr(0, more));
    sealed_file_sink sink{out, format::ndjson};
    if (resumed(sink) != at(60) || slurp(out) != whole)
      FAIL("not cut");
  }
}

TEST_CASE("a CSV file of other columns, or a file of another view, is not continued") {
  temporary_folder folder;
  auto out = folder.path() / "out";
  {
    sealed_file_sink sink{out, format::csv};
    resumed(sink);
  }
  auto view = traffic();
  view.columns.pop_back();
  CHECK(sealed_file_sink(out, format::csv).resume(view).error().code() == errc::mismatch);
  CHECK(sealed_file_sink(out, format::ndjson).resume(traffic()).error().code() == errc::mismatch);
  view = traffic();
  view.name = "other";
  CHECK(sealed_file_sink(out, format::csv).resume(view).error().code() == errc::mismatch);
  sealed_file_sink unused{out, format::csv};
  CHECK(unused.write(traffic(), at(60), {}).error().code() == errc::bug);
}

TEST_CASE("on a full disk a window is written whole later, and once") {
  small_disk disk{64 << 10};
  if (!disk.mounted())
    return;
  auto out = disk.path() / "out", filler = disk.path() / "filler";
  sealed_file_sink sink{out, format::ndjson};
  resumed(sink);
  std::vector<row_ptr> rows;
  std::string expected;
  for (auto i = 0; i < 100; ++i) {
    rows.push_back(make_row(60, "country " + std::to_string(i), i, 0.5));
    expected += to_json(traffic(), *rows.back()) + "\n";
  }
  for (auto room = 1; room < 8; ++room) {
    spill(filler, std::string((64 - 4 * static_cast<std::size_t>(room)) << 10, 'x'));
    if (auto written = sink.write(traffic(), at(60), rows); !written) {
      CHECK(written.error().code() == errc::full);
      CHECK(slurp(out).empty());
    }
    std::filesystem::remove(filler);
  }
  REQUIRE(sink.write(traffic(), at(60), rows));
  CHECK(slurp(out) == expected);
}
