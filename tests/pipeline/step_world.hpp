#pragma once

#include "pipeline/partition.hpp"
#include "tests/support/kept_state.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tidemill::test {

/// A stream `some` with given steps over records {t: timestamp_s, k: string, x: double?} of one partition.
class step_world {
public:
  explicit step_world(std::vector<component> steps, std::int64_t out_of_order = 0) {
    definition d;
    d.sources.push_back(
        {{"log", {}},
         "test",
         section({{"format", text_option("json")},
                  {"schema", schema_option({{"t", "timestamp_s"}, {"k", "string"}, {"x", "double?"}})},
                  {"time", section_option({{"field", text_option("t")},
                                           {"out_of_order", time_option(std::chrono::seconds{out_of_order})},
                                           {"max_future", time_option(std::chrono::hours{10'000})}})}})});
    d.streams.push_back({{"some", {}}, {"log", {}}, std::move(steps)});
    d.sinks.push_back({{"out", {}},
                       "file",
                       section({{"from", texts_option({"some", "some.dead"})}, {"path", text_option("x")}})});
    all_ = compile_plan(
        d, [](const component&) { return result<schema>{schema{}}; }, faults);
  }

  std::vector<diagnostic> faults;

  struct line {
    std::int64_t t = 0;
    std::string key;
    double x = 0;
  };
  struct outcome {
    kept_state state;
    std::vector<offset> passed; ///< numbers of lines
    std::vector<std::string> dead;
    std::vector<std::string> events;
    step_totals totals;
    friend bool operator==(const outcome&, const outcome&) = default;
  };
  /// All lines at once; with `cuts` in small pieces; with `restart` each piece may be followed by one from
  /// what a store kept.
  outcome run(const std::vector<line>& lines, std::mt19937_64* cuts = nullptr, bool restart = false) const {
    auto worker = make();
    worker->start(0);
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
        auto restored = worker->restore(position, saved.core, saved.pieces(), [](auto&) { return true; });
        REQUIRE(restored.has_value());
        at = position / per_line;
      }
    }
    worker->enter({worker->entry_offset(journal_entry::what::end), journal_entry::what::end, {}, 0, {}}, out);
    return outcome_of(*worker, out);
  }

  [[nodiscard]] std::unique_ptr<partition> make() const {
    for (const auto& f : faults)
      FAIL_CHECK(to_string(f, "plan"));
    REQUIRE(all_);
    return std::make_unique<partition>(all_, 0, partition_id{0}, true, partition::table_finder{});
  }
  [[nodiscard]] static record_batch_ptr batch_of(const std::vector<line>& lines, std::size_t from,
                                                 std::size_t to) {
    auto texts = std::make_shared<std::vector<std::string>>();
    for (auto i = from; i < to; ++i)
      texts->push_back("{\"t\":" + std::to_string(lines[i].t) + ",\"k\":\"" + lines[i].key +
                       "\",\"x\":" + std::to_string(lines[i].x) + "}");
    auto b = std::make_shared<record_batch>();
    b->begin = from * per_line;
    b->end = to * per_line;
    for (auto i = from; i < to; ++i)
      b->records.push_back({(*texts)[i - from], i * per_line, (i + 1) * per_line, std::nullopt});
    b->memory = texts;
    return b;
  }

private:
  static constexpr offset per_line = 10;

  [[nodiscard]] outcome outcome_of(const partition& worker, const std::vector<emission>& out) const {
    outcome o;
    o.state = keep_all(*worker.snapshot());
    for (const auto& e : out)
      if (all_->sources[0].outputs[e.output].kind == output_kind::events) {
        o.passed.push_back(e.id.at / per_line);
        o.events.push_back(e.json);
      } else {
        o.dead.push_back(std::to_string(e.id.at / per_line) + ' ' + e.json);
      }
    if (!worker.steps().empty())
      o.totals = worker.steps().front();
    return o;
  }

  std::shared_ptr<const plan> all_;
};

} // namespace tidemill::test
