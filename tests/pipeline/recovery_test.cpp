#include "recovery_world.hpp"

#include "event/table.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <tuple>

namespace tidemill::test {
namespace {

constexpr std::size_t partitions = 3;
constexpr std::size_t records_each = 30;
constexpr std::int64_t keys = 3;
constexpr std::int64_t out_of_order = 4;

/// k → (k + version) mod keys: what a record counts for depends on the version in force at its offset.
class shifting_table : public lookup_table {
public:
  explicit shifting_table(std::uint64_t version) : shift_(version), version_("v" + std::to_string(version)) {}
  const std::string& version() const noexcept override { return version_; }
  const schema& columns() const noexcept override {
    static const schema all{{{"shifted", kind::integer, {}, time_format::rfc3339}}};
    return all;
  }
  bool find(const value& key, const std::vector<std::size_t>&, std::vector<value>& out) const override {
    out.at(0) = value{(*key.get_if<std::int64_t>() + static_cast<std::int64_t>(shift_)) % keys};
    return true;
  }

private:
  std::uint64_t shift_;
  std::string version_;
};

struct view_shape {
  const char* name;
  std::int64_t size, slide, lateness;
};
constexpr view_shape shapes[] = {{"tumbling", 5, 5, 3}, {"sliding", 9, 3, 0}};

std::shared_ptr<const plan> make_recovery_plan() {
  using std::chrono::seconds;
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section({{"format", text_option("csv")},
                {"csv", section_option({{"header", {{}, false}}, {"columns", texts_option({"t", "k"})}})},
                {"schema", schema_option({{"t", "timestamp_s"}, {"k", "int"}})},
                {"time", section_option({{"field", text_option("t")},
                                         {"out_of_order", time_option(seconds{out_of_order})},
                                         {"max_future", time_option(seconds{100})}})}})});
  d.tables.push_back({{"shift", {}}, "test", {}});
  stream_definition hits{{"hits", {}}, {"log", {}}, {}};
  hits.steps.push_back({{},
                        "lookup",
                        section({{"table", text_option("shift")},
                                 {"key", text_option("k")},
                                 {"set", pairs_option({{"kk", "shifted"}})},
                                 {"on_miss", text_option("dead")}})});
  d.streams.push_back(hits);
  for (const auto& s : shapes)
    d.views.push_back({{s.name, {}},
                       section({{"from", text_option("hits")},
                                {"by", texts_option({"kk"})},
                                {"window", section_option({{"size", time_option(seconds{s.size})},
                                                           {"slide", time_option(seconds{s.slide})},
                                                           {"lateness", time_option(seconds{s.lateness})}})},
                                {"emit", section_option({{"every", time_option(seconds{1})}})},
                                {"select", pairs_option({{"n", "count()"}, {"total", "sum(k)"}})}})});
  for (const auto& s : shapes) {
    auto rule = [&](const char* name, const char* when, const char* rows, microseconds hold) {
      d.alerts.push_back({{std::string{s.name} + '_' + name, {}},
                          section({{"from", text_option(s.name)},
                                   {"when", text_option(when)},
                                   {"for", time_option(hold)},
                                   {"keep_firing_for", time_option({})},
                                   {"rows", text_option(rows)},
                                   {"severity", text_option("page")},
                                   {"retain", time_option(std::chrono::hours{1})}})});
    };
    rule("many", "n >= 2", "sealed", seconds{s.slide});
    rule("fewer", "n < prev(n)", "sealed", {});
    rule("early", "n >= 2", "closed", {});
  }
  d.sinks.push_back(
      {{"out", {}}, "file", section({{"from", texts_option({"hits"})}, {"path", text_option("x")}})});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{shifting_table{0}.columns()}; }, faults);
  for (const auto& f : faults)
    std::cerr << to_string(f, "plan") << '\n';
  return made;
}

std::string id_of(const row& r) {
  return std::to_string(r.window_start.time_since_epoch().count()) + ' ' +
         std::to_string(r.window_end.time_since_epoch().count()) + ' ' + r.key;
}

std::int64_t cell(const row& r, std::size_t i) {
  return *r.columns.at(i).get_if<std::int64_t>();
}

} // namespace

recovery_world::recovery_world(std::uint64_t seed) : random_(seed) {
  static const auto shared = make_recovery_plan();
  REQUIRE(shared);
  plan_ = shared;
  make_records();
  available_.assign(partitions, 0);
  journals_.resize(partitions);
  checkpoints_.resize(partitions);
  view_logs_.resize(std::size(shapes));
  sink_.resize(partitions);
  sink_upto_.assign(partitions, 0);
  workers_.resize(partitions);
  shards_.resize(std::size(shapes));
  publications_.resize(std::size(shapes));
  readers_.resize(std::size(shapes));
  highest_.resize(std::size(shapes));
  told_.resize(std::size(shapes));
  final_.resize(std::size(shapes));
  for (std::size_t v = 0; v < shards_.size(); ++v)
    start_view(v);
  for (std::size_t p = 0; p < partitions; ++p)
    start_worker(p);
}

void recovery_world::make_records() {
  records_.resize(partitions);
  for (std::size_t p = 0; p < partitions; ++p) {
    std::int64_t t = 100;
    offset at = 0;
    for (std::size_t i = 0; i < records_each; ++i) {
      static constexpr std::int64_t ahead[] = {0, 0, 1, 1, 2}, behind[] = {0, 0, 0, 1, 2, 4, 6, 9};
      t += p == 0 && pick(5) == 0 ? 9 : ahead[pick(5)];
      auto time = std::max<std::int64_t>(100, t - behind[pick(8)]);
      auto bytes = std::to_string(time) + ',' + std::to_string(pick(keys));
      if (pick(40) == 0)
        bytes = "not a record";
      at += pick(3); // offsets have gaps
      auto end = at + 1 + pick(4);
      records_[p].push_back({bytes, at, end});
      at = end;
    }
  }
}

record_batch_ptr recovery_world::batch(std::size_t p, std::size_t from, std::size_t to) const {
  auto b = std::make_shared<record_batch>();
  b->partition = static_cast<partition_id>(p);
  const auto& log = records_[p];
  b->begin = from < log.size() ? log[from].at : log.back().end;
  b->end = from < to ? log[to - 1].end : b->begin;
  for (auto i = from; i < to; ++i)
    b->records.push_back({log[i].bytes, log[i].at, log[i].end, std::nullopt});
  return b;
}

void recovery_world::start_worker(std::size_t p) {
  auto& w = workers_[p];
  ++w.incarnation;
  w.hellos.clear();
  w.acks.clear();
  auto find = [](std::size_t, const std::string& version) -> table_ptr {
    return std::make_shared<shifting_table>(std::stoull(version.substr(1)));
  };
  w.state = std::make_unique<partition>(plan_, 0, static_cast<partition_id>(p), false, find);
  const auto& c = checkpoints_[p];
  if (!c.state.core.empty()) {
    auto all = [](const std::string&) { return true; };
    auto restored = w.state->restore(c.at, c.state.core, c.state.pieces(), all);
    if (!restored)
      return fail("restore: " + restored.error().text());
  }
  w.sink_floor = sink_upto_[p];
  w.state->sink_holds(0, w.sink_floor);
  std::vector<journal_entry> entries;
  for (auto i = c.journal; i < journals_[p].size(); ++i)
    entries.push_back(*decode_journal_entry(journals_[p][i]));
  w.state->replay(std::move(entries));
  for (std::size_t v = 0; v < shards_.size(); ++v)
    if (shards_[v].state)
      w.hellos.emplace_back(v, shards_[v].state->open(static_cast<partition_id>(p), w.incarnation));
}

void recovery_world::start_view(std::size_t v) {
  auto& s = shards_[v];
  ++s.incarnation;
  s.inbox.resize(partitions); // old messages stay: they must be dropped by their link
  s.state = std::make_unique<view>(plan_, 0, v, partitions, s.incarnation);
  for (const auto& record : view_logs_[v])
    if (auto read = s.state->recover(record); !read)
      return fail("recover: " + read.error().text());
  if (view_logs_[v].empty() || pick(4) == 0) {
    auto head = s.state->head();
    if (pick(2) == 0) // a new segment; else a crash came before the old ones were dropped
      view_logs_[v].clear();
    view_logs_[v].insert(view_logs_[v].end(), head.begin(), head.end());
  }
  auto first = !publications_[v];
  if (first)
    publications_[v] =
        std::make_unique<publication>(plan_->sources[0].views[v].schema, s.incarnation, partitions);
  std::vector<row_ptr> sealed;
  for (const auto& [end, rows] : s.state->sealed_after(time_min))
    sealed.insert(sealed.end(), rows.begin(), rows.end());
  publications_[v]->apply({.put = sealed});
  for (std::size_t p = 0; p < partitions; ++p)
    if (workers_[p].state) {
      std::erase_if(workers_[p].hellos, [&](const auto& h) { return h.first == v; });
      workers_[p].hellos.emplace_back(v,
                                      s.state->open(static_cast<partition_id>(p), workers_[p].incarnation));
    }
}

/// Half of the time links open at once, while the workers are still far behind what readers have seen.
void recovery_world::maybe_open_links() {
  if (pick(2) == 0)
    for (std::size_t p = 0; p < partitions; ++p)
      while (!workers_[p].hellos.empty())
        worker_receive(p);
}

void recovery_world::restart_process() {
  for (auto& w : workers_)
    w.state.reset();
  for (auto& s : shards_) {
    s.state.reset();
    s.inbox.clear();
  }
  publications_.clear();
  publications_.resize(shards_.size());
  for (std::size_t v = 0; v < shards_.size(); ++v)
    start_view(v);
  for (std::size_t p = 0; p < partitions; ++p)
    start_worker(p);
}

void recovery_world::grow(std::size_t p) {
  available_[p] = std::min(records_each, available_[p] + pick(4));
}

void recovery_world::take(std::size_t p, const std::vector<emission>& out) {
  auto& w = workers_[p];
  const auto& outputs = plan_->sources[0].outputs;
  for (const auto& e : out)
    if (outputs[e.output].kind == output_kind::events && e.id.at >= w.sink_floor) {
      auto [it, fresh] = sink_[p].emplace(e.id.at, e.json);
      if (!fresh)
        fail("event " + std::to_string(e.id.at) + " of partition " + std::to_string(p) +
             " written twice: " + e.json + " / " + it->second);
    }
  if (w.state->position() > sink_upto_[p])
    sink_upto_[p] = w.state->position();
}

void recovery_world::process(std::size_t p) {
  auto& w = workers_[p];
  const auto& log = records_[p];
  auto from = w.state->read_position();
  auto first = static_cast<std::size_t>(std::ranges::lower_bound(log, from, {}, &raw::at) - log.begin());
  auto to = std::min(available_[p], first + 1 + pick(3));
  if (first >= to)
    return;
  // As a worker does: whenever it looks, the newest version counts from here on.
  if (auto newest = "v" + std::to_string(table_version_); w.state->table_versions()[0] != newest)
    enter(p, {0, journal_entry::what::table, {}, 0, newest});
  if (w.state->table_versions()[0].empty())
    return; // as the worker: no record before its tables
  std::vector<emission> out;
  w.state->apply(batch(p, first, to), out);
  take(p, out);
}

void recovery_world::enter(std::size_t p, journal_entry e) {
  auto& w = workers_[p];
  if (!w.state->may_enter())
    return;
  e.at = w.state->entry_offset(e.kind);
  journals_[p].push_back(encode(e));
  ++seen_.entries;
  std::vector<emission> out;
  w.state->enter(e, out);
  take(p, out);
}

void recovery_world::worker_receive(std::size_t p) {
  auto& w = workers_[p];
  if (!w.hellos.empty()) {
    auto [v, hello] = w.hellos.front();
    w.hellos.pop_front();
    w.state->open(v, hello);
  } else if (!w.acks.empty()) {
    auto [v, ack] = w.acks.front();
    w.acks.pop_front();
    w.state->acked(v, ack);
  }
}

void recovery_world::flush(std::size_t p, std::size_t v) {
  for (auto& piece : workers_[p].state->flush(v))
    shards_[v].inbox[p].push_back(std::move(piece));
}

void recovery_world::view_receive(std::size_t v, std::size_t p) {
  auto& inbox = shards_[v].inbox[p];
  if (inbox.empty())
    return;
  auto piece = std::move(inbox.front());
  inbox.pop_front();
  (void)shards_[v].state->receive(piece);
}

void recovery_world::publish(std::size_t v, const view_tick& t) {
  publication::tick tick{t.put, t.trim, t.watermark, t.prefix, {}};
  publications_[v]->apply(tick);
  tell(v, t.alerts);
  for (const auto& r : t.put) {
    ++seen_.published;
    auto& high = highest_[v][id_of(*r)];
    if (cell(*r, 1) < high)
      fail("a published count went back");
    high = std::max(high, cell(*r, 1));
    if (r->state != row_state::sealed)
      continue;
    auto [it, fresh] = final_[v].emplace(id_of(*r), r);
    if (!fresh && *it->second != *r)
      fail("a sealed row changed");
    ++seen_.sealed;
  }
}

/// Whoever has heard of an entry hears of the same one for ever.
void recovery_world::tell(std::size_t v, const std::vector<alert_snapshot_ptr>& logs) {
  auto& told = told_[v];
  told.resize(plan_->sources[0].views[v].alerts.size());
  for (std::size_t i = 0; i < logs.size(); ++i)
    for (const auto& e : logs[i] ? logs[i]->log : std::vector<alert_entry_ptr>{}) {
      if (e->offset > told[i].size())
        return fail("entries of an alert are missing");
      if (e->offset == told[i].size())
        told[i].push_back(e);
      else if (told[i][e->offset]->json != e->json)
        return fail("an entry changed: " + told[i][e->offset]->json + " / " + e->json);
    }
}

void recovery_world::tick(std::size_t v) {
  auto t = shards_[v].state->tick(pick(2) == 0);
  if (!draining_ && !t.log.empty() && pick(20) == 0) { // dies while the log is written
    ++seen_.crashes;
    view_logs_[v].insert(view_logs_[v].end(), t.log.begin(),
                         t.log.begin() + static_cast<std::ptrdiff_t>(pick(t.log.size())));
    return start_view(v);
  }
  view_logs_[v].insert(view_logs_[v].end(), t.log.begin(), t.log.end());
  if (!draining_ && pick(10) == 0) { // dies after the log, before anyone hears of it
    ++seen_.crashes;
    return start_view(v);
  }
  publish(v, t);
  for (const auto& [p, ack] : t.acks)
    workers_[to_index(p)].acks.emplace_back(v, ack);
}

void recovery_world::save(std::size_t p) {
  auto& w = workers_[p];
  auto at = w.state->position();
  // Entries bound to a later offset than `at` can't exist; those at `at` are contained.
  std::size_t contained = 0;
  for (const auto& bytes : journals_[p]) {
    if (decode_journal_entry(bytes)->at > at)
      break;
    ++contained;
  }
  if (sink_upto_[p] < at)
    return; // a checkpoint waits for its sinks
  const auto& before = checkpoints_[p];
  checkpoints_[p] = {at, contained, keep_changes(*w.state->snapshot(), at, before.state, before.at, random_)};
}

void recovery_world::read(std::size_t v) {
  auto& r = readers_[v];
  const auto& now = *publications_[v]->current();
  auto delta = changes_since(now, r.epoch, r.at);
  if (!delta.recovered)
    r.rows.clear();
  for (const auto& p : delta.put)
    r.rows[id_of(*p.data)] = p.data;
  for (const auto& p : delta.removed)
    r.rows.erase(id_of(*p.data));
  std::erase_if(r.rows, [&](const auto& entry) { return entry.second->window_end <= delta.trim; });
  r.epoch = delta.epoch;
  r.at = delta.offset;
  std::map<std::string, row_ptr> all;
  for (const auto& block : now.blocks)
    for (const auto& p : block->rows)
      if (!p.removed)
        all[id_of(*p.data)] = p.data;
  if (all != r.rows)
    fail("a reader that follows changes differs from the snapshot");
}

void recovery_world::fail(const std::string& what) {
  if (wrong_.empty())
    wrong_ = what;
}

/// An idle partition's watermark goes to that of the slowest active one.
void recovery_world::follow_the_others(std::size_t p) {
  auto slowest = time_max;
  for (std::size_t o = 0; o < partitions; ++o)
    if (o != p && workers_[o].state->read_position() < records_[o].back().end)
      slowest = std::min(slowest, workers_[o].state->watermark());
  if (slowest != time_max && slowest > workers_[p].state->watermark())
    enter(p, {0, journal_entry::what::advance, slowest, 0, {}});
}

std::string recovery_world::run(int steps) {
  for (int i = 0; i < steps && wrong_.empty(); ++i) {
    auto p = pick(partitions);
    auto v = pick(shards_.size());
    auto what = pick(44);
    if (what < 6) {
      process(p);
    } else if (what < 10) {
      grow(p);
    } else if (what < 16) {
      flush(p, v);
    } else if (what < 24) {
      view_receive(v, p);
    } else if (what < 30) {
      worker_receive(p);
    } else if (what < 35) {
      tick(v);
    } else if (what < 36) {
      save(p);
    } else if (what < 38) {
      read(v);
    } else if (what < 39) {
      ++table_version_;
    } else if (what < 40) {
      follow_the_others(p);
    } else {
      ++seen_.crashes;
      if (what < 42)
        start_worker(p);
      else if (what < 43)
        start_view(v);
      else
        restart_process();
      maybe_open_links();
    }
  }
  if (wrong_.empty())
    drain();
  if (wrong_.empty())
    compare();
  if (wrong_.empty())
    compare_alerts();
  return wrong_;
}

void recovery_world::drain() {
  draining_ = true;
  available_.assign(partitions, records_each);
  for (int round = 0; round < 80; ++round)
    for (std::size_t p = 0; p < partitions; ++p) {
      auto& w = workers_[p];
      while (!w.hellos.empty() || !w.acks.empty())
        worker_receive(p);
      process(p);
      if (w.state->read_position() >= records_[p].back().end && !w.state->ended())
        enter(p, {0, journal_entry::what::end, {}, 0, {}});
      for (std::size_t v = 0; v < shards_.size(); ++v) {
        flush(p, v);
        while (!shards_[v].inbox[p].empty())
          view_receive(v, p);
        tick(v);
      }
    }
  for (std::size_t v = 0; v < shards_.size(); ++v) {
    read(v);
    if (!shards_[v].state->finished()) {
      std::string where = "not everything is sealed after the drain:";
      for (std::size_t p = 0; p < partitions; ++p)
        where += " " + std::to_string(workers_[p].state->position()) + "/" +
                 std::to_string(records_[p].back().end) + (workers_[p].state->ended() ? " ended" : "") +
                 (workers_[p].state->replaying() ? " replaying" : "") +
                 (workers_[p].state->may_enter() ? "" : " may not enter");
      fail(where);
    }
  }
}

/// The naive batch: every record and journal entry of every partition, once, in order.
void recovery_world::compare() {
  using row_key = std::tuple<std::int64_t, std::int64_t, std::int64_t>; // start, end, key
  std::vector<std::map<row_key, std::pair<std::int64_t, std::int64_t>>> want(std::size(shapes));
  std::size_t events = 0;
  for (std::size_t p = 0; p < partitions; ++p) {
    std::int64_t newest = -1'000'000, watermark = -1'000'000;
    std::uint64_t version = 0;
    std::size_t next = 0;
    for (const auto& r : records_[p]) {
      for (; next < journals_[p].size(); ++next) {
        auto e = *decode_journal_entry(journals_[p][next]);
        if (e.at > r.at)
          break;
        if (e.kind == journal_entry::what::table)
          version = std::stoull(e.text.substr(1));
        else if (e.kind == journal_entry::what::advance)
          watermark = std::max<std::int64_t>(watermark, e.time.time_since_epoch().count() / 1'000'000);
      }
      auto comma = r.bytes.find(',');
      if (comma == std::string::npos)
        continue;
      auto t = std::stoll(r.bytes.substr(0, comma));
      auto k = std::stoll(r.bytes.substr(comma + 1));
      auto before = watermark;
      newest = std::max<std::int64_t>(newest, t);
      watermark = std::max(watermark, newest - out_of_order);
      ++events;
      if (!sink_[p].contains(r.at))
        fail("an event is missing in the sink");
      auto kk = (k + static_cast<std::int64_t>(version)) % keys;
      for (std::size_t v = 0; v < std::size(shapes); ++v) {
        const auto& s = shapes[v];
        auto slice = std::gcd(s.size, s.slide);
        if ((t / slice + 1) * slice + s.lateness <= before) {
          ++seen_.late;
          continue;
        }
        for (auto start = t / s.slide * s.slide; start > t - s.size; start -= s.slide) {
          auto& [n, total] = want[v][{start, start + s.size, kk}];
          ++n;
          total += k;
        }
      }
    }
  }
  std::size_t written = 0;
  for (const auto& s : sink_)
    written += s.size();
  if (written != events)
    fail("the sink holds " + std::to_string(written) + " events of " + std::to_string(events));
  for (std::size_t v = 0; v < std::size(shapes); ++v) {
    std::map<row_key, std::pair<std::int64_t, std::int64_t>> got;
    for (const auto& [end, rows] : shards_[v].state->sealed_after(time_min))
      for (const auto& r : rows)
        if (cell(*r, 1) != 0)
          got[{r->window_start.time_since_epoch().count() / 1'000'000,
               end.time_since_epoch().count() / 1'000'000, cell(*r, 0)}] = {cell(*r, 1), cell(*r, 2)};
    if (got != want[v])
      fail(std::string{"sealed rows of "} + shapes[v].name + " differ from the batch recomputation");
  }
}

/// Each rule over the final rows, key by key.
void recovery_world::compare_alerts() {
  for (std::size_t v = 0; v < std::size(shapes); ++v) {
    const auto& s = shapes[v];
    std::map<std::int64_t, std::map<std::int64_t, std::int64_t>> counts; // by key, window end
    std::int64_t first = std::numeric_limits<std::int64_t>::max(), last = 0;
    for (const auto& [end, rows] : shards_[v].state->sealed_after(time_min))
      for (const auto& r : rows) {
        auto at = end.time_since_epoch().count() / 1'000'000;
        counts[cell(*r, 0)][at] = cell(*r, 1);
        first = std::min(first, at);
        last = std::max(last, at);
      }
    std::set<std::string> many, fewer;
    for (auto& [key, of] : counts) {
      std::int64_t before = 0, since = 0;
      auto state = alert_state::resolved, falling = alert_state::resolved;
      auto note = [&, k = key](std::set<std::string>& to, alert_state& now, alert_state next,
                               std::int64_t at) {
        if (next != now)
          to.insert(std::to_string(k) + ' ' + std::to_string(at) + ' ' + std::string{to_string(next)});
        now = next;
      };
      for (auto at = first; at <= last; at += s.slide) {
        auto n = of.contains(at) ? of[at] : 0;
        if (state == alert_state::resolved)
          since = at;
        note(many, state,
             n < 2                   ? alert_state::resolved
             : at - since >= s.slide ? alert_state::firing
                                     : alert_state::pending,
             at);
        note(fewer, falling, n < before ? alert_state::firing : alert_state::resolved, at);
        before = n;
      }
    }
    auto got = [&](std::size_t rule) {
      std::set<std::string> all;
      for (const auto& e : told_[v][rule])
        all.insert(std::to_string(cell(*e->data, 0)) + ' ' +
                   std::to_string(e->data->window_end.time_since_epoch().count() / 1'000'000) + ' ' +
                   std::string{to_string(e->state)});
      return all;
    };
    if (got(0) != many || got(1) != fewer)
      fail(std::string{"alerts of "} + s.name + " differ from those of the final rows");
    seen_.alerts += many.size() + fewer.size();
    check_early(v);
  }
}

/// What is judged when windows close depends on when that was; but it begins and ends in turns, and each key
/// is judged once for a window.
void recovery_world::check_early(std::size_t v) {
  std::map<std::int64_t, alert_entry_ptr> newest;
  for (const auto& e : told_[v][2]) {
    auto& before = newest[cell(*e->data, 0)];
    if (before && before->data->window_end >= e->data->window_end)
      fail("a window was judged twice");
    if (e->was != (before ? before->state : alert_state::resolved))
      fail("an alert began or ended twice");
    before = e;
  }
}

} // namespace tidemill::test

using tidemill::test::recovery_world;

TEST_CASE("whatever dies at whatever moment, sealed rows equal a batch recomputation and nothing goes back") {
  // A million by hand: TIDEMILL_SEEDS=1000000 test_pipeline "whatever dies*"; TIDEMILL_FIRST_SEED begins
  // elsewhere.
  std::uint64_t seeds = 10'000, first = 0;
  if (const char* more = std::getenv("TIDEMILL_SEEDS"))
    seeds = std::strtoull(more, nullptr, 10);
  if (const char* from = std::getenv("TIDEMILL_FIRST_SEED"))
    first = std::strtoull(from, nullptr, 10);
  recovery_world::totals all;
  std::uint64_t wrong = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    recovery_world world{seed};
    auto what = world.run(500);
    if (!what.empty()) {
      if (++wrong <= 3)
        FAIL_CHECK("seed " << seed << ": " << what);
    }
    all.crashes += world.seen().crashes;
    all.sealed += world.seen().sealed;
    all.entries += world.seen().entries;
    all.late += world.seen().late;
    all.published += world.seen().published;
    all.alerts += world.seen().alerts;
  }
  INFO(seeds << " seeds, " << all.crashes << " crashes, " << all.entries << " journal entries, " << all.late
             << " late, " << all.published << " rows published, " << all.sealed << " sealed, " << all.alerts
             << " alerts");
  CHECK(wrong == 0);
  // The test would prove nothing if these didn't happen.
  CHECK(all.crashes > seeds * 10);
  CHECK(all.late > seeds);
  CHECK(all.sealed > seeds * 10);
  CHECK(all.alerts > seeds * 10);
}
