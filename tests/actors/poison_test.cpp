#include "actors/supervisor.hpp"

#include "tests/actors/worker_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <stdexcept>

namespace tidemill::test {
namespace {

using std::chrono::milliseconds;

/// Throws at rows whose `k` is one of the bad: a bug in a step. `before`: called first.
class touchy_step : public step {
public:
  touchy_step(std::size_t slot, std::set<std::int64_t> bad, std::function<void()> before)
      : slot_(slot), bad_(std::move(bad)), before_(std::move(before)) {}
  void apply(event_batch& batch, const step_context&, std::vector<cel::row_error>&) override {
    for (auto row : batch.selected)
      if (bad_.contains(batch.columns[slot_].as<std::int64_t>()[row])) {
        if (before_)
          before_();
        throw std::runtime_error{"a bug in a step"};
      }
  }

private:
  std::size_t slot_;
  std::set<std::int64_t> bad_;
  std::function<void()> before_;
};

class touchy_plan : public step_plan {
public:
  touchy_plan(std::size_t slot, std::set<std::int64_t> bad, std::function<void()> before)
      : slot_(slot), bad_(std::move(bad)), before_(std::move(before)) {}
  std::unique_ptr<step> instance() const override {
    return std::make_unique<touchy_step>(slot_, bad_, before_);
  }

private:
  std::size_t slot_;
  std::set<std::int64_t> bad_;
  std::function<void()> before_;
};

/// A worker under a supervisor, over 40 records of which those with `k` ≥ 100 are poisonous.
struct poisoned_pipeline : worker_world {
  std::uint64_t incarnation = 0;
  std::vector<std::string> escalated;
  caf::actor top;
  caf::actor current;
  std::function<void()> before_throw;

  ~poisoned_pipeline() {
    top = current = nullptr;
    stop_all();
  }

  void put_records(const std::set<std::size_t>& poisonous, std::int64_t jump_at = -1) {
    std::set<std::int64_t> bad;
    for (std::size_t i = 0; i < 40; ++i) {
      auto n = static_cast<std::int64_t>(i);
      auto k = poisonous.contains(i) ? 100 + n : n % 3;
      auto t = 100 + n + (jump_at >= 0 && n >= jump_at ? 1'000 : 0);
      source->lines.push_back(std::to_string(t) + ',' + std::to_string(k));
      if (k >= 100)
        bad.insert(k);
    }
    source->finite = true;
    const auto& fields = all->sources[0].fields.fields();
    auto slot = static_cast<std::size_t>(std::ranges::find(fields, "k", &field::name) - fields.begin());
    all->sources[0].streams[0].steps.push_back(std::make_shared<touchy_plan>(slot, bad, before_throw));
    all->sources[0].streams[0].step_names.emplace_back("log.steps[0] touchy");
  }

  /// Starts the pipeline; `pieces` of the input come one after the other.
  void supervise(const std::vector<std::size_t>& pieces, std::uint32_t max_failures = 5) {
    shown().held_back = true; // not idle: time moves by records alone
    supervisor_setup s;
    s.limits = {milliseconds{100}, milliseconds{1'000}, milliseconds{10'000}, max_failures};
    s.status = status;
    s.failed = [this](std::string why) { escalated.push_back(std::move(why)); };
    s.children.push_back({"worker log/0",
                          supervised::kind::worker,
                          0,
                          0,
                          [this](caf::event_based_actor* parent, std::uint64_t n, const suspects& suspected) {
                            auto w = setup();
                            w.incarnation = incarnation = n;
                            w.suspected = suspected;
                            return current =
                                       keep(caf::actor_cast<caf::actor>(parent->spawn(worker, std::move(w))));
                          },
                          {}});
    top = keep(system.spawn(supervisor, std::move(s)));
    run();
    for (auto more : pieces) {
      source->grow(more);
      pass(milliseconds{1'500});
    }
    pass(milliseconds{5'000}, milliseconds{50});
  }

  /// Each record ends in one place, once.
  void check_all_but(const std::set<std::size_t>& poisonous) {
    CHECK(escalated.empty());
    CHECK(status->problems().empty());
    CHECK(view_state->state->finished());
    std::map<std::int64_t, std::uint64_t> counted;
    std::vector<offset> sent, skipped;
    for (std::size_t i = 0; i < 40; ++i)
      if (poisonous.contains(i)) {
        skipped.push_back(fake_source::at(i));
      } else {
        sent.push_back(fake_source::at(i));
        ++counted[static_cast<std::int64_t>(i % 3)];
      }
    CHECK(view_state->sealed == counted);
    CHECK(events->at == sent);
    CHECK(dead->at == skipped);
    for (const auto& letter : dead->events)
      if (letter.find("2200") == std::string::npos || letter.find("ended its worker") == std::string::npos)
        FAIL_CHECK("not a dead letter of a poisonous record: " << letter);
    CHECK(shown().dead == poisonous.size());
  }
};

} // namespace

TEST_CASE_METHOD(poisoned_pipeline, "a poisonous record becomes a dead letter, all others count once") {
  auto place = GENERATE(std::size_t{0}, std::size_t{5}, std::size_t{7}, std::size_t{39});
  auto batch = GENERATE(std::size_t{1}, std::size_t{4}, std::size_t{40});
  INFO("record " << place << ", batches of " << batch);
  put_records({place});
  source->batch_size = batch;
  SECTION("all at once") {
    supervise({40});
  }
  SECTION("in pieces") {
    supervise({3, 3, 10, 20, 4});
  }
  check_all_but({place});
  CHECK(incarnation <= 4);
  CHECK(shown().restarts <= 3);
}

TEST_CASE_METHOD(poisoned_pipeline, "poisonous records one after the other are found, each by itself") {
  std::set<std::size_t> places{5, 6, 20};
  put_records(places);
  supervise({40});
  check_all_but(places);
}

TEST_CASE_METHOD(poisoned_pipeline, "the right record is found while a jump in time keeps records back") {
  // The records from 20 on lie far ahead: 20 waits for the next three.
  auto place = GENERATE(std::size_t{19}, std::size_t{20}, std::size_t{21}, std::size_t{22}, std::size_t{23});
  auto batch = GENERATE(std::size_t{1}, std::size_t{7}, std::size_t{40});
  INFO("record " << place << ", batches of " << batch);
  put_records({place}, 20);
  source->batch_size = batch;
  SECTION("all at once") {
    supervise({40});
  }
  SECTION("with a flush in between") {
    supervise({21, 1, 1, 1, 16});
  }
  check_all_but({place});
}

TEST_CASE_METHOD(poisoned_pipeline, "a poisonous record that waits for the end of the input is found") {
  auto jump = GENERATE(38, 39);
  put_records({39}, jump);
  SECTION("all at once") {
    supervise({40});
  }
  SECTION("one by one at the end") {
    supervise({37, 1, 1, 1});
  }
  check_all_but({39});
}

TEST_CASE_METHOD(poisoned_pipeline, "a skip is remembered by whoever starts later") {
  put_records({7});
  source->finite = false;
  supervise({12});
  auto before = incarnation;
  caf::anon_send_exit(top, caf::exit_reason::kill);
  stop(current);
  CHECK(dead->events.size() == 1);
  source->finite = true;
  supervise({28});
  CHECK(incarnation == 1);
  CHECK(before == 4);
  check_all_but({7});
}

TEST_CASE_METHOD(poisoned_pipeline, "a worker that finds poison in every record gives up") {
  std::set<std::size_t> every;
  for (std::size_t i = 0; i < 40; ++i)
    every.insert(i);
  put_records(every);
  supervise({40});
  REQUIRE(escalated.size() == 1);
  CHECK(escalated[0] == "worker log/0 failed too often: a bug in a step");
}

namespace {

/// The process ends at a poisonous record: what the work register says in that moment is what the next
/// process finds. The worker that goes on to die of an exception afterwards is not part of the story.
struct deadly_pipeline : poisoned_pipeline {
  std::filesystem::path at_work = folder.path() / "at_work" / "0",
                        as_it_ended = folder.path() / "as_it_ended";
  std::size_t ends = 0;

  deadly_pipeline() {
    before_throw = [this] {
      std::filesystem::copy_file(at_work, as_it_ended, std::filesystem::copy_options::overwrite_existing);
    };
  }

  /// One process, from its start until it ends at a record or has consumed all. False: it has ended.
  bool run_process(std::size_t more) {
    std::filesystem::remove(as_it_ended);
    auto w = setup();
    w.at_work = at_work;
    w.incarnation = ++incarnation;
    current = keep(caf::actor_cast<caf::actor>(system.spawn(worker, std::move(w))));
    run();
    source->grow(more);
    pass(milliseconds{1'500});
    if (!std::filesystem::exists(as_it_ended))
      return true;
    ++ends;
    stop(current);
    std::filesystem::copy_file(as_it_ended, at_work, std::filesystem::copy_options::overwrite_existing);
    return false;
  }
};

} // namespace

TEST_CASE_METHOD(deadly_pipeline, "a record that ends the process becomes a dead letter after three ends") {
  auto place = GENERATE(std::size_t{0}, std::size_t{5}, std::size_t{7}, std::size_t{39});
  put_records({place});
  shown().held_back = true;
  for (std::size_t more = 40; !run_process(more) && ends < 10;)
    more = 0;
  CHECK(ends == 3);
  pass(milliseconds{5'000}, milliseconds{50});
  check_all_but({place});
}

TEST_CASE_METHOD(deadly_pipeline,
                 "the right record is found although others wait with it for a jump's proof") {
  put_records({20, 21}, 20);
  shown().held_back = true;
  for (std::size_t more = 40; !run_process(more) && ends < 20;)
    more = 0;
  CHECK(ends == 6);
  pass(milliseconds{5'000}, milliseconds{50});
  check_all_but({20, 21});
}

TEST_CASE_METHOD(deadly_pipeline, "a process that ends by chance costs nobody a record") {
  put_records({});
  shown().held_back = true;
  // Killed while records were in hand, twice the same ones: not a single one.
  for (auto r : {record_range{0, 60}, record_range{0, 60}, record_range{4, 5}, record_range{7, 8}}) {
    auto left = work_register::open(at_work);
    REQUIRE(left);
    left->begin(r);
    REQUIRE(run_process(0));
    stop(current);
  }
  REQUIRE(run_process(40));
  pass(milliseconds{5'000}, milliseconds{50});
  check_all_but({});
  CHECK(work_register::open(at_work)->suspected().empty());
}

} // namespace tidemill::test
