#include "storage/checkpoint/checkpoint_store.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"
#include "storage/checkpoint/manifest.hpp"
#include "tests/storage/disk_fixture.hpp"
#include "tests/storage/fake_state.hpp"
#include "tests/storage/memory_blobs.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <optional>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

using namespace tidemill;
using namespace tidemill::test;

namespace {

using store_ptr = std::unique_ptr<checkpoint_store>;

store_ptr open_store(const std::filesystem::path& folder) {
  auto opened = checkpoint_store::open(folder);
  if (!opened)
    FAIL(opened.error().text());
  return std::move(*opened);
}

/// A checkpoint that can be told from every other by its offset.
checkpoint sample(offset at, fake_state::entry_map entries = {}) {
  checkpoint c;
  c.at = at;
  c.journal = at / 2;
  c.source = "kafka:cluster/clicks";
  c.mark = at % 20 == 0 ? std::optional{record_mark{at - 1, at * 7}} : std::nullopt;
  c.state_ids = {{"traffic", "abc"}, {"dedup", ""}};
  c.sinks = {{"archive", at - 1}};
  c.tables = {"geo-" + std::to_string(at / 10)};
  if (entries.empty())
    entries = {{"old", {1, std::string(500, 's')}}, {"open", {at, "state at " + std::to_string(at)}}};
  c.state = std::make_shared<fake_state>(std::move(entries));
  return c;
}

fake_state::entry_map entries_of(const checkpoint& saved) {
  std::string all;
  (void)saved.state->write(std::vector<offset_range>{{0, ~offset{0}}}, 1u << 30,
                           [&](std::string_view piece, std::uint64_t) -> status {
                             all = piece;
                             return {};
                           });
  return read_state(saved.state->core(), [&](const auto& each) { return each(all); });
}

/// Whether `loaded` is what was `saved`.
bool same(const checkpoint& loaded, const checkpoint& saved) {
  return loaded.at == saved.at && loaded.journal == saved.journal && loaded.source == saved.source &&
         loaded.mark == saved.mark && loaded.state_ids == saved.state_ids && loaded.sinks == saved.sinks &&
         loaded.tables == saved.tables && read_state(loaded.core, loaded.pieces) == entries_of(saved);
}

/// Loads, expecting a checkpoint and as many warnings.
bool loads(checkpoint_store& store, const std::string& key, const checkpoint& expected,
           std::size_t warned = 0) {
  std::vector<std::string> warnings;
  auto loaded = store.load(key, warnings);
  if (!loaded)
    FAIL(loaded.error().text());
  return *loaded && same(**loaded, expected) && warnings.size() == warned;
}

std::vector<std::filesystem::path> files_of(const std::filesystem::path& folder, std::string_view suffix) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator{folder})
    if (entry.path().string().ends_with(suffix))
      out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace

TEST_CASE("a checkpoint is loaded as it was saved, by key") {
  temporary_folder folder;
  auto store = open_store(folder.path() / "checkpoints");
  std::vector<std::string> warnings;
  auto none = store->load("clicks/3", warnings);
  REQUIRE(none);
  CHECK(*none == nullptr);
  CHECK(store->needed("clicks/3").value().at == 0);
  REQUIRE(store->save("clicks/3", sample(70)));
  REQUIRE(store->save("../up", sample(80)));
  CHECK(loads(*store, "clicks/3", sample(70)));
  store = open_store(folder.path() / "checkpoints");
  CHECK(loads(*store, "clicks/3", sample(70)));
  CHECK(loads(*store, "../up", sample(80)));
  CHECK(std::filesystem::is_directory(folder.path() / "checkpoints" / "clicks%2F3"));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "up"));
}

TEST_CASE("keys become file names that can't be mixed up") {
  CHECK(safe_name("clicks/3") == "clicks%2F3");
  CHECK(safe_name("clicks%2F3") == "clicks%252F3");
  CHECK(safe_name("..") == "%2E.");
  CHECK(safe_name("") == "%");
  CHECK(safe_name("%") == "%25");
  CHECK(safe_name(std::string(300, 'a')).size() < 220);
  CHECK(safe_name(std::string(300, 'a')) != safe_name(std::string(301, 'a')));
}

TEST_CASE("two manifests are kept with the packs that they name, and nothing else") {
  temporary_folder folder;
  auto store = open_store(folder.path());
  for (offset at = 10; at <= 50; at += 10)
    REQUIRE(store->save("k", sample(at)));
  auto place = folder.path() / "k";
  CHECK(files_of(place, ".manifest").size() == 2);
  CHECK(files_of(place, ".head").size() == 1);
  CHECK(files_of(place, ".pack").size() == 5); // each holds what changed, the first one what didn't
  CHECK(files_of(place, "").size() == 8);
  auto needs = store->needed("k").value();
  CHECK(needs.at == 40);
  CHECK(needs.journal == 20);
  CHECK(needs.tables == std::vector<std::string>{"geo-4", "geo-5"});
  CHECK(open_store(folder.path())->needed("k").value().at == 40);
  for (offset at = 60; at <= 1000; at += 10)
    REQUIRE(store->save("k", sample(at)));
  CHECK(files_of(place, ".pack").size() <= 17);
  CHECK(loads(*store, "k", sample(1000)));
}

TEST_CASE("any damage to the newest checkpoint falls back to the one before it, with a warning") {
  temporary_folder folder;
  {
    auto store = open_store(folder.path());
    REQUIRE(store->save("k", sample(10)));
    REQUIRE(store->save("k", sample(20)));
  }
  auto files = std::vector{files_of(folder.path() / "k", ".manifest").back(),
                           files_of(folder.path() / "k", ".pack").back()};
  for (const auto& file : files) {
    auto whole = slurp(file);
    for (std::size_t at = 0; at < 2 * whole.size(); ++at) {
      INFO(file << " damage " << at);
      auto bytes = at < whole.size() ? whole : whole.substr(0, at - whole.size());
      if (at < whole.size())
        bytes[at] = static_cast<char>(bytes[at] ^ 4);
      spill(file, bytes);
      if (!loads(*open_store(folder.path()), "k", sample(10), 1))
        FAIL("not the one before it");
    }
    spill(file, whole + "more");
    CHECK(loads(*open_store(folder.path()), "k", sample(10), 1));
    spill(file, whole);
  }
  for (const auto& file : files) {
    auto whole = slurp(file);
    std::filesystem::remove(file);
    CHECK(loads(*open_store(folder.path()), "k", sample(10), 1));
    spill(file, whole);
  }
  // The damaged one is replaced by the next; the intact one stays beside it.
  std::filesystem::remove(files.back());
  auto store = open_store(folder.path());
  CHECK(loads(*store, "k", sample(10), 1));
  REQUIRE(store->save("k", sample(20)));
  CHECK(loads(*store, "k", sample(20)));
  store = open_store(folder.path());
  CHECK(loads(*store, "k", sample(20)));
  CHECK(store->needed("k").value().at == 10);
}

TEST_CASE("when every checkpoint is damaged the error says where and what to do") {
  temporary_folder folder;
  auto store = open_store(folder.path());
  REQUIRE(store->save("k", sample(10)));
  REQUIRE(store->save("k", sample(20)));
  spill(files_of(folder.path() / "k", ".pack").front(), "of both");
  store = open_store(folder.path());
  std::vector<std::string> warnings;
  auto loaded = store->load("k", warnings);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().code() == errc::corrupt);
  CHECK(loaded.error().text().find((folder.path() / "k").string()) != std::string::npos);
  CHECK(loaded.error().text().find("move it away") != std::string::npos);
  // A save relies on nothing of it.
  REQUIRE(store->save("k", sample(30)));
  CHECK(loads(*open_store(folder.path()), "k", sample(30)));
}

TEST_CASE("a manifest of a later format is not passed over") {
  temporary_folder folder;
  REQUIRE(open_store(folder.path())->save("k", sample(10)));
  auto file = files_of(folder.path() / "k", ".manifest").front();
  auto bytes = slurp(file);
  auto other = decode_manifest(bytes, "another key", file.string());
  CHECK(other.error().code() == errc::corrupt);
  bytes = bytes.substr(0, bytes.size() - 8);
  bytes[4] = 9;
  byte_writer{bytes}.fixed(hash64(bytes));
  spill(file, bytes);
  std::vector<std::string> warnings;
  auto error = open_store(folder.path())->load("k", warnings).error();
  CHECK(error.code() == errc::mismatch);
  CHECK(error.text().find("format 9") != std::string::npos);
}

TEST_CASE("a folder of the layout before this one is refused, not taken for empty") {
  temporary_folder folder;
  std::filesystem::create_directory(folder.path() / "k");
  spill(folder.path() / "k" / "00000000000000000041.manifest", "old");
  spill(folder.path() / "k" / "9e107d9d372bb6826bd81d3542a419d6.segment", "old");
  std::vector<std::string> warnings;
  auto loaded = open_store(folder.path())->load("k", warnings);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().code() == errc::mismatch);
  CHECK(loaded.error().text().find("another --data folder") != std::string::npos);
}

TEST_CASE("a folder that has lost its head is corrupt, not empty") {
  temporary_folder folder;
  auto store = open_store(folder.path());
  REQUIRE(store->save("k", sample(10)));
  REQUIRE(store->save("k", sample(20)));
  std::filesystem::remove(files_of(folder.path() / "k", ".head").front());
  std::vector<std::string> warnings;
  CHECK(open_store(folder.path())->load("k", warnings).error().code() == errc::corrupt);
}

TEST_CASE("what a crash left in the middle of a save is no harm and goes away") {
  temporary_folder folder;
  auto place = folder.path() / "k";
  std::filesystem::create_directory(place);
  spill(place / "00000000000000000000-00000000000000aa-0.pack", "of a first save");
  spill(place / "00000000000000000000-00000000000000aa.manifest", "of a first save");
  std::vector<std::string> warnings;
  CHECK(open_store(folder.path())->load("k", warnings).value() == nullptr);
  REQUIRE(open_store(folder.path())->save("k", sample(10)));
  CHECK(files_of(place, "").size() == 3);
  spill(place / "0123.pack.tmp", "half");
  spill(place / "00000000000000000001-00000000000000aa.manifest", "of no head");
  spill(place / "00000000000000000001-00000000000000aa-0.pack", "of no head");
  auto store = open_store(folder.path());
  CHECK(loads(*store, "k", sample(10)));
  CHECK(files_of(place, "").size() == 6); // looking removes nothing
  REQUIRE(store->save("k", sample(20)));
  CHECK(files_of(place, "").size() == 5);
  CHECK(loads(*open_store(folder.path()), "k", sample(20)));
}

TEST_CASE("on a full disk a save says so, the older checkpoints stay, and with space again it goes on") {
  small_disk disk{200 << 10};
  temporary_folder elsewhere;
  std::optional<file_size_limit> limit;
  if (!disk.mounted())
    limit.emplace(100 << 10);
  auto folder = disk.mounted() ? disk.path() : elsewhere.path();
  auto store = open_store(folder);
  REQUIRE(store->save("k", sample(10)));
  auto entries = entries_of(sample(10));
  for (auto i = 0; i < 4; ++i)
    entries["block/" + std::to_string(i)] = {15, std::string(200 << 10, char('a' + i))};
  auto files = files_of(folder / "k", "");
  for (auto again = 0; again < 3; ++again) {
    auto saved = store->save("k", sample(20, entries));
    REQUIRE_FALSE(saved);
    CHECK(saved.error().code() == errc::full);
    CHECK(saved.error().text().find(folder.string()) != std::string::npos);
    CHECK(files_of(folder / "k", "") == files);
    CHECK(loads(*store, "k", sample(10)));
  }
  REQUIRE(store->save("k", sample(30)));
  CHECK(loads(*open_store(folder), "k", sample(30)));
}

TEST_CASE("of two processes that save to one place, the one that comes second stores nothing any more") {
  temporary_folder folder;
  auto old = open_store(folder.path());
  REQUIRE(old->save("k", sample(10)));
  auto other = open_store(folder.path());
  REQUIRE(other->save("k", sample(20)));
  REQUIRE(other->save("k", sample(30)));
  auto files = files_of(folder.path() / "k", "");
  auto late = old->save("k", sample(20));
  REQUIRE_FALSE(late);
  CHECK(late.error().code() == errc::fenced);
  CHECK(loads(*open_store(folder.path()), "k", sample(30)));
  REQUIRE(other->save("k", sample(40)));
  CHECK(loads(*open_store(folder.path()), "k", sample(40)));
}

TEST_CASE("what doesn't continue the stored state is saved whole") {
  for (auto what = 0; what < 4; ++what) {
    temporary_folder folder;
    auto store = open_store(folder.path());
    REQUIRE(store->save("k", sample(100, {{"a", {50, "of the first"}}, {"b", {60, "gone"}}})));
    auto c = sample(what == 0 ? 90 : 110, {{"a", {40, "of the second"}}});
    if (what == 1)
      c.source = "another";
    if (what == 2)
      c.state_ids["traffic"] = "changed";
    if (what == 3)
      c.state_ids.erase("traffic");
    REQUIRE(store->save("k", c));
    CHECK(loads(*store, "k", c));
    CHECK(loads(*open_store(folder.path()), "k", c));
  }
}

TEST_CASE("a process killed in the middle of saves keeps a whole checkpoint, none older than promised") {
  for (offset rounds = 1; rounds <= 5; ++rounds) {
    temporary_folder folder;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    auto child = ::fork();
    if (child == 0) {
      auto store = checkpoint_store::open(folder.path());
      for (offset at = 1; store && (*store)->save("k", sample(at)); ++at)
        if (::write(ends[1], &at, sizeof at) != sizeof at)
          break;
      ::_exit(1);
    }
    ::close(ends[1]);
    offset promised = 0;
    for (offset i = 0; i < 7 * rounds; ++i)
      REQUIRE(::read(ends[0], &promised, sizeof promised) == sizeof promised);
    ::kill(child, SIGKILL);
    int how;
    ::waitpid(child, &how, 0);
    for (offset more; ::read(ends[0], &more, sizeof more) == sizeof more;)
      promised = more;
    ::close(ends[0]);
    auto store = open_store(folder.path());
    CHECK((loads(*store, "k", sample(promised)) || loads(*store, "k", sample(promised + 1))));
  }
}

TEST_CASE("any history of changes, saves, failures and restarts loads the newest state") {
  std::size_t failures = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    auto memory = std::make_shared<blob_memory>();
    auto open = [&] { return std::make_unique<checkpoint_store>(std::make_unique<memory_blobs>(memory)); };
    auto store = open();
    fake_state::entry_map state;
    offset at = 0;
    std::optional<checkpoint> last, before;
    for (auto step = 0; step < 120; ++step) {
      if (random() % 8 == 0)
        store = open();
      for (std::uint64_t n = random() % 30; n > 0; --n) {
        auto name = std::to_string(random() % 40);
        at += random() % 3;
        if (random() % 10 == 0)
          state.erase(name);
        else
          state[name] = {++at, std::string(random() % (seed % 2 == 0 ? 40 : 8000), 'b')};
      }
      state["always"] = {++at, std::to_string(at)};
      auto c = sample(at, state);
      memory->calls_until_failure = random() % 3 == 0 ? static_cast<int>(random() % 4) : -1;
      memory->answer_lost = random() % 2 == 0;
      auto head = memory->heads["k"];
      auto saved = store->save("k", c);
      failures += saved ? 0 : 1;
      memory->calls_until_failure = -1;
      if (saved || memory->heads["k"] != head)
        before = std::exchange(last, std::move(c));
      if (last)
        REQUIRE(loads(*store, "k", *last));
    }
    REQUIRE(before);
    memory->blobs["k"].erase(memory->heads["k"] + ".manifest");
    CHECK(loads(*open(), "k", *before, 1));
  }
  CHECK(failures > 100);
}

TEST_CASE("with a hundredth changed at random between saves, less than 1.5 times the changes is written") {
  auto memory = std::make_shared<blob_memory>();
  checkpoint_store store{std::make_unique<memory_blobs>(memory)};
  std::mt19937_64 random{1};
  fake_state::entry_map state;
  offset at = 0;
  for (auto i = 0; i < 5000; ++i)
    state[std::to_string(i)] = {++at, std::string(100, 'x')};
  REQUIRE(store.save("k", sample(at, state)));
  std::uint64_t changed = 0, written = 0;
  for (auto round = 0; round < 600; ++round) {
    auto since = at;
    for (auto i = 0; i < 50; ++i)
      state[std::to_string(random() % 5000)] = {++at, std::string(100, 'y')};
    auto c = sample(at, state);
    auto whole = std::make_shared<fake_state>(state);
    c.state = whole;
    (void)whole->write(std::vector<offset_range>{{since, at}}, 1u << 30, [](auto, auto) { return status{}; });
    changed += std::exchange(whole->written_bytes, 0);
    REQUIRE(store.save("k", c));
    written += whole->written_bytes;
  }
  INFO(written << " of " << changed);
  CHECK(written * 2 < changed * 3);
  std::uint64_t stored = 0;
  for (const auto& [name, bytes] : memory->blobs["k"])
    stored += bytes.size();
  CHECK(stored < 5000 * 110 * 4);
  CHECK(loads(store, "k", sample(at, state)));
}

TEST_CASE("what is stored is listed without touching it") {
  temporary_folder folder;
  auto store = open_store(folder.path());
  CHECK(store->histories().value().empty());
  REQUIRE(store->save("clicks/0", sample(10)));
  REQUIRE(store->save("clicks/0", sample(20)));
  REQUIRE(store->save("clicks/1", sample(30)));
  spill(files_of(folder.path() / "clicks%2F1", ".manifest").front(), "damaged");
  auto all = open_store(folder.path())->histories().value();
  REQUIRE(all.size() == 2);
  CHECK(all[0].key == "clicks/0");
  REQUIRE(all[0].checkpoints.size() == 2);
  const auto& newest = all[0].checkpoints[0];
  CHECK(newest.newest);
  CHECK(newest.head.at == 20);
  CHECK(newest.number == 1);
  REQUIRE(newest.layers.size() == 2);
  CHECK(newest.layers[0].entries == 1);
  CHECK(newest.layers[1].entries == 2);
  CHECK(newest.layers[1].bytes() > 500);
  CHECK(newest.saved > event_time{});
  CHECK_FALSE(all[0].checkpoints[1].newest);
  CHECK_FALSE(all[1].checkpoints[0].damage.empty());
}
