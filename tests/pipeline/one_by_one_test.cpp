#include "pipeline/partition.hpp"
#include "tests/support/kept_state.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <iostream>
#include <random>

using namespace tidemill;
using namespace tidemill::test;

namespace {

std::shared_ptr<const plan> make_plan() {
  using std::chrono::seconds;
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section({{"format", text_option("csv")},
                {"csv", section_option({{"header", {{}, false}}, {"columns", texts_option({"t", "k"})}})},
                {"schema", schema_option({{"t", "timestamp_s"}, {"k", "int"}})},
                {"time", section_option({{"field", text_option("t")},
                                         {"out_of_order", time_option(seconds{2})},
                                         {"max_future", time_option(seconds{50})}})}})});
  d.views.push_back({{"hits", {}},
                     section({{"from", text_option("log")},
                              {"by", texts_option({"k"})},
                              {"window", section_option({{"size", time_option(seconds{10})}})},
                              {"select", pairs_option({{"n", "count()"}})}})});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    std::cerr << to_string(f, "plan") << '\n';
  REQUIRE(made);
  return made;
}

/// Lines as records with gaps between their offsets.
struct input {
  std::vector<std::string> lines;
  [[nodiscard]] record_batch_ptr batch(std::size_t from, std::size_t to) const {
    auto b = std::make_shared<record_batch>();
    b->begin = from * 3;
    b->end = to * 3;
    for (auto i = from; i < to; ++i)
      b->records.push_back({lines[i], i * 3 + 1, i * 3 + 2, std::nullopt});
    return b;
  }
};

struct outcome {
  kept_state state;
  std::vector<std::string> emitted;
  partition_counts counts;
  friend bool operator==(const outcome&, const outcome&) = default;
};

/// Applies the lines cut by `cut`, which also says whether each piece is consumed one by one.
template <class Cut>
outcome run(const std::shared_ptr<const plan>& all, const input& in, Cut cut) {
  partition p{all, 0, partition_id{}, false, {}};
  p.replay({{in.lines.size() * 3, journal_entry::what::end, {}, 0, {}}});
  std::vector<emission> out;
  for (std::size_t i = 0; i < in.lines.size();) {
    auto [n, singly] = cut();
    auto to = std::min(in.lines.size(), i + n);
    p.one_by_one(singly);
    p.apply(in.batch(i, to), out);
    i = to;
  }
  outcome o;
  o.state = keep_all(*p.snapshot());
  for (const auto& e : out)
    o.emitted.push_back(std::to_string(e.output) + ' ' + e.json);
  o.counts = p.counts();
  if (!p.ended() || p.at_work() || p.position() != in.lines.size() * 3)
    FAIL_CHECK("the input is not consumed to its end");
  return o;
}

} // namespace

TEST_CASE("one by one or not, and however the input is cut, a partition comes to the same state") {
  auto all = make_plan();
  std::mt19937_64 random{7};
  auto pick = [&](std::uint64_t n) { return random() % n; };
  std::uint64_t future = 0, dead = 0, differ = 0;
  for (int round = 0; round < 300; ++round) {
    input in;
    for (std::uint64_t i = 0, t = 1'000; i < 40; ++i) {
      t += pick(4) + (pick(15) == 0 ? 100 : 0);
      auto jump = pick(10) == 0 ? 60 + pick(300) : 0;
      in.lines.push_back(pick(20) == 0 ? "no record"
                                       : std::to_string(t + jump) + ',' + std::to_string(pick(3)));
    }
    auto whole = run(all, in, [] { return std::pair{std::size_t{40}, false}; });
    future += whole.counts.future;
    dead += whole.counts.dead;
    differ += whole == run(all, in, [] { return std::pair{std::size_t{40}, true}; }) ? 0u : 1u;
    differ += whole == run(all, in, [&] { return std::pair{1 + pick(6), pick(2) == 0}; }) ? 0u : 1u;
  }
  CHECK(differ == 0);
  CHECK(future > 100);
  CHECK(dead > 100);
}

TEST_CASE("the end of the input decides on the last records only when all of them are there") {
  auto all = make_plan();
  input in{{"1000,1", "1001,1", "5000,1", "1002,1", "1003,1", "1004,1"}};
  auto whole = run(all, in, [] { return std::pair{std::size_t{6}, false}; });
  CHECK(whole.counts.future == 1);
  CHECK(run(all, in, [] { return std::pair{std::size_t{1}, false}; }) == whole);
  CHECK(run(all, in, [] { return std::pair{std::size_t{3}, false}; }) == whole);
}
