#include "storage/checkpoint/checkpoint_store.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"
#include "storage/checkpoint/manifest.hpp"
#include "tests/storage/disk_fixture.hpp"

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

std::shared_ptr<const std::string> piece(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

/// A checkpoint that can be told from every other by its offset.
checkpoint sample(offset at) {
  checkpoint c;
  c.at = at;
  c.journal = at / 2;
  c.source = "kafka:cluster/clicks";
  c.state_ids = {{"traffic", "abc"}, {"dedup", ""}};
  c.sinks = {{"archive", at - 1}};
  c.tables = {"geo-" + std::to_string(at / 10)};
  c.segments = {{"open/0", piece("state at " + std::to_string(at))},
                {"sealed/1", piece(std::string(500, 's'))},
                {"sealed/copy", piece(std::string(500, 's'))},
                {"empty", piece("")}};
  return c;
}

bool same(const checkpoint& a, const checkpoint& b) {
  auto equal = a.at == b.at && a.journal == b.journal && a.source == b.source && a.state_ids == b.state_ids &&
               a.sinks == b.sinks && a.tables == b.tables && a.segments.size() == b.segments.size();
  for (std::size_t i = 0; equal && i < a.segments.size(); ++i)
    equal = a.segments[i].first == b.segments[i].first && *a.segments[i].second == *b.segments[i].second;
  return equal;
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

TEST_CASE("equal pieces are stored once, two manifests are kept, and nothing else stays") {
  temporary_folder folder;
  auto store = open_store(folder.path());
  for (offset at = 10; at <= 50; at += 10)
    REQUIRE(store->save("k", sample(at)));
  auto place = folder.path() / "k";
  CHECK(files_of(place, ".manifest").size() == 2);
  CHECK(files_of(place, ".segment").size() == 4); // two states, one shared, one empty
  CHECK(files_of(place, "").size() == 6);
  auto needs = store->needed("k").value();
  CHECK(needs.at == 40);
  CHECK(needs.journal == 20);
  CHECK(needs.tables == std::vector<std::string>{"geo-4", "geo-5"});
  CHECK(open_store(folder.path())->needed("k").value().at == 40);
}

TEST_CASE("any damage to the newest checkpoint falls back to the one before it, with a warning") {
  temporary_folder folder;
  {
    auto store = open_store(folder.path());
    REQUIRE(store->save("k", sample(10)));
    REQUIRE(store->save("k", sample(20)));
  }
  std::vector<std::filesystem::path> files{files_of(folder.path() / "k", ".manifest").back()};
  for (const auto& file : files_of(folder.path() / "k", ".segment"))
    if (slurp(file) == "state at 20")
      files.push_back(file);
  REQUIRE(files.size() == 2);
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
  std::filesystem::remove(files.back());
  auto store = open_store(folder.path());
  CHECK(loads(*store, "k", sample(10), 1));
  // The damaged one is replaced by the next; the intact one stays beside it.
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
  for (const auto& file : files_of(folder.path() / "k", ".segment"))
    if (slurp(file).size() == 500)
      spill(file, std::string(500, 't'));
  std::vector<std::string> warnings;
  auto loaded = store->load("k", warnings);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().code() == errc::corrupt);
  CHECK(loaded.error().text().find((folder.path() / "k").string()) != std::string::npos);
  CHECK(loaded.error().text().find("move it away") != std::string::npos);
  // A save writes the shared segment again.
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

TEST_CASE("what a crash left in the middle of a save is no harm and goes away") {
  temporary_folder folder;
  REQUIRE(open_store(folder.path())->save("k", sample(10)));
  spill(folder.path() / "k" / "0123.segment.tmp", "half");
  spill(folder.path() / "k" / "00000000000000000001.manifest.tmp", "half");
  spill(folder.path() / "k" / "4567.segment", "of no manifest");
  auto store = open_store(folder.path());
  CHECK(files_of(folder.path() / "k", ".tmp").empty());
  CHECK(loads(*store, "k", sample(10)));
  REQUIRE(store->save("k", sample(20)));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "k" / "4567.segment"));
}

TEST_CASE("on a full disk a save says so and the older checkpoints stay usable") {
  small_disk disk{200 << 10};
  temporary_folder elsewhere;
  std::optional<file_size_limit> limit;
  if (!disk.mounted())
    limit.emplace(100 << 10);
  auto folder = disk.mounted() ? disk.path() : elsewhere.path();
  auto store = open_store(folder);
  REQUIRE(store->save("k", sample(10)));
  auto large = sample(20);
  for (auto i = 0; i < 4; ++i)
    large.segments.emplace_back("block/" + std::to_string(i), piece(std::string(200 << 10, char('a' + i))));
  auto saved = store->save("k", large);
  REQUIRE_FALSE(saved);
  CHECK(saved.error().code() == errc::full);
  CHECK(saved.error().text().find(folder.string()) != std::string::npos);
  CHECK(loads(*store, "k", sample(10)));
  CHECK(files_of(folder / "k", "").size() == 4);
  REQUIRE(store->save("k", sample(30)));
  CHECK(loads(*open_store(folder), "k", sample(30)));
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
    for (offset i = 0; i < 4 * rounds; ++i)
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

TEST_CASE("any history of saves and restarts loads the newest and keeps what the last two name") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    temporary_folder folder;
    auto store = open_store(folder.path());
    std::optional<checkpoint> last, before;
    for (auto step = 0; step < 30; ++step) {
      if (random() % 4 == 0)
        store = open_store(folder.path());
      auto c = sample(random() % 1000);
      for (std::uint64_t i = random() % 5; i > 0; --i)
        c.segments.emplace_back("block/" + std::to_string(i), piece(std::string(random() % 4, 'b')));
      REQUIRE(store->save("k", c));
      before = std::exchange(last, std::move(c));
      REQUIRE(loads(*store, "k", *last));
    }
    std::filesystem::remove(files_of(folder.path() / "k", ".manifest").back());
    CHECK(loads(*open_store(folder.path()), "k", *before));
  }
}
