#pragma once

#include "event/result.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// The one storage primitive: an append-only log of checksummed records in segment files.
///
/// A record has a position, 0, 1, 2 …, dense, for ever. File `<20-digit first position>.seg`: a header
/// (magic, format version, first position), then records of (length, checksum of the length, checksum of
/// position and bytes; bytes), see `segment_file.hpp`. A torn tail (a crash in the middle of a write) of the
/// *last* segment is cut off at open; damage anywhere else is an error that names file and byte, never
/// silently skipped.
///
///     append ── write(2), visible to readers of this process ── sync ── fdatasync, survives power loss
///
/// One thread at a time changes the log. On any other thread `read`, `begin`, `end`, `bytes` and
/// `bytes_from` may be called meanwhile, except during `truncate` below what they read.
class segment_log {
public:
  struct limits {
    std::uint64_t segment_bytes = 64u << 20; ///< a new segment starts after this many
    std::uint32_t max_record = 64u << 20;    ///< longer appends are refused (`full`)
    std::uint64_t first = 0;                 ///< position of the first record of a log that is new
  };

  /// Opens or creates the log in `folder`. Errors: `io`, `corrupt` (file and byte named), `full`.
  [[nodiscard]] static result<std::unique_ptr<segment_log>> open(std::filesystem::path folder, limits l);
  ~segment_log();
  segment_log(const segment_log&) = delete;
  segment_log& operator=(const segment_log&) = delete;

  /// Appends one record with one write(2); returns its position. After an error nothing was appended: a
  /// partial write is cut off again. Errors: `io`, `full`.
  [[nodiscard]] result<std::uint64_t> append(std::string_view record);
  /// Appends many with as few writes as possible; all or none. Returns the first position.
  [[nodiscard]] result<std::uint64_t> append(const std::vector<std::string_view>& records);
  /// Makes all appended records durable (fdatasync of the segment, fsync of the folder when it changed).
  /// Errors: `io`; `fenced` if another process has taken the log over: it may or may not see the records.
  status sync();
  /// Starts a new segment; the next record is its first.
  status roll();

  /// Whether it refuses all that would change it, and only a new open helps. Of the thread that changes it.
  [[nodiscard]] bool broken() const noexcept;

  /// First position still stored, and the one that the next append gets.
  [[nodiscard]] std::uint64_t begin() const noexcept;
  [[nodiscard]] std::uint64_t end() const noexcept;
  [[nodiscard]] std::uint64_t bytes() const noexcept;
  /// Bytes on disk of the records from `position` on. Errors: as `read`.
  [[nodiscard]] result<std::uint64_t> bytes_from(std::uint64_t position) const;
  /// First positions of the segments, ascending.
  [[nodiscard]] std::vector<std::uint64_t> segments() const;
  /// Deletes whole segments all of whose records lie below `position`; never the last one.
  status drop_below(std::uint64_t position);
  /// Cuts the log so that `end() == position`. For logs whose tail is not yet promised to anyone.
  status truncate(std::uint64_t position);

  /// Calls `each(position, bytes)` for the records from `from` on until it returns false or the log ends.
  /// Errors: `out_of_range` (below `begin`), `corrupt`.
  status read(std::uint64_t from, const std::function<bool(std::uint64_t, std::string_view)>& each) const;

private:
  struct impl;
  explicit segment_log(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
