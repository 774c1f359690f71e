#include "actors/table_shelf.hpp"

#include "tests/storage/disk_fixture.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <filesystem>

namespace tidemill::test {
namespace {

/// A table that is looked at whenever somebody asks, and two workers.
struct one_table {
  temporary_folder folder;
  plan all;
  std::unique_ptr<table_shelf> shelf;
  int written = 0;

  one_table() {
    all.tables.push_back({{"users", {}},
                          "csv",
                          section({{"path", text_option("users.csv")},
                                   {"key", text_option("id")},
                                   {"refresh", time_option(microseconds{0})}})});
    start();
  }

  void start() {
    shelf = std::make_unique<table_shelf>(all, folder.path(), folder.path());
    shelf->expect(2);
  }

  /// The next version.
  std::string change() {
    spill(folder.path() / "users.csv", "id,name\n1,name" + std::to_string(++written) + "\n");
    std::filesystem::last_write_time(folder.path() / "users.csv",
                                     std::filesystem::file_time_type{} + std::chrono::seconds{written});
    return ask("log/0");
  }

  std::string ask(const std::string& worker) {
    auto versions = shelf->newest(worker);
    REQUIRE(versions);
    return versions->at(0);
  }

  [[nodiscard]] bool kept(const std::string& version) const { return shelf->find(0, version) != nullptr; }
  [[nodiscard]] std::size_t files() const {
    std::filesystem::directory_iterator copies{folder.path() / "tables" / "users"}, none;
    return static_cast<std::size_t>(std::distance(copies, none));
  }
};

} // namespace

TEST_CASE_METHOD(one_table, "a version is forgotten once no kept checkpoint lies before its journal entry") {
  auto first = change();
  shelf->started("log/0", {});
  shelf->started("log/1", {});
  auto second = change();
  REQUIRE(first != second);
  shelf->saved("log/0", {first}); // was on its way when the second was handed out
  shelf->saved("log/0", {second});
  CHECK(kept(first));
  shelf->saved("log/0", {second});
  CHECK_FALSE(kept(first));
  CHECK(kept(second));
}

TEST_CASE_METHOD(one_table, "what a kept checkpoint names stays, however old") {
  auto first = change();
  shelf->started("log/0", {});
  shelf->started("log/1", {first});
  CHECK(ask("log/1") == first);
  change();
  for (int i = 0; i < 5; ++i)
    shelf->saved("log/1", {first}); // has seen no record since
  CHECK(kept(first));
  for (int i = 0; i < 5; ++i)
    shelf->saved("log/0", {});
  CHECK(kept(first));
  shelf->saved("log/1", {});
  CHECK_FALSE(kept(first));
}

TEST_CASE_METHOD(one_table, "a worker that saves no more keeps what its journal names, and only that") {
  auto first = change();
  CHECK(ask("log/1") == first);
  shelf->started("log/0", {});
  shelf->started("log/1", {});
  for (int i = 0; i < 100; ++i) {
    change();
    shelf->saved("log/0", {ask("log/0")});
  }
  CHECK(kept(first));
  CHECK(files() <= 5);
}

TEST_CASE_METHOD(one_table,
                 "after a restart nothing is forgotten before every worker has said what it needs") {
  auto first = change(), second = change(), third = change();
  start();
  CHECK(ask("log/0") == third);
  shelf->started("log/0", {third});
  for (int i = 0; i < 5; ++i)
    shelf->saved("log/0", {third});
  CHECK(kept(first));
  shelf->started("log/1", {second});
  shelf->saved("log/0", {third});
  CHECK_FALSE(kept(first));
  CHECK(kept(second));
  CHECK(kept(third));
}

} // namespace tidemill::test
