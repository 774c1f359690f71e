#pragma once

#include "event/batch.hpp"
#include "event/result.hpp"
#include "storage/kafka/decompress.hpp"
#include "storage/kafka/record_batches.hpp"
#include "storage/kafka/wire_buffer.hpp"
#include "storage/kafka/wire_fetch_answer.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

namespace tidemill {

/// What all partitions share for making records of bytes.
struct wire_decoding {
  bool read_committed = true;
  bool meta = false;
  bool check_crcs = true;
  std::size_t largest = 128u << 20; ///< of one batch, decompressed
  decompressor decompress;
  wire_buffer_pool pool{32u << 20};
};

/// The records of one partition that were received and not yet handed on: bytes in, batches out. Bytes are
/// looked through only when they are handed on; records are views into the received buffer, or into that
/// which they were decompressed to.
class wire_records {
public:
  /// The next record wanted is the first at or after `at`.
  wire_records(partition_id p, std::int64_t at) noexcept : partition_(p), position_(at), fetch_at_(at) {}

  /// Takes the answer to a fetch at `fetch_at`: the first `size` bytes of `buffer`, whose last batch may be
  /// cut off. False: not even one batch is whole.
  bool add(wire_buffer_ptr buffer, std::size_t size, std::vector<aborted_transaction> aborted);
  /// The next records, from `position` on: at most `max_records`, and about `max_bytes`; null if none wait. A
  /// batch without records says that offsets were passed over. Errors: `corrupt`, `full`; for ever, at
  /// `position`.
  [[nodiscard]] result<std::shared_ptr<record_batch>> next(std::size_t max_bytes, std::size_t max_records,
                                                           wire_decoding& with);

  /// Everything before is handed on.
  [[nodiscard]] std::int64_t position() const noexcept { return position_; }
  /// Where to fetch next.
  [[nodiscard]] std::int64_t fetch_at() const noexcept { return fetch_at_; }
  /// Bytes that wait here.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_ + (walk_ ? walk_->left() : 0); }
  /// Something is to be handed on, an error perhaps.
  [[nodiscard]] bool ready() const noexcept { return waiting_ != 0 || walk_ || fault_; }
  /// Nothing can follow what is here.
  [[nodiscard]] bool broken() const noexcept { return fault_.has_value(); }

private:
  struct portion {
    wire_buffer_ptr buffer;
    std::size_t size = 0; ///< whole batches only
    std::size_t used = 0;
    std::vector<aborted_transaction> aborted; ///< ascending by `first`
    std::size_t next_aborted = 0;
    std::unordered_set<std::int64_t> aborting; ///< producers, at `used`
  };
  struct memory;
  struct made; // a batch in the making

  status begin_batch(portion& from, wire_decoding& with);
  bool passes_over(portion& from, const kafka_batch_head& head, std::string_view batch,
                   const wire_decoding& with);
  status take(made& out, std::size_t max_bytes, std::size_t max_records, wire_decoding& with);
  status take_record(made& out, const kafka_record& r, const wire_decoding& with);

  partition_id partition_;
  std::int64_t position_, fetch_at_;
  std::deque<portion> portions_;
  std::size_t waiting_ = 0;
  std::optional<error> fault_; ///< comes after the portions

  // The batch of the first portion that is being walked through.
  std::optional<kafka_record_walk> walk_;
  std::int64_t walk_end_ = 0;
  wire_buffer_ptr walk_memory_;
};

} // namespace tidemill
