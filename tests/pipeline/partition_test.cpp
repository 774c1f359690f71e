#include "pipeline/partition.hpp"

#include "pipeline/publication.hpp"
#include "pipeline/view.hpp"
#include "tests/support/kept_state.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <map>
#include <random>
#include <set>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

std::shared_ptr<const plan> make_plan(std::int64_t size, std::int64_t slide, std::int64_t lateness,
                                      std::int64_t out_of_order) {
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section({{"format", text_option("json")},
                {"schema", schema_option({{"t", "timestamp_s"}, {"k", "string"}, {"x", "double?"}})},
                {"time", section_option({{"field", text_option("t")},
                                         {"out_of_order", time_option(seconds{out_of_order})},
                                         {"max_future", time_option(seconds{60})}})}})});
  stream_definition hits{{"hits", {}}, {"log", {}}, {}};
  hits.steps.push_back(
      {{}, "set", section({{"set", pairs_option({{"y", "100.0 / (x - 3.0)"}, {"big", "x > 5.0"}})}})});
  d.streams.push_back(hits);
  d.views.push_back({{"v", {}},
                     section({{"from", text_option("hits")},
                              {"by", texts_option({"k"})},
                              {"window", section_option({{"size", time_option(seconds{size})},
                                                         {"slide", time_option(seconds{slide})},
                                                         {"lateness", time_option(seconds{lateness})}})},
                              {"select", pairs_option({{"n", "count()"},
                                                       {"total", "sum(y)"},
                                                       {"big", "count_if(big)"},
                                                       {"p50", "quantile(y, 0.5)"},
                                                       {"kinds", "distinct(y)"},
                                                       {"least", "min(x)"}})},
                              {"retain", time_option(std::chrono::hours{10000})}})});
  d.sinks.push_back(
      {{"out", {}}, "file", section({{"from", texts_option({"hits"})}, {"path", text_option("x")}})});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    FAIL_CHECK(to_string(f, "plan"));
  REQUIRE(made);
  return made;
}

struct line {
  std::int64_t t = 0;
  std::string text;
};

/// Out of order, late, malformed, null, and with jumps in time that are confirmed by what follows, or not.
std::vector<line> make_lines(std::mt19937_64& random, std::size_t n) {
  std::vector<line> lines;
  std::int64_t t = 1000;
  for (std::size_t i = 0; i < n; ++i) {
    t += static_cast<std::int64_t>(random() % 3);
    if (random() % 60 == 0)
      t += 500; // a gap: the next ones follow there
    auto at = t - static_cast<std::int64_t>(random() % 8 == 0 ? random() % 30 : random() % 3);
    if (random() % 50 == 0)
      at += 100'000; // alone in the future
    auto x = static_cast<double>(random() % 10);
    auto text = "{\"t\":" + std::to_string(at) + ",\"k\":\"" + "abc"[random() % 3] +
                "\",\"x\":" + (random() % 20 == 0 ? "null" : std::to_string(x)) + "}";
    if (random() % 40 == 0)
      text.resize(text.size() / 2);
    lines.push_back({at, text});
  }
  return lines;
}

record_batch_ptr batch_of(const std::vector<line>& lines, std::size_t from, std::size_t to) {
  auto b = std::make_shared<record_batch>();
  b->begin = from * 10;
  b->end = to * 10;
  for (auto i = from; i < to; ++i)
    b->records.push_back({lines[i].text, i * 10, i * 10 + 10, std::nullopt});
  return b;
}

struct outcome {
  kept_state state;
  std::vector<std::string> emitted;
  friend bool operator==(const outcome&, const outcome&) = default;
};

outcome run(const std::shared_ptr<const plan>& p, const std::vector<line>& lines, std::mt19937_64* cuts,
            bool restart = false) {
  auto make = [&] {
    return std::make_unique<partition>(p, 0, partition_id{0}, false, partition::table_finder{});
  };
  auto worker = make();
  worker->open(0, {{1, 1}, std::nullopt, 0, nothing_sealed});
  std::vector<emission> out;
  kept_state saved;
  offset saved_at = 0;
  for (std::size_t at = 0; at < lines.size();) {
    auto to = cuts == nullptr ? lines.size() : std::min(lines.size(), at + 1 + (*cuts)() % 7);
    worker->apply(batch_of(lines, at, to), out);
    at = to;
    if (restart && (*cuts)() % 5 == 0) {
      auto position = worker->position();
      saved = keep_changes(*worker->snapshot(), position, saved, saved_at, *cuts);
      saved_at = position;
      worker = make();
      auto all = [](const std::string&) { return true; };
      REQUIRE(worker->restore(position, saved.core, saved.pieces(), all).has_value());
      worker->open(0, {{1, 1}, std::nullopt, 0, nothing_sealed});
      at = position / 10;
    }
  }
  worker->enter({worker->entry_offset(journal_entry::what::end), journal_entry::what::end, {}, 0, {}}, out);
  outcome o;
  o.state = keep_all(*worker->snapshot());
  for (const auto& e : out)
    o.emitted.push_back(std::to_string(e.output) + ' ' + std::to_string(e.id.at) + ' ' + e.json);
  return o;
}

} // namespace

TEST_CASE("the same records cut at random give the same snapshot, byte for byte, and the same events") {
  auto p = make_plan(30, 10, 20, 4);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random{seed};
    auto lines = make_lines(random, 120);
    auto whole = run(p, lines, nullptr);
    auto cut = run(p, lines, &random);
    if (whole != cut)
      FAIL("seed " << seed << ": cutting changes the result");
  }
}

TEST_CASE("a snapshot taken anywhere continues to the same snapshot") {
  auto p = make_plan(30, 10, 20, 4);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random{seed};
    auto lines = make_lines(random, 120);
    auto whole = run(p, lines, nullptr);
    if (whole != run(p, lines, &random, true))
      FAIL("seed " << seed << ": a restart changes the result");
  }
}

TEST_CASE("a jump in time is quarantined unless the next records confirm it") {
  auto p = make_plan(10, 10, 0, 0);
  auto at = [](std::int64_t t) { return line{t, "{\"t\":" + std::to_string(t) + ",\"k\":\"a\",\"x\":1}"}; };
  auto quarantined = [&](std::vector<std::int64_t> times) {
    partition worker{p, 0, partition_id{0}, false, {}};
    worker.open(0, {{1, 1}, std::nullopt, 0, nothing_sealed});
    std::vector<line> lines;
    for (auto t : times)
      lines.push_back(at(t));
    std::vector<emission> out;
    worker.apply(batch_of(lines, 0, lines.size()), out);
    worker.enter({worker.entry_offset(journal_entry::what::end), journal_entry::what::end, {}, 0, {}}, out);
    return worker.counts().future;
  };
  CHECK(quarantined({100, 101, 9000, 102, 103, 104}) == 1);
  CHECK(quarantined({100, 101, 9000, 9001, 9002, 9003}) == 0);
  CHECK(quarantined({9000, 100, 101, 102}) == 1); // also the first one
  CHECK(quarantined({100, 101, 9000}) == 0);      // nothing left that denies it
}

TEST_CASE("windows of any shape equal a naive computation, also out of order and late") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random{seed};
    auto slide = static_cast<std::int64_t>(1 + random() % 12);
    auto size = slide + static_cast<std::int64_t>(random() % 20);
    auto lateness = static_cast<std::int64_t>(random() % 10),
         out_of_order = static_cast<std::int64_t>(random() % 6);
    auto p = make_plan(size, slide, lateness, out_of_order);
    // Two partitions; doubles that are whole and small, so that sums are exact in any order.
    std::map<std::pair<std::int64_t, std::string>, std::pair<std::int64_t, double>>
        want; // (start, key) → n, total
    std::uint64_t late = 0, counted_late = 0;
    view v{p, 0, 0, 2, 1};
    std::map<std::pair<std::int64_t, std::string>, std::pair<std::int64_t, double>> got;
    std::vector<std::unique_ptr<partition>> workers;
    auto gcd = std::gcd(size, slide);
    for (std::uint32_t w = 0; w < 2; ++w) {
      workers.push_back(std::make_unique<partition>(p, 0, partition_id{w}, false, partition::table_finder{}));
      workers.back()->open(0, v.open(partition_id{w}, 1));
      std::vector<line> lines;
      std::int64_t t = 500, watermark = -1000000, newest = -1000000;
      for (int i = 0; i < 150; ++i) {
        t += static_cast<std::int64_t>(random() % 4);
        auto at = t - static_cast<std::int64_t>(random() % 4 == 0 ? random() % 25 : 0);
        std::string key{"ab"[random() % 2]};
        auto x = random() % 2 == 0 ? 2.0 : 4.0; // y is -100 or 100
        lines.push_back(
            {at, "{\"t\":" + std::to_string(at) + ",\"k\":\"" + key + "\",\"x\":" + std::to_string(x) + "}"});
        auto before = watermark;
        newest = std::max(newest, at);
        watermark = std::max(watermark, newest - out_of_order);
        if ((at / gcd + 1) * gcd + lateness <= before) {
          ++late;
          continue;
        }
        for (auto start = at / slide * slide; start > at - size; start -= slide) {
          auto& [n, total] = want[{start, key}];
          ++n;
          total += 100.0 / (x - 3.0);
        }
      }
      std::vector<emission> out;
      for (std::size_t i = 0; i < lines.size(); i += 10) {
        workers[w]->apply(batch_of(lines, i, std::min(lines.size(), i + 10)), out);
        for (const auto& piece : workers[w]->flush(0))
          (void)v.receive(piece);
        for (const auto& [from, ack] : v.tick(false).acks)
          workers[to_index(from)]->acked(0, ack);
      }
      workers[w]->enter(
          {workers[w]->entry_offset(journal_entry::what::end), journal_entry::what::end, {}, 0, {}}, out);
      counted_late += workers[w]->counts().late[0];
    }
    for (int round = 0; round < 3; ++round)
      for (std::uint32_t w = 0; w < 2; ++w) {
        for (const auto& piece : workers[w]->flush(0))
          (void)v.receive(piece);
        for (const auto& [from, ack] : v.tick(false).acks)
          workers[to_index(from)]->acked(0, ack);
      }
    CHECK(v.finished());
    for (const auto& [end, rows] : v.sealed_after(time_min))
      for (const auto& r : rows) {
        auto n = *r->columns[1].get_if<std::int64_t>();
        if (n > 0)
          got[{r->window_start.time_since_epoch() / seconds{1}, *r->columns[0].get_if<std::string>()}] = {
              n, *r->columns[2].get_if<double>()};
      }
    INFO("seed " << seed << ": size " << size << " slide " << slide << " lateness " << lateness);
    CHECK(counted_late == late);
    if (got != want)
      FAIL("windows differ from the naive computation");
  }
}

TEST_CASE("a new window shape finds the ends of its windows") {
  window_plan w;
  w.size = seconds{9};
  w.slide = seconds{6};
  w.slice = seconds{3};
  w.slices = 3;
  w.step = 2;
  // Windows [0, 9), [6, 15), [-6, 3): their last slices are 2, 4, 0.
  CHECK(w.window_ends(2));
  CHECK(w.window_ends(4));
  CHECK(w.window_ends(0));
  CHECK_FALSE(w.window_ends(3));
  CHECK(w.next_window_end(3) == 4);
  CHECK(w.next_window_end(-1) == 0);
  CHECK(w.slice_of(event_time{seconds{-1}}) == -1);
}

TEST_CASE("a publication keeps rows in order, shares what didn't change and trims") {
  auto schema = std::make_shared<view_schema>();
  schema->columns = {{"n", kind::integer, {}, time_format::rfc3339}};
  publication rows{schema, 7, 1};
  std::mt19937_64 random{3};
  std::map<std::pair<std::int64_t, std::string>, std::int64_t> model;
  for (int tick = 0; tick < 60; ++tick) {
    publication::tick t;
    std::vector<row_ptr> put;
    for (int i = 0; i < 40; ++i) {
      auto end = static_cast<std::int64_t>(tick / 4 + random() % 5);
      auto r = std::make_shared<row>();
      r->window_end = event_time{seconds{end}};
      r->window_start = event_time{seconds{end - 1}};
      append_encoded(r->key, value{static_cast<std::int64_t>(random() % 90)});
      auto n = static_cast<std::int64_t>(random() % 3);
      r->columns = {value{n}};
      model[{end, r->key}] = n;
      put.push_back(r);
    }
    t.put = put;
    t.trim = event_time{seconds{tick / 4 - 6}};
    std::erase_if(model, [&](const auto& m) { return m.first.first <= tick / 4 - 6; });
    auto before = rows.current();
    auto now = rows.apply(t);
    std::map<std::pair<std::int64_t, std::string>, std::int64_t> got;
    std::uint64_t newest = 0;
    for (const auto& block : now->blocks)
      for (const auto& p : block->rows) {
        got[{p.data->window_end.time_since_epoch() / seconds{1}, p.data->key}] =
            *p.data->columns[0].get_if<std::int64_t>();
        newest = std::max(newest, p.changed);
      }
    if (got != model)
      FAIL("tick " << tick << ": the snapshot differs from the model");
    CHECK(now->offset >= newest);
    auto again = rows.apply(t); // the same once more changes nothing
    CHECK(again->offset == now->offset);
  }
}
