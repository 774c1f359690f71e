#include "storage/log/data_lock.hpp"

#include "storage/disk_file.hpp"
#include "storage/log/data_layout.hpp"
#include "storage/log/segment_log.hpp"
#include "tests/storage/disk_fixture.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace tidemill;
using namespace tidemill::test;

namespace {

constexpr event_time now{std::chrono::seconds{1'500'000'000}};

} // namespace

TEST_CASE("a data folder is created with its parents and taken by one process at a time") {
  temporary_folder folder;
  auto path = folder.path() / "a" / "data";
  auto first = data_directory::open(path, now);
  REQUIRE(first);
  CHECK((*first)->root() == path);
  CHECK((*first)->path().parent_path().parent_path() == path);
  CHECK(std::filesystem::is_directory((*first)->path()));
  auto second = data_directory::open(path, now);
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == errc::locked);
  CHECK(second.error().text().find("process " + std::to_string(::getpid()) + " on host ") !=
        std::string::npos);
  CHECK(second.error().text().find("started 2017-07-14T02:40:00Z") != std::string::npos);
  first->reset();
  CHECK(data_directory::open(path, now));
}

TEST_CASE("the lock of a killed process is free, and while it lives its pid is named") {
  temporary_folder folder;
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  auto child = ::fork();
  if (child == 0) {
    auto held = data_directory::open(folder.path(), now);
    auto ready = held ? 'y' : 'n';
    if (::write(ends[1], &ready, 1) == 1)
      ::pause();
    ::_exit(1);
  }
  char ready = 0;
  REQUIRE(::read(ends[0], &ready, 1) == 1);
  REQUIRE(ready == 'y');
  CHECK(data_directory::open(folder.path(), now)
            .error()
            .text()
            .find("process " + std::to_string(child) + " ") != std::string::npos);
  ::kill(child, SIGKILL);
  int how;
  ::waitpid(child, &how, 0);
  CHECK(data_directory::open(folder.path(), now));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a folder with somebody else's files is left alone") {
  temporary_folder folder;
  spill(folder.path() / "thesis.txt", "years of work");
  auto refused = data_directory::open(folder.path(), now);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::mismatch);
  CHECK(refused.error().text().find("thesis.txt") != std::string::npos);
  std::filesystem::remove(folder.path() / "thesis.txt");
  std::filesystem::create_directory(folder.path() / "lost+found");
  CHECK(data_directory::open(folder.path(), now));
}

TEST_CASE("a folder of another format, or a damaged FORMAT, is refused") {
  temporary_folder folder;
  REQUIRE(data_directory::open(folder.path(), now));
  spill(folder.path() / "FORMAT", "tidemill data 7\n");
  auto later = data_directory::open(folder.path(), now);
  CHECK(later.error().code() == errc::mismatch);
  CHECK(later.error().text().find("format 7") != std::string::npos);
  for (auto text : {"", "tide", "tidemill data x", "\xff\xff"}) {
    spill(folder.path() / "FORMAT", text);
    CHECK(data_directory::open(folder.path(), now).error().code() == errc::corrupt);
  }
}

TEST_CASE("the state is found again, under another path, and the id of the folder stays") {
  temporary_folder folder;
  CHECK(current_state_folder(folder.path()) == folder.path());
  auto first = data_directory::open(folder.path(), now);
  REQUIRE(first);
  auto path = (*first)->path();
  auto id = (*first)->store_id();
  CHECK(id.size() == 16);
  CHECK(current_state_folder(folder.path()) == path);
  spill(*(*first)->subfolder("sources") / "a", "42");
  auto generation = (*first)->generation();
  first->reset();
  CHECK(current_state_folder(folder.path()) == path);
  auto second = data_directory::open(folder.path(), now);
  REQUIRE(second);
  CHECK((*second)->generation() == generation + 1);
  CHECK((*second)->path() != path);
  CHECK((*second)->store_id() == id);
  CHECK(slurp((*second)->path() / "sources" / "a") == "42");
  CHECK(current_state_folder(folder.path()) == (*second)->path());
  temporary_folder another;
  CHECK((*data_directory::open(another.path(), now))->store_id() != id);
}

TEST_CASE("a folder of format 1 is brought into the present form, also after a crash in the middle") {
  for (auto moved : {-1, 0, 1, 2, 3}) {
    temporary_folder folder;
    auto root = folder.path();
    auto tree = root / "state.new" / "tree.0";
    spill(root / "FORMAT", moved < 0 ? "tidemill data 1\n" : "tidemill data 2\n");
    spill(root / "LOCK", "process 4711 on host a, started 2026-01-01T00:00:00Z\n");
    std::filesystem::create_directories(root / "lost+found");
    if (moved >= 0)
      std::filesystem::create_directories(tree);
    auto n = 0;
    for (auto name : {"checkpoints", "journal", "views"}) {
      auto at = (n++ < moved ? tree : root) / name;
      std::filesystem::create_directories(at);
      spill(at / "file", name);
    }
    spill((moved >= 3 ? tree : root) / "EPOCH", "7\n");
    auto opened = data_directory::open(root, now);
    REQUIRE(opened);
    auto state = (*opened)->path();
    for (auto name : {"checkpoints", "journal", "views"}) {
      CHECK(slurp(state / name / "file") == name);
      CHECK_FALSE(std::filesystem::exists(root / name));
    }
    CHECK(slurp(state / "EPOCH") == "7\n");
    CHECK(slurp(root / "FORMAT") == "tidemill data 2\n");
    CHECK_FALSE(std::filesystem::exists(root / "LOCK"));
    CHECK_FALSE(std::filesystem::exists(root / "state.new"));
  }
}

TEST_CASE("a folder of format 1 that its process still holds is left alone, and that process is named") {
  temporary_folder folder;
  spill(folder.path() / "FORMAT", "tidemill data 1\n");
  spill(folder.path() / "LOCK", "process 4711 on host a, started 2026-01-01T00:00:00Z\n");
  std::filesystem::create_directory(folder.path() / "views");
  auto held = disk_file::open_write(folder.path() / "LOCK");
  REQUIRE(held);
  REQUIRE(::flock(held->descriptor(), LOCK_EX | LOCK_NB) == 0);
  auto refused = data_directory::open(folder.path(), now).error();
  CHECK(refused.code() == errc::locked);
  CHECK(refused.text().find("process 4711 on host a") != std::string::npos);
  CHECK(std::filesystem::exists(folder.path() / "views"));
  CHECK(slurp(folder.path() / "FORMAT") == "tidemill data 1\n");
}

TEST_CASE("a data folder whose state is gone is not begun anew in silence") {
  temporary_folder folder;
  REQUIRE(data_directory::open(folder.path(), now));
  std::filesystem::remove_all(current_state_folder(folder.path()).parent_path());
  auto refused = data_directory::open(folder.path(), now).error();
  CHECK(refused.code() == errc::corrupt);
  CHECK(refused.text().find("backup") != std::string::npos);
}

TEST_CASE("a holder whose data folder is deleted has lost it, and hears that it is gone") {
  temporary_folder folder;
  auto root = folder.path() / "data";
  auto held = data_directory::open(root, now);
  REQUIRE(held);
  auto log = segment_log::open(*(*held)->subfolder("log"), {});
  REQUIRE(log);
  REQUIRE((*log)->append("record"));
  std::filesystem::remove_all(root);
  auto told = (*log)->sync().error();
  CHECK(told.code() == errc::fenced);
  CHECK(told.text().find("the state in the data folder is gone") != std::string::npos);
  auto lost = (*held)->verify().error();
  CHECK(lost.code() == errc::fenced);
  CHECK(lost.text() == "the data folder " + root.string() + " is gone");
  CHECK((*held)->lost());
}

TEST_CASE("a damaged STORE is refused") {
  temporary_folder folder;
  REQUIRE(data_directory::open(folder.path(), now));
  for (auto text : {"", "12", "0123456789abcdeX\n", "0123456789abcdef", "0123456789abcdef0\n"}) {
    spill(current_state_folder(folder.path()) / "STORE", text);
    CHECK(data_directory::open(folder.path(), now).error().code() == errc::corrupt);
  }
}

TEST_CASE("a folder that can't be written is an error with its remedy") {
  temporary_folder folder;
  spill(folder.path() / "file", "");
  auto error = data_directory::open(folder.path() / "file" / "data", now).error();
  CHECK(error.code() == errc::io);
  CHECK(error.text().find("file") != std::string::npos);
  if (::geteuid() != 0) {
    ::chmod(folder.path().c_str(), 0555);
    error = data_directory::open(folder.path() / "data", now).error();
    CHECK(error.code() == errc::io);
    CHECK(error.text().find("access") != std::string::npos);
    ::chmod(folder.path().c_str(), 0755);
  }
}

TEST_CASE("a full disk is told when the folder is opened") {
  small_disk disk{16 << 10};
  if (!disk.mounted())
    return;
  for (auto i = 0; i < 20; ++i)
    spill(disk.path() / (".filler" + std::to_string(i)), std::string(4000, 'x'));
  auto error = data_directory::open(disk.path(), now).error();
  CHECK(error.code() == errc::full);
  CHECK(error.text().find("free space") != std::string::npos);
}
