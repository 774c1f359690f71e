#include "storage/log/lease.hpp"

#include "storage/generation.hpp"
#include "tests/storage/disk_fixture.hpp"
#include "tests/storage/process_fixture.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <random>

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;

namespace {

lease_note note() {
  return {"process 4711 on host a, started 2026-01-01T00:00:00Z",
          "5f3c7a52-8f4e-4a52-b1a0-2f1d3c4b5a69",
          true,
          5000ms,
          lease_note::phase::holding,
          42};
}

} // namespace

TEST_CASE("what a lease file says is read back, and no damage is taken for something else") {
  auto n = note();
  CHECK(decode_lease(encode_lease(n)) == n);
  auto later = n;
  later.now = lease_note::phase::released;
  later.beat = ~0ull;
  later.locked = false;
  CHECK(decode_lease(encode_lease(later)) == later);
  CHECK(encode_lease(n).size() == encode_lease(later).size());
  auto text = encode_lease(n);
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes)
    CHECK_FALSE(decode_lease(std::string_view{text}.substr(0, bytes)));
  std::mt19937_64 random{1};
  for (int i = 0; i < 2000; ++i) {
    auto damaged = text;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    auto read = decode_lease(damaged);
    if (read && encode_lease(*read) != damaged)
      FAIL(damaged);
  }
}

TEST_CASE("a control character in the name of a holder never reaches a terminal") {
  auto n = note();
  n.holder = "process \x1b[2J";
  CHECK_FALSE(decode_lease(encode_lease(n)));
}

TEST_CASE("a lease file is locked as long as its keeper lives, and each beat shows") {
  temporary_folder folder;
  auto path = folder.path() / "lease.a";
  CHECK_FALSE(look_at_lease(path)->note);
  {
    auto lease = lease_file::create(path, note(), false);
    REQUIRE(lease);
    auto seen = look_at_lease(path);
    REQUIRE(seen);
    CHECK(seen->locked);
    CHECK(seen->note == note());
    REQUIRE(lease->beat(lease_note::phase::holding));
    CHECK(look_at_lease(path)->note->beat == 43);
  }
  CHECK_FALSE(look_at_lease(path)->locked);
  spill(path, "something else");
  auto seen = look_at_lease(path);
  CHECK_FALSE(seen->note);
  CHECK(seen->locked); // nobody knows
}

TEST_CASE("a keeper holds while it beats, and tells once when it has lost") {
  temporary_folder folder;
  auto path = folder.path() / "lease.a";
  auto n = note();
  n.term = 300ms;
  std::atomic<bool> ours{true};
  std::atomic<int> told{0};
  std::string why;
  {
    lease_keeper keeper{*lease_file::create(path, n, true), [&]() -> status {
                          return ours ? status{} : status{error{errc::fenced, "taken over by b"}};
                        }};
    CHECK_FALSE(keeper.holds());
    REQUIRE(keeper.begin());
    CHECK(keeper.holds());
    keeper.on_lost([&](std::string text) {
      why = std::move(text);
      ++told;
    });
    CHECK(becomes_true([&] { return look_at_lease(path)->note->beat > 45; }));
    CHECK_FALSE(keeper.lost());
    ours = false;
    CHECK(becomes_true([&] { return told == 1; }));
    CHECK(why == "taken over by b");
    CHECK(keeper.lost());
    CHECK_FALSE(keeper.holds());
    CHECK(keeper.verify().error().code() == errc::fenced);
    auto again = false;
    std::atomic<bool> late{false};
    keeper.on_lost([&](std::string text) { late = again = text == "taken over by b"; });
    CHECK(becomes_true([&] { return late.load(); }));
  }
  CHECK(told == 1);
  CHECK(look_at_lease(path)->note->now == lease_note::phase::holding); // whoever lost releases nothing
}

TEST_CASE("a keeper that ends well says so") {
  temporary_folder folder;
  auto path = folder.path() / "lease.a";
  {
    lease_keeper keeper{*lease_file::create(path, note(), true), [] { return status{}; }};
    REQUIRE(keeper.begin());
  }
  CHECK(look_at_lease(path)->note->now == lease_note::phase::released);
}

TEST_CASE("a keeper that can't look at its folder does not hold, and has not lost") {
  temporary_folder folder;
  auto n = note();
  n.term = 100ms;
  std::atomic<bool> readable{true};
  lease_keeper keeper{*lease_file::create(folder.path() / "lease.a", n, true), [&]() -> status {
                        return readable ? status{} : status{error{errc::io, "no answer"}};
                      }};
  REQUIRE(keeper.begin());
  readable = false;
  CHECK(becomes_true([&] { return !keeper.holds(); }));
  CHECK_FALSE(keeper.lost());
  readable = true;
  CHECK(becomes_true([&] { return keeper.holds(); }));
}

TEST_CASE("names of generations are read exactly") {
  generation_id g{7, "00112233aabbccdd"};
  CHECK(generation_name(g) == "state.7.00112233aabbccdd");
  CHECK(parse_generation("state.7.00112233aabbccdd") == g);
  for (auto name : {"", "state", "state.", "state.7", "state.7.", "state.new", "state.07.00112233aabbccdd",
                    "state.7.00112233AABBCCDD", "state.7.00112233aabbccd", "state.7.00112233aabbccdd0",
                    "state.-7.00112233aabbccdd", "state.99999999999999999999.00112233aabbccdd",
                    "tree.7.00112233aabbccdd"})
    CHECK_FALSE(parse_generation(name));
}

TEST_CASE("a generation that was taken away is never created again") {
  temporary_folder folder;
  auto taken = folder.path() / "state.7.00112233aabbccdd";
  auto refused = create_folder(taken / "tree.7" / "views");
  CHECK(refused.error().code() == errc::fenced);
  CHECK(replace_file(taken / "EPOCH", "1").error().code() == errc::fenced);
  CHECK(disk_file::open_write(taken / "tree.7" / "file").error().code() == errc::fenced);
  CHECK(replace_file(folder.path() / "elsewhere" / "EPOCH", "1").error().code() == errc::io);
  CHECK(std::filesystem::is_empty(folder.path()));
  std::filesystem::create_directory(taken);
  CHECK(create_folder(taken / "tree.7" / "views"));
  CHECK(disk_file::open_read(taken / "tree.7" / "file").error().code() == errc::io);
}
