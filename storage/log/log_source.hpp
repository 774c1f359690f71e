#pragma once

#include "storage/log/ingest_log.hpp"
#include "storage/record_source.hpp"

#include <memory>
#include <string>
#include <vector>

namespace tidemill {

/// Reads an `ingest_log`: the source behind `type: http`. Never ends.
class log_source final : public record_source {
public:
  explicit log_source(std::shared_ptr<ingest_log> log) : log_(std::move(log)) {}

  [[nodiscard]] std::uint32_t partitions() const noexcept override { return log_->partitions(); }
  [[nodiscard]] std::string identity() const override { return log_->identity(); }
  [[nodiscard]] bool has_arrival_times() const noexcept override { return true; }
  [[nodiscard]] offset start(partition_id p) override { return log_->begin(p); }
  /// An offset below the log's begin is told by the next `poll`, as a gap.
  status seek(partition_id p, offset at) override { return log_->seek(p, at); }
  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, std::chrono::milliseconds wait,
              std::vector<polled>& out) override;
  void wake() noexcept override { log_->wake(); }
  /// In records.
  [[nodiscard]] std::uint64_t lag(partition_id p) const override { return log_->end(p) - log_->reader(p); }

private:
  std::shared_ptr<ingest_log> log_;
};

} // namespace tidemill
