#include "storage/file/file_source.hpp"
#include "storage/file/input_file.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>
#include <unistd.h>

using namespace tidemill;
using namespace std::chrono_literals;

namespace {

/// A folder with one followed file, a clock that only polls move, and all that was delivered.
class scene {
public:
  explicit scene(std::string format = "json") : format_(std::move(format)) {
    static int count = 0;
    folder = std::filesystem::temp_directory_path() /
             ("tidemill_follow_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(folder);
  }
  ~scene() { std::filesystem::remove_all(folder); }

  void append(const std::string& bytes, const std::string& name = "log") const {
    std::ofstream{folder / name, std::ios::binary | std::ios::app} << bytes;
    // The file system's clock is coarser than a test.
    std::filesystem::last_write_time(folder / name, std::filesystem::file_time_type{} + ++written_);
  }
  void rename(const std::string& from, const std::string& to) const {
    std::filesystem::rename(folder / from, folder / to);
  }
  /// A new source object, as after a restart; goes on at `at`.
  void start(offset at = 0) {
    source.reset();
    file_source_settings s;
    s.name = "clicks";
    s.base = folder;
    s.path = "log";
    s.format.name = format_;
    s.format.max_record = 1000;
    s.follow = true;
    s.state_folder = folder / "state";
    s.clock.steady = [this] { return now_; };
    s.clock.sleep = [this](auto d) { now_ += d; };
    auto made = make_file_source(std::move(s));
    if (!made)
      FAIL(made.error().text());
    source = std::move(*made);
    seek(at);
  }
  void seek(offset at) {
    if (auto ok = source->seek(partition_id{0}, at); !ok)
      FAIL(ok.error().text());
    next = at;
  }
  /// What polls bring until one brings nothing within three seconds; a gap is `GAP`.
  std::vector<std::string> poll() {
    std::vector<std::string> texts;
    for (;;) {
      std::vector<polled> out;
      if (auto ok = source->poll({partition_id{0}}, 200, 3s, out); !ok)
        FAIL(ok.error().text());
      if (out.empty())
        return texts;
      for (const auto& one : out) {
        if (auto* gap = std::get_if<polled_gap>(&one)) {
          if (gap->wanted != next || gap->available <= next)
            FAIL("gap from " << gap->wanted << " to " << gap->available << " at " << next);
          next = gap->available;
          texts.emplace_back("GAP");
          continue;
        }
        const auto& batch = *std::get<record_batch_ptr>(one);
        if (batch.begin < next)
          FAIL("an offset was given twice");
        for (const auto& r : batch.records) {
          texts.emplace_back(r.bytes);
          offsets.push_back(r.at);
        }
        next = batch.end;
      }
    }
  }

  std::filesystem::path folder;
  std::unique_ptr<record_source> source;
  offset next = 0;
  std::vector<offset> offsets; // of all records delivered

private:
  mutable std::chrono::seconds written_{0};
  std::string format_;
  std::chrono::steady_clock::time_point now_{};
};

using list = std::vector<std::string>;

std::string line(const std::string& text) {
  return text + std::string(300, '.') + "\n"; // longer than what tells files apart
}
std::string content(const std::string& text) {
  return text + std::string(300, '.');
}

} // namespace

TEST_CASE("what is appended arrives, whole lines only") {
  scene s;
  s.start();
  CHECK(s.poll().empty()); // not there yet
  s.append("one\ntw");
  CHECK(s.poll() == list{"one"});
  s.append("o");
  CHECK(s.poll().empty());
  s.append("\nthree\n");
  CHECK(s.poll() == list{"two", "three"});
  CHECK(s.source->lag(partition_id{0}) == 0);
  CHECK(s.offsets == std::vector<offset>{0, 4, 8});
}

TEST_CASE("a renamed file is read to its end, its unfinished line counts, then the new one follows") {
  scene s;
  s.append("one\n");
  s.start();
  CHECK(s.poll() == list{"one"});
  s.append("two\nthr");
  s.rename("log", "log.1");
  s.append("ee", "log.1");
  s.append("four\n");
  CHECK(s.poll() == list{"two", "three", "four"});
  CHECK(s.offsets == std::vector<offset>{0, 4, 8, 13});
  s.seek(4);
  CHECK(s.poll() == list{"two", "three", "four"});
}

TEST_CASE("a file with another name is read on while its writer still holds it") {
  scene s;
  s.append("one\n");
  s.start();
  CHECK(s.poll() == list{"one"});
  s.rename("log", "log.1");
  CHECK(s.poll().empty()); // no successor yet
  s.append("late\n", "log.1");
  CHECK(s.poll() == list{"late"});
  s.append("new\n");
  CHECK(s.poll() == list{"new"});
}

TEST_CASE("offsets outlive restarts and rotations") {
  scene s;
  s.append(line("one") + line("two"));
  s.start();
  CHECK(s.poll().size() == 2);
  s.rename("log", "log.1");
  s.append(line("three"));
  CHECK(s.poll().size() == 1);
  s.rename("log.1", "log.2");
  s.rename("log", "log.1");
  s.append(line("four"));
  auto at = s.offsets;
  s.start(at[1]);
  CHECK(s.poll() == list{content("two"), content("three"), content("four")});
  s.start(at[2]);
  CHECK(s.poll() == list{content("three"), content("four")});
  CHECK(s.offsets[3] == at[1]);
  CHECK(s.offsets[4] == at[2]);
}

TEST_CASE("files rotated away while nobody looked are found") {
  scene s;
  s.append(line("one"));
  s.start();
  CHECK(s.poll().size() == 1);
  s.append(line("two"));
  s.rename("log", "log.1");
  s.append(line("three"));
  s.rename("log.1", "log.2");
  s.rename("log", "log.1");
  s.append(line("four"));
  auto next = s.next;
  s.start(next);
  CHECK(s.poll() == list{content("two"), content("three"), content("four")});
}

TEST_CASE("a rotated file that is gone is a gap, told once, and no offset is used twice") {
  scene s;
  s.append(line("one") + line("two"));
  s.start();
  CHECK(s.poll().size() == 2);
  auto second = s.offsets[1];
  auto highest = s.next;
  std::filesystem::remove(s.folder / "log");
  s.append(line("three"));
  s.start(second);
  CHECK(s.poll() == list{"GAP", content("three")});
  CHECK(s.offsets.back() >= highest);
  auto third = s.offsets.back();
  s.start(second);
  CHECK(s.poll() == list{"GAP", content("three")});
  CHECK(s.offsets.back() == third);
}

TEST_CASE("a file cut in place begins a generation") {
  scene s;
  s.append(line("one"));
  s.start();
  CHECK(s.poll() == list{content("one")});
  SECTION("everything was read") {
    std::filesystem::copy_file(s.folder / "log", s.folder / "log.1");
    std::filesystem::resize_file(s.folder / "log", 0);
    CHECK(s.poll().empty());
    s.append(line("two"));
    CHECK(s.poll() == list{content("two")});
    s.start(0); // from the copy
    CHECK(s.poll() == list{content("one"), content("two")});
  }
  SECTION("it has grown beyond its old size since") {
    std::filesystem::resize_file(s.folder / "log", 0);
    s.append(line("two") + line("three"));
    CHECK(s.poll() == list{content("two"), content("three")});
    CHECK(s.offsets[1] == s.offsets[0] + line("one").size());
  }
  SECTION("an unfinished line was lost") {
    s.append("unfinished");
    CHECK(s.poll().empty());
    std::filesystem::resize_file(s.folder / "log", 0);
    s.append(line("two"));
    CHECK(s.poll() == list{"GAP", content("two")});
  }
  SECTION("while nobody looked, with a copy") {
    s.append(line("two"));
    std::filesystem::copy_file(s.folder / "log", s.folder / "log.1");
    std::filesystem::resize_file(s.folder / "log", 0);
    s.append(line("three"));
    auto next = s.next;
    s.start(next);
    auto got = s.poll();
    CHECK(got.front() == content("two"));
    CHECK(got.back() == content("three"));
  }
}

TEST_CASE("each generation has its own CSV header") {
  scene s{"csv"};
  s.start();
  s.append("x,");
  CHECK(s.poll().empty());
  s.append("y\n1,2\n");
  CHECK(s.poll() == list{"1,2"});
  s.rename("log", "log.1");
  s.append("y,x\n3,4\n");
  CHECK(s.poll() == list{"3,4"});
  s.start(s.offsets[0]);
  CHECK(s.poll() == list{"1,2", "3,4"});
}

TEST_CASE("an endless line waits for its end without being kept") {
  scene s;
  s.append("one\n" + std::string(600'000, 'x'));
  s.start();
  CHECK(s.poll() == list{"one"});
  s.append(std::string(600'000, 'y'));
  CHECK(s.poll().empty());
  s.append("\ntwo\n");
  CHECK(s.poll() == list{std::string(1001, 'x'), "two"});
}

TEST_CASE("a damaged or lost state file is an error that says what to do") {
  scene s;
  s.append(line("one"));
  s.start();
  s.poll();
  auto state = s.folder / "state" / "clicks.follow";
  s.source.reset();
  SECTION("lost") {
    std::filesystem::remove(state);
    s.start();
    auto sought = s.source->seek(partition_id{0}, 100);
    REQUIRE(sought.has_error());
    CHECK(sought.error().code() == errc::out_of_range);
  }
  SECTION("damaged at any byte") {
    auto size = std::filesystem::file_size(state);
    for (std::uintmax_t i = 0; i < size; i += 7) {
      std::fstream file{state, std::ios::binary | std::ios::in | std::ios::out};
      file.seekg(static_cast<std::streamoff>(i));
      auto old = static_cast<char>(file.get());
      file.seekp(static_cast<std::streamoff>(i));
      file.put(static_cast<char>(old ^ 0x40));
      file.close();
      file_source_settings settings;
      settings.name = "clicks";
      settings.base = s.folder;
      settings.path = "log";
      settings.follow = true;
      settings.state_folder = s.folder / "state";
      auto made = make_file_source(settings);
      if (!made.has_error() || made.error().code() != errc::corrupt)
        FAIL("byte " << i);
      std::fstream back{state, std::ios::binary | std::ios::in | std::ios::out};
      back.seekp(static_cast<std::streamoff>(i));
      back.put(old);
    }
  }
}

TEST_CASE("a file has the same name in the state however it and the folder are written") {
  const std::filesystem::path here = std::filesystem::current_path();
  CHECK(kept_name("logs/a", "") == "logs/a");
  CHECK(kept_name(here / "logs/a", ".") == "logs/a");
  CHECK(kept_name(here / "logs/a", "") == "logs/a");
  CHECK(kept_name("logs/a", here) == "logs/a");
  CHECK(kept_name("examples/logs/a", "examples/") == "logs/a");
  CHECK(kept_name("examples/../logs/a", here / "examples") == "../logs/a");
  CHECK(kept_name("/var/log/a", "/srv/p") == "../../var/log/a");
}

TEST_CASE("any mix of appends, rotations, cuts of the process and seeks gives every line once") {
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    std::mt19937_64 random{seed};
    scene s;
    s.append("begin\n");
    s.start();
    list written{"begin"}, got = s.poll(); // what was rotated away before the first look is no part of it
    auto rotations = 0;
    for (int step = 0; step < 60; ++step) {
      auto what = random() % 10;
      if (what < 6) {
        auto text = "line " + std::to_string(written.size()) + std::string(random() % 400, '.');
        written.push_back(text);
        s.append(text + "\n");
      } else if (what == 6 && std::filesystem::exists(s.folder / "log")) {
        s.rename("log", "log." + std::to_string(++rotations));
        auto text = "first of " + std::to_string(rotations);
        written.push_back(text);
        s.append(text + "\n");
      } else if (what == 7) {
        auto keep = s.offsets.empty() ? 0 : random() % s.offsets.size();
        auto at = s.offsets.empty() ? 0 : s.offsets[keep];
        s.offsets.resize(keep);
        got.resize(keep);
        s.start(at);
      } else {
        for (auto& text : s.poll())
          got.push_back(std::move(text));
      }
    }
    for (auto& text : s.poll())
      got.push_back(std::move(text));
    if (got != written)
      FAIL("seed " << seed << ": " << got.size() << " of " << written.size());
  }
}

TEST_CASE("wake ends a poll that waits") {
  scene s;
  file_source_settings settings;
  settings.name = "clicks";
  settings.base = s.folder;
  settings.path = "log";
  settings.follow = true;
  settings.state_folder = s.folder / "state";
  auto made = make_file_source(settings);
  REQUIRE(!made.has_error());
  std::vector<polled> out;
  auto began = std::chrono::steady_clock::now();
  std::thread other{[&] { (*made)->wake(); }};
  auto ok = (*made)->poll({partition_id{0}}, 100, 60s, out);
  other.join();
  CHECK(!ok.has_error());
  CHECK(std::chrono::steady_clock::now() - began < 30s);
}
