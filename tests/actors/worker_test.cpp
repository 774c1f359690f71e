#include "event/hash.hpp"
#include "tests/actors/worker_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <iostream>

namespace tidemill::test {

std::shared_ptr<plan> make_actor_plan() {
  using std::chrono::seconds;
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section({{"format", text_option("csv")},
                {"csv", section_option({{"header", {{}, false}}, {"columns", texts_option({"t", "k"})}})},
                {"schema", schema_option({{"t", "timestamp_s"}, {"k", "int"}})},
                {"time", section_option({{"field", text_option("t")},
                                         {"out_of_order", time_option(seconds{1})},
                                         {"max_future", time_option(seconds{100})},
                                         {"idle", time_option(seconds{5})}})}})});
  d.views.push_back({{"hits", {}},
                     section({{"from", text_option("log")},
                              {"by", texts_option({"k"})},
                              {"window", section_option({{"size", time_option(seconds{10})}})},
                              {"select", pairs_option({{"n", "count()"}})}})});
  d.sinks.push_back(
      {{"out", {}}, "file", section({{"from", texts_option({"log"})}, {"path", text_option("x")}})});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    std::cerr << tidemill::to_string(f, "plan") << '\n';
  REQUIRE(made);
  return std::make_shared<plan>(*made);
}

void fake_source::ready(const worker_actor& to, offset from) {
  asked.push_back(from);
  worker = to;
  gate = std::make_shared<credit_gate>(8, 1 << 20, std::make_shared<credit_gate::wake_flag>(0));
  next = 0;
  while (next < lines.size() && at(next) < from)
    ++next;
  send();
}

void fake_source::grow(std::size_t more) {
  upto = std::min(upto + more, lines.size());
  send();
}

void fake_source::send() {
  if (!worker)
    return;
  while (next < upto) {
    auto batch = std::make_shared<record_batch>();
    auto end = std::min(next + batch_size, upto);
    batch->begin = next == 0 ? 0 : at(next - 1) + 2;
    for (; next < end; ++next) {
      batch->records.push_back({lines[next], at(next), at(next) + 2, std::nullopt});
      batch->bytes += lines[next].size();
    }
    batch->end = batch->records.back().end;
    auto token = std::make_shared<const credit_token>(gate, batch->bytes);
    caf::anon_send(worker, std::make_shared<const work>(work{std::move(batch), std::move(token)}));
  }
  if (finite && upto == lines.size())
    caf::anon_send(worker, atom::ended_v, std::uint64_t{lines.empty() ? 0 : at(lines.size() - 1) + 2});
}

void add_sealed(std::map<std::int64_t, std::uint64_t>& counts, const view_tick& t) {
  for (const auto& [end, rows] : t.sealed)
    for (const auto& r : rows)
      counts[*r->columns.at(0).get_if<std::int64_t>()] +=
          static_cast<std::uint64_t>(*r->columns.at(1).get_if<std::int64_t>());
}

caf::behavior fake_view_actor(caf::event_based_actor*, std::shared_ptr<fake_view> v) {
  return {
      [=](atom::open, std::uint32_t p, std::uint64_t incarnation, const worker_actor& from) {
        if (v->says_hello)
          caf::anon_send(from, std::uint32_t{0}, v->state->open(static_cast<partition_id>(p), incarnation));
        v->held.clear();
        v->held.emplace_back(from, link_ack{});
      },
      [=](const flush_ptr& pieces) {
        ++v->flushes;
        for (const auto& piece : *pieces)
          (void)v->state->receive(piece);
        if (!v->acknowledges)
          return;
        auto t = v->state->tick(false);
        add_sealed(v->sealed, t);
        for (const auto& [p, ack] : t.acks)
          caf::anon_send(v->held.front().first, std::uint32_t{0}, ack);
      },
      [=](atom::beat) { // the acknowledgements that were held
        auto t = v->state->tick(false);
        add_sealed(v->sealed, t);
        for (const auto& [p, ack] : t.acks)
          caf::anon_send(v->held.front().first, std::uint32_t{0}, ack);
      },
  };
}

caf::behavior fake_sink_actor(caf::event_based_actor*, std::shared_ptr<fake_sink> s) {
  return {
      [=](atom::resume, std::uint32_t, std::uint32_t sink, const worker_actor& to) {
        s->asked_by = to;
        if (s->resumes)
          caf::anon_send(to, atom::resume_v, sink, std::uint64_t{s->held}, std::uint64_t{0});
      },
      [=](const sink_work_ptr& w, std::uint32_t sink, const worker_actor& from) {
        if (w->batch.upto <= s->held && s->held > 0)
          return;
        s->held = w->batch.upto;
        for (const auto& e : w->batch.events) {
          s->events.push_back(e.json);
          s->at.push_back(e.id.at);
        }
        if (s->syncs)
          caf::anon_send(from, atom::durable_v, sink, std::uint64_t{s->held});
      },
  };
}

worker_world::worker_world() {
  auto& source_shown = *status->sources.emplace_back(std::make_unique<source_board>());
  source_shown.name = "log";
  source_shown.partitions.push_back(std::make_unique<partition_board>());
  auto opened = checkpoint_store::open(folder.path() / "checkpoints");
  REQUIRE(opened);
  checkpoints = std::move(*opened);
  view_state->state = std::make_unique<view>(all, 0, 0, 1, view_state->incarnation);
  saver = keep(system.spawn(saver_actor, saver_setup{checkpoints.get(), status, [](auto&, auto&) {}}));
  view_handle = keep(system.spawn(fake_view_actor, view_state));
  event_sink_handle = keep(system.spawn(fake_sink_actor, events));
  dead_sink_handle = keep(system.spawn(fake_sink_actor, dead));
}

worker_world::~worker_world() {
  for (auto* handle : {&saver, &view_handle, &event_sink_handle, &dead_sink_handle})
    *handle = nullptr;
  stop_all();
  source->worker = nullptr; // break the rings
  view_state->held.clear();
  events->asked_by = dead->asked_by = nullptr;
}

worker_setup worker_world::setup() {
  worker_setup s;
  s.all = all;
  s.key = "log/0";
  s.identity = "test";
  s.journal = folder.path() / "journal";
  s.checkpoints = checkpoints.get();
  s.saver = saver;
  s.views = {view_handle};
  s.sinks = {{event_sink_index, event_sink_handle}, {dead_letter_index, dead_sink_handle}};
  s.find_table = [](std::size_t, const std::string&) { return table_ptr{}; };
  s.table_versions = [] { return result<std::vector<std::string>>{std::vector<std::string>{}}; };
  s.stored_versions = [this](const std::set<std::string>& v) { versions_asked = v; };
  s.status = status;
  s.ready = [from = source](const worker_actor& to, offset at, const std::optional<record_mark>&) {
    from->ready(to, at);
  };
  s.committed = [this](offset at) { committed.push_back(at); };
  s.release = [this](offset at) { released.push_back(at); };
  return s;
}

caf::actor worker_world::start(std::uint64_t incarnation) {
  auto s = setup();
  s.incarnation = incarnation;
  if (change_setup)
    change_setup(s);
  auto made = keep(caf::actor_cast<caf::actor>(system.spawn(worker, std::move(s))));
  run();
  return made;
}

void worker_world::stop(const caf::actor& w) {
  caf::anon_send_exit(w, caf::exit_reason::kill);
  source->worker = nullptr;
  run();
}

std::vector<journal_entry> worker_world::journal() const {
  std::vector<journal_entry> all_entries;
  auto log =
      segment_log::open(folder.path() / "journal", {.segment_bytes = 1u << 20, .max_record = 1u << 20});
  REQUIRE(log);
  REQUIRE((*log)->read((*log)->begin(), [&](std::uint64_t, std::string_view bytes) {
    all_entries.push_back(*decode_journal_entry(bytes));
    return true;
  }));
  return all_entries;
}

namespace {

using std::chrono::milliseconds;

std::string line(std::int64_t t, std::int64_t k) {
  return std::to_string(t) + ',' + std::to_string(k);
}

struct one_worker : worker_world {
  one_worker() {
    for (std::int64_t i = 0; i < 40; ++i)
      source->lines.push_back(line(100 + i, i % 3));
  }
};

const std::map<std::int64_t, std::uint64_t> all_counted{{0, 14}, {1, 13}, {2, 13}};

} // namespace

TEST_CASE_METHOD(one_worker,
                 "no record is asked for before links are open and every sink has said where it stands") {
  view_state->says_hello = events->resumes = false;
  source->grow(8);
  auto w = start(1);
  pass(milliseconds{300});
  CHECK(source->asked.empty());

  SECTION("first the sink, then the view") {
    caf::anon_send(caf::actor_cast<worker_actor>(w), atom::resume_v, event_sink_index, std::uint64_t{0},
                   std::uint64_t{0});
    run();
    CHECK(source->asked.empty());
    caf::anon_send(caf::actor_cast<worker_actor>(w), std::uint32_t{0},
                   view_state->state->open(partition_id{}, 1));
  }
  SECTION("first the view, then the sink") {
    caf::anon_send(caf::actor_cast<worker_actor>(w), std::uint32_t{0},
                   view_state->state->open(partition_id{}, 1));
    run();
    CHECK(source->asked.empty());
    caf::anon_send(caf::actor_cast<worker_actor>(w), atom::resume_v, event_sink_index, std::uint64_t{0},
                   std::uint64_t{0});
  }
  run();
  CHECK(source->asked == std::vector<offset>{0});
  CHECK(events->events.size() == 8);
}

TEST_CASE_METHOD(one_worker, "one flush is in flight: the next waits for the acknowledgement") {
  view_state->acknowledges = false;
  source->grow(4);
  start(1);
  pass(milliseconds{200});
  CHECK(view_state->flushes == 1);
  source->grow(4);
  pass(milliseconds{500});
  CHECK(view_state->flushes == 1);
  caf::anon_send(view_handle, atom::beat_v);
  pass(milliseconds{200});
  CHECK(view_state->flushes == 2);
}

TEST_CASE_METHOD(one_worker, "credits return when views have caught up, or little is ahead of them") {
  view_state->acknowledges = false;
  source->grow(8);
  auto s = setup();
  s.incarnation = 1;
  s.unacknowledged = 30; // bytes: one batch of four lines, not two
  keep(caf::actor_cast<caf::actor>(system.spawn(worker, std::move(s))));
  run();
  CHECK(source->gate->in_flight() == 1);
  pass(milliseconds{200});
  view_state->acknowledges = true;
  caf::anon_send(view_handle, atom::beat_v);
  pass(milliseconds{200});
  CHECK(source->gate->in_flight() == 0);
  CHECK_FALSE(source->gate->lost());
}

TEST_CASE_METHOD(one_worker, "the watermark of an idle partition moves on, by a journal entry") {
  auto now = std::chrono::steady_clock::now();
  shown().last_record = now.time_since_epoch().count();
  source->grow(4);
  start(1);
  pass(milliseconds{200});
  auto before = shown().watermark.load();
  CHECK(journal().empty());
  shown().last_record = (now - std::chrono::minutes{1}).time_since_epoch().count();
  pass(milliseconds{200});
  auto entries = journal();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].kind == journal_entry::what::advance);
  CHECK(entries[0].at == fake_source::at(3) + 2);
  CHECK(shown().watermark > before);
  CHECK(shown().idle);
}

TEST_CASE_METHOD(one_worker, "a worker isn't idle because its source has not begun") {
  shown().last_record = 0; // no source has ever brought anything
  source->grow(4);
  start(1);
  pass(milliseconds{200});
  CHECK(shown().watermark > time_min.time_since_epoch().count());
  CHECK_FALSE(shown().idle);
  CHECK(journal().empty());
}

TEST_CASE_METHOD(one_worker, "a gap is journalled and passed over, and so by every later worker") {
  shown().last_record = std::chrono::steady_clock::now().time_since_epoch().count(); // not idle
  source->grow(8);
  auto w = start(1);
  pass(milliseconds{200});
  caf::anon_send(caf::actor_cast<worker_actor>(w), atom::gap_v, std::uint64_t{fake_source::at(7) + 2},
                 std::uint64_t{fake_source::at(20)});
  pass(milliseconds{200});
  CHECK(source->asked == std::vector<offset>{0, fake_source::at(20)});
  auto entries = journal();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].kind == journal_entry::what::gap);
  CHECK(entries[0].at == fake_source::at(7) + 2);
  CHECK(entries[0].number == fake_source::at(20));
  source->grow(16); // of which 20 … 23 are left
  pass(milliseconds{200});
  stop(w);
  start(2);
  pass(milliseconds{200});
  CHECK(journal() == entries);
  source->finite = true;
  source->grow(16);
  pass(milliseconds{500});
  CHECK(events->at.size() == 28);
  CHECK(std::ranges::is_sorted(events->at));
  CHECK(std::ranges::adjacent_find(events->at) == events->at.end());
  CHECK(shown().records == 28);
}

TEST_CASE_METHOD(one_worker, "a checkpoint waits until its sinks are durable") {
  events->syncs = false;
  source->grow(8);
  auto w = start(1);
  pass(milliseconds{6'000}, milliseconds{50});
  CHECK(shown().checkpoint == 0);
  CHECK(released.empty());
  caf::anon_send(caf::actor_cast<worker_actor>(w), atom::durable_v, event_sink_index,
                 std::uint64_t{events->held});
  pass(milliseconds{100});
  CHECK(shown().checkpoint == fake_source::at(7) + 2);
  CHECK(released.size() == 1);
}

TEST_CASE_METHOD(one_worker, "a long journal makes a checkpoint due, though no record comes") {
  shown().held_back = true; // not idle
  source->grow(8);
  auto w = start(1);
  pass(milliseconds{6'000}, milliseconds{50});
  const auto at = fake_source::at(7) + 2;
  CHECK(committed == std::vector<offset>{at});
  stop(w);
  auto from = journal().size();
  {
    auto log =
        segment_log::open(folder.path() / "journal", {.segment_bytes = 1u << 20, .max_record = 1u << 20});
    REQUIRE(log);
    for (int i = 0; i < 1'000; ++i)
      REQUIRE((*log)->append(encode(journal_entry{
          at, journal_entry::what::advance, event_time{std::chrono::seconds{200 + i}}, 0, {}})));
  }
  CHECK(journal().size() == from + 1'000);
  w = start(2);
  pass(milliseconds{6'000}, milliseconds{50});
  CHECK(committed == std::vector<offset>{at, at});
  auto needed = checkpoints->needed("log/0");
  REQUIRE(needed);
  CHECK(needed->journal == from); // of the one before
  pass(milliseconds{20'000}, milliseconds{50});
  CHECK(committed.size() == 2);
  auto watermark = shown().watermark.load();
  stop(w);
  start(3);
  pass(milliseconds{500});
  CHECK(shown().watermark == watermark);
}

TEST_CASE_METHOD(one_worker, "a new version of a table is saved, though no record comes") {
  class no_table final : public lookup_table {
  public:
    explicit no_table(std::string version) : version_(std::move(version)) {}
    const std::string& version() const noexcept override { return version_; }
    const schema& columns() const noexcept override { return columns_; }
    bool find(const value&, const std::vector<std::size_t>&, std::vector<value>&) const override {
      return false;
    }

  private:
    std::string version_;
    schema columns_;
  };
  shown().held_back = true;
  all->sources[0].tables = {"users"};
  auto version = std::make_shared<std::string>("one");
  change_setup = [&](worker_setup& s) {
    s.table_versions = [version] {
      return result<std::vector<std::string>>{std::vector<std::string>{*version}};
    };
    s.find_table = [](std::size_t, const std::string& v) { return std::make_shared<no_table>(v); };
  };
  source->grow(8);
  auto w = start(1);
  pass(milliseconds{6'000}, milliseconds{50});
  CHECK(versions_asked.empty());
  CHECK(committed.size() == 1);
  *version = "two";
  pass(milliseconds{12'000}, milliseconds{50});
  CHECK(committed.size() == 2);
  stop(w);
  start(2);
  CHECK(versions_asked == std::set<std::string>{"one", "two"});
}

TEST_CASE_METHOD(
    one_worker,
    "whenever a worker dies, the next goes on from checkpoint and journal, and nothing counts twice") {
  source->finite = true;
  std::uint64_t incarnation = 0;
  caf::actor w;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i != 3)
      w = start(++incarnation);
    source->grow(5);
    pass(milliseconds{i % 2 == 0 ? 6'000 : 150}, milliseconds{50});
    shown().last_record = 0; // idle, so that there is a journal
    pass(milliseconds{i % 3 == 0 ? 0 : 200});
    if (i != 2 && i != 7)
      stop(w);
  }
  pass(milliseconds{6'000}, milliseconds{50});
  CHECK(source->asked.size() == 7);
  CHECK(source->asked.back() > 0);
  CHECK(shown().ended);
  CHECK(shown().records == 40);
  CHECK(events->events.size() == 40);
  CHECK(std::ranges::is_sorted(events->at));
  CHECK(std::ranges::adjacent_find(events->at) == events->at.end());
  std::uint64_t counted = 0;
  for (const auto& [key, n] : view_state->sealed)
    counted += n;
  CHECK(counted + shown().late == 40);
  CHECK(dead->events.size() == shown().late);
}

TEST_CASE_METHOD(one_worker, "a worker that dies at random moments leaves every sealed count right") {
  source->finite = true;
  shown().held_back = true; // not idle: time moves by records alone
  std::uint64_t incarnation = 1;
  auto w = start(incarnation);
  for (std::size_t i = 0; i < 20; ++i) {
    source->grow(2);
    pass(milliseconds{i * 37 % 400 + 10});
    if (i % 3 == 1) {
      stop(w);
      w = start(++incarnation);
    }
  }
  pass(milliseconds{1'000});
  CHECK(view_state->state->finished());
  CHECK(view_state->sealed == all_counted);
  CHECK(events->events.size() == 40);
}

TEST_CASE_METHOD(one_worker, "a drain flushes and saves what there is, then the worker ends") {
  shown().held_back = true; // not idle: time moves by records alone
  source->grow(8);
  auto w = start(1);
  caf::anon_send(caf::actor_cast<worker_actor>(w), atom::drain_v);
  pass(milliseconds{500});
  CHECK_FALSE(shown().running);
  CHECK(view_state->flushes > 0);
  std::vector<std::string> warnings;
  auto saved = checkpoints->load("log/0", warnings);
  REQUIRE(saved);
  REQUIRE(*saved);
  CHECK((*saved)->at == fake_source::at(7) + 2);
  CHECK((*saved)->sinks.size() == 2);

  source->upto = 40;
  source->finite = true;
  start(2);
  pass(milliseconds{1'000});
  CHECK(source->asked == std::vector<offset>{0, fake_source::at(7) + 2});
  CHECK(view_state->sealed == all_counted);
}

TEST_CASE_METHOD(one_worker,
                 "where a partition that comes and goes starts is saved before its first record") {
  auto s = setup();
  s.assigned = true;
  s.incarnation = 1;
  shown().start = fake_source::at(4);
  source->grow(8);
  keep(caf::actor_cast<caf::actor>(system.spawn(worker, std::move(s))));
  run();
  CHECK(committed == std::vector<offset>{fake_source::at(4)});
  CHECK(source->asked == std::vector<offset>{fake_source::at(4)});
  CHECK(events->events.size() == 4);
  std::vector<std::string> warnings;
  auto first = checkpoints->load("log/0", warnings);
  REQUIRE(first);
  CHECK((*first)->at == fake_source::at(4));
  CHECK_FALSE((*first)->mark);

  SECTION("and later checkpoints know the last record before them") {
    pass(milliseconds{6'000}, milliseconds{50});
    auto second = checkpoints->load("log/0", warnings);
    REQUIRE(second);
    CHECK((*second)->mark == record_mark{fake_source::at(7), hash64(source->lines[7])});
  }
}

TEST_CASE_METHOD(one_worker, "a partition that is new to a view begins where its sealed windows end") {
  view_state->says_hello = false;
  auto s = setup();
  s.assigned = true;
  s.incarnation = 1;
  source->grow(8);
  auto w = keep(caf::actor_cast<caf::actor>(system.spawn(worker, std::move(s))));
  run();
  auto seen = GENERATE(offset{0}, offset{1});
  CAPTURE(seen);
  caf::anon_send(caf::actor_cast<worker_actor>(w), std::uint32_t{0},
                 link_hello{{1, 1}, std::nullopt, seen, 9}); // slices of 10 s: sealed up to 100 s
  run();
  if (seen > 0) {
    CHECK(journal().empty()); // readers have seen it before: not new
    return;
  }
  auto entries = journal();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].kind == journal_entry::what::advance);
  CHECK(entries[0].time >= event_time{std::chrono::seconds{100}});
  CHECK(source->asked == std::vector<offset>{0});
}

} // namespace tidemill::test
