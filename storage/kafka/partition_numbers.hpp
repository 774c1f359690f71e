#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"
#include "storage/kafka/fetcher.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// Which of our partitions lives where in Kafka. A number is given once and never again, so that checkpoints,
/// journals and views stay right while topics are added and grow.
class partition_numbers {
public:
  /// Reads the file, if there is one. Errors: `io`; `corrupt` with the file's name.
  [[nodiscard]] static result<partition_numbers> open(std::filesystem::path file);

  /// Gives numbers to those that have none, in this order, and keeps them durably before it returns.
  status add(const std::vector<topic_partition>& more);

  [[nodiscard]] std::optional<partition_id> find(const topic_partition& at) const;
  [[nodiscard]] const topic_partition& operator[](partition_id p) const { return all_[to_index(p)]; }
  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(all_.size()); }

private:
  std::filesystem::path file_;
  std::vector<topic_partition> all_;
  std::map<topic_partition, partition_id> numbers_;
};

} // namespace tidemill
