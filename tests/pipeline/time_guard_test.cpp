#include "pipeline/time_guard.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;
using std::chrono::seconds;

namespace {

/// Verdicts and watermarks of a run, record by record, until one is undecided.
struct judged {
  std::vector<time_guard::verdict> verdicts;
  std::vector<event_time> before;
  friend bool operator==(const judged&, const judged&) = default;
};

judged one_by_one(time_guard& guard, const std::vector<event_time>& times, const std::vector<record>& records,
                  bool more) {
  judged all;
  for (std::size_t i = 0; i < times.size(); ++i) {
    all.before.push_back(guard.watermark());
    all.verdicts.push_back(guard.judge(times, records, i, more));
    if (all.verdicts.back() == time_guard::verdict::undecided)
      break;
  }
  return all;
}

judged in_runs(time_guard& guard, const std::vector<event_time>& times, const std::vector<record>& records,
               bool more) {
  judged all;
  all.before.resize(times.size());
  for (std::size_t i = 0; i < times.size(); ++i) {
    i = guard.accept(times, records, i, times.size(), all.before);
    all.verdicts.resize(i, time_guard::verdict::accepted);
    if (i == times.size())
      break;
    all.before[i] = guard.watermark();
    all.verdicts.push_back(guard.judge(times, records, i, more));
    if (all.verdicts.back() == time_guard::verdict::undecided)
      break;
  }
  all.before.resize(all.verdicts.size());
  return all;
}

} // namespace

TEST_CASE("records accepted in a run are those that would have been accepted singly", "[time_guard]") {
  std::mt19937_64 random{1};
  auto upto = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  bool same = true;
  for (int round = 0; round < 3000; ++round) {
    auto arrivals = round % 3 == 0;
    time_guard singly{seconds{5}, seconds{20}, arrivals}, together = singly;
    auto now = upto(1000);
    for (int batch = 0; batch < 3; ++batch) {
      std::vector<event_time> times;
      std::vector<record> records;
      for (auto n = upto(12); n > 0; --n) {
        now += upto(4);
        times.emplace_back(seconds{now - upto(10) + (upto(8) == 0 ? upto(60) : 0)});
        record r;
        if (arrivals && upto(5) != 0)
          r.arrival = event_time{seconds{now}};
        records.push_back(r);
      }
      auto more = upto(2) == 0;
      same = same && one_by_one(singly, times, records, more) == in_runs(together, times, records, more) &&
             singly.watermark() == together.watermark();
    }
  }
  CHECK(same);
}
