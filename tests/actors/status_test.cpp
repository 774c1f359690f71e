#include "actors/status.hpp"

#include <catch2/catch.hpp>

#include <memory>

using namespace tidemill;

namespace {

constexpr std::int64_t second = 1'000'000;

/// Two partitions: 0 runs and is ahead, 1 holds the watermark.
struct two_partitions {
  std::unique_ptr<source_board> owned = std::make_unique<source_board>();
  source_board& source = *owned;
  two_partitions() {
    source.known = true;
    source.name = "clicks";
    for (std::int64_t p = 0; p < 2; ++p) {
      auto& b = *source.partitions.emplace_back(std::make_unique<partition_board>());
      b.running = true;
      b.replaying = false;
      b.watermark = (20 - p * 10) * second;
    }
  }
  partition_board& slow() { return *source.partitions[1]; }
  partition_board& fast() { return *source.partitions[0]; }
  [[nodiscard]] std::string said() const { return what_holds(source); }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE_METHOD(two_partitions, "the partition with the lowest watermark is named, with its time") {
  auto text = said();
  CHECK(contains(text, "partition clicks/1 "));
  CHECK(contains(text, "stands at 1970-01-01T00:00:10"));
  CHECK(contains(text, "its source has nothing new"));
}

TEST_CASE_METHOD(two_partitions, "a stopped worker is the first reason") {
  slow().running = false;
  slow().replaying = slow().held_back = true;
  CHECK(contains(said(), "clicks/1 holds the watermark: it begins when all sources are open"));
  source.partitions[1]->restarts = 1;
  CHECK(contains(said(), "clicks/1 holds the watermark: its worker has stopped and waits to be restarted"));
}

TEST_CASE_METHOD(two_partitions, "records whose times wait for others are told") {
  slow().undecided = true;
  CHECK(contains(said(), "three more decide whether its time counts"));
}

TEST_CASE_METHOD(two_partitions, "a replaying worker says so") {
  slow().replaying = slow().held_back = true;
  CHECK(contains(said(), "clicks/1 holds the watermark: it replays what was seen before its restart"));
}

TEST_CASE_METHOD(two_partitions, "a partition without credit waits for others") {
  slow().held_back = true;
  slow().lag = 5;
  CHECK(contains(said(), "waits for its views and sinks, or for slower partitions"));
}

TEST_CASE_METHOD(two_partitions, "a partition that is behind tells by how much") {
  slow().lag = 512;
  CHECK(contains(said(), "512"));
  CHECK(contains(said(), "behind the end of its input"));
}

TEST_CASE_METHOD(two_partitions, "an idle partition follows the others") {
  slow().idle = true;
  CHECK(contains(said(), "idle: it follows the others"));
}

TEST_CASE_METHOD(two_partitions, "a partition without any event has no time") {
  slow().watermark = time_min.time_since_epoch().count();
  CHECK(contains(said(), "has seen no event yet"));
}

TEST_CASE_METHOD(two_partitions, "an ended partition holds nothing") {
  slow().ended = true;
  CHECK(contains(said(), "partition clicks/0 "));
  fast().ended = true;
  CHECK(said().empty());
}

TEST_CASE_METHOD(two_partitions,
                 "a pipeline is not ready while anything recovers, is stopped or has a problem") {
  board b;
  b.sources.push_back(std::move(owned));
  auto& v = *b.views.emplace_back(std::make_unique<view_board>());
  v.name = "hourly";
  v.recovering = false;
  CHECK(not_ready(b).empty());
  v.recovering = true;
  b.problem("sinks.out", "the disk is full");
  b.sources[0]->partitions[1]->running = false;
  auto why = not_ready(b);
  REQUIRE(why.size() == 3);
  CHECK(why[0] == "sinks.out: the disk is full");
  CHECK(contains(why[1], "view hourly is recovering"));
  CHECK(contains(why[2], "partition clicks/1 is not running"));
  b.problem("sinks.out", "");
  CHECK(not_ready(b).size() == 2);
}

TEST_CASE_METHOD(two_partitions,
                 "a partition that is halted or not ours is named as what holds the watermark") {
  slow().halted = true;
  CHECK(contains(said(), "clicks/1 holds the watermark: it is halted"));
  slow().halted = false;
  slow().assigned = false;
  slow().running = false;
  CHECK(contains(said(), "not assigned to this process"));
  board b;
  b.sources.push_back(std::move(owned));
  CHECK(not_ready(b) == std::vector<std::string>{"partition clicks/1 is not assigned to this process"});
}

TEST_CASE_METHOD(two_partitions, "a source whose partitions are not known yet shows none and is not ready") {
  source.known = false;
  board b;
  b.sources.push_back(std::move(owned));
  CHECK(not_ready(b) == std::vector<std::string>{"source clicks is not open yet"});
  CHECK(contains(pipeline_json("p", b, 0), R"("partitions":[])"));
}

TEST_CASE_METHOD(two_partitions, "what a source counts itself becomes metrics and part of its status") {
  source.gauges({{"throttle_ms", "How long the broker makes us wait.", 250}});
  board b;
  b.sources.push_back(std::move(owned));
  CHECK(contains(metrics_text("p", b, {}),
                 "tidemill_source_throttle_ms{pipeline=\"p\",source=\"clicks\"} 250"));
  CHECK(contains(pipeline_json("p", b, 0), "\"throttle_ms\":250"));
}
