#include "storage/kafka/kafka_changelog.hpp"
#include "storage/kafka/kafka_sealed_sink.hpp"
#include "storage/kafka/row_keys.hpp"
#include "tests/storage/kafka_sink_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace tidemill;
using namespace tidemill::test;
using Catch::Contains;

namespace {

event_time minute(std::int64_t n) {
  return event_time{std::chrono::minutes{n}};
}

void must(const status& s) {
  INFO((s ? std::string{} : s.error().text()));
  REQUIRE(s.has_value());
}

std::shared_ptr<const view_schema> traffic() {
  auto s = std::make_shared<view_schema>();
  s->name = "traffic";
  s->columns = {{"country", type{kind::string}, {}, {}}, {"n", type{kind::integer}, {}, {}}};
  s->by = 1;
  return s;
}

row_ptr make_row(std::int64_t end, const std::string& country, std::int64_t n,
                 row_state state = row_state::open) {
  auto r = std::make_shared<row>();
  r->window_start = minute(end - 1);
  r->window_end = minute(end);
  append_encoded(r->key, value{country});
  r->columns = {value{country}, value{n}};
  r->state = state;
  return r;
}

/// A view's publication the naive way: rows change, go, and are trimmed.
class publication {
public:
  explicit publication(std::uint64_t epoch) { view_.epoch = epoch; }

  void put(std::int64_t end, const std::string& country, std::int64_t n) {
    rows_[{end, country}] = {make_row(end, country, n), ++view_.offset, false, {}};
  }
  void remove(std::int64_t end, const std::string& country) {
    auto& r = rows_[{end, country}];
    r.removed = true;
    r.changed = ++view_.offset;
  }
  void trim(std::int64_t end) {
    view_.trimmed = minute(end);
    view_.trimmed_at = ++view_.offset;
    std::erase_if(rows_, [&](const auto& r) { return r.first.first <= end; });
  }
  [[nodiscard]] view_snapshot view() const {
    auto out = view_;
    out.schema = traffic();
    auto block = std::make_shared<row_block>();
    for (const auto& [id, r] : rows_) {
      block->rows.push_back(r);
      block->changed = std::max(block->changed, r.changed);
    }
    out.blocks = {block};
    return out;
  }
  [[nodiscard]] std::map<std::string, std::string> rows() const {
    std::map<std::string, std::string> out;
    for (const auto& [id, r] : rows_)
      if (!r.removed)
        out[identity_json(*traffic(), *r.data)] = to_json(*traffic(), *r.data);
    return out;
  }

private:
  view_snapshot view_;
  std::map<std::pair<std::int64_t, std::string>, published_row> rows_;
};

/// What a reader of the topic has in its table.
std::map<std::string, std::string> table(const std::string& topic) {
  std::map<std::string, std::string> out;
  for (const auto& r : kafka_world::read(topic)) {
    REQUIRE(r.key);
    if (r.value)
      out[*r.key] = *r.value;
    else
      out.erase(*r.key);
  }
  return out;
}

/// As the actor that drives mirrors does it.
struct follower {
  std::unique_ptr<view_mirror> mirror;
  std::uint64_t epoch = 0, offset = 0;

  status follow(const view_snapshot& view) {
    TIDEMILL_TRY(auto stored, mirror->stored_offset(view));
    if (stored != offset)
      epoch = 0;
    auto delta = changes_since(view, epoch, offset);
    TIDEMILL_CHECK(mirror->apply(view, delta));
    epoch = delta.epoch;
    offset = delta.offset;
    return {};
  }
};

void change_at_random(publication& p, std::mt19937_64& random, std::int64_t& now) {
  for (auto n = random() % 30; n > 0; --n)
    p.put(now + 1 + static_cast<std::int64_t>(random() % 4),
          std::string(1, static_cast<char>('A' + random() % 9)), static_cast<std::int64_t>(random() % 1000));
  if (random() % 3 == 0 && !p.rows().empty()) {
    p.put(now + 1, "Z", 1);
    p.remove(now + 1, "Z");
  }
  if (random() % 3 == 0)
    p.trim(++now);
}

} // namespace

TEST_CASE("a changelog makes its readers' tables equal to the view, through changes, trims and restarts") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("changelog", 3, {{"cleanup.policy", "compact"}});
  auto s = kafka_world::settings(topic);
  s.delivery =
      GENERATE(kafka_sink_settings::guarantee::exactly_once, kafka_sink_settings::guarantee::at_least_once);
  std::mt19937_64 random{5};
  std::int64_t now = 0;
  for (std::uint64_t epoch = 7; epoch < 10; ++epoch) {
    follower f{make_kafka_changelog(s)};
    auto seen = f.mirror->stored_epoch(*traffic());
    REQUIRE(seen.has_value());
    CHECK(*seen == (epoch == 7 ? 0 : epoch - 1));
    publication p{epoch}; // a new process starts with other rows
    for (int step = 0; step < 6; ++step) {
      change_at_random(p, random, now);
      must(f.follow(p.view()));
      CHECK(table(topic) == p.rows());
      CHECK(*f.mirror->stored_offset(p.view()) == p.view().offset);
    }
    if (epoch == 8) {
      kafka_world::forget_group(s.writer_id());
      change_at_random(p, random, now);
      must(f.follow(p.view()));
      CHECK(table(topic) == p.rows());
    }
  }
}

TEST_CASE("a changelog leaves other programs' records alone, and refuses a newer epoch and a second view") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("shared", 1);
  auto s = kafka_world::settings(topic), foreign = s;
  foreign.pipeline = "foreign";
  publication mine{5}, theirs{5};
  mine.put(1, "DE", 1);
  theirs.put(2, "FR", 2);
  follower other{make_kafka_changelog(foreign)}, f{make_kafka_changelog(s)};
  must(other.follow(theirs.view()));
  must(f.follow(mine.view()));
  CHECK(table(topic).size() == 2);
  auto old = publication{4}.view();
  CHECK(f.follow(old).error().code() == errc::refused);
  auto second = mine.view();
  auto schema = std::make_shared<view_schema>(*traffic());
  schema->name = "sessions";
  second.schema = schema;
  CHECK_THAT(f.mirror->stored_offset(second).error().text(), Contains("a sink of its own"));
}

TEST_CASE("the old writer of a changelog is fenced") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("replaced", 2);
  auto s = kafka_world::settings(topic);
  publication first{5}, second{6};
  first.put(1, "DE", 1);
  second.put(1, "DE", 2);
  follower old{make_kafka_changelog(s)}, young{make_kafka_changelog(s)};
  must(old.follow(first.view()));
  must(young.follow(second.view()));
  first.put(1, "DE", 3);
  auto done = old.mirror->apply(first.view(), changes_since(first.view(), old.epoch, old.offset));
  for (int i = 0; i < 50 && !done && done.error().code() == errc::unavailable; ++i)
    done = old.mirror->apply(first.view(), changes_since(first.view(), old.epoch, old.offset));
  REQUIRE(!done);
  CHECK(done.error().code() == errc::fenced);
  CHECK(old.follow(first.view()).error().code() == errc::fenced);
  CHECK(table(topic) == second.rows());
}

TEST_CASE("sealed rows are appended once, window by window, and resume tells the last one") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("sealed", 2);
  auto s = kafka_world::settings(topic);
  auto schema = traffic();
  auto windows = [](std::int64_t from, std::int64_t to) {
    sealed_windows out;
    for (auto end = from; end <= to; ++end)
      out.push_back(
          {minute(end),
           {make_row(end, "DE", end, row_state::sealed), make_row(end, "FR", 1, row_state::sealed)}});
    return out;
  };
  auto resumed = [&](sealed_sink& sink) {
    auto held = sink.resume(*schema);
    INFO((held ? std::string{} : held.error().text()));
    REQUIRE(held.has_value());
    return *held;
  };
  auto sink = make_kafka_sealed_sink(s);
  CHECK(resumed(*sink) == time_min);
  must(sink->write(*schema, windows(1, 3)));
  must(sink->write(*schema, windows(2, 5)));
  sink = make_kafka_sealed_sink(s);
  CHECK(resumed(*sink) == minute(5));
  kafka_world::forget_group(s.writer_id());
  sink = make_kafka_sealed_sink(s);
  CHECK(resumed(*sink) == minute(5));
  must(sink->write(*schema, windows(1, 6)));
  auto all = kafka_world::read(topic);
  REQUIRE(all.size() == 12);
  std::map<std::string, int> times;
  for (const auto& r : all) {
    ++times[*r.value];
    CHECK((*r.key == R"({"country":"DE"})" || *r.key == R"({"country":"FR"})"));
  }
  CHECK(times.size() == 12);
  CHECK(times.contains(to_json(*schema, *make_row(4, "DE", 4, row_state::sealed))));
}
