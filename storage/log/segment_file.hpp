#pragma once

#include "event/result.hpp"
#include "storage/disk_file.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// The bytes of one segment of a log.
///
///     header   magic u32, version u32, first position u64, checksum u64                    24 bytes
///     record   length u31 and mark u1, check u32, checksum u64, bytes                 16 + n bytes
///
/// `check` covers length and mark, so that a record cut short by a crash can be told from a damaged length.
/// `checksum` is a hash of the bytes plus the record's position. Both are seeded with the first position:
/// no record is valid in another segment or at another place.
///
/// The *mark* says: when this record was written, everything before it was durable. Damage before a marked
/// record is therefore no trace of a crash.
inline constexpr std::size_t segment_header_bytes = 24;
inline constexpr std::size_t record_frame_bytes = 16;
inline constexpr std::uint32_t max_record_bytes = 0x7fffffff;

/// The fixed part before a record's bytes.
struct record_frame {
  std::uint32_t length = 0;
  bool mark = false;
  std::uint64_t checksum = 0;
};
using frame_bytes = std::array<char, record_frame_bytes>;

[[nodiscard]] frame_bytes encode_frame(std::uint64_t first, std::uint64_t position, std::string_view bytes,
                                       bool mark) noexcept;
/// Nothing if the check of the length fails. `bytes` holds at least 16.
[[nodiscard]] std::optional<record_frame> decode_frame(std::uint64_t first, std::string_view bytes) noexcept;
/// The position that a record claims; its own if it is whole.
[[nodiscard]] std::uint64_t claimed_position(std::uint64_t first, const record_frame& frame,
                                             std::string_view bytes) noexcept;

[[nodiscard]] std::string encode_segment_header(std::uint64_t first);
/// Errors: `corrupt`, `mismatch` (a later format).
[[nodiscard]] status check_segment_header(const disk_file& file, std::uint64_t first);

[[nodiscard]] std::string segment_name(std::uint64_t first);
/// First positions of the segment files of a folder, ascending. Errors: `io`.
[[nodiscard]] result<std::vector<std::uint64_t>> list_segments(const std::filesystem::path& folder);

/// Walks over the records of one segment between two byte positions, through a buffer of its own.
class segment_cursor {
public:
  /// `at` is where the record number `position` begins; the walk ends at byte `end`. The file outlives it.
  segment_cursor(const disk_file& file, std::uint64_t first, std::uint64_t at, std::uint64_t position,
                 std::uint64_t end) noexcept
      : file_(&file), first_(first), at_(at), position_(position), end_(end) {}

  enum class step : std::uint8_t {
    record,   ///< `bytes()` is the record at `position()`
    end,      ///< nothing left
    cut_off,  ///< the rest is shorter than the record should be
    bad_head, ///< the check of the length fails
    bad_body, ///< the checksum fails
  };
  /// Looks at the next record and checks it all. Errors: `io`.
  [[nodiscard]] result<step> look();
  /// As above, but reads only the head: for finding a place. `bytes()` is empty.
  [[nodiscard]] result<step> look_at_head();
  /// Goes behind the record last looked at.
  void advance() noexcept;

  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  /// Where the record begins in the file.
  [[nodiscard]] std::uint64_t at() const noexcept { return at_; }
  [[nodiscard]] std::size_t record_bytes() const noexcept { return record_frame_bytes + frame_.length; }

private:
  [[nodiscard]] result<std::string_view> view(std::size_t bytes);

  const disk_file* file_;
  std::uint64_t first_, at_, position_, end_;
  record_frame frame_;
  std::string_view bytes_;
  std::string buffer_;
  std::uint64_t buffer_at_ = 0;
};

/// Whether a marked record begins after byte `from`, before `end`; its place. Looks at every byte, as behind
/// damage nobody knows where records begin. `position` is that of the record at `from`.
[[nodiscard]] result<std::optional<std::uint64_t>> find_marked(const disk_file& file, std::uint64_t first,
                                                               std::uint64_t from, std::uint64_t position,
                                                               std::uint64_t end);

} // namespace tidemill
