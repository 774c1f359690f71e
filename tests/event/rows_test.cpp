#include "event/row_json.hpp"
#include "event/rows.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace tidemill;

namespace {

event_time at(std::int64_t seconds) {
  return event_time{std::chrono::seconds{seconds}};
}

// A publication the naive way: one number per change, rows in an ordered map, cut into blocks for each view.
class publication {
public:
  using identity = std::pair<std::int64_t, std::string>; // window end, key

  explicit publication(std::uint64_t seed) : random_(seed) {}

  void step() {
    auto what = random_() % 20;
    if (what == 0 && offset_ > 0) {
      floor_ += random_() % (offset_ - floor_ + 1);
      std::erase_if(rows_, [this](const auto& r) { return r.second.removed && r.second.changed <= floor_; });
    } else if (what == 1) {
      trimmed_ += static_cast<std::int64_t>(random_() % 2);
      trimmed_at_ = ++offset_;
      std::erase_if(rows_, [this](const auto& r) { return r.first.first <= trimmed_; });
    } else {
      auto end = trimmed_ + 1 + static_cast<std::int64_t>(random_() % 4);
      identity id{end, std::string(1, static_cast<char>('a' + random_() % 8))};
      auto& r = rows_[id];
      auto remove = what < 6 && r.data && !r.removed;
      if (!remove) {
        auto data = std::make_shared<row>();
        data->window_end = at(end);
        data->key = id.second;
        data->columns = {static_cast<std::int64_t>(offset_)};
        r.data = data;
      }
      r.removed = remove;
      r.changed = ++offset_;
    }
  }

  view_snapshot view() {
    view_snapshot v;
    v.epoch = 5;
    v.offset = offset_;
    v.floor = floor_;
    v.trimmed = at(trimmed_);
    v.trimmed_at = trimmed_at_;
    row_block block;
    for (const auto& [id, r] : rows_) {
      block.rows.push_back(r);
      block.changed = std::max(block.changed, r.changed);
      if (random_() % 3 == 0)
        v.blocks.push_back(std::make_shared<const row_block>(std::exchange(block, {})));
    }
    v.blocks.push_back(std::make_shared<const row_block>(std::move(block)));
    return v;
  }

  [[nodiscard]] std::map<identity, row_ptr> rows() const {
    std::map<identity, row_ptr> all;
    for (const auto& [id, r] : rows_)
      if (!r.removed)
        all[id] = r.data;
    return all;
  }

private:
  std::mt19937_64 random_;
  std::map<identity, published_row> rows_;
  std::uint64_t offset_ = 0, floor_ = 0, trimmed_at_ = 0;
  std::int64_t trimmed_ = 0;
};

// A reader that applies what it is told.
struct reader {
  std::uint64_t epoch = 0, offset = 0;
  std::map<publication::identity, row_ptr> rows;
  std::uint64_t told = 0;

  static publication::identity id_of(const published_row& r) {
    return {std::chrono::floor<std::chrono::seconds>(r.data->window_end).time_since_epoch().count(),
            r.data->key};
  }
  void apply(const changes& c) {
    if (!c.recovered)
      rows.clear();
    std::erase_if(rows, [&](const auto& r) { return at(r.first.first) <= c.trim; });
    for (const auto& r : c.put)
      rows[id_of(r)] = r.data;
    for (const auto& r : c.removed)
      rows.erase(id_of(r));
    if (c.recovered)
      told += c.put.size() + c.removed.size() + (c.trim != time_min ? 1 : 0) + c.merged;
    epoch = c.epoch;
    offset = c.offset;
  }
};

} // namespace

TEST_CASE("a row is one flat JSON object") {
  view_schema view;
  view.columns = {{"country", kind::string, {}}, {"p99", kind::real, {}}};
  row r{at(1'431'857'100), at(1'431'857'160), "key", {"DE", 1.5}, row_state::closed, 0};
  CHECK(to_json(view, r) == R"({"window_start":"2015-05-17T10:05:00Z","window_end":"2015-05-17T10:06:00Z",)"
                            R"("country":"DE","p99":1.5,"state":"closed","revision":0})");
  r.state = row_state::open;
  r.revision = 3;
  r.columns = {{}, {}};
  r.window_start = time_min;
  r.window_end = time_max;
  CHECK(to_json(view, r) == R"({"window_start":null,"window_end":null,)"
                            R"("country":null,"p99":null,"state":"open","revision":3})");
  CHECK(to_string(row_state::sealed) == "sealed");
}

TEST_CASE("rows that are written together are the texts of each") {
  view_schema view;
  view.columns = {{"country \"x\"", kind::string, {}}, {"n", kind::integer, {}}};
  row_json together{view};
  std::string all, each;
  for (int i = 0; i < 30; ++i) {
    // Some share their window, some only one of its ends; one has a column less.
    row r{at(60 * (i / 4)), at(60 * (i / 3)), "key", {"DE", i}, static_cast<row_state>(i % 3), 0};
    r.revision = static_cast<std::uint32_t>(i) * 150'000'000;
    if (i == 7)
      r.columns.pop_back();
    together.append(all, r);
    each += to_json(view, r);
  }
  CHECK(all == each);
}

TEST_CASE("readers that ask at any time hold the rows of the view") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random{seed};
    publication p{seed};
    std::vector<reader> readers(3);
    for (int i = 0; i < 300; ++i) {
      p.step();
      auto v = p.view();
      for (auto& r : readers) {
        if (random() % 4 != 0)
          continue;
        auto c = changes_since(v, r.epoch, r.offset);
        auto fresh = r.epoch != v.epoch || r.offset < v.floor;
        r.apply(c);
        if (c.recovered == fresh || r.rows != p.rows() || r.offset != v.offset)
          FAIL("seed " << seed << " step " << i);
      }
    }
  }
}

TEST_CASE("every change is told or counted as merged") {
  publication p{99};
  reader r;
  r.epoch = 5;
  std::mt19937_64 random{1};
  for (int i = 0; i < 500; ++i) {
    p.step();
    auto v = p.view();
    v.floor = 0; // gravestones of this model go with the floor, so count only
    if (random() % 5 == 0) {
      r.apply(changes_since(v, r.epoch, r.offset));
      CHECK(r.told == v.offset);
    }
  }
}

TEST_CASE("a position that is not of this publication gets a snapshot") {
  publication p{7};
  for (int i = 0; i < 50; ++i)
    p.step();
  auto v = p.view();
  for (auto [epoch, offset] : {std::pair{4u, v.offset}, {6u, v.offset}, {5u, v.offset + 1}}) {
    auto c = changes_since(v, epoch, offset);
    CHECK_FALSE(c.recovered);
    CHECK(c.removed.empty());
    CHECK(c.put.size() == p.rows().size());
    CHECK(c.trim == time_min);
  }
  v.floor = 10;
  CHECK_FALSE(changes_since(v, 5, 9).recovered);
  CHECK(changes_since(v, 5, 10).recovered);
}

TEST_CASE("a reader that is up to date is told nothing") {
  publication p{8};
  for (int i = 0; i < 50; ++i)
    p.step();
  auto v = p.view();
  auto c = changes_since(v, 5, v.offset);
  CHECK(c.recovered);
  CHECK(c.put.empty());
  CHECK(c.removed.empty());
  CHECK(c.merged == 0);
  CHECK(c.offset == v.offset);
}

TEST_CASE("a cell hands the newest snapshot to any thread") {
  auto first = std::make_shared<const view_snapshot>();
  view_cell cell{first};
  CHECK(cell.load() == first);
  auto next = std::make_shared<const view_snapshot>();
  cell.store(next);
  CHECK(cell.load() == next);
}
