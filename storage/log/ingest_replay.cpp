#include "storage/log/ingest_replay.hpp"

#include "storage/disk_file.hpp"
#include "storage/log/ingest_log.hpp"
#include "storage/log/segment_file.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tidemill {
namespace {

constexpr std::size_t most_records = 16'384; // of a batch

struct open_segment {
  open_segment(disk_file f, std::uint64_t first, std::uint64_t bytes)
      : file(std::move(f)), cursor(file, first, segment_header_bytes, first, bytes) {}
  disk_file file;
  segment_cursor cursor;
};

/// One partition, read from segment to segment.
class ingest_lane {
public:
  explicit ingest_lane(std::filesystem::path folder) : folder_(std::move(folder)) {}

  status seek(offset at) {
    TIDEMILL_TRY(auto there, file_exists(folder_));
    firsts_.clear();
    if (there) {
      TIDEMILL_TRY(firsts_, list_segments(folder_));
    }
    auto after = std::ranges::upper_bound(firsts_, at);
    next_segment_ = after == firsts_.begin() ? 0 : static_cast<std::size_t>(after - firsts_.begin()) - 1;
    open_.reset();
    position_ = at;
    ended_ = false;
    return {};
  }

  status poll(partition_id p, std::size_t max_bytes, std::vector<polled>& out) {
    if (ended_)
      return {};
    auto batch = std::make_shared<record_batch>();
    batch->partition = p;
    batch->begin = position_;
    auto memory = std::make_shared<std::string>();
    std::vector<std::size_t> ends;
    std::optional<polled_gap> gap;
    while (!ended_ && memory->size() < max_bytes && ends.size() < most_records) {
      TIDEMILL_TRY(auto there, look());
      if (!there)
        break;
      auto& cursor = open_->cursor;
      auto at = cursor.position();
      if (at > position_) {
        if (ends.empty()) {
          gap = polled_gap{p, position_, at};
          position_ = at;
        }
        break; // what was read comes first, if there is something
      }
      if (at == position_) {
        auto record = split_ingest_record(cursor.bytes());
        if (!record)
          return error{errc::corrupt, open_->file.path().string() + ": record " + std::to_string(at) +
                                          " has no arrival time"};
        batch->records.push_back({{}, at, at + 1, record->first});
        memory->append(record->second);
        ends.push_back(memory->size());
        ++position_;
      }
      cursor.advance();
    }
    if (!ends.empty()) {
      for (std::size_t r = 0, from = 0; r < ends.size(); from = ends[r++])
        batch->records[r].bytes = std::string_view{*memory}.substr(from, ends[r] - from);
      batch->end = position_;
      batch->bytes = memory->size();
      batch->memory = std::move(memory);
      out.emplace_back(std::move(batch));
    }
    if (gap)
      out.emplace_back(*gap);
    if (ended_)
      out.emplace_back(polled_end{p, position_});
    return {};
  }

private:
  /// Whether there is a record; else all has been read, which is noted.
  result<bool> look() {
    for (;;) {
      if (!open_) {
        TIDEMILL_TRY(auto opened, open_next());
        if (!opened)
          return false;
      }
      TIDEMILL_TRY(auto found, open_->cursor.look());
      if (found == segment_cursor::step::record)
        return true;
      auto last = next_segment_ == firsts_.size();
      if (found != segment_cursor::step::end && !last)
        return error{errc::corrupt, open_->file.path().string() + ": record " +
                                        std::to_string(open_->cursor.position()) + " at byte " +
                                        std::to_string(open_->cursor.at()) +
                                        " is damaged; restore the file from a backup"};
      open_.reset();
    }
  }

  result<bool> open_next() {
    for (; next_segment_ < firsts_.size(); ++next_segment_) {
      auto first = firsts_[next_segment_];
      auto path = folder_ / segment_name(first);
      auto file = disk_file::open_read(path);
      if (!file) {
        TIDEMILL_TRY(auto there, file_exists(path));
        if (there)
          return file.error();
        continue; // dropped just now
      }
      TIDEMILL_TRY(auto bytes, file->size());
      if (next_segment_ + 1 == firsts_.size() && bytes < segment_header_bytes)
        continue; // not begun yet
      TIDEMILL_CHECK(check_segment_header(*file, first));
      open_ = std::make_unique<open_segment>(std::move(*file), first, bytes);
      ++next_segment_;
      return true;
    }
    ended_ = true;
    return false;
  }

  std::filesystem::path folder_;
  std::vector<std::uint64_t> firsts_;
  std::size_t next_segment_ = 0;
  std::unique_ptr<open_segment> open_;
  offset position_ = 0;
  bool ended_ = false;
};

class ingest_replay final : public record_source {
public:
  ingest_replay(const std::filesystem::path& folder, std::uint32_t partitions) {
    for (std::uint32_t p = 0; p < partitions; ++p)
      lanes_.emplace_back(folder / std::to_string(p));
  }

  std::uint32_t partitions() const noexcept override { return static_cast<std::uint32_t>(lanes_.size()); }
  std::string identity() const override { return {}; }
  bool has_arrival_times() const noexcept override { return true; }
  offset start(partition_id) override { return 0; }
  status seek(partition_id p, offset at) override { return lanes_[to_index(p)].seek(at); }
  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, std::chrono::milliseconds wait,
              std::vector<polled>& out) override {
    auto before = out.size();
    for (auto p : wanted)
      TIDEMILL_CHECK(lanes_[to_index(p)].poll(p, max_bytes, out));
    if (out.size() == before)
      std::this_thread::sleep_for(wait);
    return {};
  }
  std::uint64_t lag(partition_id) const override { return 0; }

private:
  std::vector<ingest_lane> lanes_;
};

} // namespace

std::unique_ptr<record_source> make_ingest_replay(const std::filesystem::path& folder,
                                                  std::uint32_t partitions) {
  return std::make_unique<ingest_replay>(folder, partitions);
}

} // namespace tidemill
