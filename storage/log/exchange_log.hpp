#pragma once

#include "event/exchange_record.hpp"
#include "storage/event_sink.hpp"
#include "storage/log/ingest_log.hpp"
#include "storage/log/log_source.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Where events of several workers meet by key: an `ingest_log` whose records are those of
/// event/exchange_record.hpp, written by an `exchange_sink` and read by an `exchange_source`.
///
/// Each group of records that a partition gets ends with a frontier, so what a reader has seen always says
/// how far its sources have got. Of a group that a crash has cut, some partitions may have more than others:
/// the rest is written again, and the reader knows what it has seen. Thread-safe: one writer, one reader.
class exchange_log {
public:
  struct input_source {
    std::string name;
    std::uint32_t first = 0; ///< number of its first partition in `outgoing_batch`
    std::uint32_t partitions = 1;
  };
  struct settings {
    std::string name;             ///< of the stream
    std::uint32_t partitions = 1; ///< of the exchange
    std::vector<input_source> sources;
    std::vector<std::size_t> inputs;       ///< the source of each input
    std::uint64_t max_unread = 256u << 20; ///< bytes that the reader may be behind, after which writers wait
    std::uint64_t segment_bytes = 16u << 20;
    offset first = 0; ///< of a log that is new: beyond all that sinks may hold of one that was there before
  };
  /// Opens or creates it, and reads how far its sources have got. Errors: those of `ingest_log::open`, and
  /// `corrupt`.
  [[nodiscard]] static result<std::shared_ptr<exchange_log>> open(const std::filesystem::path& folder,
                                                                  settings s, std::string_view random_id);

  [[nodiscard]] const settings& set() const noexcept { return set_; }
  [[nodiscard]] const std::shared_ptr<ingest_log>& records() const noexcept { return records_; }

  /// All events of the sources below this are in every partition of the log.
  [[nodiscard]] exchange_frontier held() const;
  /// None from this on is in any.
  [[nodiscard]] exchange_frontier reached() const;
  /// No record will ever follow.
  [[nodiscard]] bool ended() const;

  /// Appends, durably, and then the frontier to every partition: by partition, records as they lie there.
  /// Errors: `full` (the reader is behind), and those of `ingest_log::append`.
  status append(const std::vector<std::vector<std::string>>& records, const exchange_frontier& frontier);

private:
  exchange_log(settings s, std::shared_ptr<ingest_log> records)
      : set_(std::move(s)), records_(std::move(records)) {}
  status recover();

  settings set_;
  std::shared_ptr<ingest_log> records_;
  mutable std::mutex mutex_;
  exchange_frontier held_, reached_;
};

/// Writes events to the partitions of their keys.
class exchange_sink final : public event_sink {
public:
  explicit exchange_sink(std::shared_ptr<exchange_log> log);
  [[nodiscard]] result<std::map<partition_id, offset>> resume() override;
  [[nodiscard]] std::map<partition_id, offset> reached() const override;
  status write(const outgoing_batch& batch) override;
  status sync() override;

private:
  struct origin {
    std::size_t source;
    std::uint32_t partition;
  };
  [[nodiscard]] origin origin_of(partition_id p) const;
  [[nodiscard]] std::map<partition_id, offset> numbered(const exchange_frontier& f) const;

  std::shared_ptr<exchange_log> log_;
  std::vector<std::vector<std::string>> waiting_; ///< by partition of the log
  exchange_frontier frontier_;                    ///< of what was written, synced or not
  bool dirty_ = false;
};

/// Reads the log; ends when all its sources have.
class exchange_source final : public record_source {
public:
  explicit exchange_source(std::shared_ptr<exchange_log> log)
      : log_(std::move(log)), from_(log_->records()) {}

  [[nodiscard]] std::uint32_t partitions() const noexcept override { return from_.partitions(); }
  [[nodiscard]] std::string identity() const override;
  [[nodiscard]] bool has_arrival_times() const noexcept override { return true; }
  [[nodiscard]] offset start(partition_id p) override { return from_.start(p); }
  status seek(partition_id p, offset at) override { return from_.seek(p, at); }
  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, std::chrono::milliseconds wait,
              std::vector<polled>& out) override;
  void wake() noexcept override { from_.wake(); }
  [[nodiscard]] std::uint64_t lag(partition_id p) const override { return from_.lag(p); }

private:
  std::shared_ptr<exchange_log> log_;
  log_source from_;
};

} // namespace tidemill
