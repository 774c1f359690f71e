#include "storage/log/ingest_log.hpp"

#include "storage/log/log_source.hpp"
#include "storage/log/segment_file.hpp"
#include "tests/storage/disk_fixture.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <csignal>
#include <map>
#include <random>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace tidemill;
using namespace tidemill::test;

namespace {

using log_ptr = std::shared_ptr<ingest_log>;
constexpr partition_id p0{0}, p1{1}, p2{2};
constexpr std::chrono::milliseconds none{0}, long_time{60'000};

log_ptr open_log(const std::filesystem::path& folder, ingest_log::settings s = {"clicks", 3}) {
  auto opened = ingest_log::open(folder, std::move(s), "r4nd0m");
  if (!opened)
    FAIL(opened.error().text());
  return std::move(*opened);
}

event_time at(std::int64_t us) {
  return event_time{microseconds{us}};
}

/// All that is there, as `partition:offset@arrival=bytes`, however it is cut.
std::vector<std::string> drain(log_source& source, std::vector<partition_id> wanted = {p0, p1, p2},
                               std::size_t max_bytes = 100) {
  std::vector<std::string> out;
  for (;;) {
    std::vector<polled> got;
    auto done = source.poll(wanted, max_bytes, none, got);
    if (!done)
      FAIL(done.error().text());
    if (got.empty())
      return out;
    for (const auto& one : got) {
      if (auto* gap = std::get_if<polled_gap>(&one)) {
        out.push_back("gap " + std::to_string(gap->wanted) + ".." + std::to_string(gap->available));
        continue;
      }
      const auto& batch = *std::get<record_batch_ptr>(one);
      auto expected = batch.begin;
      for (const auto& r : batch.records) {
        if (r.at != expected++ || r.end != r.at + 1)
          FAIL("offsets are not dense");
        out.push_back(std::to_string(to_index(batch.partition)) + ":" + std::to_string(r.at) + "@" +
                      std::to_string(r.arrival->time_since_epoch().count()) + "=" + std::string{r.bytes});
      }
      if (batch.end != expected)
        FAIL("the end of a batch is not that of its records");
    }
  }
}

} // namespace

TEST_CASE("a log whose file is taken away says that it can't go on, a full one doesn't") {
  temporary_folder folder;
  auto log = open_log(folder.path(), {.name = "clicks", .partitions = 1, .max_unread = 100});
  REQUIRE(log->append(at(1), {{p0, std::string(100, 'x')}}));
  CHECK(log->append(at(1), {{p0, "x"}}).error().code() == errc::full);
  CHECK(!log->broken());
  REQUIRE(log->seek(p0, 1));
  std::filesystem::remove_all(folder.path() / "0");
  auto refused = log->append(at(1), {{p0, "x"}}).error();
  CHECK(refused.code() == errc::io);
  REQUIRE(log->broken());
  CHECK(log->broken()->text() == refused.text());
  CHECK(refused.text().find("restart the program") != std::string::npos);
}

TEST_CASE("records come back with offsets and arrival, also after the log is opened again") {
  temporary_folder folder;
  std::string identity;
  {
    auto log = open_log(folder.path());
    identity = log->identity();
    auto ranges = log->append(at(-5), {{p2, "a"}, {p0, "b"}, {p2, ""}});
    REQUIRE(ranges);
    REQUIRE(ranges->size() == 2);
    CHECK(((*ranges)[0].partition == p0 && (*ranges)[0].begin == 0 && (*ranges)[0].end == 1));
    CHECK(((*ranges)[1].partition == p2 && (*ranges)[1].begin == 0 && (*ranges)[1].end == 2));
    REQUIRE(log->append(at(7), {{p2, "c"}}));
    CHECK(log->append(at(7), {}).value().empty());
    log_source source{log};
    CHECK(source.partitions() == 3);
    CHECK(source.has_arrival_times());
    CHECK(source.lag(p2) == 3);
    CHECK(drain(source) == std::vector<std::string>{"0:0@-5=b", "2:0@-5=a", "2:1@-5=", "2:2@7=c"});
    CHECK(source.lag(p2) == 0);
  }
  auto log = open_log(folder.path());
  CHECK(log->identity() == identity);
  log_source source{log};
  CHECK(source.start(p2) == 0);
  REQUIRE(source.seek(p2, 1));
  CHECK(drain(source, {p2}) == std::vector<std::string>{"2:1@-5=", "2:2@7=c"});
  temporary_folder other;
  CHECK(ingest_log::open(other.path(), {"clicks", 3}, "0th3r").value()->identity() != identity);
}

TEST_CASE("another number of partitions, or a lost ID, is refused with the remedy") {
  temporary_folder folder;
  open_log(folder.path());
  auto other = ingest_log::open(folder.path(), {"clicks", 4}, "x");
  REQUIRE_FALSE(other);
  CHECK(other.error().code() == errc::mismatch);
  CHECK(other.error().text().find("partitions 3") != std::string::npos);
  std::filesystem::remove(folder.path() / "ID");
  CHECK(ingest_log::open(folder.path(), {"clicks", 3}, "x").error().code() == errc::corrupt);
  spill(folder.path() / "ID", "nonsense");
  CHECK(ingest_log::open(folder.path(), {"clicks", 3}, "x").error().code() == errc::corrupt);
}

TEST_CASE("too much unread is refused until the reader catches up") {
  temporary_folder folder;
  auto log = open_log(folder.path(), {"clicks", 1, 1000});
  std::string text(300, 'x');
  std::size_t accepted = 0;
  auto answer = log->append(at(1), {{p0, text}});
  for (; answer && accepted < 100; answer = log->append(at(1), {{p0, text}}))
    ++accepted;
  CHECK(accepted == 4); // the one that crosses the limit is the last
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code() == errc::full);
  CHECK(log->count().unread == 4 * (300 + 8 + record_frame_bytes));
  log.reset();
  log = open_log(folder.path(), {"clicks", 1, 1000});
  CHECK(log->append(at(1), {{p0, text}}).error().code() == errc::full);
  log_source source{log};
  CHECK(drain(source, {p0}).size() == 4);
  CHECK(log->count().unread == 0);
  CHECK(log->append(at(1), {{p0, text}}));
  REQUIRE(source.seek(p0, 2));
  CHECK(log->count().unread == 3 * (300 + 8 + record_frame_bytes));
}

TEST_CASE("a record over the limit fails its own call only, and stores nothing of it") {
  temporary_folder folder;
  ingest_log::settings s{"clicks", 3};
  s.max_record = 10;
  auto log = open_log(folder.path(), s);
  CHECK(log->append(at(1), {{p0, "short"}, {p1, "far too long"}}).error().code() == errc::event_too_large);
  CHECK(log->append(at(1), {{partition_id{3}, "x"}}).error().code() == errc::bug);
  log_source source{log};
  CHECK(drain(source).empty());
  CHECK(log->append(at(1), {{p0, "0123456789"}}));
}

TEST_CASE("what is released goes away in whole segments, and a reader behind it is told the gap") {
  temporary_folder folder;
  ingest_log::settings s{"clicks", 3};
  s.segment_bytes = 200;
  auto log = open_log(folder.path(), s);
  for (auto i = 0; i < 20; ++i)
    REQUIRE(log->append(at(i), {{p1, "record " + std::to_string(i)}}));
  log_source source{log};
  REQUIRE(log->release(p1, 10));
  auto begin = source.start(p1);
  CHECK(begin > 0);
  CHECK(begin <= 10);
  REQUIRE(source.seek(p1, 1));
  auto got = drain(source, {p1});
  CHECK(got.front() == "gap 1.." + std::to_string(begin));
  CHECK(got.size() == 1 + 20 - begin);
  CHECK(log->count().unread == 0);
}

TEST_CASE("a checkpoint beyond the end is an error that says what happened") {
  temporary_folder folder;
  auto log = open_log(folder.path());
  log_source source{log};
  CHECK(source.seek(p1, 0));
  auto sought = source.seek(p1, 7);
  REQUIRE_FALSE(sought);
  CHECK(sought.error().code() == errc::out_of_range);
  CHECK(sought.error().text().find("partition 1") != std::string::npos);
}

TEST_CASE("a waiting poll ends by an append or by wake") {
  temporary_folder folder;
  auto log = open_log(folder.path());
  log_source source{log};
  std::vector<polled> got;
  source.wake();
  REQUIRE(source.poll({p0}, 100, long_time, got));
  CHECK(got.empty());
  std::thread writer{[&] { (void)log->append(at(1), {{p1, "x"}}); }};
  REQUIRE(source.poll({p0, p1}, 100, long_time, got));
  writer.join();
  CHECK(got.size() == 1);
  std::thread waker{[&] { source.wake(); }};
  REQUIRE(source.poll({p0, p1}, 100, long_time, got));
  waker.join();
  CHECK(got.size() == 1);
}

TEST_CASE("callers of several threads share groups, each record is there once, in its caller's order") {
  temporary_folder folder;
  ingest_log::settings s{"clicks", 3};
  s.segment_bytes = 20'000;
  auto log = open_log(folder.path(), s);
  constexpr auto callers = 6, calls = 60;
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (auto t = 0; t < callers; ++t)
    threads.emplace_back([&, t] {
      for (auto i = 0; i < calls; ++i) {
        auto text = std::to_string(t) + "/" + std::to_string(1000 + i);
        auto ranges = log->append(at(i), {{partition_id(i % 3), text}, {partition_id(i % 3), text + "b"}});
        failed += !ranges || ranges->size() != 1 || (*ranges)[0].end - (*ranges)[0].begin != 2;
      }
    });
  log_source source{log};
  std::map<std::string, std::set<std::string>> seen;
  std::size_t count = 0, disorder = 0;
  while (count < 2 * callers * calls) {
    std::vector<polled> got;
    REQUIRE(source.poll({p0, p1, p2}, 1 << 20, long_time, got));
    for (const auto& one : got)
      for (const auto& r : std::get<record_batch_ptr>(one)->records) {
        auto& of = seen[std::string{r.bytes.substr(0, 2)} +
                        std::to_string(to_index(std::get<record_batch_ptr>(one)->partition))];
        disorder += !of.empty() && *of.rbegin() >= r.bytes;
        of.emplace(r.bytes);
        ++count;
      }
  }
  for (auto& t : threads)
    t.join();
  CHECK(failed == 0);
  CHECK(disorder == 0);
  auto counted = log->count();
  CHECK(counted.records == 2 * callers * calls);
  CHECK(counted.groups <= callers * calls);
  CHECK(counted.unread == 0);
}

TEST_CASE("however records are cut into batches and restarts, the same ones come") {
  temporary_folder folder;
  std::mt19937_64 random{7};
  ingest_log::settings s{"clicks", 3};
  s.segment_bytes = 3000;
  auto log = open_log(folder.path(), s);
  for (auto i = 0; i < 200; ++i) {
    std::vector<std::string> texts(1 + random() % 5);
    std::vector<ingest_log::incoming> records;
    for (auto& t : texts) {
      t = std::string(random() % 80, char('a' + random() % 26));
      records.push_back({partition_id(random() % 3), t});
    }
    REQUIRE(log->append(at(static_cast<std::int64_t>(random() % 1000)), records));
  }
  log_source source{log};
  auto all = drain(source, {p1}, 1 << 20);
  for (auto i = 0; i < 50; ++i) {
    if (random() % 5 == 0) {
      log.reset();
      source = log_source{nullptr};
      log = open_log(folder.path(), s);
      source = log_source{log};
    }
    auto from = random() % (all.size() + 1);
    REQUIRE(source.seek(p1, from));
    auto rest = drain(source, {p1}, random() % 500);
    REQUIRE(std::equal(rest.begin(), rest.end(), all.begin() + static_cast<std::ptrdiff_t>(from), all.end()));
  }
}

TEST_CASE("a full disk refuses the whole call and leaves no part of it") {
  small_disk disk{300 << 10};
  if (!disk.mounted())
    return;
  auto log = open_log(disk.path());
  std::string text(5000, 'x');
  std::uint64_t accepted = 0;
  auto answer = log->append(at(1), {{p0, "a"}, {p1, text}, {p2, "c"}});
  for (; answer; answer = log->append(at(1), {{p0, "a"}, {p1, text}, {p2, "c"}}))
    ++accepted;
  CHECK(answer.error().code() == errc::full);
  CHECK(answer.error().text().find("source clicks") == 0);
  for (auto p : {p0, p1, p2})
    CHECK(log->end(p) == accepted);
  log_source source{log};
  CHECK(drain(source).size() == 3 * accepted);
  CHECK(log->count().unread == 0);
  log.reset();
  source = log_source{nullptr};
  log = open_log(disk.path());
  for (auto p : {p0, p1, p2})
    CHECK(log->end(p) == accepted);
}

TEST_CASE("a killed process has kept every record that was answered") {
  temporary_folder folder;
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  auto child = ::fork();
  if (child == 0) {
    auto log = ingest_log::open(folder.path(), {"clicks", 3}, "r4nd0m");
    for (std::uint64_t n = 0; log; ++n) {
      auto text = "record " + std::to_string(n);
      if (!(*log)->append(at(1), {{p0, text}, {p1, text}}) || ::write(ends[1], &n, sizeof n) != sizeof n)
        break;
    }
    ::_exit(1);
  }
  ::close(ends[1]);
  std::uint64_t last = 0;
  while (last < 50)
    REQUIRE(::read(ends[0], &last, sizeof last) == sizeof last);
  ::kill(child, SIGKILL);
  int how;
  ::waitpid(child, &how, 0);
  for (std::uint64_t more; ::read(ends[0], &more, sizeof more) == sizeof more;)
    last = more;
  ::close(ends[0]);
  auto log = open_log(folder.path());
  CHECK(log->end(p0) > last);
  CHECK(log->end(p1) > last);
  log_source source{log};
  auto got = drain(source, {p1});
  for (std::uint64_t n = 0; n <= last; ++n)
    if (got[n] != "1:" + std::to_string(n) + "@1=record " + std::to_string(n))
      FAIL(got[n]);
}
