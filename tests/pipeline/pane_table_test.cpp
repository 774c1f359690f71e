#include "pipeline/frozen_partition.hpp"
#include "pipeline/key_table.hpp"
#include "pipeline/panes.hpp"
#include "tests/support/kept_state.hpp"

#include "pipeline/aggregates/catalogue.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <limits>
#include <map>
#include <random>
#include <thread>

using namespace tidemill;
using namespace tidemill::test;

namespace {

layout_ptr make_layout(bool flat) {
  std::vector<std::shared_ptr<const aggregate>> parts;
  parts.push_back(*make_aggregate("count", std::nullopt, {}));
  parts.push_back(*make_aggregate("sum", type{kind::integer}, {}));
  if (!flat) {
    parts.push_back(*make_aggregate("distinct", type{kind::integer}, {}));
    parts.push_back(*make_aggregate("quantile", type{kind::integer}, {value{0.5}}));
    parts.push_back(*make_aggregate("max", type{kind::string}, {}));
  }
  return std::make_shared<const accumulator_layout>(std::move(parts));
}

/// A table of a view with its events.
struct table {
  explicit table(layout_ptr l) : layout(std::move(l)), panes(layout) {}

  void add(std::int64_t slice, const std::string& key, offset at, std::int64_t x, bool late = false) {
    auto id = panes.intern(key);
    std::vector<std::byte*> states;
    panes.touch({&slice, 1}, {&id, 1}, {&at, 1}, states);
    column numbers{type{kind::integer}}, texts{type{kind::string}};
    numbers.resize(1);
    texts.resize(1);
    numbers.set(0, value{x});
    texts.set(0, value{key + std::to_string(x)});
    std::uint32_t row = 0;
    for (std::size_t i = 0; i < layout->parts(); ++i) {
      auto* state = states[0] + layout->offset(i);
      const auto& of = layout->part(i);
      const auto* argument = of.name() == "count"           ? nullptr
                             : of.name().starts_with("max") ? &texts
                                                            : &numbers;
      of.update({&state, 1}, argument, {&row, 1});
    }
    if (late)
      panes.note_late(slice, id, 1 + x % 3);
  }
  [[nodiscard]] kept_state all() const { return keep_all(*freeze()); }
  [[nodiscard]] std::shared_ptr<frozen_partition> freeze() const {
    auto frozen = std::make_shared<frozen_partition>("core");
    frozen->add(part_kind::view, "v", "id", panes.freeze());
    return frozen;
  }
  [[nodiscard]] bool restore(const kept_state& state,
                             std::int64_t freed = std::numeric_limits<std::int64_t>::min()) {
    auto done = state.pieces()([&](std::string_view piece) -> status {
      piece_heading heading;
      auto sound = read_heading(piece, heading) && panes.restore(heading.sections, freed);
      return sound ? status{} : status{error{errc::corrupt, "piece"}};
    });
    return done && panes.finish_restore();
  }

  layout_ptr layout;
  pane_table panes;
};

std::string key_of(std::uint64_t n) {
  return n % 3 == 0 ? "k" + std::to_string(n) : "a longer key that needs memory " + std::to_string(n);
}

} // namespace

TEST_CASE("a frozen table stays as it was, whatever is changed, added and forgotten after it") {
  for (auto flat : {true, false}) {
    std::mt19937_64 random{flat ? 1u : 2u};
    table t{make_layout(flat)};
    std::vector<std::pair<std::shared_ptr<frozen_partition>, kept_state>> frozen;
    offset at = 0;
    for (auto step = 0; step < 60; ++step) {
      auto slice = static_cast<std::int64_t>(step / 8);
      for (std::uint64_t n = random() % 300; n > 0; --n)
        t.add(slice - static_cast<std::int64_t>(random() % 3), key_of(random() % 700), ++at,
              static_cast<std::int64_t>(random() % 50), random() % 20 == 0);
      if (step % 3 == 0) {
        frozen.emplace_back(t.freeze(), t.all());
        REQUIRE(frozen.back().first->entries() == t.panes.panes());
      }
      if (random() % 4 == 0)
        t.panes.free_through(slice - 4);
      if (frozen.size() > 3)
        frozen.erase(frozen.begin() + static_cast<std::ptrdiff_t>(random() % frozen.size()));
      for (const auto& [then, expected] : frozen)
        if (keep_all(*then) != expected)
          FAIL("changed in step " << step);
    }
  }
}

TEST_CASE("a table comes back from any pile of changes, pane for pane") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    auto t = std::make_unique<table>(make_layout(seed % 2 == 0));
    kept_state kept;
    offset at = 0, kept_at = 0;
    std::int64_t freed = -100;
    for (auto step = 0; step < 25; ++step) {
      auto slice = static_cast<std::int64_t>(step / 5);
      for (std::uint64_t n = random() % 200; n > 0; --n)
        t->add(std::max(freed + 1, slice - static_cast<std::int64_t>(random() % 3)), key_of(random() % 300),
               ++at, static_cast<std::int64_t>(random() % 50), random() % 20 == 0);
      if (random() % 3 == 0)
        t->panes.free_through(freed = slice - 3);
      auto frozen = t->freeze();
      kept = keep_changes(*frozen, at, kept, kept_at, random);
      kept_at = at;
      auto all = keep_all(*frozen);
      auto again = std::make_unique<table>(t->layout);
      REQUIRE(again->restore(kept, freed));
      REQUIRE(again->panes.panes() == t->panes.panes());
      REQUIRE(again->panes.keys() == t->panes.keys());
      REQUIRE(again->all() == all);
      REQUIRE(again->panes.changed_since(0, 1u << 20) == t->panes.changed_since(0, 1u << 20));
      if (random() % 3 == 0)
        t = std::move(again);
    }
  }
}

TEST_CASE("entries are counted and written by the offset of their last change") {
  table t{make_layout(true)};
  for (offset at = 1; at <= 1000; ++at)
    t.add(0, key_of(at), at, 1);
  for (offset at = 1001; at <= 1100; ++at)
    t.add(0, key_of(at - 1000), at, 1);
  auto frozen = t.freeze();
  std::vector<offset_range> ranges{{0, 50}, {90, 110}, {110, 600}, {1000, 1100}};
  CHECK(frozen->count(ranges) == std::vector<std::uint64_t>{0, 10, 490, 100});
  CHECK(frozen->count({}).empty());
  std::uint64_t entries = 0;
  auto done = frozen->write(ranges, 100, [&](std::string_view piece, std::uint64_t n) -> status {
    CHECK(piece.size() < 300);
    entries += n;
    return {};
  });
  CHECK(done.has_value());
  CHECK(entries == 600);
  auto stopped = frozen->write(ranges, 100, [&](auto, auto) -> status { return error{errc::full, "no"}; });
  CHECK(stopped.error().code() == errc::full);
}

TEST_CASE("a state that lacks panes, or whose bytes are damaged, is not taken for whole") {
  table t{make_layout(false)};
  for (offset at = 1; at <= 200; ++at)
    t.add(0, key_of(at), at, static_cast<std::int64_t>(at), at % 7 == 0);
  auto frozen = t.freeze();
  CHECK_FALSE(table{t.layout}.restore({"core", {write_ranges(*frozen, {{100, 200}})}}));
  CHECK(table{t.layout}.restore({"core", {write_ranges(*frozen, {{0, 200}})}}));
  auto whole = t.all().writes.front().pieces.front();
  std::mt19937_64 random{1};
  for (auto i = 0; i < 3000; ++i) {
    auto damaged = whole;
    damaged[random() % damaged.size()] ^= static_cast<char>(1 + random() % 255);
    if (random() % 2 == 0)
      damaged.resize(random() % damaged.size());
    (void)table{t.layout}.restore({"core", {{{}, {damaged}}}}); // no crash; checksums are for the rest
  }
}

TEST_CASE("another thread writes a frozen table while this one goes on") {
  for (auto flat : {true, false}) {
    table t{make_layout(flat)};
    std::mt19937_64 random{3};
    offset at = 0;
    for (auto round = 0; round < 20; ++round) {
      auto slice = static_cast<std::int64_t>(round / 4);
      for (auto i = 0; i < 2000; ++i)
        t.add(slice, key_of(random() % 3000), ++at, i);
      auto expected = t.all();
      kept_state written;
      std::jthread writer{[&written, frozen = t.freeze()]() mutable {
        written = keep_all(*frozen);
        frozen.reset();
      }};
      for (auto i = 0; i < 4000; ++i)
        t.add(slice, key_of(random() % 4000), ++at, i, i % 50 == 0);
      t.panes.free_through(slice - 1);
      writer.join();
      REQUIRE(written == expected);
    }
  }
}

TEST_CASE("an id is given to another key only when nobody can still look it up") {
  key_table keys;
  auto a = keys.intern("a key that is longer than a short string");
  keys.retain(a);
  auto reader = std::make_unique<key_reader>(keys);
  keys.release(a);
  CHECK(keys.size() == 0);
  auto b = keys.intern("another key, which is long as well, is it?");
  CHECK(b != a);
  CHECK(reader->at(a) == "a key that is longer than a short string");
  reader.reset();
  CHECK(keys.intern("a third one") == a);
  keys.retain(b);
  keys.release(b);
  CHECK(keys.intern("a fourth one") == b);
}
