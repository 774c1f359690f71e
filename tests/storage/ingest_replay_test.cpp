#include "storage/log/ingest_replay.hpp"

#include "storage/log/ingest_log.hpp"
#include "tests/storage/disk_fixture.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace tidemill;
using namespace tidemill::test;

namespace {

constexpr partition_id p0{0}, p1{1};

std::shared_ptr<ingest_log> open_log(const std::filesystem::path& folder) {
  ingest_log::settings s{"clicks", 2};
  s.segment_bytes = 300;
  auto opened = ingest_log::open(folder, std::move(s), "r4nd0m");
  if (!opened)
    FAIL(opened.error().text());
  return std::move(*opened);
}

event_time at(std::int64_t us) {
  return event_time{microseconds{us}};
}

struct told {
  std::vector<std::string> records; ///< `offset@arrival=bytes`
  std::vector<std::pair<offset, offset>> gaps;
  std::optional<offset> end;
};

told read_all(record_source& source, partition_id p, offset from, std::size_t max_bytes) {
  told out;
  REQUIRE(source.seek(p, from));
  for (int rounds = 0; !out.end && rounds < 10'000; ++rounds) {
    std::vector<polled> got;
    REQUIRE(source.poll({p}, max_bytes, std::chrono::milliseconds{0}, got));
    for (const auto& one : got)
      if (const auto* gap = std::get_if<polled_gap>(&one))
        out.gaps.emplace_back(gap->wanted, gap->available);
      else if (const auto* end = std::get_if<polled_end>(&one))
        out.end = end->at;
      else
        for (const auto& r : std::get<record_batch_ptr>(one)->records)
          out.records.push_back(std::to_string(r.at) + "@" +
                                std::to_string(r.arrival->time_since_epoch().count()) + "=" +
                                std::string{r.bytes});
  }
  return out;
}

} // namespace

TEST_CASE("a replay of an ingest log has its records from any offset on, while the log is in use") {
  temporary_folder folder;
  auto log = open_log(folder.path());
  std::mt19937 random{1};
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    auto text = std::string(random() % 40, 'x') + std::to_string(i);
    auto range = log->append(at(i), {{p1, text}});
    REQUIRE(range);
    expected.push_back(std::to_string(i) + "@" + std::to_string(i) + "=" + text);
  }
  auto source = make_ingest_replay(folder.path(), 2);
  CHECK(source->partitions() == 2);
  CHECK(source->has_arrival_times());
  for (auto from : {0, 1, 77, 199}) {
    auto all = read_all(*source, p1, static_cast<offset>(from), 1 + random() % 500);
    CHECK(all.records == std::vector<std::string>(expected.begin() + from, expected.end()));
    CHECK(all.gaps.empty());
    CHECK(all.end == 200);
  }
  CHECK(read_all(*source, p0, 0, 100).end == 0);
  REQUIRE(log->append(at(7), {{p1, "more"}})); // it is still usable
}

TEST_CASE("a replay tells what an ingest log has dropped as a gap, and ends before a record cut off") {
  temporary_folder folder;
  auto log = open_log(folder.path());
  for (int i = 0; i < 100; ++i)
    REQUIRE(log->append(at(i), {{p0, "record"}}));
  REQUIRE(log->release(p0, 60));
  const auto begin = log->begin(p0);
  REQUIRE(begin > 0);
  auto source = make_ingest_replay(folder.path(), 2);
  auto all = read_all(*source, p0, 0, 64);
  CHECK(all.gaps == std::vector<std::pair<offset, offset>>{{0, begin}});
  CHECK(all.records.size() == 100 - begin);
  CHECK(all.end == 100);

  log.reset();
  std::filesystem::path last;
  for (const auto& f : std::filesystem::directory_iterator{folder.path() / "0"})
    last = std::max(last, f.path());
  std::filesystem::resize_file(last, std::filesystem::file_size(last) - 1);
  CHECK(read_all(*source, p0, begin, 64).end == 99);
}
