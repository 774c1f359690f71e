#include "storage/log/work_register.hpp"

#include "tests/storage/disk_fixture.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

namespace tidemill::test {
namespace {

work_register open(const std::filesystem::path& file) {
  auto opened = work_register::open(file);
  REQUIRE(opened);
  return std::move(*opened);
}

/// A process that works and is killed in the middle of it, or between two batches.
template <class Work>
void kill_while(const std::filesystem::path& file, Work work) {
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto r = work_register::open(file);
    if (r) {
      work(*r);
      ::raise(SIGKILL);
    }
    ::_exit(1);
  }
  int how = 0;
  REQUIRE(::waitpid(child, &how, 0) == child);
  REQUIRE(WIFSIGNALED(how));
}

} // namespace

TEST_CASE("a new work register knows nothing") {
  temporary_folder folder;
  auto r = open(folder.path() / "at_work" / "clicks" / "3");
  CHECK(r.left().empty());
  CHECK(r.suspected().empty());
}

TEST_CASE("what a killed process had in hand is found, once") {
  temporary_folder folder;
  auto file = folder.path() / "0";
  kill_while(file, [](work_register& r) {
    r.begin({3, 70});
    r.end();
    r.begin({70, 99});
  });
  CHECK(open(file).left() == record_range{70, 99});
  CHECK(open(file).left().empty());
}

TEST_CASE("a process that is killed between two batches had nothing in hand") {
  temporary_folder folder;
  auto file = folder.path() / "0";
  kill_while(file, [](work_register& r) {
    r.begin({3, 70});
    r.end();
  });
  CHECK(open(file).left().empty());
}

TEST_CASE("what is suspected stays until it is set anew") {
  temporary_folder folder;
  auto file = folder.path() / "0";
  kill_while(file, [](work_register& r) { r.suspect({5, 6}); });
  CHECK(open(file).suspected() == record_range{5, 6});
  auto r = open(file);
  CHECK(r.suspected() == record_range{5, 6});
  CHECK(r.left().empty());
  r.suspect({});
  CHECK(open(file).suspected().empty());
}

TEST_CASE("the bytes of something else are no register") {
  temporary_folder folder;
  auto file = folder.path() / "0";
  auto length = GENERATE(0, 1, 39, 40, 9'000);
  std::ofstream{file} << std::string(static_cast<std::size_t>(length), 'x');
  auto r = open(file);
  CHECK(r.left().empty());
  CHECK(r.suspected().empty());
}

TEST_CASE("a work register where none can be is an error that names the file") {
  temporary_folder folder;
  std::ofstream{folder.path() / "file"} << "in the way";
  auto r = work_register::open(folder.path() / "file" / "0");
  REQUIRE_FALSE(r);
  CHECK(r.error().text().find((folder.path() / "file").string()) != std::string::npos);
}

TEST_CASE("one that remembers nothing takes everything") {
  work_register r;
  r.begin({1, 2});
  r.suspect({1, 2});
  r.end();
  CHECK(r.left().empty());
  CHECK(r.suspected().empty());
}

} // namespace tidemill::test
