#include "actors/tap_board.hpp"

#include "pipeline/steps/steps.hpp"

#include <algorithm>
#include <deque>

namespace tidemill {
namespace {

constexpr std::chrono::seconds longest_silence{10};
constexpr std::size_t most_taps = 64;
constexpr std::size_t most_waiting = 10'000;
constexpr std::size_t most_bytes = 16u << 20;
constexpr double rows_per_match = 100; ///< looked at for each one that may be shown

// Of all workers together, for the conditions of all taps; real time, as that is what a pipeline loses.
constexpr double work_per_second = 0.1;
constexpr std::size_t first_rows = 1, most_rows = 1024; // looked at in one go

/// So much a second, and as much at once.
class budget {
public:
  explicit budget(double per_second) : rate_(per_second), left_(per_second) {}
  void refill(tap_board::clock::time_point now) {
    if (last_ != tap_board::clock::time_point{})
      left_ = std::min(rate_, left_ + rate_ * std::chrono::duration<double>(now - last_).count());
    last_ = now;
  }
  [[nodiscard]] std::size_t left() const noexcept { return left_ < 1 ? 0 : static_cast<std::size_t>(left_); }
  [[nodiscard]] bool any() const noexcept { return left_ > 0; }
  /// More than is left is a debt.
  template <class Number>
  void spend(Number n) noexcept {
    left_ -= static_cast<double>(n);
  }

private:
  double rate_, left_;
  tap_board::clock::time_point last_{};
};

} // namespace

class tap_board::work_budget {
public:
  [[nodiscard]] bool any(clock::time_point now) {
    std::lock_guard lock{mutex_};
    seconds_.refill(now);
    return seconds_.any();
  }
  void spend(std::chrono::duration<double> work) {
    std::lock_guard lock{mutex_};
    seconds_.spend(work.count());
  }

private:
  std::mutex mutex_;
  budget seconds_{work_per_second};
};

struct tap_board::tap {
  tap(const tap_query& q, std::size_t s, std::size_t t, const stage_plan& stage)
      : query(q), source(s), stream(t), here(stage), shown(q.per_second),
        looked_at(q.per_second * rows_per_match) {}

  const tap_query query;
  const std::size_t source, stream;
  const stage_plan& here;
  std::vector<bool> filled; ///< by field of the stage: whether its column has values
  std::optional<cel::expression> where;

  std::mutex mutex;
  clock::time_point asked{};
  budget shown, looked_at;
  std::deque<std::string> waiting;
  std::size_t bytes = 0;
  std::uint64_t first = 0; ///< number of the first waiting event
  std::uint64_t skipped =
      0; ///< rows that were not looked at, or whose event was dropped before it was fetched

  [[nodiscard]] bool same(const tap_query& q) const {
    return query.stream == q.stream && query.after == q.after && query.where == q.where &&
           query.per_second == q.per_second && query.raw == q.raw;
  }

  void see(const event_batch& batch, clock::time_point now, work_budget& work) {
    std::lock_guard lock{mutex};
    shown.refill(now);
    looked_at.refill(now);
    selection rows = batch.selected;
    const auto some = std::min(rows.size(), where ? looked_at.left() : shown.left());
    skipped += rows.size() - some;
    rows.resize(some);
    looked_at.spend(some);
    if (where && some > 0)
      rows = matching(batch, rows, now, work);
    const auto fit = std::min(rows.size(), shown.left());
    skipped += rows.size() - fit;
    shown.spend(fit);
    for (std::size_t i = 0; i < fit; ++i)
      add(to_json(batch, rows[i]));
  }

  /// A few rows at a time, for as long as there is time: the pipeline waits.
  selection matching(const event_batch& batch, const selection& rows, clock::time_point now,
                     work_budget& work) {
    selection out, some;
    auto most = first_rows;
    for (std::size_t at = 0; at < rows.size(); at += some.size(), most = std::min(2 * most, most_rows)) {
      if (!work.any(now)) {
        skipped += rows.size() - at;
        break;
      }
      const auto begin = clock::now();
      const auto from = rows.begin() + static_cast<std::ptrdiff_t>(at);
      some.assign(from, from + static_cast<std::ptrdiff_t>(std::min(most, rows.size() - at)));
      auto matched = some;
      keep_matching(batch, matched);
      out.insert(out.end(), matched.begin(), matched.end());
      work.spend(clock::now() - begin);
    }
    return out;
  }

  void keep_matching(const event_batch& batch, selection& rows) const {
    column holds;
    std::vector<cel::row_error> failed;
    where->evaluate(batch, rows, holds, failed);
    drop_failed(rows, failed);
    keep_where(rows, holds);
  }

  void add(std::string json) {
    bytes += json.size();
    waiting.push_back(std::move(json));
    while (waiting.size() > most_waiting || (bytes > most_bytes && waiting.size() > 1)) {
      bytes -= waiting.front().size();
      waiting.pop_front();
      ++first;
      ++skipped;
    }
  }

  [[nodiscard]] std::string to_json(const event_batch& batch, std::uint32_t row) const {
    const auto& r = batch.records[row];
    std::string json = "{\"partition\":" + std::to_string(to_index(batch.partition)) +
                       ",\"offset\":" + std::to_string(r.at) + ",\"event_time\":\"" +
                       format_rfc3339(batch.times[row]) + "\",\"event\":{";
    for (std::size_t i = 0; i < here.fields.size(); ++i) {
      const auto& c = batch.columns[here.slots[i]];
      if (!filled[i] || row >= c.size())
        continue;
      if (json.back() != '{')
        json += ',';
      append_json_string(json, here.fields[i].name);
      json += ':';
      append_json(json, c.at(row));
    }
    json += '}';
    if (query.raw) {
      const auto text = is_utf8(r.bytes);
      json += text ? ",\"raw\":" : ",\"raw_base64\":";
      append_json_string(json, text ? std::string{r.bytes} : base64_encode(r.bytes));
    }
    return json + '}';
  }

  std::string page(const tap_query& q) {
    const auto from = std::clamp(q.from.value_or(first + waiting.size()), first, first + waiting.size());
    const auto to = std::min<std::uint64_t>(first + waiting.size(), from + q.limit);
    std::string out = "{\"stream\":";
    append_json_string(out, q.stream);
    out += ",\"fields\":[";
    for (std::size_t i = 0; i < here.fields.size(); ++i)
      if (filled[i]) {
        out += out.back() == '[' ? "" : ",";
        append_json_string(out, here.fields[i].name);
      }
    out += "],\"next\":" + std::to_string(to) + ",\"skipped\":" + std::to_string(skipped) + ",\"events\":[";
    for (auto i = from; i < to; ++i)
      (out += i > from ? "," : "") += waiting[i - first];
    return out + "]}\n";
  }
};

tap_board::tap_board(std::shared_ptr<const plan> all)
    : all_(std::move(all)), work_(std::make_unique<work_budget>()),
      watched_(
          std::make_unique<std::atomic<std::uint32_t>[]>(std::max<std::size_t>(1, all_->sources.size()))) {}

tap_board::~tap_board() = default;

void tap_board::see(std::size_t source, std::size_t stream, std::size_t done, const event_batch& batch,
                    clock::time_point now) {
  std::vector<std::shared_ptr<tap>> here;
  {
    std::lock_guard lock{mutex_};
    close_unread(now);
    for (const auto& t : taps_)
      if (t->source == source && t->stream == stream && t->query.after == done)
        here.push_back(t);
  }
  for (const auto& t : here)
    t->see(batch, now, *work_);
}

result<std::shared_ptr<tap_board::tap>> tap_board::open(const tap_query& query, clock::time_point now) {
  std::vector<std::string> known;
  for (std::size_t s = 0; s < all_->sources.size(); ++s) {
    const auto& source = all_->sources[s];
    for (std::size_t t = 0; t < source.streams.size(); ++t) {
      const auto& stream = source.streams[t];
      known.push_back(stream.name);
      if (stream.name != query.stream)
        continue;
      if (query.after >= stream.stages.size())
        return error{errc::refused, "\"" + stream.name + "\" has " + std::to_string(stream.steps.size()) +
                                        " steps, so `after` is at most that"};
      const auto& stage = stream.stages[query.after];
      auto made = std::make_shared<tap>(query, s, t, stage);
      cel::environment names;
      for (std::size_t i = 0; i < stage.fields.size(); ++i) {
        const auto slot = stage.slots[i];
        made->filled.push_back(slot >= source.needed.size() || source.needed[slot]);
        if (made->filled.back())
          names.variables.push_back({stage.fields[i].name, stage.fields[i].of, slot});
      }
      if (!query.where.empty()) {
        std::vector<cel::fault> faults;
        made->where = cel::expression::compile(query.where, names, faults, cel::limits_of_readers);
        if (!made->where)
          return error{errc::expression_invalid,
                       std::to_string(faults.front().column) + ": " + faults.front().text +
                           (faults.front().hint.empty() ? "" : " (" + faults.front().hint + ")")};
        if (!made->where->result().is(kind::boolean) && !made->where->result().is(kind::dyn))
          return error{errc::expression_invalid,
                       "where is a bool, this is " + to_string(made->where->result())};
      }
      made->asked = now;
      return made;
    }
  }
  auto hint = did_you_mean(query.stream, known);
  return error{errc::refused,
               "no source or stream is named \"" + query.stream + '"' + (hint.empty() ? "" : "; " + hint)};
}

void tap_board::close_unread(clock::time_point now) {
  std::erase_if(taps_, [&](const auto& t) {
    std::lock_guard lock{t->mutex};
    const auto unread = now - t->asked > longest_silence;
    if (unread)
      --watched_[t->source];
    return unread;
  });
}

result<std::string> tap_board::read(const tap_query& query, clock::time_point now) {
  std::shared_ptr<tap> found;
  {
    std::lock_guard lock{mutex_};
    close_unread(now);
    for (const auto& t : taps_)
      if (t->same(query))
        found = t;
    if (!found) {
      if (taps_.size() >= most_taps)
        return error{errc::full, "too many taps are open; one closes ten seconds after its last reader"};
      TIDEMILL_TRY(found, open(query, now));
      taps_.push_back(found);
      ++watched_[found->source];
    }
  }
  std::lock_guard lock{found->mutex};
  found->asked = now;
  return found->page(query);
}

} // namespace tidemill
