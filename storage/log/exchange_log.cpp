#include "storage/log/exchange_log.hpp"

#include "event/hash.hpp"

#include <algorithm>
#include <stdexcept>

namespace tidemill {
namespace {

constexpr std::size_t read_bytes = 1u << 20;

/// A frontier that knows nothing yet of so many partitions.
exchange_frontier empty_frontier(const exchange_log::settings& s) {
  exchange_frontier f;
  for (const auto& source : s.sources)
    f.sources.emplace_back(source.partitions);
  return f;
}

/// `a` becomes, place by place, what `pick` makes of both; of what only one has, that one's.
template <class Pick>
void merge(exchange_frontier& a, const exchange_frontier& b, Pick pick) {
  a.sources.resize(std::max(a.sources.size(), b.sources.size()));
  for (std::size_t s = 0; s < b.sources.size(); ++s) {
    auto& mine = a.sources[s];
    const auto& other = b.sources[s];
    const auto common = std::min(mine.size(), other.size());
    for (std::size_t p = 0; p < common; ++p)
      mine[p] = {pick(mine[p].upto, other[p].upto), pick(mine[p].watermark, other[p].watermark)};
    mine.insert(mine.end(), other.begin() + static_cast<std::ptrdiff_t>(common), other.end());
  }
}

const auto lesser = [](auto a, auto b) { return std::min(a, b); };
const auto greater = [](auto a, auto b) { return std::max(a, b); };

} // namespace

result<std::shared_ptr<exchange_log>> exchange_log::open(const std::filesystem::path& folder, settings s,
                                                         std::string_view random_id) {
  ingest_log::settings l;
  l.name = s.name;
  l.partitions = s.partitions;
  l.max_unread = s.max_unread;
  l.segment_bytes = s.segment_bytes;
  l.first = s.first;
  l.max_record = 64u << 20; // an event may be longer than the record that it was made of
  TIDEMILL_TRY(auto records, ingest_log::open(folder, l, random_id));
  std::shared_ptr<exchange_log> log{new exchange_log{std::move(s), std::move(records)}};
  TIDEMILL_CHECK(log->recover());
  return log;
}

/// The last frontier of each partition says what it has; more events may follow it.
status exchange_log::recover() {
  held_ = reached_ = empty_frontier(set_);
  for (std::uint32_t n = 0; n < set_.partitions; ++n) {
    const auto p = static_cast<partition_id>(n);
    auto last = empty_frontier(set_);
    TIDEMILL_CHECK(records_->seek(p, records_->begin(p)));
    while (records_->reader(p) < records_->end(p)) {
      TIDEMILL_TRY(auto batch, records_->read(p, read_bytes));
      for (const auto& r : batch->records) {
        exchange_event e;
        const auto kind = read_record(r.bytes, e, last);
        if (kind == exchange_kind::damaged || (kind == exchange_kind::event && e.input >= set_.inputs.size()))
          return error{errc::corrupt, "record " + std::to_string(r.at) + " of partition " +
                                          std::to_string(n) + " of exchange " + set_.name +
                                          " doesn't decode"};
        if (kind == exchange_kind::frontier)
          continue;
        auto& partitions = reached_.sources.at(set_.inputs[e.input]);
        const auto from = to_index(e.origin.partition);
        partitions.resize(std::max<std::size_t>(partitions.size(), from + 1));
        partitions[from].upto = std::max(partitions[from].upto, e.origin.at + 1);
      }
    }
    TIDEMILL_CHECK(records_->seek(p, records_->begin(p)));
    merge(last, empty_frontier(set_), greater); // there may be more partitions now
    merge(reached_, last, greater);
    if (n == 0)
      held_ = last;
    else
      merge(held_, last, lesser);
  }
  return {};
}

exchange_frontier exchange_log::held() const {
  std::lock_guard lock{mutex_};
  return held_;
}

exchange_frontier exchange_log::reached() const {
  std::lock_guard lock{mutex_};
  return reached_;
}

bool exchange_log::ended() const {
  std::lock_guard lock{mutex_};
  return held_.watermark() == time_max;
}

status exchange_log::append(const std::vector<std::vector<std::string>>& records,
                            const exchange_frontier& frontier) {
  std::string mark;
  append_record(mark, frontier);
  std::vector<ingest_log::incoming> all;
  for (std::uint32_t n = 0; n < records.size(); ++n) {
    for (const auto& r : records[n])
      all.push_back({static_cast<partition_id>(n), r});
    all.push_back({static_cast<partition_id>(n), mark});
  }
  // What is being written may become readable before this returns, but nobody asks for it meanwhile.
  TIDEMILL_TRY(auto ranges, records_->append(event_time{}, all));
  (void)ranges;
  std::lock_guard lock{mutex_};
  held_ = frontier;
  merge(reached_, frontier, greater);
  return {};
}

exchange_sink::exchange_sink(std::shared_ptr<exchange_log> log)
    : log_(std::move(log)), waiting_(log_->set().partitions) {}

exchange_sink::origin exchange_sink::origin_of(partition_id p) const {
  const auto& sources = log_->set().sources;
  for (std::size_t s = 0; s < sources.size(); ++s)
    if (to_index(p) >= sources[s].first && to_index(p) < sources[s].first + sources[s].partitions)
      return {s, to_index(p) - sources[s].first};
  throw std::logic_error{"partition " + std::to_string(to_index(p)) + " feeds no input of exchange " +
                         log_->set().name};
}

std::map<partition_id, offset> exchange_sink::numbered(const exchange_frontier& f) const {
  std::map<partition_id, offset> all;
  const auto& sources = log_->set().sources;
  for (std::size_t s = 0; s < sources.size(); ++s)
    for (std::uint32_t p = 0; p < sources[s].partitions; ++p)
      all[static_cast<partition_id>(sources[s].first + p)] = f.sources[s][p].upto;
  return all;
}

result<std::map<partition_id, offset>> exchange_sink::resume() {
  frontier_ = log_->held();
  return numbered(frontier_);
}

std::map<partition_id, offset> exchange_sink::reached() const {
  return numbered(log_->reached());
}

status exchange_sink::write(const outgoing_batch& batch) {
  const auto from = origin_of(batch.partition);
  for (const auto& e : batch.events) {
    if (!e.key)
      return error{errc::bug, "an event without a key for exchange " + log_->set().name};
    auto& record = waiting_[hash64(*e.key) % waiting_.size()].emplace_back();
    append_record(
        record,
        exchange_event{e.input, {static_cast<partition_id>(from.partition), e.id.at, e.id.index}, e.json});
  }
  auto& place = frontier_.sources[from.source][from.partition];
  const exchange_frontier::place now{std::max(place.upto, batch.upto),
                                     std::max(place.watermark, batch.watermark)};
  dirty_ |= !batch.events.empty() || now != place;
  place = now;
  return {};
}

status exchange_sink::sync() {
  if (!dirty_)
    return {};
  TIDEMILL_CHECK(log_->append(waiting_, frontier_));
  for (auto& records : waiting_)
    records.clear();
  dirty_ = false;
  return {};
}

std::string exchange_source::identity() const {
  return "exchange:" + log_->records()->identity();
}

status exchange_source::poll(const std::vector<partition_id>& wanted, std::size_t max_bytes,
                             std::chrono::milliseconds wait, std::vector<polled>& out) {
  // Before the read: what is there then is all there will ever be.
  const auto ended = log_->ended();
  TIDEMILL_CHECK(from_.poll(wanted, max_bytes, wait, out));
  const auto& records = *log_->records();
  for (auto p : wanted)
    if (ended && records.reader(p) == records.end(p))
      out.push_back(polled_end{p, records.end(p)});
  return {};
}

} // namespace tidemill
