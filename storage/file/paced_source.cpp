#include "storage/file/paced_source.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

namespace tidemill {
namespace {

using steady = std::chrono::steady_clock;
constexpr std::chrono::milliseconds shortest_wait{5}; // lets single records gather into batches
constexpr std::size_t look_ahead = 3;

class paced_source final : public record_source {
public:
  paced_source(std::unique_ptr<record_source> inner, double pace,
               decltype(file_source_settings::time_of) time_of, source_clock clock)
      : inner_(std::move(inner)), pace_(pace), time_of_(std::move(time_of)), timer_(std::move(clock)),
        parts_(inner_->partitions()) {}

  std::uint32_t partitions() const noexcept override { return inner_->partitions(); }
  std::string identity() const override { return inner_->identity(); }
  bool has_arrival_times() const noexcept override { return inner_->has_arrival_times(); }
  offset start(partition_id p) override { return inner_->start(p); }

  status seek(partition_id p, offset at) override {
    parts_[to_index(p)].clear();
    return inner_->seek(p, at);
  }

  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, std::chrono::milliseconds wait,
              std::vector<polled>& out) override {
    auto before = out.size();
    TIDEMILL_TRY(auto all_held, refill(wanted, max_bytes));
    auto now = timer_.steady();
    auto next = now + wait;
    for (auto p : wanted)
      next = std::min(next, release_due(parts_[to_index(p)], now, out));
    if (out.size() > before)
      return {};
    auto until = std::chrono::ceil<std::chrono::milliseconds>(next - now);
    // Nothing held and nothing read: the inner source is at its ends or within a long record.
    timer_.wait(all_held ? std::min(wait, std::max(until, shortest_wait)) : std::min(wait, shortest_wait));
    return {};
  }
  void wake() noexcept override {
    timer_.wake();
    inner_->wake();
  }

  std::uint64_t lag(partition_id p) const override { return inner_->lag(p) + parts_[to_index(p)].bytes(); }

private:
  /// One answer of the inner source, with the moment at which each record is due.
  struct held {
    polled what;
    std::vector<steady::time_point> due = {};
    std::size_t next = 0; // records before are delivered
    offset begin = 0;
  };
  struct lane : std::deque<held> {
    [[nodiscard]] std::uint64_t bytes() const {
      std::uint64_t sum = 0;
      for (const auto& h : *this)
        if (auto* batch = std::get_if<record_batch_ptr>(&h.what))
          sum += (*batch)->end - h.begin;
      return sum;
    }
  };

  /// Asks the inner source for those that have nothing left. False: one of them still has nothing.
  result<bool> refill(const std::vector<partition_id>& wanted, std::size_t max_bytes) {
    std::vector<partition_id> empty;
    for (auto p : wanted)
      if (parts_[to_index(p)].empty())
        empty.push_back(p);
    if (empty.empty())
      return true;
    std::vector<polled> got;
    TIDEMILL_CHECK(inner_->poll(empty, max_bytes, std::chrono::milliseconds{0}, got));
    for (auto& one : got)
      hold(std::move(one));
    return std::none_of(empty.begin(), empty.end(), [&](auto p) { return parts_[to_index(p)].empty(); });
  }

  void hold(polled one) {
    held h{.what = std::move(one)};
    partition_id p{};
    if (auto* batch = std::get_if<record_batch_ptr>(&h.what)) {
      p = (*batch)->partition;
      h.begin = (*batch)->begin;
      h.due = due_times(**batch);
    } else if (auto* end = std::get_if<polled_end>(&h.what)) {
      p = end->partition;
    } else {
      p = std::get<polled_gap>(h.what).partition;
    }
    parts_[to_index(p)].push_back(std::move(h));
  }

  std::vector<steady::time_point> due_times(const record_batch& batch) {
    std::vector<steady::time_point> due;
    due.reserve(batch.records.size());
    for (const auto& r : batch.records)
      due.push_back(due_time(time_of_(r, batch.header)));
    for (std::size_t i = 0; i < due.size(); ++i)
      for (std::size_t k = i + 1; k <= i + look_ahead && k < due.size(); ++k)
        if (due[k] != steady::time_point::min()) // it has a time
          due[i] = std::min(due[i], due[k]);
    return due;
  }

  steady::time_point due_time(std::optional<event_time> t) {
    if (!t)
      return steady::time_point::min();
    if (!first_) {
      first_ = t;
      started_ = timer_.steady();
    }
    // In double: the difference of two hostile times may not fit the clock's nanoseconds.
    auto seconds = (static_cast<double>(t->time_since_epoch().count()) -
                    static_cast<double>(first_->time_since_epoch().count())) /
                   1e6 / pace_;
    constexpr double century = 100.0 * 365 * 86'400;
    return started_ + std::chrono::duration_cast<steady::duration>(
                          std::chrono::duration<double>{std::clamp(seconds, -century, century)});
  }

  /// Hands out what is due; returns when the next record is.
  steady::time_point release_due(lane& part, steady::time_point now, std::vector<polled>& out) {
    while (!part.empty()) {
      auto& h = part.front();
      auto* batch = std::get_if<record_batch_ptr>(&h.what);
      if (batch) {
        auto end = h.next;
        while (end < h.due.size() && h.due[end] <= now)
          ++end;
        if (end < h.due.size()) {
          if (end > h.next)
            out.emplace_back(cut(*batch, h, end));
          return h.due[h.next];
        }
        out.emplace_back(h.next == 0 ? *batch : cut(*batch, h, end));
      } else {
        out.push_back(std::move(h.what));
      }
      part.pop_front();
    }
    return steady::time_point::max();
  }

  /// The records from `h.next` to before `end` as a batch of their own; moves `h.next`.
  static record_batch_ptr cut(const record_batch_ptr& whole, held& h, std::size_t end) {
    auto batch = std::make_shared<record_batch>();
    batch->partition = whole->partition;
    batch->begin = h.begin;
    batch->end = end < whole->records.size() ? whole->records[end].at : whole->end;
    batch->header = whole->header;
    batch->memory = whole->memory;
    for (; h.next < end; ++h.next) {
      batch->records.push_back(whole->records[h.next]);
      batch->bytes += whole->records[h.next].bytes.size();
    }
    h.begin = batch->end;
    return batch;
  }

  std::unique_ptr<record_source> inner_;
  double pace_;
  decltype(file_source_settings::time_of) time_of_;
  source_timer timer_;
  std::vector<lane> parts_;
  std::optional<event_time> first_;
  steady::time_point started_{};
};

} // namespace

std::unique_ptr<record_source> make_paced_source(std::unique_ptr<record_source> inner, double pace,
                                                 decltype(file_source_settings::time_of) time_of,
                                                 source_clock clock) {
  return std::make_unique<paced_source>(std::move(inner), pace, std::move(time_of), std::move(clock));
}

} // namespace tidemill
