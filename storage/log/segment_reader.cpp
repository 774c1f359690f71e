#include "storage/log/segment_reader.hpp"

#include "storage/disk_file.hpp"
#include "storage/log/segment_file.hpp"

namespace tidemill {
namespace {

using step = segment_cursor::step;
using visitor = std::function<bool(std::uint64_t, std::string_view)>;

/// False: the visitor has had enough.
result<bool> read_segment(const disk_file& file, std::uint64_t first, bool last, const visitor& each) {
  TIDEMILL_TRY(auto bytes, file.size());
  if (last && bytes < segment_header_bytes)
    return true; // not begun yet
  TIDEMILL_CHECK(check_segment_header(file, first));
  segment_cursor cursor{file, first, segment_header_bytes, first, bytes};
  for (;; cursor.advance()) {
    TIDEMILL_TRY(auto found, cursor.look());
    if (found == step::end)
      return true;
    if (found != step::record && last)
      return true; // its writer knows whether that is damage
    if (found != step::record)
      return error{errc::corrupt, file.path().string() + ": record " + std::to_string(cursor.position()) +
                                      " at byte " + std::to_string(cursor.at()) +
                                      " is damaged; restore the file from a backup"};
    if (!each(cursor.position(), cursor.bytes()))
      return false;
  }
}

} // namespace

status read_segments(const std::filesystem::path& folder, const visitor& each) {
  TIDEMILL_TRY(auto firsts, list_segments(folder));
  for (auto first : firsts) {
    auto path = folder / segment_name(first);
    auto file = disk_file::open_read(path);
    if (!file) {
      TIDEMILL_TRY(auto there, file_exists(path));
      if (there)
        return file.error();
      continue; // dropped just now
    }
    TIDEMILL_TRY(auto more, read_segment(*file, first, first == firsts.back(), each));
    if (!more)
      break;
  }
  return {};
}

} // namespace tidemill
