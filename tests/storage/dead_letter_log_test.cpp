#include "storage/log/dead_letter_log.hpp"

#include "tests/storage/disk_fixture.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <csignal>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace tidemill;
using namespace tidemill::test;

namespace {

using log_ptr = std::shared_ptr<dead_letter_log>;
using uptos = std::map<partition_id, offset>;
constexpr partition_id p0{0}, p1{1};

log_ptr open_log(const std::filesystem::path& folder, std::uint64_t max_bytes = 256u << 20) {
  auto opened = dead_letter_log::open(folder, max_bytes);
  if (!opened)
    FAIL(opened.error().text());
  return std::move(*opened);
}

/// Letters at offsets `from` … `upto - 1`, named after them.
outgoing_batch letters(partition_id p, offset from, offset upto, std::size_t padding = 0) {
  outgoing_batch b{.partition = p, .upto = upto, .events = {}};
  for (auto at = from; at < upto; ++at)
    b.events.push_back(
        {{p, at, 0}, std::to_string(to_index(p)) + "/" + std::to_string(at) + std::string(padding, '.')});
  return b;
}

} // namespace

TEST_CASE("the newest letters of a stream, or of all, come first") {
  temporary_folder folder;
  auto log = open_log(folder.path());
  dead_letter_sink hits{log, "hits.dead"}, late{log, "traffic.late"};
  CHECK(hits.resume().value().empty());
  REQUIRE(hits.write(letters(p0, 0, 3)));
  REQUIRE(late.write(letters(p1, 7, 8)));
  REQUIRE(hits.write(letters(p0, 3, 4)));
  REQUIRE(hits.sync());
  for (auto round = 0; round < 2; ++round) {
    CHECK(log->newest("hits.dead", 2) == std::vector<std::string>{"0/3", "0/2"});
    CHECK(log->newest("hits.dead", 100).size() == 4);
    CHECK(log->newest("", 3) == std::vector<std::string>{"0/3", "1/7", "0/2"});
    CHECK(log->newest("nobody", 3).empty());
    CHECK(log->newest("", 0).empty());
    CHECK(log->count().letters == 5);
    log = open_log(folder.path());
  }
}

TEST_CASE("each stream resumes where its last sync was, and letters that come again are stored once") {
  temporary_folder folder;
  {
    auto log = open_log(folder.path());
    dead_letter_sink hits{log, "hits.dead"}, late{log, "traffic.late"};
    REQUIRE(hits.write(letters(p0, 0, 3)));
    REQUIRE(hits.write(letters(p1, 5, 5)));
    REQUIRE(hits.sync());
    REQUIRE(hits.write(letters(p0, 3, 6)));
    REQUIRE(late.write(letters(p0, 0, 1)));
  }
  auto log = open_log(folder.path());
  dead_letter_sink hits{log, "hits.dead"}, late{log, "traffic.late"};
  CHECK(hits.resume().value() == uptos{{p0, 3}, {p1, 5}});
  CHECK(late.resume().value().empty());
  REQUIRE(hits.write(letters(p0, 3, 8)));
  REQUIRE(late.write(letters(p0, 0, 1)));
  CHECK(log->newest("hits.dead", 4) == std::vector<std::string>{"0/7", "0/6", "0/5", "0/4"});
  CHECK(log->count().letters == 9);
}

TEST_CASE("one sink takes the letters of many streams, each by its own ids") {
  temporary_folder folder;
  outgoing_batch mixed{.partition = partition_id{9}, .upto = 5, .events = {}};
  mixed.events.push_back({{p0, 4, 0}, "dead", "hits.dead"});
  mixed.events.push_back({{p0, 4, 0}, "late", "traffic.late"});
  mixed.events.push_back({{p0, 2, 0}, "late too", "pages.late"});
  for (auto round = 0; round < 2; ++round) {
    auto log = open_log(folder.path());
    dead_letter_sink sink{log, "all"};
    CHECK(sink.resume().value() == (round == 0 ? uptos{} : uptos{{partition_id{9}, 5}}));
    REQUIRE(sink.write(mixed));
    REQUIRE(sink.sync());
    CHECK(log->newest("", 10) == std::vector<std::string>{"late too", "late", "dead"});
    CHECK(log->newest("traffic.late", 10) == std::vector<std::string>{"late"});
  }
}

TEST_CASE("the log stays within its bytes by dropping the oldest letters, and counts them") {
  temporary_folder folder;
  constexpr std::uint64_t limit = 100'000;
  auto log = open_log(folder.path(), limit);
  dead_letter_sink sink{log, "hits.dead"};
  for (offset at = 0; at < 1000; at += 10)
    REQUIRE(sink.write(letters(p0, at, at + 10, 300)));
  REQUIRE(sink.sync());
  auto counted = log->count();
  CHECK(counted.bytes <= limit);
  CHECK(counted.bytes > limit / 2);
  CHECK(counted.dropped > 0);
  CHECK(counted.dropped + counted.letters == 1000);
  auto all = log->newest("", 10'000);
  CHECK(all.size() == counted.letters);
  CHECK(all.front().substr(0, 6) == "0/999.");
  log = open_log(folder.path(), limit);
  CHECK(log->count().dropped == counted.dropped);
  CHECK(dead_letter_sink(log, "hits.dead").resume().value() == uptos{{p0, 1000}});
  // Dropped letters that come again are known all the same.
  REQUIRE(dead_letter_sink(log, "hits.dead").write(letters(p0, 0, 1000)));
  CHECK(log->count().letters == counted.letters);
}

TEST_CASE("damaged cursors are refused, lost ones lose no letter and double none") {
  temporary_folder folder;
  {
    auto log = open_log(folder.path());
    dead_letter_sink sink{log, "hits.dead"};
    REQUIRE(sink.write(letters(p0, 0, 3)));
    REQUIRE(sink.sync());
  }
  auto file = folder.path() / "CURSORS";
  auto whole = slurp(file);
  for (std::size_t at = 0; at < 2 * whole.size(); ++at) {
    auto bytes = at < whole.size() ? whole : whole.substr(0, at - whole.size());
    if (at < whole.size())
      bytes[at] = static_cast<char>(bytes[at] ^ 1);
    spill(file, bytes);
    auto opened = dead_letter_log::open(folder.path());
    if (opened || opened.error().code() != errc::corrupt)
      FAIL("damage " << at << " not found");
  }
  std::filesystem::remove(file);
  auto log = open_log(folder.path());
  dead_letter_sink sink{log, "hits.dead"};
  CHECK(sink.resume().value().empty());
  REQUIRE(sink.write(letters(p0, 0, 5)));
  CHECK(log->count().letters == 5);
}

TEST_CASE("readers on other threads see letters while they are written and dropped") {
  temporary_folder folder;
  auto log = open_log(folder.path(), 50'000);
  std::atomic<bool> done{false};
  std::uint64_t wrong = 0, rounds = 0;
  std::thread reader{[&] {
    for (; !done; ++rounds) {
      auto got = log->newest(rounds % 2 ? "" : "hits.dead", 20);
      for (std::size_t i = 1; i < got.size(); ++i)
        wrong += std::stoull(got[i].substr(2)) + 1 != std::stoull(got[i - 1].substr(2));
    }
  }};
  dead_letter_sink sink{log, "hits.dead"};
  auto failed = 0;
  for (offset at = 0; at < 4000; at += 4)
    failed += !sink.write(letters(p0, at, at + 4, 100));
  done = true;
  reader.join();
  CHECK(failed == 0);
  CHECK(wrong == 0);
}

TEST_CASE("a killed process has each letter once, none below the promised offset missing") {
  temporary_folder folder;
  constexpr offset end = 300;
  auto run = [&](int told) {
    auto log = dead_letter_log::open(folder.path());
    if (!log)
      return false;
    dead_letter_sink sink{*log, "hits.dead"};
    auto from = sink.resume().value()[p0];
    for (auto at = from; at < end; at += 3) {
      if (!sink.write(letters(p0, at, std::min(at + 3, end))) || (at % 4 == 0 && !sink.sync()))
        return false;
      if (told >= 0 && ::write(told, "x", 1) != 1)
        return false;
    }
    return static_cast<bool>(sink.sync());
  };
  for (auto crash = 1; crash <= 3; ++crash) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    auto child = ::fork();
    if (child == 0)
      ::_exit(run(ends[1]) ? 0 : 1);
    ::close(ends[1]);
    char byte;
    for (auto i = 0; i < 9 * crash; ++i)
      REQUIRE(::read(ends[0], &byte, 1) == 1);
    ::kill(child, SIGKILL);
    int how;
    ::waitpid(child, &how, 0);
    ::close(ends[0]);
  }
  REQUIRE(run(-1));
  auto log = open_log(folder.path());
  CHECK(log->count().letters == end);
  auto all = log->newest("hits.dead", 1000);
  for (offset i = 0; i < end; ++i)
    if (all[i] != "0/" + std::to_string(end - 1 - i))
      FAIL(all[i]);
}
