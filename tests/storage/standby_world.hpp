#pragma once

#include "storage/disk_file.hpp"
#include "storage/log/data_lock.hpp"
#include "storage/log/ingest_log.hpp"
#include "storage/log/lease.hpp"
#include "storage/log/segment_log.hpp"
#include "tests/storage/disk_fixture.hpp"
#include "tests/storage/process_fixture.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <map>
#include <sys/stat.h>

namespace tidemill::test {

using namespace std::chrono_literals;

inline constexpr event_time now{std::chrono::seconds{1'500'000'000}};
using path = std::filesystem::path;

inline lease_settings term(std::chrono::milliseconds t) {
  return {t, {}};
}

/// As checkpoints are saved: a segment, then a manifest that names it, each written aside and renamed.
inline status save_state(const path& key, const std::string& state) {
  TIDEMILL_CHECK(create_folder(key));
  TIDEMILL_CHECK(replace_file(key / (state + ".segment"), state));
  return replace_file(key / "newest.manifest", state);
}

/// A holder with something of each kind open, which goes on however late it is.
class holding_worker {
public:
  holding_worker(const path& root, lease_settings s) {
    auto opened = data_directory::open(root, now, std::move(s));
    if (!opened)
      return;
    data_ = std::move(*opened);
    log_ = *segment_log::open(data_->path() / "journal", {.segment_bytes = 1000, .max_record = 1000});
    ingest_ = *ingest_log::open(data_->path() / "ingest", {.name = "posted"}, "id");
    checkpoints_ = data_->path() / "checkpoints";
    file_ = ::open((data_->path() / "EPOCH").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (log_->append("before") && log_->sync() && save_state(checkpoints_ / "log_0", "first") &&
        ingest_->append(now, {{partition_id{0}, "posted"}}))
      ready_ = ::pwrite(file_, "1\n", 2, 0) == 2;
    folder_ = ::open((checkpoints_ / "log_0").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }

  char act(char order) {
    switch (order) {
    case 'r':
      return ready_ ? 'y' : 'n';
    case 'a': // appended by a process that sees no error is not promised yet; synced is
      (void)log_->append("late");
      return answer(log_->sync());
    case 'i':
      return answer(ingest_->append(now, {{partition_id{0}, "late"}}));
    case 'o':
      return answer(log_->roll());
    case 'c':
      return answer(save_state(checkpoints_ / "log_0", "late"));
    case 'n': // a key that it never saved before: needs a new folder
      return answer(save_state(checkpoints_ / "log_1", "late"));
    case 'e':
      return answer(replace_file(data_->path() / "EPOCH", "2\n"));
    case 's':
      return answer(data_->subfolder("views"));
    case 'd': // system calls that had found their folder or file before it was taken away
      by_descriptor();
      return 'y';
    case 'h':
      return data_->holds() ? 'y' : 'n';
    case 'l':
      return becomes_true([&] { return data_->lost(); }) ? 'y' : 'n';
    case 'v':
      return answer(data_->verify());
    default:
      data_->on_lost([](std::string) { ::_exit(3); });
      return becomes_true([] { return false; }) ? 'y' : 'n';
    }
  }

private:
  template <class T>
  static char answer(const result<T>& r) {
    return r ? 'y' : r.error().code() == errc::fenced ? 'f' : 'x';
  }

  void by_descriptor() const {
    auto made = ::openat(folder_, "late.manifest", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    auto written = ::write(made, "late", 4) + ::pwrite(file_, "9\n", 2, 0);
    (void)(written + ::mkdirat(folder_, "late", 0755) + ::close(made));
  }

  bool ready_ = false;
  std::unique_ptr<data_directory> data_;
  std::unique_ptr<segment_log> log_;
  std::shared_ptr<ingest_log> ingest_;
  path checkpoints_;
  int folder_ = -1, file_ = -1;
};

inline std::function<std::function<char(char)>()> working(const path& root, lease_settings s) {
  return [root, s] {
    auto w = std::make_shared<holding_worker>(root, s);
    return [w](char order) { return w->act(order); };
  };
}

/// Everything below a folder, by path.
inline std::map<std::string, std::string> all_files(const path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder})
    files[entry.path().lexically_relative(folder).string()] =
        entry.is_regular_file() ? slurp(entry.path()) : "folder";
  return files;
}

inline std::vector<std::string> records(const segment_log& log) {
  std::vector<std::string> all;
  REQUIRE(log.read(log.begin(), [&](std::uint64_t, std::string_view r) {
    all.emplace_back(r);
    return true;
  }));
  return all;
}

/// Polls as the platform does; null if that takes longer than a minute.
inline std::unique_ptr<data_directory> take(data_candidate& c) {
  std::unique_ptr<data_directory> taken;
  becomes_true(
      [&] {
        auto tried = c.try_take();
        REQUIRE(tried);
        taken = std::move(*tried);
        return taken != nullptr;
      },
      60s);
  REQUIRE(taken);
  return taken;
}

/// What a holding_worker promised is there, and nothing that it did too late.
inline void check_promises(const path& state) {
  auto log = segment_log::open(state / "journal", {.segment_bytes = 1000, .max_record = 1000});
  REQUIRE(log);
  CHECK(records(**log) == std::vector<std::string>{"before"});
  CHECK(slurp(state / "checkpoints" / "log_0" / "newest.manifest") == "first");
  CHECK(slurp(state / "checkpoints" / "log_0" / "first.segment") == "first");
  CHECK(slurp(state / "EPOCH") == "1\n");
  auto posted = ingest_log::open(state / "ingest", {.name = "posted"}, "id");
  REQUIRE(posted);
  CHECK((*posted)->end(partition_id{0}) == 1);
}

} // namespace tidemill::test
