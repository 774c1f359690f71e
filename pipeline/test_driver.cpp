#include "pipeline/test_driver.hpp"

#include "event/exchange_record.hpp"
#include "event/hash.hpp"
#include "pipeline/idleness.hpp"
#include "pipeline/view_log_pieces.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <stdexcept>

namespace tidemill {
namespace {

constexpr std::uint32_t batches_per_checkpoint = 3; // so that a crash finds something to replay
constexpr std::size_t piece_bytes = 300;            // so that there are pieces

struct stored_record {
  test_driver::sent_record sent;
  std::optional<event_time> arrival;
  std::shared_ptr<const std::string> header;
};

record_meta meta_of(const test_driver::sent_record& r) {
  record_meta meta{r.key, {}, r.tombstone};
  for (const auto& [name, text] : r.headers)
    meta.headers.push_back({name, text});
  return meta;
}

struct stored_checkpoint {
  offset at = 0;
  std::size_t journal = 0; ///< entries that it contains
  std::string core;
  std::vector<std::string> pieces;
};

struct worker {
  std::vector<stored_record> log; ///< offset = index
  std::vector<std::string> journal;
  stored_checkpoint checkpoint;
  std::uint32_t unsaved_batches = 0;
  event_time last_record{}; ///< by the driver's clock
  bool ended = false;
  // What a crash takes away.
  std::unique_ptr<partition> state;
  std::uint64_t incarnation = 0;
};

struct shard {
  std::vector<std::string> log;
  std::unique_ptr<view> state;
  std::uint64_t incarnation = 0;
};

using row_place = std::tuple<event_time, event_time, std::string>;

row_place place_of(const row& r) {
  return {r.window_end, r.window_start, r.key};
}

struct running_source {
  std::vector<worker> workers;
  std::vector<shard> shards;
  std::vector<std::map<row_place, row_ptr>> rows;      ///< by view
  std::vector<std::map<event_id, std::string>> events; ///< by output
  std::vector<std::vector<std::map<std::uint64_t, std::string>>>
      alerts;                           ///< by view and rule: entries by offset
  std::optional<event_time> idle_since; ///< event time has followed the clock up to here
  exchange_frontier told;               ///< of an exchange: the last one in its log
};

} // namespace

struct test_driver::impl {
  explicit impl(settings s) : s_(std::move(s)), clock(s_.clock.value_or(event_time{})) {}

  settings s_;
  event_time clock;
  bool crash_always = false;
  bool starting = true; ///< not all sources have been started
  std::vector<running_source> sources;
  std::map<std::string, table_ptr> versions; ///< all that were used: a replay needs them

  [[nodiscard]] const source_plan& plan_of(std::size_t s) const { return s_.all->sources[s]; }

  void start_view(std::size_t s, std::size_t v) {
    auto& shard = sources[s].shards[v];
    ++shard.incarnation;
    shard.state = std::make_unique<view>(s_.all, s, v, sources[s].workers.size(), shard.incarnation);
    for (const auto& record : shard.log)
      if (auto read = shard.state->recover(record); !read)
        throw std::logic_error{"the log of view " + plan_of(s).views[v].name + ": " + read.error().text()};
    if (shard.log.empty())
      shard.log = shard.state->head();
    for (const auto& [end, rows] : shard.state->sealed_after(time_min))
      for (const auto& r : rows)
        put(s, v, r);
  }

  void start_worker(std::size_t s, std::size_t p) {
    auto& w = sources[s].workers[p];
    ++w.incarnation;
    auto find = [this](std::size_t, const std::string& version) {
      auto found = versions.find(version);
      return found == versions.end() ? nullptr : found->second;
    };
    // With arrival times allowed but absent no time is refused, and none waits for others to confirm it.
    w.state = std::make_unique<partition>(s_.all, s, static_cast<partition_id>(p), true, find);
    const auto& c = w.checkpoint;
    if (c.core.empty()) {
      w.state->start(0);
    } else {
      auto pieces = [&](const auto& each) -> status {
        for (const auto& piece : c.pieces)
          TIDEMILL_CHECK(each(piece));
        return {};
      };
      if (auto restored = w.state->restore(c.at, c.core, pieces, [](const std::string&) { return true; });
          !restored)
        throw std::logic_error{"a checkpoint of " + plan_of(s).name + ": " + restored.error().text()};
    }
    std::vector<journal_entry> entries;
    for (auto i = c.journal; i < w.journal.size(); ++i)
      entries.push_back(*decode_journal_entry(w.journal[i]));
    w.state->replay(std::move(entries));
  }

  void open_links(std::size_t s, std::size_t p, std::size_t v) {
    auto& w = sources[s].workers[p];
    w.state->open(v, sources[s].shards[v].state->open(static_cast<partition_id>(p), w.incarnation));
  }

  void start(std::size_t s) {
    for (std::size_t v = 0; v < sources[s].shards.size(); ++v)
      start_view(s, v);
    for (std::size_t p = 0; p < sources[s].workers.size(); ++p)
      start_worker(s, p);
    reopen(s);
  }

  /// After a start on either side: links, and the records that the new state has not seen.
  void reopen(std::size_t s) {
    for (std::size_t p = 0; p < sources[s].workers.size(); ++p) {
      for (std::size_t v = 0; v < sources[s].shards.size(); ++v)
        open_links(s, p, v);
      read(s, p);
    }
    settle(s);
    for (std::size_t p = 0; p < sources[s].workers.size(); ++p)
      note_tables(s, p);
  }

  /// Applies what the log has and the state has not.
  void read(std::size_t s, std::size_t p) {
    auto& w = sources[s].workers[p];
    for (auto at = w.state->read_position(); at < w.log.size(); at = w.state->read_position()) {
      auto b = std::make_shared<record_batch>();
      b->partition = static_cast<partition_id>(p);
      b->begin = at;
      b->header = w.log[at].header;
      auto meta = std::make_shared<std::deque<record_meta>>();
      for (; at < w.log.size() && w.log[at].header == b->header; ++at) {
        const auto& sent = w.log[at].sent;
        const auto wanted = sent.tombstone || plan_of(s).wants_meta();
        b->records.push_back({sent.bytes, at, at + 1, w.log[at].arrival,
                              wanted ? &meta->emplace_back(meta_of(sent)) : nullptr});
        b->bytes += sent.bytes.size();
      }
      b->end = at;
      b->memory = meta;
      std::vector<emission> out;
      w.state->apply(b, out);
      take(s, out);
    }
  }

  void take(std::size_t s, const std::vector<emission>& out) {
    for (const auto& e : out) {
      auto [found, fresh] = sources[s].events[e.output].emplace(e.id, e.json);
      if (!fresh && found->second != e.json)
        throw std::logic_error{"an event of " + plan_of(s).outputs[e.output].name +
                               " came again, and was another: " + found->second + " → " + e.json};
      if (const auto& o = plan_of(s).outputs[e.output]; fresh && o.kind == output_kind::exchange)
        feed(o, e);
    }
  }

  void feed(const output_plan& o, const emission& e) {
    auto& workers = sources[o.exchange].workers;
    auto& record = workers[hash64(*e.keys.front()) % workers.size()].log.emplace_back();
    append_record(record.sent.bytes, exchange_event{static_cast<std::uint32_t>(o.input), e.id, e.json});
  }

  /// What a source has brought goes on to the exchanges that it feeds.
  void pass_on(std::size_t s) {
    for (std::size_t x = s + 1; x < sources.size() && !starting; ++x) {
      const auto& exchange = plan_of(x).exchange;
      if (!exchange || std::ranges::find(exchange->sources, s) == exchange->sources.end())
        continue;
      exchange_frontier now;
      for (auto from : exchange->sources) {
        auto& places = now.sources.emplace_back();
        for (const auto& w : sources[from].workers)
          places.push_back({w.state->position(), w.state->watermark()});
      }
      auto& to = sources[x];
      if (now != to.told)
        for (auto& w : to.workers)
          append_record(w.log.emplace_back().sent.bytes, now);
      to.told = std::move(now);
      for (std::size_t p = 0; p < to.workers.size(); ++p) {
        read(x, p);
        save(x, p);
      }
      settle(x);
    }
  }

  bool enter(std::size_t s, std::size_t p, journal_entry e) {
    auto& w = sources[s].workers[p];
    if (!w.state->may_enter())
      return false;
    e.at = w.state->entry_offset(e.kind);
    w.journal.push_back(encode(e));
    std::vector<emission> out;
    w.state->enter(e, out);
    take(s, out);
    return true;
  }

  void note_tables(std::size_t s, std::size_t p) {
    auto& w = sources[s].workers[p];
    for (std::size_t t = 0; t < w.state->table_versions().size(); ++t)
      if (s_.tables[t] && w.state->table_versions()[t] != s_.tables[t]->version())
        enter(s, p, {0, journal_entry::what::table, {}, t, s_.tables[t]->version()});
  }

  void put(std::size_t s, std::size_t v, const row_ptr& r) {
    auto& rows = sources[s].rows[v];
    auto& known = rows[place_of(*r)];
    if (known && known->state == row_state::sealed && *known != *r)
      throw std::logic_error{"a sealed row of " + plan_of(s).views[v].name + " changed"};
    known = r;
    auto kind = plan_of(s).views[v].window.kind;
    if (r->state != row_state::open || (kind != window_kind::sliced && kind != window_kind::calendar))
      return;
    // Which of a key's open windows were shown before the newest one depends on when somebody looked.
    auto newest = r->window_end;
    auto open_of_key = [&](const auto& other) {
      return other.second->state == row_state::open && other.second->key == r->key;
    };
    for (const auto& other : rows)
      if (open_of_key(other))
        newest = std::max(newest, other.second->window_end);
    std::erase_if(rows,
                  [&](const auto& other) { return open_of_key(other) && other.second->window_end < newest; });
  }

  void remove(std::size_t s, std::size_t v, const row& r) {
    auto known = sources[s].rows[v].find(place_of(r));
    if (known == sources[s].rows[v].end())
      return;
    if (known->second->state == row_state::sealed)
      throw std::logic_error{"a sealed row of " + plan_of(s).views[v].name + " was removed"};
    sources[s].rows[v].erase(known);
  }

  /// Until nothing is on its way between partitions and views.
  void settle(std::size_t s) {
    auto& source = sources[s];
    for (auto moved = true; moved;) {
      moved = false;
      for (std::size_t v = 0; v < source.shards.size(); ++v) {
        auto& state = *source.shards[v].state;
        for (auto& w : source.workers) {
          if (w.state->quiet(v))
            continue;
          for (const auto& piece : w.state->flush(v))
            moved |= state.receive(piece);
        }
        tick(s, v);
      }
    }
    pass_on(s);
  }

  void take_alerts(std::size_t s, std::size_t v, const std::vector<alert_snapshot_ptr>& logs) {
    auto& known = sources[s].alerts[v];
    known.resize(plan_of(s).views[v].alerts.size());
    for (std::size_t i = 0; i < logs.size(); ++i)
      for (const auto& e : logs[i] ? logs[i]->log : std::vector<alert_entry_ptr>{}) {
        auto [found, fresh] = known[i].emplace(e->offset, e->json);
        if (!fresh && found->second != e->json)
          throw std::logic_error{"an entry of " + logs[i]->rule->name +
                                 " came again, and was another: " + found->second + " → " + e->json};
      }
  }

  void tick(std::size_t s, std::size_t v) {
    auto& source = sources[s];
    for (std::size_t rule = 0; rule < plan_of(s).views[v].alerts.size(); ++rule)
      source.shards[v].state->keep_entries(rule, 0); // somebody reads all of them
    auto t = source.shards[v].state->tick(plan_of(s).views[v].emit_every.has_value());
    std::deque<std::string> cut;
    const auto written = cut_records(t.log, cut, piece_bytes);
    source.shards[v].log.insert(source.shards[v].log.end(), written.begin(), written.end());
    if (t.whole)
      source.rows[v].clear();
    for (const auto& r : t.remove)
      remove(s, v, *r);
    for (const auto& r : t.put)
      put(s, v, r);
    take_alerts(s, v, t.alerts);
    std::erase_if(source.rows[v], [&](const auto& r) { return std::get<0>(r.first) <= t.trim; });
    for (const auto& [p, ack] : t.acks)
      source.workers[to_index(p)].state->acked(v, ack);
  }

  void save(std::size_t s, std::size_t p) {
    auto& w = sources[s].workers[p];
    if (++w.unsaved_batches < batches_per_checkpoint)
      return;
    w.unsaved_batches = 0;
    auto frozen = w.state->snapshot();
    w.checkpoint = {w.state->position(), w.journal.size() - w.state->entries_due(), frozen->core(), {}};
    const std::array all{offset_range{0, std::numeric_limits<offset>::max()}};
    auto kept = frozen->write(all, 1u << 20, [&](std::string_view piece, std::uint64_t) -> status {
      w.checkpoint.pieces.emplace_back(piece);
      return {};
    });
    if (!kept)
      throw std::logic_error{"a checkpoint of " + plan_of(s).name + ": " + kept.error().text()};
  }

  void crash_process() {
    for (auto& source : sources)
      for (auto& rows : source.rows)
        rows.clear(); // whoever publishes them has died, too
    start_all();
  }

  void start_all() {
    starting = true;
    for (std::size_t s = 0; s < sources.size(); ++s)
      start(s);
    starting = false;
    for (std::size_t s = 0; s < sources.size(); ++s)
      pass_on(s);
  }

  void happened() {
    if (crash_always)
      crash_process();
  }

  /// As a worker whose source has had nothing for `idle`.
  void look_for_idleness(std::size_t s) {
    const auto& idle = plan_of(s).idle;
    auto& source = sources[s];
    if (!idle)
      return;
    std::vector<quiet_partition> all;
    for (const auto& w : source.workers)
      if (!w.ended)
        all.push_back({w.state->watermark(), clock - w.last_record, clock - w.last_record >= *idle});
    auto target = idle_watermark(all, source.idle_since ? clock - *source.idle_since : microseconds::max());
    if (target.by_clock)
      source.idle_since = clock;
    for (std::size_t p = 0; p < source.workers.size(); ++p) {
      const auto& w = source.workers[p];
      if (!w.ended && clock - w.last_record >= *idle && target.to > w.state->watermark())
        enter(s, p, {0, journal_entry::what::advance, target.to, 0, {}});
    }
    settle(s);
  }
};

test_driver::test_driver(settings s) : impl_(std::make_unique<impl>(std::move(s))) {
  auto& d = *impl_;
  for (const auto& t : d.s_.tables)
    if (t)
      d.versions[t->version()] = t;
  d.sources.resize(d.s_.all->sources.size());
  for (std::size_t i = 0; i < d.sources.size(); ++i) {
    const auto& plan = d.plan_of(i);
    auto& source = d.sources[i];
    source.workers.resize(d.s_.partitions.at(i));
    for (auto& w : source.workers)
      w.last_record = d.clock;
    source.shards.resize(plan.views.size());
    source.rows.resize(plan.views.size());
    source.alerts.resize(plan.views.size());
    source.events.resize(plan.outputs.size());
  }
  d.start_all();
}

test_driver::~test_driver() = default;

void test_driver::send(std::size_t source, partition_id p, std::vector<sent_record> records,
                       const std::string& header) {
  auto& d = *impl_;
  auto& w = d.sources.at(source).workers.at(to_index(p));
  if (w.ended)
    throw std::logic_error{"source " + d.plan_of(source).name + " has ended"};
  auto shared = header.empty() ? nullptr : std::make_shared<const std::string>(header);
  auto arrival = d.s_.clock ? std::optional{d.clock} : std::nullopt;
  for (auto& r : records)
    w.log.push_back({std::move(r), arrival, shared});
  w.last_record = d.clock;
  d.read(source, to_index(p));
  d.settle(source);
  d.save(source, to_index(p));
  d.happened();
}

void test_driver::advance(microseconds by) {
  auto& d = *impl_;
  d.clock += by;
  for (std::size_t s = 0; s < d.sources.size(); ++s)
    d.look_for_idleness(s);
  d.happened();
}

void test_driver::use_table(std::size_t table, table_ptr next) {
  auto& d = *impl_;
  d.versions[next->version()] = next;
  d.s_.tables.at(table) = std::move(next);
  for (std::size_t s = 0; s < d.sources.size(); ++s)
    for (std::size_t p = 0; p < d.sources[s].workers.size(); ++p)
      d.note_tables(s, p);
  d.happened();
}

void test_driver::end() {
  auto& d = *impl_;
  for (std::size_t s = 0; s < d.sources.size(); ++s) {
    for (std::size_t p = 0; p < d.sources[s].workers.size(); ++p)
      if (!std::exchange(d.sources[s].workers[p].ended, true))
        d.enter(s, p, {0, journal_entry::what::end, {}, 0, {}});
    d.settle(s);
  }
  d.happened();
}

void test_driver::crash(victim v) {
  auto& d = *impl_;
  if (v == victim::process)
    return d.crash_process();
  for (std::size_t s = 0; s < d.sources.size(); ++s) {
    for (std::size_t p = 0; p < d.sources[s].workers.size() && v == victim::workers; ++p)
      d.start_worker(s, p);
    for (std::size_t i = 0; i < d.sources[s].shards.size() && v == victim::views; ++i)
      d.start_view(s, i);
    d.reopen(s);
  }
}

void test_driver::crash_always(bool on) noexcept {
  impl_->crash_always = on;
}

std::vector<row_ptr> test_driver::rows(std::size_t source, std::size_t view) const {
  std::vector<row_ptr> out;
  for (const auto& [place, r] : impl_->sources.at(source).rows.at(view))
    out.push_back(r);
  return out;
}

std::vector<std::string> test_driver::alerts(std::size_t source, std::size_t view, std::size_t rule) const {
  std::vector<std::string> out;
  const auto& rules = impl_->sources.at(source).alerts.at(view);
  if (rule < rules.size())
    for (const auto& [at, json] : rules[rule])
      out.push_back(json);
  return out;
}

std::vector<std::string> test_driver::events(std::size_t source, std::size_t output) const {
  std::vector<std::string> out;
  for (const auto& [id, json] : impl_->sources.at(source).events.at(output))
    out.push_back(json);
  return out;
}

} // namespace tidemill
