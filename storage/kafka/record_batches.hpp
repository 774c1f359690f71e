#pragma once

#include "event/batch.hpp"
#include "event/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tidemill {

enum class compression : std::uint8_t { none, gzip, snappy, lz4, zstd };

/// The head of a record batch as Kafka stores and sends it (version 2 of the format, since 0.11). A batch may
/// lack offsets: compaction removes records, but not their numbers.
struct kafka_batch_head {
  std::int64_t first = 0, last = 0; ///< offsets
  std::size_t size = 0;             ///< bytes of the whole batch
  compression codec = compression::none;
  bool log_append_time = false; ///< all records have the time of their arrival, `max_timestamp`
  bool transactional = false;
  bool control = false; ///< holds a transaction's marker, no records of users
  std::int64_t first_timestamp = 0, max_timestamp = 0;
  std::int64_t producer = -1;
  std::uint32_t crc = 0;
  std::uint32_t records = 0;
};
inline constexpr std::size_t kafka_batch_head_size = 61;

/// The head of the batch that `bytes` begin with; nothing if they end before it does. Errors: `corrupt`.
[[nodiscard]] result<std::optional<kafka_batch_head>> read_batch_head(std::string_view bytes);
/// Whether the whole `batch` is as it was written. What is not covered: its first offset and size.
[[nodiscard]] bool crc_fits(const kafka_batch_head& head, std::string_view batch) noexcept;

/// One record of a batch; views into its bytes.
struct kafka_record {
  std::int64_t at = 0;        ///< its offset
  std::int64_t timestamp = 0; ///< ms since 1970; -1: none
  std::optional<std::string_view> key, value;
  std::string_view headers; ///< see `read_headers`
};

/// Goes through the records of one batch, already decompressed; checks everything, trusts nothing.
class kafka_record_walk {
public:
  kafka_record_walk() = default;
  /// `records`: what follows the head.
  kafka_record_walk(const kafka_batch_head& head, std::string_view records) noexcept;

  enum class step : std::uint8_t { record, end, broken };
  step next(kafka_record& r) noexcept;
  /// Bytes not walked over yet.
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - p_); }
  /// Records that are to come, if all is well.
  [[nodiscard]] std::size_t records_left() const noexcept { return left_; }

private:
  const char* p_ = nullptr;
  const char* end_ = nullptr;
  std::int64_t first_ = 0, last_ = 0, before_ = -1, timestamp_ = 0;
  std::uint32_t left_ = 0;
  bool same_timestamp_ = false;
};

/// The headers of a record; false if they don't decode.
[[nodiscard]] bool read_headers(std::string_view headers, std::vector<record_meta::header>& out);

/// What the record of a control batch says of its producer's transaction. Nothing: another kind of marker.
enum class transaction_marker : std::uint8_t { abort, commit };
[[nodiscard]] std::optional<transaction_marker> read_marker(const kafka_record& r) noexcept;

} // namespace tidemill
