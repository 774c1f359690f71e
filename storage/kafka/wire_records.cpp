#include "storage/kafka/wire_records.hpp"

#include <algorithm>

namespace tidemill {
namespace {

std::optional<event_time> arrival_time(std::int64_t ms) {
  if (ms < 0 || ms > time_max.time_since_epoch().count() / 1000)
    return std::nullopt;
  return event_time{std::chrono::milliseconds{ms}};
}

} // namespace

/// What keeps the records of one `record_batch`.
struct wire_records::memory {
  std::vector<wire_buffer_ptr> buffers;
  std::deque<record_meta> metas;
};

struct wire_records::made {
  std::shared_ptr<record_batch> batch = std::make_shared<record_batch>();
  std::vector<wire_buffer_ptr> buffers;
  std::shared_ptr<memory> metas; ///< made when there is one to keep

  record_meta& meta() {
    if (!metas)
      metas = std::make_shared<memory>();
    return metas->metas.emplace_back();
  }
  void keep(const wire_buffer_ptr& buffer) {
    if (buffers.empty() || buffers.back() != buffer)
      buffers.push_back(buffer);
  }
  std::shared_ptr<record_batch> finished() && {
    if (!metas && buffers.size() <= 1) {
      if (!buffers.empty())
        batch->memory = std::move(buffers.front());
      return std::move(batch);
    }
    if (!metas)
      metas = std::make_shared<memory>();
    metas->buffers = std::move(buffers);
    batch->memory = std::move(metas);
    return std::move(batch);
  }
};

bool wire_records::add(wire_buffer_ptr buffer, std::size_t size, std::vector<aborted_transaction> aborted) {
  if (fault_ || size == 0)
    return true;
  std::size_t whole = 0;
  auto end = fetch_at_;
  auto before = std::int64_t{0};
  while (whole != size) {
    auto head = read_batch_head(buffer->first(size).substr(whole));
    if (!head) {
      fault_ = head.error();
      break;
    }
    if (!*head)
      break;
    if ((*head)->first < before) {
      fault_ = error{errc::corrupt, "a record batch is damaged: its offsets, from " +
                                        std::to_string((*head)->first) + ", are not behind those before it"};
      break;
    }
    before = (*head)->last + 1;
    end = std::max(end, before);
    whole += (*head)->size;
  }
  if (whole == 0)
    return fault_.has_value();
  if (end == fetch_at_ && !fault_)
    fault_ = error{errc::corrupt, "the broker sends only records that lie before"};
  fetch_at_ = end;
  waiting_ += whole;
  std::ranges::sort(aborted, {}, &aborted_transaction::first);
  portions_.push_back({std::move(buffer), whole, 0, std::move(aborted), 0, {}});
  return true;
}

/// Whether the records of the batch are not for us. Keeps up with whose transactions are being aborted.
bool wire_records::passes_over(portion& from, const kafka_batch_head& head, std::string_view batch,
                               const wire_decoding& with) {
  for (; from.next_aborted < from.aborted.size() && from.aborted[from.next_aborted].first <= head.last;
       ++from.next_aborted)
    from.aborting.insert(from.aborted[from.next_aborted].producer);
  if (head.control) {
    kafka_record_walk walk{head, batch.substr(kafka_batch_head_size)};
    kafka_record marker;
    if (walk.next(marker) == kafka_record_walk::step::record &&
        read_marker(marker) == transaction_marker::abort)
      from.aborting.erase(head.producer);
    return true;
  }
  return head.last < position_ ||
         (with.read_committed && head.transactional && from.aborting.contains(head.producer));
}

/// Starts with the next batch of `from`; no walk if there is nothing for us in it.
status wire_records::begin_batch(portion& from, wire_decoding& with) {
  auto rest = from.buffer->first(from.size).substr(from.used);
  TIDEMILL_TRY(auto found, read_batch_head(rest));
  const auto& head = *found;
  auto batch = rest.substr(0, head.size);
  if (with.check_crcs && !crc_fits(head, batch))
    return error{errc::corrupt, "a record batch is damaged: its checksum does not fit"};
  if (passes_over(from, head, batch, with)) {
    position_ = std::max(position_, head.last + 1);
  } else {
    auto records = batch.substr(kafka_batch_head_size);
    walk_memory_ = from.buffer;
    if (head.codec != compression::none) {
      TIDEMILL_TRY(auto plain, with.decompress.run(head.codec, records, with.largest, with.pool));
      records = plain.buffer->first(plain.size);
      walk_memory_ = std::move(plain.buffer);
    }
    walk_.emplace(head, records);
    walk_end_ = head.last + 1;
  }
  from.used += head.size;
  waiting_ -= head.size;
  return {};
}

status wire_records::take_record(made& out, const kafka_record& r, const wire_decoding& with) {
  auto& one = out.batch->records.emplace_back();
  if (r.value)
    one.bytes = *r.value;
  one.at = static_cast<offset>(r.at);
  one.end = one.at + 1;
  one.arrival = arrival_time(r.timestamp);
  if (with.meta || !r.value) {
    auto& meta = out.meta();
    meta.key = r.key;
    meta.tombstone = !r.value;
    if (!read_headers(r.headers, meta.headers)) {
      out.batch->records.pop_back();
      return error{errc::corrupt, "the headers of a record are damaged"};
    }
    one.meta = &meta;
  }
  return {};
}

status wire_records::take(made& out, std::size_t max_bytes, std::size_t max_records, wire_decoding& with) {
  auto& batch = *out.batch;
  while (batch.bytes < max_bytes && batch.records.size() < max_records) {
    if (!walk_) {
      if (portions_.empty())
        return {};
      auto& first = portions_.front();
      if (first.used == first.size) {
        portions_.pop_front();
        continue;
      }
      TIDEMILL_CHECK(begin_batch(first, with));
      continue;
    }
    if (batch.records.empty())
      batch.records.reserve(std::min(max_records, walk_->records_left()));
    kafka_record r;
    auto before = walk_->left();
    auto step = walk_->next(r);
    if (step == kafka_record_walk::step::broken)
      return error{errc::corrupt, "a record batch is damaged: a record in it does not decode"};
    if (step == kafka_record_walk::step::end) {
      position_ = std::max(position_, walk_end_);
      walk_.reset();
      walk_memory_.reset();
      continue;
    }
    if (r.at < position_)
      continue;
    out.keep(walk_memory_);
    TIDEMILL_CHECK(take_record(out, r, with));
    batch.bytes += before - walk_->left();
    position_ = r.at + 1;
  }
  return {};
}

result<std::shared_ptr<record_batch>> wire_records::next(std::size_t max_bytes, std::size_t max_records,
                                                         wire_decoding& with) {
  auto begin = position_;
  made out;
  auto done = take(out, max_bytes, max_records, with);
  if (!done) {
    // What came before the damage is good.
    fault_ = done.error();
    portions_.clear();
    waiting_ = 0;
    walk_.reset();
    walk_memory_.reset();
  }
  if (position_ == begin) {
    if (fault_ && portions_.empty())
      return *fault_;
    return std::shared_ptr<record_batch>{};
  }
  out.batch->partition = partition_;
  out.batch->begin = static_cast<offset>(begin);
  out.batch->end = static_cast<offset>(position_);
  return std::move(out).finished();
}

} // namespace tidemill
