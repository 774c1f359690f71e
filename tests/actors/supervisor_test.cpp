#include "actors/supervisor.hpp"

#include "tests/actors/actor_fixture.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <stdexcept>

using namespace tidemill;
using std::chrono::milliseconds;

namespace {

using kind = supervised::kind;

/// What the children do and hear.
struct play {
  std::vector<std::uint64_t> starts; ///< of each child
  std::vector<std::string> drained;
  std::vector<std::uint32_t> views_up; ///< heard by workers
  std::vector<caf::actor> handles;
  std::vector<std::string> escalated;
  std::vector<std::size_t> released; ///< partitions
  bool stubborn = false;             ///< children die while they start
};

caf::behavior actor_in_play(caf::event_based_actor* self, const std::shared_ptr<play>& p,
                            const std::string& name) {
  self->set_exception_handler(describe_exception);
  if (p->stubborn)
    throw std::runtime_error{name + " can't start"};
  return {
      [](const std::string& why) { throw std::runtime_error{why}; },
      [=](atom::view_up, std::uint32_t view, const caf::actor&) { p->views_up.push_back(view); },
      [=](atom::drain) {
        p->drained.push_back(name);
        self->quit();
      },
  };
}

struct supervised_pipeline : test::actor_fixture {
  enum children : std::size_t { the_saver, the_publisher, the_sink, the_view, a_worker, another_worker };
  std::shared_ptr<play> on = std::make_shared<play>();
  std::shared_ptr<board> status = std::make_shared<board>();
  caf::actor top;

  explicit supervised_pipeline(bool parked = false) {
    auto& source = *status->sources.emplace_back(std::make_unique<source_board>());
    for (int p = 0; p < 2; ++p)
      source.partitions.push_back(std::make_unique<partition_board>());
    supervisor_setup setup;
    setup.limits = {milliseconds{100}, milliseconds{1'000}, milliseconds{10'000}, 3};
    setup.status = status;
    setup.failed = [p = on](std::string why) { p->escalated.push_back(std::move(why)); };
    setup.released = [p = on](std::size_t, std::size_t partition) { p->released.push_back(partition); };
    add(setup, "saver", kind::saver, 0, {});
    add(setup, "publisher", kind::publisher, 0, {the_view});
    add(setup, "sink", kind::sink, 0, {a_worker, another_worker});
    add(setup, "view", kind::view, 7, {a_worker, another_worker});
    add(setup, "worker 0", kind::worker, 0, {});
    add(setup, "worker 1", kind::worker, 1, {});
    setup.children.back().parked = parked;
    top = system.spawn(supervisor, std::move(setup));
    run();
  }
  ~supervised_pipeline() {
    for (const auto& h : on->handles)
      keep(h);
    keep(top);
    on->handles.clear();
    stop_all();
  }

  void add(supervisor_setup& setup, const std::string& name, kind of, std::size_t index,
           std::vector<std::size_t> dependants) {
    auto number = on->starts.size();
    on->starts.push_back(0);
    on->handles.emplace_back();
    setup.children.push_back(
        {name, of, 0, index,
         [p = on, number, name](caf::event_based_actor* parent, std::uint64_t incarnation, const suspects&) {
           p->starts[number] = incarnation;
           return p->handles[number] = parent->spawn(actor_in_play, p, name);
         },
         std::move(dependants), false});
  }
  void kill(std::size_t child, const std::string& why = "oh") {
    caf::anon_send(on->handles[child], why);
    run();
  }
};

} // namespace

TEST_CASE_METHOD(supervised_pipeline, "a failed child comes back after its backoff, not before") {
  CHECK(on->starts == std::vector<std::uint64_t>(6, 1));
  kill(a_worker, "the disk is gone");
  CHECK(status->problems().at("worker 0") == "the disk is gone");
  CHECK(status->sources[0]->partitions[0]->restarts == 1);
  advance(milliseconds{49}); // jitter spreads 100 ms over [50, 100]
  CHECK(on->starts[a_worker] == 1);
  pass(milliseconds{51});
  CHECK(on->starts[a_worker] == 2);
  CHECK(on->starts[another_worker] == 1);
  CHECK(status->problems().empty());
  kill(a_worker);
  advance(milliseconds{99});
  CHECK(on->starts[a_worker] == 2);
  pass(milliseconds{110});
  CHECK(on->starts[a_worker] == 3);
}

TEST_CASE_METHOD(supervised_pipeline,
                 "a child that fails too often fails the pipeline, once, with its reason") {
  for (int i = 0; i < 3; ++i) {
    kill(the_view, "reason " + std::to_string(i));
    pass(milliseconds{1'000});
  }
  CHECK(on->escalated.empty());
  kill(the_view, "the last reason");
  kill(a_worker);
  pass(milliseconds{5'000});
  CHECK(on->escalated == std::vector<std::string>{"view failed too often: the last reason"});
  CHECK(on->starts[the_view] == 4);
}

TEST_CASE_METHOD(supervised_pipeline, "healthy time between failures keeps a pipeline alive") {
  for (int i = 0; i < 10; ++i) {
    kill(the_view);
    pass(milliseconds{11'000}, milliseconds{500});
  }
  CHECK(on->escalated.empty());
  CHECK(on->starts[the_view] == 11);
}

TEST_CASE_METHOD(supervised_pipeline, "a child that dies while it starts is tried again") {
  on->stubborn = true;
  kill(the_sink);
  pass(milliseconds{100});
  CHECK(on->starts[the_sink] == 2);
  CHECK(status->problems().at("sink") == "sink can't start");
  on->stubborn = false;
  pass(milliseconds{200});
  CHECK(on->starts[the_sink] == 3);
  CHECK(on->escalated.empty());
}

TEST_CASE_METHOD(supervised_pipeline, "the death of a view only tells workers of the new one") {
  kill(the_view);
  pass(milliseconds{100});
  CHECK(on->starts[the_view] == 2);
  CHECK(on->views_up == std::vector<std::uint32_t>{7, 7});
  CHECK(on->starts[a_worker] == 1);
}

TEST_CASE_METHOD(supervised_pipeline, "the death of a sink starts its workers anew, without blaming them") {
  for (int i = 0; i < 3; ++i) {
    kill(the_sink);
    pass(milliseconds{11'000}, milliseconds{500});
  }
  CHECK(on->starts[the_sink] == 4);
  CHECK(on->starts[a_worker] == 4);
  CHECK(on->starts[another_worker] == 4);
  CHECK(on->escalated.empty());
  CHECK(status->problems().empty());
}

TEST_CASE_METHOD(supervised_pipeline, "an error from outside fails the pipeline") {
  caf::anon_send(top, atom::fatal_v, std::string{"sources.clicks: the topic is gone"});
  caf::anon_send(top, atom::fatal_v, std::string{"again"});
  run();
  CHECK(on->escalated == std::vector<std::string>{"sources.clicks: the topic is gone"});
}

TEST_CASE_METHOD(supervised_pipeline,
                 "a drain goes down the stream: workers, views, sinks, publishers, saver") {
  caf::anon_send(top, atom::drain_v);
  run();
  CHECK(on->drained ==
        std::vector<std::string>{"worker 0", "worker 1", "view", "sink", "publisher", "saver"});
}

TEST_CASE_METHOD(supervised_pipeline, "a drain doesn't wait for who has died, and starts nobody") {
  kill(a_worker);
  kill(the_sink);
  caf::anon_send(top, atom::drain_v);
  run();
  pass(milliseconds{500});
  CHECK(on->drained == std::vector<std::string>{"worker 1", "view", "publisher", "saver"});
  CHECK(on->starts[a_worker] == 1);
}

namespace {

/// Its second worker's partition comes and goes.
struct shared_pipeline : supervised_pipeline {
  shared_pipeline() : supervised_pipeline(true) {}
  void assign() {
    caf::anon_send(top, atom::assigned_v, std::uint64_t{0}, std::uint64_t{1});
    run();
  }
  void revoke(bool lost) {
    caf::anon_send(top, atom::revoked_v, std::uint64_t{0}, std::uint64_t{1}, lost);
    run();
  }
};

} // namespace

TEST_CASE_METHOD(shared_pipeline, "a worker whose partition is not ours starts when it is assigned") {
  CHECK(on->starts[another_worker] == 0);
  CHECK(on->starts[a_worker] == 1);
  assign();
  CHECK(on->starts[another_worker] == 1);
}

TEST_CASE_METHOD(shared_pipeline,
                 "a revoked partition is given back when its worker has ended, and may return") {
  assign();
  revoke(false);
  CHECK(on->drained == std::vector<std::string>{"worker 1"});
  CHECK(on->released == std::vector<std::size_t>{1});
  pass(milliseconds{5'000});
  CHECK(on->starts[another_worker] == 1);
  assign();
  CHECK(on->starts[another_worker] == 2);
  CHECK(on->escalated.empty());
}

TEST_CASE_METHOD(shared_pipeline, "a lost partition's worker ends without a last word") {
  assign();
  revoke(true);
  pass(milliseconds{1'000});
  CHECK(on->drained.empty());
  CHECK(on->released.empty());
  CHECK(on->starts[another_worker] == 1);
}

TEST_CASE_METHOD(shared_pipeline,
                 "a partition revoked while its worker waits for a restart is given back at once") {
  assign();
  kill(another_worker);
  revoke(false);
  CHECK(on->released == std::vector<std::size_t>{1});
  pass(milliseconds{5'000});
  CHECK(on->starts[another_worker] == 1);
}

TEST_CASE_METHOD(shared_pipeline, "a halted partition stays so and says why, the others go on") {
  assign();
  caf::anon_send(top, atom::halted_v, std::uint64_t{0}, std::uint64_t{1}, std::string{"the topic is gone"});
  run();
  pass(milliseconds{5'000});
  assign();
  CHECK(on->starts[another_worker] == 1);
  CHECK(status->sources[0]->partitions[1]->halted);
  CHECK(status->problems().at("partition /1") == "the topic is gone");
  CHECK(on->starts[a_worker] == 1);
  CHECK(on->escalated.empty());
}

TEST_CASE_METHOD(shared_pipeline, "a drain does not wait for workers that never started") {
  caf::anon_send(top, atom::drain_v);
  run();
  CHECK(on->drained == std::vector<std::string>{"worker 0", "view", "sink", "publisher", "saver"});
}
