#include "storage/log/segment_log.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"
#include "storage/log/segment_file.hpp"
#include "tests/storage/disk_fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <deque>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace tidemill;
using namespace tidemill::test;

namespace {

using log_ptr = std::unique_ptr<segment_log>;

log_ptr open_log(const std::filesystem::path& folder, segment_log::limits l = {}) {
  auto opened = segment_log::open(folder, l);
  if (!opened)
    FAIL(opened.error().text());
  return std::move(*opened);
}

std::vector<std::string> read_all(const segment_log& log, std::uint64_t from) {
  std::vector<std::string> out;
  auto expected = from;
  auto in_order = true;
  auto done = log.read(from, [&](std::uint64_t position, std::string_view bytes) {
    in_order = in_order && position == expected++;
    out.emplace_back(bytes);
    return true;
  });
  if (!done)
    FAIL(done.error().text());
  REQUIRE(in_order);
  return out;
}

using views = std::vector<std::string_view>;

std::string text_of(std::uint64_t position) {
  return "record " + std::to_string(position) + std::string(position % 7, '.');
}

/// A log of one segment in groups of 3 records, each group synced before the next. Returns where records
/// begin, and at the end the length of the file.
std::vector<std::size_t> write_groups(const std::filesystem::path& folder, std::uint64_t groups) {
  auto log = open_log(folder);
  std::vector<std::size_t> begins{segment_header_bytes};
  for (std::uint64_t g = 0; g < groups; ++g) {
    std::vector<std::string> texts{text_of(3 * g), text_of(3 * g + 1), text_of(3 * g + 2)};
    REQUIRE(log->append(views{texts.begin(), texts.end()}));
    REQUIRE(log->sync());
    for (const auto& t : texts)
      begins.push_back(begins.back() + record_frame_bytes + t.size());
  }
  return begins;
}

bool holds_first(const segment_log& log, std::uint64_t count) {
  auto all = read_all(log, 0);
  if (log.end() != count || all.size() != count)
    return false;
  for (std::uint64_t i = 0; i < count; ++i)
    if (all[i] != text_of(i))
      return false;
  return true;
}

} // namespace

TEST_CASE("a log gives back what was appended, also after it is opened again") {
  temporary_folder folder;
  {
    auto log = open_log(folder.path() / "a" / "b");
    CHECK(log->begin() == 0);
    CHECK(log->end() == 0);
    CHECK(log->append("one").value() == 0);
    CHECK(log->append(views{"", "three", std::string(100'000, 'x')}).value() == 1);
    CHECK(log->append(views{}).value() == 4);
    CHECK(read_all(*log, 0).size() == 4);
    CHECK(log->sync());
  }
  auto log = open_log(folder.path() / "a" / "b");
  CHECK(log->end() == 4);
  CHECK(read_all(*log, 0) == std::vector<std::string>{"one", "", "three", std::string(100'000, 'x')});
  CHECK(read_all(*log, 2).front() == "three");
  CHECK(read_all(*log, 4).empty());
  CHECK(log->read(5, [](auto, auto) { return true; }).error().code() == errc::out_of_range);
}

TEST_CASE("segments are named after their first position, dropped whole, and never the last") {
  temporary_folder folder;
  auto log = open_log(folder.path(), {.segment_bytes = 100});
  for (std::uint64_t i = 0; i < 20; ++i)
    REQUIRE(log->append(text_of(i)));
  auto firsts = log->segments();
  REQUIRE(firsts.size() > 3);
  CHECK(std::filesystem::exists(folder.path() / segment_name(firsts[2])));
  auto bytes = log->bytes();
  CHECK(log->drop_below(firsts[2] + 1));
  CHECK(log->begin() == firsts[2]);
  CHECK(log->bytes() < bytes);
  CHECK(log->read(0, [](auto, auto) { return true; }).error().code() == errc::out_of_range);
  CHECK(read_all(*log, firsts[2]).front() == text_of(firsts[2]));
  CHECK(log->drop_below(1000));
  CHECK(log->segments().size() == 1);
  log = open_log(folder.path());
  CHECK(log->begin() == firsts.back());
  CHECK(log->end() == 20);
}

TEST_CASE("a file that a crash cut at any byte opens with all records before the cut") {
  temporary_folder folder;
  auto begins = write_groups(folder.path(), 4);
  auto file = folder.path() / segment_name(0);
  auto whole = slurp(file);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    INFO("cut at " << cut);
    spill(file, whole.substr(0, cut));
    auto log = open_log(folder.path());
    auto left = std::upper_bound(begins.begin(), begins.end(), cut) - begins.begin() - 1;
    auto expected = static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(left, 0));
    if (!holds_first(*log, expected))
      FAIL("wrong records");
    if (log->append(text_of(expected)).value() != expected || !log->sync())
      FAIL("can't go on");
    log = open_log(folder.path());
    if (!holds_first(*log, expected + 1))
      FAIL("wrong records after going on");
  }
}

TEST_CASE("a flipped bit is an error when something was written after it had been durable, else it is cut") {
  temporary_folder folder;
  auto begins = write_groups(folder.path(), 4); // records 0, 3, 6 and 9 are marked
  auto file = folder.path() / segment_name(0);
  auto whole = slurp(file);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    INFO("flipped at " << at);
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    spill(file, bytes);
    auto opened = segment_log::open(folder.path(), {});
    auto record =
        static_cast<std::uint64_t>(std::upper_bound(begins.begin(), begins.end(), at) - begins.begin()) -
        1; // wraps for the header
    if (at < segment_header_bytes || record < 9) {
      if (opened || opened.error().code() != errc::corrupt)
        FAIL("damage not found");
      if (opened.error().text().find(file.string()) == std::string::npos)
        FAIL(opened.error().text());
      if (at >= segment_header_bytes &&
          opened.error().text().find("at byte " + std::to_string(begins[record]) + " ") == std::string::npos)
        FAIL(opened.error().text());
    } else if (!opened || !holds_first(**opened, record)) {
      FAIL("a torn tail was not cut");
    }
  }
}

TEST_CASE("pages that a power loss lost are cut with all behind them, unless they had been durable") {
  temporary_folder folder;
  auto file = folder.path() / segment_name(0);
  auto begins = write_groups(folder.path(), 3);
  {
    auto log = open_log(folder.path());
    for (std::uint64_t i = 9; i < 15; ++i)
      REQUIRE(log->append(text_of(i))); // record 9 is marked, those behind it are not
  }
  auto whole = slurp(file);
  auto lost = whole;
  auto at = begins[9] + 40;
  std::fill(lost.begin() + static_cast<std::ptrdiff_t>(at),
            lost.begin() + static_cast<std::ptrdiff_t>(at) + 60, '\0');
  spill(file, lost);
  CHECK(holds_first(*open_log(folder.path()), 10));

  lost = whole;
  std::fill(lost.begin() + 24, lost.begin() + 60, '\0');
  spill(file, lost);
  CHECK(segment_log::open(folder.path(), {}).error().code() == errc::corrupt);

  spill(file, whole + std::string(5000, '\0'));
  CHECK(holds_first(*open_log(folder.path()), 15));
}

TEST_CASE("damage in an earlier segment is found by whoever reads it, and no wrong byte is handed out") {
  temporary_folder folder;
  {
    auto log = open_log(folder.path(), {.segment_bytes = 120});
    for (std::uint64_t i = 0; i < 12; ++i)
      REQUIRE(log->append(text_of(i)));
    REQUIRE(log->segments().size() > 2);
  }
  auto file = folder.path() / segment_name(0);
  auto whole = slurp(file);
  for (std::size_t at = 0; at < 2 * whole.size(); ++at) {
    INFO("damage " << at);
    auto bytes = at < whole.size() ? whole : whole.substr(0, at - whole.size());
    if (at < whole.size())
      bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    spill(file, bytes);
    auto opened = segment_log::open(folder.path(), {});
    if (!opened) {
      if (opened.error().code() != errc::corrupt ||
          opened.error().text().find(file.string()) == std::string::npos)
        FAIL(opened.error().text());
      continue;
    }
    auto right = true;
    auto done = (*opened)->read(0, [&](std::uint64_t position, std::string_view text) {
      right = right && text == text_of(position);
      return true;
    });
    if (done || done.error().code() != errc::corrupt || !right)
      FAIL("damage not found");
  }
}

TEST_CASE("a missing segment between others is an error") {
  temporary_folder folder;
  auto log = open_log(folder.path(), {.segment_bytes = 1});
  for (std::uint64_t i = 0; i < 3; ++i)
    REQUIRE(log->append(text_of(i)));
  log.reset();
  std::filesystem::remove(folder.path() / segment_name(1));
  auto error = open_log(folder.path())->read(0, [](auto, auto) { return true; }).error();
  CHECK(error.code() == errc::corrupt);
  CHECK(error.text().find("record 1 at byte") != std::string::npos);
}

TEST_CASE("a segment that a crash left without its header is made anew") {
  temporary_folder folder;
  {
    auto log = open_log(folder.path());
    REQUIRE(log->append(text_of(0)));
    REQUIRE(log->roll());
    REQUIRE(log->roll()); // nothing to do
    CHECK(log->segments() == std::vector<std::uint64_t>{0, 1});
  }
  for (std::size_t length = 0; length < segment_header_bytes; ++length) {
    std::filesystem::resize_file(folder.path() / segment_name(1), length);
    auto log = open_log(folder.path());
    REQUIRE(holds_first(*log, 1));
  }
  spill(folder.path() / (segment_name(9) + ".tmp"), "half");
  auto log = open_log(folder.path());
  CHECK(log->append(text_of(1)).value() == 1);
  CHECK(holds_first(*log, 2));
  CHECK_FALSE(std::filesystem::exists(folder.path() / (segment_name(9) + ".tmp")));
}

TEST_CASE("a segment of a later format, or under another's name, is refused, not misread") {
  temporary_folder folder;
  write_groups(folder.path(), 1);
  auto file = folder.path() / segment_name(0);
  auto bytes = slurp(file);
  std::string header = bytes.substr(0, 4);
  byte_writer w{header};
  w.fixed(std::uint32_t{2});
  w.fixed(std::uint64_t{0});
  w.fixed(hash64(header));
  spill(file, header + bytes.substr(header.size()));
  auto error = segment_log::open(folder.path(), {}).error();
  CHECK(error.code() == errc::mismatch);
  CHECK(error.text().find("format 2") != std::string::npos);

  std::filesystem::remove(file);
  spill(folder.path() / segment_name(7), bytes);
  CHECK(segment_log::open(folder.path(), {}).error().code() == errc::corrupt);
}

TEST_CASE("a record over the limit is refused and changes nothing") {
  temporary_folder folder;
  auto log = open_log(folder.path(), {.max_record = 10});
  CHECK(log->append(views{"short", "far too long a record"}).error().code() == errc::full);
  CHECK(log->end() == 0);
  CHECK(log->append("0123456789").value() == 0);
}

TEST_CASE("any history of appends, cuts and crashes reads as its model does") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    temporary_folder folder;
    segment_log::limits limits{.segment_bytes = 200 + random() % 200'000};
    auto log = open_log(folder.path(), limits);
    std::deque<std::string> model;
    std::uint64_t begin = 0;
    auto some_text = [&] {
      return std::string(random() % (random() % 10 == 0 ? 50'000 : 60), char('a' + random() % 26));
    };
    for (auto step = 0; step < 150; ++step) {
      auto end = begin + model.size();
      switch (random() % 8) {
      case 0:
        model.push_back(some_text());
        REQUIRE(log->append(model.back()).value() == end);
        break;
      case 1:
      case 2: {
        std::vector<std::string> texts(random() % 700);
        for (auto& t : texts)
          t = some_text().substr(0, 200);
        REQUIRE(log->append(views{texts.begin(), texts.end()}).value() == end);
        model.insert(model.end(), texts.begin(), texts.end());
        break;
      }
      case 3:
        REQUIRE(log->sync());
        break;
      case 4:
        REQUIRE(log->roll());
        break;
      case 5:
        if (random() % 3 == 0) {
          REQUIRE(log->drop_below(begin + random() % (model.size() + 2)));
          REQUIRE(log->begin() >= begin);
          model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(log->begin() - begin));
          begin = log->begin();
        }
        break;
      case 6:
        if (random() % 3 == 0) {
          model.resize(random() % (model.size() + 1));
          REQUIRE(log->truncate(begin + model.size()));
        }
        break;
      default:
        log.reset();
        log = open_log(folder.path(), limits);
      }
      REQUIRE(log->begin() == begin);
      REQUIRE(log->end() == begin + model.size());
      auto from = random() % (model.size() + 1);
      std::uint64_t wrong = 0, seen = 0, most = 1 + random() % 300, bytes = 0;
      for (auto i = from; i < model.size(); ++i)
        bytes += record_frame_bytes + model[i].size();
      REQUIRE(log->bytes_from(begin + from).value() == bytes);
      REQUIRE(log->read(begin + from, [&](std::uint64_t position, std::string_view text) {
        wrong += position != begin + from + seen || text != model[from + seen];
        return ++seen < most;
      }));
      REQUIRE(wrong == 0);
      REQUIRE(seen == std::min<std::uint64_t>(most, model.size() - from));
    }
    std::uint64_t stored = 0;
    for (const auto& entry : std::filesystem::directory_iterator{folder.path()})
      stored += entry.file_size();
    CHECK(log->bytes() == stored);
  }
}

namespace {

void fills_up(const std::filesystem::path& folder) {
  std::uint64_t count = 0;
  {
    auto log = open_log(folder, {.segment_bytes = 40'000});
    auto appended = log->append(text_of(0));
    for (; appended;
         appended = log->append(views{text_of(count), text_of(count + 1), std::string(3000, 'x')}))
      count = log->end();
    CHECK(appended.error().code() == errc::full);
    CHECK(appended.error().text().find(folder.string()) != std::string::npos);
    CHECK(log->end() == count);
    CHECK(read_all(*log, 0).size() == count);
    CHECK(log->sync());
    // Dropping the oldest makes room again.
    if (log->segments().size() > 1) {
      CHECK(log->drop_below(log->segments()[1]));
      CHECK(log->append(std::string(3000, 'x')).value() == count);
      ++count;
    }
  }
  CHECK(open_log(folder)->end() == count);
}

} // namespace

TEST_CASE("on a full disk an append says so, names folder and remedy, and changes nothing") {
  small_disk disk{200'000};
  if (!disk.mounted())
    return;
  fills_up(disk.path() / "log");
}

TEST_CASE("a write cut off by the file size limit is taken back") {
  temporary_folder folder;
  file_size_limit limit{20'000};
  fills_up(folder.path() / "log");
}

TEST_CASE("a process killed at any moment loses nothing that was synced") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    temporary_folder folder;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    auto child = ::fork();
    if (child == 0) {
      auto log = segment_log::open(folder.path(), {.segment_bytes = 5000});
      for (std::uint64_t n = 0; log; ++n) {
        std::vector<std::string> texts;
        for (std::uint64_t i = 0; i < 1 + n % 5; ++i)
          texts.push_back(text_of((*log)->end() + i));
        if (!(*log)->append(views{texts.begin(), texts.end()}) || !(*log)->sync())
          break;
        auto end = (*log)->end();
        if (::write(ends[1], &end, sizeof end) != sizeof end)
          break;
      }
      ::_exit(1);
    }
    ::close(ends[1]);
    std::uint64_t promised = 0;
    for (std::uint64_t i = 0; i < 40 * seed; ++i)
      REQUIRE(::read(ends[0], &promised, sizeof promised) == sizeof promised);
    ::kill(child, SIGKILL);
    int how;
    ::waitpid(child, &how, 0);
    std::uint64_t more;
    while (::read(ends[0], &more, sizeof more) == sizeof more)
      promised = more;
    ::close(ends[0]);
    auto log = open_log(folder.path());
    CHECK(log->end() >= promised);
    CHECK(holds_first(*log, log->end()));
  }
}

TEST_CASE("another thread reads whole records while one appends") {
  temporary_folder folder;
  auto log = open_log(folder.path(), {.segment_bytes = 30'000});
  std::atomic<bool> done{false};
  std::uint64_t wrong = 0, seen = 0;
  std::thread reader{[&] {
    for (auto last = false; !last;) {
      last = done.load();
      auto read = log->read(seen, [&](std::uint64_t position, std::string_view text) {
        wrong += position != seen || text != text_of(position);
        ++seen;
        return true;
      });
      wrong += !read;
    }
  }};
  for (std::uint64_t i = 0; i < 20'000; i += 4) {
    std::vector<std::string> texts{text_of(i), text_of(i + 1), text_of(i + 2), text_of(i + 3)};
    if (!log->append(views{texts.begin(), texts.end()}))
      break;
  }
  done = true;
  reader.join();
  CHECK(wrong == 0);
  CHECK(seen == 20'000);
}
