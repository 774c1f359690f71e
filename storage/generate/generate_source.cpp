#include "storage/generate/generate_source.hpp"

#include "event/hash.hpp"
#include "storage/disk_file.hpp"
#include "storage/generate/clickstream.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tidemill {
namespace {

constexpr std::size_t records_per_batch = 4096;
constexpr event_time default_start{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
constexpr std::chrono::milliseconds shortest_wait{5}; // lets single records gather into batches
constexpr double rate_of_the_fast = 1000;

class generate_source final : public record_source {
public:
  generate_source(generate_settings settings, event_time start)
      : settings_(std::move(settings)), timer_(settings_.clock), live_(settings_.rate > 0),
        made_({.seed = settings_.seed,
               .partitions = settings_.partitions,
               .rate = live_ ? settings_.rate : rate_of_the_fast,
               .users = settings_.users,
               .start = start}),
        lanes_(settings_.partitions) {
    identity_ = "generate clickstream/1 seed=" + std::to_string(settings_.seed) +
                " partitions=" + std::to_string(settings_.partitions) +
                " rate=" + std::to_string(settings_.rate) + " users=" + std::to_string(settings_.users) +
                " start=" + format_rfc3339(start);
  }

  std::uint32_t partitions() const noexcept override { return settings_.partitions; }
  std::string identity() const override { return identity_; }
  bool has_arrival_times() const noexcept override { return true; }
  offset start(partition_id) override { return 0; }

  status seek(partition_id p, offset at) override {
    if (settings_.events > 0 && at > count(p))
      return error{errc::out_of_range, settings_.name + ": offset " + std::to_string(at) +
                                           " lies behind the last event of partition " +
                                           std::to_string(to_index(p)) + " (" + std::to_string(count(p)) +
                                           ")"};
    lanes_[to_index(p)] = {.next = at, .ended = false};
    return {};
  }

  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, std::chrono::milliseconds wait,
              std::vector<polled>& out) override {
    auto before = out.size();
    auto now = live_ ? timer_.wall() : time_max;
    auto first_due = time_max;
    for (auto p : wanted) {
      auto& lane = lanes_[to_index(p)];
      if (lane.ended)
        continue;
      if (auto batch = make_batch(p, lane, max_bytes, now))
        out.emplace_back(std::move(batch));
      if (settings_.events > 0 && lane.next == count(p)) {
        lane.ended = true;
        out.emplace_back(polled_end{p, lane.next});
      } else if (live_) {
        first_due = std::min(first_due, made_.due(p, lane.next));
      }
    }
    if (out.size() == before) {
      auto until =
          first_due == time_max ? wait : std::chrono::ceil<std::chrono::milliseconds>(first_due - now);
      timer_.wait(std::min(wait, std::max(until, shortest_wait)));
    }
    return {};
  }
  void wake() noexcept override { timer_.wake(); }

  std::uint64_t lag(partition_id p) const override {
    auto end = settings_.events > 0 ? count(p) : ~std::uint64_t{0};
    auto next = lanes_[to_index(p)].next;
    if (live_)
      end = std::min(end, made_.due_by(p, timer_.wall()));
    else if (settings_.events == 0)
      return 0;
    return end - std::min(end, next);
  }

private:
  struct place {
    offset next = 0;
    bool ended = false; // and told so
  };

  /// Records of a partition if the source ends.
  [[nodiscard]] std::uint64_t count(partition_id p) const {
    return settings_.events / settings_.partitions + (to_index(p) < settings_.events % settings_.partitions);
  }

  record_batch_ptr make_batch(partition_id p, place& lane, std::size_t max_bytes, event_time now) {
    auto end = settings_.events > 0 ? count(p) : ~std::uint64_t{0};
    auto text = std::make_shared<std::string>();
    std::vector<std::size_t> ends;
    auto batch = std::make_shared<record_batch>();
    batch->partition = p;
    batch->begin = lane.next;
    while (lane.next < end && ends.size() < records_per_batch && (ends.empty() || text->size() < max_bytes)) {
      auto due = made_.due(p, lane.next);
      if (due > now)
        break;
      made_.append(*text, p, lane.next);
      ends.push_back(text->size());
      batch->records.push_back({.bytes = {}, .at = lane.next, .end = lane.next + 1, .arrival = due});
      ++lane.next;
    }
    if (ends.empty())
      return nullptr;
    for (std::size_t i = 0, from = 0; i < ends.size(); from = ends[i++])
      batch->records[i].bytes = std::string_view{*text}.substr(from, ends[i] - from);
    batch->end = lane.next;
    batch->bytes = text->size();
    batch->memory = std::move(text);
    return batch;
  }

  generate_settings settings_;
  source_timer timer_;
  bool live_;
  clickstream made_;
  std::vector<place> lanes_;
  std::string identity_;
};

/// The start of a live source: read back, or now and kept. The text ends with a checksum.
result<event_time> kept_start(const generate_settings& s) {
  auto path = s.state_folder / (s.name + ".start");
  TIDEMILL_TRY(auto there, file_exists(path));
  auto line_of = [](std::int64_t us) {
    auto text = "tidemill generate 1 " + std::to_string(us);
    return text + " " + std::to_string(hash64(text)) + "\n";
  };
  if (!there) {
    auto now = source_timer{s.clock}.wall();
    TIDEMILL_CHECK(create_folder(s.state_folder));
    TIDEMILL_CHECK(replace_file(path, line_of(now.time_since_epoch().count())));
    return now;
  }
  TIDEMILL_TRY(auto text, read_file(path, 4096));
  constexpr std::size_t number_at = 20;
  std::int64_t us = 0;
  if (text.size() > number_at)
    std::from_chars(text.data() + number_at, text.data() + text.size(), us);
  if (text != line_of(us))
    return error{errc::corrupt, path.string() + " is damaged; delete it to begin a new clickstream, without "
                                                "the pipeline's checkpoints"};
  return event_time{microseconds{us}};
}

} // namespace

result<std::unique_ptr<record_source>> make_generate_source(generate_settings s) {
  auto wrong = [&](const char* what) { return error{errc::config_invalid, s.name + ": " + what}; };
  if (s.partitions < 1 || s.partitions > 1024)
    return wrong("partitions must be 1 … 1024");
  if (!(s.rate >= 0 && s.rate <= 1e9) || (s.rate > 0 && s.rate < 1e-3))
    return wrong("rate must be 0, or 0.001 … 1000000000 events per second");
  if (s.users < 1 || s.users > 10'000'000)
    return wrong("users must be 1 … 10000000");
  constexpr event_time latest{std::chrono::sys_days{std::chrono::year{2200} / 1 / 1}};
  if (s.start && (*s.start < event_time{} || *s.start > latest))
    return wrong("start must lie between 1970 and 2200");
  auto start = s.start.value_or(default_start);
  if (!s.start && s.events == 0 && s.rate > 0) {
    TIDEMILL_TRY(start, kept_start(s));
  }
  return std::make_unique<generate_source>(std::move(s), start);
}

} // namespace tidemill
