#include "storage/kafka/wire_fetch_answer.hpp"

namespace tidemill {

fetch_answer_reader::fetch_answer_reader(std::int16_t version, std::size_t size)
    : version_(version), left_(size) {}

void fetch_answer_reader::read_partition(wire_reader& r) {
  head_.number = r.i32();
  head_.error = static_cast<broker_error>(r.i16());
  head_.high_watermark = r.i64();
  head_.last_stable = r.i64();
  if (version_ >= 5)
    r.i64(); // the log's begin
  head_.aborted.clear();
  for (auto n = r.array(left_ / 16); n != 0 && r.ok(); --n) {
    auto& a = head_.aborted.emplace_back();
    a.producer = r.i64();
    a.first = r.i64();
    r.tags();
  }
  if (version_ >= 11)
    r.i32(); // a replica that would be nearer
  head_.records = r.blob(left_);
  next_ = place::tail;
}

/// Reads what comes at `at_`; `next_` is what follows it.
void fetch_answer_reader::read(wire_reader& r) {
  switch (at_) {
  case place::answer:
    r.tags();
    throttle_ms_ = r.i32();
    if (version_ >= 7) {
      error_ = static_cast<broker_error>(r.i16());
      r.i32(); // session
    }
    topics_ = r.array(left_);
    next_ = topics_ != 0 ? place::topic : place::answer_tail;
    return;
  case place::topic:
    if (version_ >= 13)
      head_.id = r.uuid();
    else
      head_.topic = r.text();
    partitions_ = r.array(left_);
    next_ = partitions_ != 0 ? place::partition : place::topic_tail;
    return;
  case place::partition:
    return read_partition(r);
  case place::tail:
    r.tags();
    next_ = partitions_ > 1 ? place::partition : place::topic_tail;
    return;
  case place::topic_tail:
    r.tags();
    next_ = topics_ > 1 ? place::topic : place::answer_tail;
    return;
  case place::answer_tail:
    r.tags();
    next_ = place::end;
    return;
  case place::end:
    return;
  }
}

fetch_answer_reader::step fetch_answer_reader::feed(std::string_view& bytes) {
  while (at_ != place::end) {
    wire_reader r{bytes.substr(0, left_), version_ >= 12};
    read(r);
    auto used = std::min(bytes.size(), left_) - r.left();
    if (r.cut() && bytes.size() < left_)
      return step::more;
    if (!r.ok())
      return step::broken;
    if (at_ == place::tail)
      --partitions_;
    else if (at_ == place::topic_tail)
      --topics_;
    bytes.remove_prefix(used);
    left_ -= used;
    auto was = at_;
    at_ = next_;
    if (was == place::partition) {
      if (head_.records > left_)
        return step::broken;
      left_ -= head_.records;
      return step::partition;
    }
  }
  return left_ == 0 ? step::end : step::broken;
}

} // namespace tidemill
