#include "storage/checkpoint/blob_store.hpp"

#include "storage/checkpoint/folder_blobs.hpp"
#include "tests/storage/disk_fixture.hpp"
#include "tests/storage/memory_blobs.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

using namespace tidemill;
using namespace tidemill::test;

namespace {

/// What every kind of store promises; `again` opens the same place anew.
void keeps_its_promises(const std::function<std::unique_ptr<blob_store>()>& again) {
  auto blobs = again();
  CHECK(blobs->groups().value().empty());
  CHECK(blobs->list("g").value().empty());
  CHECK(blobs->head("g").value().empty());
  CHECK(blobs->get("g", "1", 10).error().code() == errc::out_of_range);
  CHECK(blobs->remove("g", "1"));

  auto zeros = std::string{"a\0b", 3};
  REQUIRE(blobs->put("g", "1", zeros));
  REQUIRE(blobs->put("g", "2", ""));
  REQUIRE(blobs->put("h%2F", "1", "other"));
  REQUIRE(blobs->put("g", "2", "replaced"));
  REQUIRE(blobs->move_head("g", "", "1"));
  blobs = again();
  CHECK(blobs->groups().value() == std::vector<std::string>{"g", "h%2F"});
  CHECK(blobs->list("g").value() == std::vector<std::string>{"1", "2"});
  CHECK(blobs->get("g", "1", 3).value() == zeros);
  CHECK(blobs->get("g", "2", 100).value() == "replaced");
  CHECK(blobs->get("g", "2", 7).error().code() == errc::corrupt);
  CHECK(blobs->get("h%2F", "1", 5).value() == "other");
  CHECK(blobs->head("g").value() == "1");
  CHECK(blobs->head("h%2F").value().empty());
  REQUIRE(blobs->remove("g", "1"));
  CHECK(blobs->list("g").value() == std::vector<std::string>{"2"});
}

void moves_its_head_for_one(const std::function<std::unique_ptr<blob_store>()>& again) {
  auto mine = again(), other = again();
  REQUIRE(mine->put("g", "x", "x"));
  REQUIRE(mine->move_head("g", "", "1-a"));
  CHECK(other->move_head("g", "", "1-b").error().code() == errc::fenced);
  REQUIRE(other->move_head("g", "1-a", "2-b"));
  CHECK(mine->move_head("g", "1-a", "2-a").error().code() == errc::fenced);
  CHECK(mine->move_head("g", "1-a", "1-a").error().code() == errc::fenced);
  CHECK(mine->head("g").value() == "2-b");
  for (auto round = 0; round < 50; ++round) {
    auto now = mine->head("g").value();
    std::atomic<int> won{0}, lost{0};
    std::vector<std::jthread> threads;
    for (auto i = 0; i < 3; ++i)
      threads.emplace_back([&, i] {
        auto moved = again()->move_head("g", now, std::to_string(round) + "-" + std::to_string(i));
        ++(moved ? won : lost);
        if (!moved && moved.error().code() != errc::fenced)
          won = 100;
      });
    threads.clear();
    REQUIRE(won == 1);
    REQUIRE(lost == 2);
  }
}

} // namespace

TEST_CASE("a folder keeps blobs by group and name, and their heads") {
  temporary_folder folder;
  keeps_its_promises([&] { return make_folder_blobs(folder.path()); });
}

TEST_CASE("of all who move the head of a group in a folder from the same word, one does") {
  temporary_folder folder;
  moves_its_head_for_one([&] { return make_folder_blobs(folder.path()); });
}

TEST_CASE("the store in memory that tests use makes the same promises") {
  auto memory = std::make_shared<blob_memory>();
  keeps_its_promises([&] { return std::make_unique<memory_blobs>(memory); });
  memory = std::make_shared<blob_memory>();
  moves_its_head_for_one([&] { return std::make_unique<memory_blobs>(memory); });
}

TEST_CASE("a folder that isn't there is not created by looking") {
  temporary_folder folder;
  auto blobs = make_folder_blobs(folder.path() / "none");
  CHECK(blobs->groups().value().empty());
  CHECK(blobs->list("g").value().empty());
  CHECK_FALSE(std::filesystem::exists(folder.path() / "none"));
}

TEST_CASE("a full folder says so and keeps no half blob") {
  small_disk disk{100 << 10};
  temporary_folder elsewhere;
  std::optional<file_size_limit> limit;
  if (!disk.mounted())
    limit.emplace(50 << 10);
  auto blobs = make_folder_blobs(disk.mounted() ? disk.path() : elsewhere.path());
  REQUIRE(blobs->put("g", "1", "small"));
  CHECK(blobs->put("g", "2", std::string(200 << 10, 'x')).error().code() == errc::full);
  CHECK(blobs->list("g").value() == std::vector<std::string>{"1"});
  CHECK(blobs->get("g", "1", 10).value() == "small");
}
