#include "actors/view.hpp"

#include "pipeline/partition.hpp"
#include "tests/actors/worker_world.hpp"

#include <catch2/catch.hpp>

#include <memory>

namespace tidemill::test {
namespace {

using std::chrono::milliseconds;

/// What the neighbours of a view have heard.
struct heard {
  std::vector<tick_ptr> ticks;
  std::vector<link_hello> hellos;
  std::vector<link_ack> acks;
  std::vector<event_time> sealed; ///< window ends, as a sink got them
  std::optional<caf::actor> asks; ///< a sink that has been asked where it stands
};

caf::behavior listener(caf::event_based_actor*, const std::shared_ptr<heard>& h) {
  return {
      [=](const tick_ptr& t) { h->ticks.push_back(t); },
      [=](std::uint32_t, const link_hello& hello) { h->hellos.push_back(hello); },
      [=](std::uint32_t, const link_ack& ack) { h->acks.push_back(ack); },
      [=](atom::resume, std::uint32_t, const std::shared_ptr<const view_schema>&, const caf::actor& view) {
        h->asks = view;
      },
      [=](const sealed_ptr& all, std::uint32_t, const caf::actor&) {
        for (const auto& [end, rows] : *all)
          h->sealed.push_back(end);
      },
  };
}

/// A view actor between a worker (its pure part is real), a publisher and a sealed sink.
struct one_view : actor_fixture {
  temporary_folder folder;
  std::shared_ptr<plan> all = make_actor_plan();
  std::shared_ptr<board> status = std::make_shared<board>();
  std::shared_ptr<heard> h = std::make_shared<heard>();
  caf::actor neighbour = keep(system.spawn(listener, h));
  partition records{all, 0, partition_id{}, false, {}};
  std::vector<emission> ignored;
  std::int64_t next = 0;

  one_view() { status->views.push_back(std::make_unique<view_board>()); }
  ~one_view() {
    h->asks.reset();
    neighbour = nullptr;
    stop_all();
  }

  caf::actor start(std::uint64_t incarnation, bool with_sink = false) {
    view_setup s;
    s.all = all;
    s.partitions = 1;
    s.log = folder.path() / "view";
    s.publisher = neighbour;
    if (with_sink)
      s.sealed_sinks = {{0, neighbour}};
    s.status = status;
    s.incarnation = incarnation;
    auto made = keep(system.spawn(view_actor, std::move(s)));
    run();
    return made;
  }
  void open(const caf::actor& v, std::uint64_t worker) {
    caf::anon_send(v, atom::open_v, std::uint32_t{0}, worker, caf::actor_cast<worker_actor>(neighbour));
    run();
    REQUIRE_FALSE(h->hellos.empty());
    records.open(0, h->hellos.back());
  }
  /// One event a second; a window has ten.
  void read(std::int64_t n) {
    auto b = std::make_shared<record_batch>();
    std::vector<std::string> lines;
    for (auto i = next; i < next + n; ++i)
      lines.push_back(std::to_string(1'000 + i) + ",1");
    b->begin = static_cast<offset>(next);
    for (const auto& line : lines) {
      auto at = static_cast<offset>(next++);
      b->records.push_back({line, at, at + 1, std::nullopt});
    }
    b->end = static_cast<offset>(next);
    records.apply(b, ignored);
  }
  void flush(const caf::actor& v) {
    caf::anon_send(v, std::make_shared<const std::vector<link_flush>>(records.flush(0)));
    run();
  }
  void tell_sink_stands_at(event_time end) {
    REQUIRE(h->asks);
    caf::anon_send(*h->asks, atom::durable_v, std::uint32_t{0}, std::int64_t{end.time_since_epoch().count()});
    run();
  }
  [[nodiscard]] static event_time at(std::int64_t s) { return event_time{std::chrono::seconds{s}}; }
};

std::size_t sealed_rows(const view_tick& t) {
  std::size_t n = 0;
  for (const auto& r : t.put)
    n += r->state == row_state::sealed ? 1u : 0u;
  return n;
}

} // namespace

TEST_CASE_METHOD(one_view, "a flush is acknowledged when its tick is in the log and with the publisher") {
  auto v = start(1);
  open(v, 1);
  CHECK(h->hellos.back().link == link_id{1, 1});
  CHECK_FALSE(h->hellos.back().have);
  read(25);
  flush(v);
  CHECK(h->acks.empty());
  auto ticks = h->ticks.size();
  advance(milliseconds{50});
  REQUIRE(h->acks.size() == 1);
  REQUIRE(h->ticks.size() == ticks + 1);
  CHECK(sealed_rows(*h->ticks.back()) == 2); // watermark 1023: windows to 1010 and 1020
  CHECK(status->views[0]->windows_sealed == 2);
  CHECK(h->ticks.back()->prefix == std::vector<offset>{25});
}

TEST_CASE_METHOD(one_view,
                 "a view that starts again has its sealed rows from the log, and asks for the rest") {
  auto v = start(1);
  open(v, 1);
  read(25);
  flush(v);
  advance(milliseconds{50});
  caf::anon_send_exit(v, caf::exit_reason::kill);
  run();
  h->ticks.clear();
  v = start(2);
  REQUIRE(h->ticks.size() == 1); // by itself, for the publisher
  CHECK(sealed_rows(*h->ticks[0]) == 2);
  CHECK(h->ticks[0]->recovering);
  open(v, 1);
  CHECK(h->hellos.back().link == link_id{1, 2});
  CHECK_FALSE(h->hellos.back().have);
  CHECK(h->hellos.back().frontier == 25);
  read(10);
  flush(v);
  advance(milliseconds{50});
  CHECK(sealed_rows(*h->ticks.back()) == 1);
  CHECK_FALSE(h->ticks.back()->recovering);
}

TEST_CASE_METHOD(one_view, "a flush of a worker that has been replaced meanwhile changes nothing") {
  auto v = start(1);
  open(v, 1);
  read(25);
  auto old = records.flush(0);
  open(v, 2);
  caf::anon_send(v, std::make_shared<const std::vector<link_flush>>(std::move(old)));
  pass(milliseconds{200});
  CHECK(h->acks.empty());
  CHECK(status->views[0]->windows_sealed == 0);
}

TEST_CASE_METHOD(one_view, "a publisher that has lost its rows gets all of them") {
  auto v = start(1);
  open(v, 1);
  read(25);
  flush(v);
  advance(milliseconds{50});
  h->ticks.clear();
  caf::anon_send(v, atom::rows_v);
  run();
  REQUIRE(h->ticks.size() == 1);
  CHECK(sealed_rows(*h->ticks[0]) == 2);
}

TEST_CASE_METHOD(one_view, "a sealed sink gets what it misses, each window once it is sealed") {
  auto v = start(1, true);
  open(v, 1);
  tell_sink_stands_at(time_min);
  read(25);
  flush(v);
  advance(milliseconds{50});
  CHECK(h->sealed == std::vector<event_time>{at(1'010), at(1'020)});

  caf::anon_send_exit(v, caf::exit_reason::kill);
  run();
  h->sealed.clear();
  v = start(2, true);
  CHECK(h->sealed.empty());
  tell_sink_stands_at(at(1'010));
  CHECK(h->sealed == std::vector<event_time>{at(1'020)});
}

TEST_CASE_METHOD(one_view, "a drain takes what has come into a last tick") {
  auto v = start(1);
  open(v, 1);
  read(25);
  flush(v);
  caf::anon_send(v, atom::drain_v);
  run();
  CHECK(sealed_rows(*h->ticks.back()) == 2);
  CHECK(h->acks.size() == 1);
}

} // namespace tidemill::test
