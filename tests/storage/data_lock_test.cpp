#include "storage/log/data_lock.hpp"

#include "tests/storage/disk_fixture.hpp"

#include <catch2/catch.hpp>

#include <csignal>
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
  CHECK((*first)->path() == path);
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
