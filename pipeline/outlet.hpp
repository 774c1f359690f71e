#pragma once

#include "event/batch.hpp"
#include "pipeline/partition.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace tidemill {

/// Builds the events that leave a partition as JSON, in the order of records.
///
/// A refused record keeps its source, partition, offset, step, reason, arrival, and the original bytes
/// (`raw`, or `raw_base64` where they aren't UTF-8, or null for a tombstone); key and headers alike where the
/// source fills them in. Of the many events that `unnest` may make of a record each output tells the first
/// `most_refusals`: each of them repeats the record.
class outlet {
public:
  static constexpr std::uint32_t most_refusals = 256;

  outlet(const source_plan& source, partition_id id);

  /// A record that went nowhere: `kind` is dead or future; `of` the stream.
  void refused(output_kind kind, std::size_t of, std::string_view step, const record& r, const error& why);
  /// A record too late for a view.
  void late(std::size_t view, const record& r, event_time at, event_time watermark);
  /// Whether anybody reads the events of a stream.
  [[nodiscard]] bool wants(std::size_t stream) const noexcept;
  /// The selected rows of a stream, each with the keys that sinks ask for. An event whose key can't be
  /// computed goes out without one; returns how often that was.
  std::uint64_t events(std::size_t stream, const event_batch& batch, const selection& rows);

  /// The selected rows of a stream, to the exchanges that it feeds.
  void exchange(std::size_t stream, const event_batch& batch, const selection& rows);

  /// Moves all that was built to `out`, in the order of records, then outputs.
  void take(std::vector<emission>& out);

private:
  void add(std::size_t output, const record& r, std::string json,
           std::vector<std::optional<std::string>> keys = {});
  [[nodiscard]] std::string refusal(std::string_view stream, std::string_view step, const record& r,
                                    errc code, std::string_view reason, event_time at) const;
  void add_refusal(std::size_t output, std::string_view step, const record& r, errc code, std::string reason,
                   event_time at);

  static constexpr std::size_t nobody = static_cast<std::size_t>(-1);
  const source_plan& source_;
  partition_id id_;
  std::vector<std::size_t> events_, dead_, late_; // outputs by stream, by view
  std::size_t future_ = nobody;
  std::vector<std::size_t> exchanges_; // outputs
  std::vector<emission> built_;
  /// Of what was built: how often an output has told of an event, which is known by its bytes.
  std::map<std::tuple<std::size_t, offset, const char*>, std::uint32_t> refusals_;
};

} // namespace tidemill
