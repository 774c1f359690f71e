#include "storage/kafka/record_batches.hpp"

#include "storage/kafka/crc32c.hpp"
#include "storage/kafka/wire_bytes.hpp"

namespace tidemill {
namespace {

constexpr std::size_t covered_from = 21, before_size = 12;

error broken(const std::string& why) {
  return {errc::corrupt, "a record batch is damaged: " + why};
}

std::int64_t unzigzag(std::uint64_t v) noexcept {
  return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
}

/// Zigzag numbers of 7 bits a byte; false past the end, or with more than ten bytes.
bool take_long_number(const char*& p, const char* end, std::int64_t& out) noexcept {
  std::uint64_t v = 0;
  for (int shift = 0; p != end && shift < 70; shift += 7) {
    auto b = static_cast<unsigned char>(*p++);
    v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
    if (b < 0x80) {
      out = unzigzag(v);
      return true;
    }
  }
  return false;
}

/// Nearly all have one byte or two.
inline bool take_number(const char*& p, const char* end, std::int64_t& out) noexcept {
  if (end - p < 2)
    return take_long_number(p, end, out);
  auto a = static_cast<unsigned char>(p[0]), b = static_cast<unsigned char>(p[1]);
  if (a < 0x80) {
    out = unzigzag(a);
    ++p;
    return true;
  }
  if (b < 0x80) {
    out = unzigzag((a & 0x7fu) | std::uint64_t{b} << 7);
    p += 2;
    return true;
  }
  return take_long_number(p, end, out);
}

/// A number and as many bytes; -1: null.
inline bool take_bytes(const char*& p, const char* end, std::optional<std::string_view>& out) noexcept {
  std::int64_t n = 0;
  if (!take_number(p, end, n) || n < -1 || n > end - p)
    return false;
  if (n < 0) {
    out.reset();
    return true;
  }
  out.emplace(p, static_cast<std::size_t>(n));
  p += n;
  return true;
}

std::int64_t sum(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

} // namespace

result<std::optional<kafka_batch_head>> read_batch_head(std::string_view bytes) {
  wire_reader r{bytes};
  kafka_batch_head h;
  h.first = r.i64();
  auto size = r.i32();
  r.i32(); // leader epoch
  auto format = r.i8();
  if (!r.ok())
    return std::optional<kafka_batch_head>{};
  if (format == 0 || format == 1)
    return error{errc::corrupt, "records are of the format that Kafka used before 0.11 (" +
                                    std::to_string(format) + "), which is not supported; use fetch: client"};
  if (format != 2)
    return broken("its format is " + std::to_string(format) + ", not 2");
  if (size < static_cast<std::int32_t>(kafka_batch_head_size - before_size))
    return broken("its size is " + std::to_string(size));
  h.size = static_cast<std::size_t>(size) + before_size;
  if (h.size > bytes.size())
    return std::optional<kafka_batch_head>{};

  h.crc = static_cast<std::uint32_t>(r.i32());
  auto attributes = static_cast<std::uint16_t>(r.i16());
  auto last = r.i32();
  h.first_timestamp = r.i64();
  h.max_timestamp = r.i64();
  h.producer = r.i64();
  r.i16(); // producer's epoch
  r.i32(); // its first sequence number
  auto records = r.i32();
  if ((attributes & 7) > static_cast<int>(compression::zstd))
    return broken("compression " + std::to_string(attributes & 7) + " is not known");
  if (h.first < 0 || last < 0 || h.first > INT64_MAX - last - 1 || records < 0)
    return broken("offsets from " + std::to_string(h.first) + ", " + std::to_string(last) + " more, in " +
                  std::to_string(records) + " records");
  h.last = h.first + last;
  h.records = static_cast<std::uint32_t>(records);
  h.codec = static_cast<compression>(attributes & 7);
  h.log_append_time = (attributes & 8) != 0;
  h.transactional = (attributes & 16) != 0;
  h.control = (attributes & 32) != 0;
  return std::optional{h};
}

bool crc_fits(const kafka_batch_head& head, std::string_view batch) noexcept {
  return crc32c(batch.substr(covered_from, head.size - covered_from)) == head.crc;
}

kafka_record_walk::kafka_record_walk(const kafka_batch_head& head, std::string_view records) noexcept
    : p_(records.data()), end_(records.data() + records.size()), first_(head.first), last_(head.last),
      before_(head.first - 1), timestamp_(head.log_append_time ? head.max_timestamp : head.first_timestamp),
      left_(head.records), same_timestamp_(head.log_append_time) {}

kafka_record_walk::step kafka_record_walk::next(kafka_record& r) noexcept {
  if (left_ == 0)
    return p_ == end_ ? step::end : step::broken;
  std::int64_t size = 0, later = 0, further = 0;
  if (!take_number(p_, end_, size) || size < 1 || size > end_ - p_)
    return step::broken;
  const auto* p = p_ + 1; // attributes, unused
  const auto* end = p_ + size;
  // Records are mostly alike; only the beginning of each is read here, and what comes between is skipped.
  if (end_ - end > 2 * size)
    __builtin_prefetch(end + 2 * size);
  if (!take_number(p, end, later) || !take_number(p, end, further) || !take_bytes(p, end, r.key) ||
      !take_bytes(p, end, r.value) || p == end)
    return step::broken;
  // Offsets grow, within what the head says.
  if (further < 0 || further > last_ - first_ || first_ + further <= before_)
    return step::broken;
  before_ = r.at = first_ + further;
  r.timestamp = same_timestamp_ ? timestamp_ : sum(timestamp_, later);
  r.headers = {p, static_cast<std::size_t>(end - p)};
  p_ = end;
  --left_;
  return step::record;
}

bool read_headers(std::string_view headers, std::vector<record_meta::header>& out) {
  const auto* p = headers.data();
  const auto* end = p + headers.size();
  std::int64_t n = 0;
  // Each takes two bytes at least.
  if (!take_number(p, end, n) || n < 0 || n > (end - p) / 2)
    return false;
  out.clear();
  out.reserve(static_cast<std::size_t>(n));
  for (; n != 0; --n) {
    std::optional<std::string_view> name;
    auto& h = out.emplace_back();
    if (!take_bytes(p, end, name) || !name || !take_bytes(p, end, h.value))
      return false;
    h.name = *name;
  }
  return p == end;
}

std::optional<transaction_marker> read_marker(const kafka_record& r) noexcept {
  if (!r.key)
    return std::nullopt;
  wire_reader key{*r.key};
  key.i16(); // version
  auto type = key.i16();
  if (!key.ok() || type < 0 || type > 1)
    return std::nullopt;
  return type == 0 ? transaction_marker::abort : transaction_marker::commit;
}

} // namespace tidemill
