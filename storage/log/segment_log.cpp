#include "storage/log/segment_log.hpp"

#include "storage/disk_file.hpp"
#include "storage/log/segment_file.hpp"
#include "storage/log/segment_set.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <sys/uio.h>

// What a crash leaves, and what it can't have left.
//
// The process dies: the file ends in the middle of a record. The length of that record is whole or missing,
// and nothing follows. The machine dies: any page written after the last sync may be missing, even when later
// ones are there; such damage can have whole records behind it. Both are cut off at open.
//
// A disk that rots damages records that were durable. They can be told apart as long as something was written
// after the sync that made them so: its first record carries a mark, "all before me is durable". Damage with
// a marked record behind it is `corrupt`. What remains is damage to the very last group of records, those
// that were synced with nothing written after: it looks like a crash, and is cut. Earlier segments are synced
// before the next one is created, hence every damage in them is `corrupt`.
//
// A segment is created under a temporary name and renamed when its header is durable, so no segment without a
// header should ever be seen; an empty last one is made anew all the same.

namespace tidemill {
namespace {

constexpr std::string_view restore = "; restore the file from a backup, or move the folder of the log away "
                                     "to go on without its records";

error damaged(const std::filesystem::path& file, std::uint64_t position, std::uint64_t at,
              segment_cursor::step how) {
  using step = segment_cursor::step;
  auto what = how == step::bad_head  ? "the checksum of its length is wrong"
              : how == step::cut_off ? "it is cut off"
              : how == step::end     ? "the file ends here, the next one begins later"
                                     : "its checksum is wrong";
  return {errc::corrupt, file.string() + ": record " + std::to_string(position) + " at byte " +
                             std::to_string(at) + " is damaged, " + what + std::string{restore}};
}

/// Writes all buffers from byte `at` on; after an error some of them may be there.
status write_all(const disk_file& file, std::uint64_t at, std::vector<iovec>& parts) {
  constexpr std::size_t most = 1024; // IOV_MAX of Linux
  for (std::size_t i = 0; i < parts.size();) {
    auto count = static_cast<int>(std::min(parts.size() - i, most));
    auto n = ::pwritev(file.descriptor(), &parts[i], count, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return disk_error("write", file.path(), n < 0 ? errno : EIO);
    at += static_cast<std::uint64_t>(n);
    auto left = static_cast<std::size_t>(n);
    while (i < parts.size() && left >= parts[i].iov_len)
      left -= parts[i++].iov_len;
    if (left > 0) {
      parts[i].iov_base = static_cast<char*>(parts[i].iov_base) + left;
      parts[i].iov_len -= left;
    }
  }
  return {};
}

} // namespace

struct segment_log::impl {
  std::filesystem::path folder;
  limits limit;
  mutable segment_set known; ///< a reader adds places to it
  disk_file last;            ///< the segment that grows
  bool durable = true;       ///< everything appended survives a power loss
  /// Set when file and memory may differ, or a sync failed (the kernel then forgets what it could not
  /// write): only a new open helps.
  std::optional<error> broken;

  [[nodiscard]] std::filesystem::path file(std::uint64_t first) const { return folder / segment_name(first); }

  error breaks(const error& why) {
    auto taken = why.code() == errc::fenced;
    broken = taken ? why
                   : error{errc::io, why.text() + "; the log in " + folder.string() +
                                         " stops here: restart the program"};
    return *broken;
  }

  status load();
  status load_last(std::uint64_t first);
  status start_segment(std::uint64_t first);
  status write(std::vector<iovec>& parts, std::uint64_t bytes);
  result<segment_set::place> find_byte(std::uint64_t position) const;
  status sync();
  status truncate(std::uint64_t position);
  status read(std::uint64_t from, const std::function<bool(std::uint64_t, std::string_view)>& each) const;
};

status segment_log::impl::load() {
  TIDEMILL_CHECK(create_folder(folder));
  TIDEMILL_CHECK(remove_temporaries(folder));
  TIDEMILL_TRY(auto firsts, list_segments(folder));
  if (firsts.empty())
    return start_segment(limit.first);
  for (auto first : firsts) {
    if (first == firsts.back())
      return load_last(first);
    TIDEMILL_TRY(auto opened, disk_file::open_read(file(first)));
    TIDEMILL_CHECK(check_segment_header(opened, first));
    TIDEMILL_TRY(auto bytes, opened.size());
    known.add(first, bytes);
  }
  return {};
}

status segment_log::impl::load_last(std::uint64_t first) {
  TIDEMILL_TRY(last, disk_file::open_write(file(first)));
  TIDEMILL_TRY(auto bytes, last.size());
  if (bytes < segment_header_bytes)
    return start_segment(first);
  TIDEMILL_CHECK(check_segment_header(last, first));
  known.add(first, segment_header_bytes);
  segment_cursor cursor{last, first, segment_header_bytes, first, bytes};
  std::vector<segment_set::place> places;
  using step = segment_cursor::step;
  for (;;) {
    TIDEMILL_TRY(auto found, cursor.look());
    if (found == step::record) {
      if (places.empty() || cursor.at() - places.back().at >= segment_set::stride)
        places.push_back({cursor.position(), cursor.at()});
      cursor.advance();
      continue;
    }
    if (found == step::bad_head || found == step::bad_body) {
      TIDEMILL_TRY(auto later, find_marked(last, first, cursor.at(), cursor.position(), bytes));
      if (later)
        return damaged(last.path(), cursor.position(), cursor.at(), found);
    }
    if (found != step::end)
      TIDEMILL_CHECK(last.truncate(cursor.at()));
    break;
  }
  known.grow(cursor.position(), cursor.at(), places);
  // What a killed process wrote is in the file but perhaps not on the disk yet.
  TIDEMILL_CHECK(last.sync());
  return sync_folder(folder);
}

status segment_log::impl::start_segment(std::uint64_t first) {
  auto name = file(first);
  if (auto made = replace_file(name, encode_segment_header(first)); !made) {
    // A segment that is there but not counted would hide the records that now go to the one before it.
    auto there = file_exists(name);
    return there && !*there ? made.error() : breaks(made.error());
  }
  auto opened = disk_file::open_write(name);
  if (!opened)
    return breaks(opened.error());
  last = std::move(*opened);
  known.add(first, segment_header_bytes);
  durable = true;
  return {};
}

status segment_log::impl::write(std::vector<iovec>& parts, std::uint64_t bytes) {
  auto at = known.last_bytes();
  auto written = write_all(last, at, parts);
  if (written)
    return {};
  if (auto cut = last.truncate(at); !cut)
    return breaks(cut.error());
  return written.error().in("appending " + std::to_string(bytes) + " bytes");
}

status segment_log::impl::sync() {
  if (broken)
    return *broken;
  if (durable)
    return {};
  if (auto synced = last.sync(); !synced)
    return breaks(synced.error());
  // Durable is also what nobody reads, if the file was taken away. Seen here still in place, the records are
  // part of what the next holder takes.
  if (auto found = last.check_place(); !found)
    return breaks(found.error());
  durable = true;
  return {};
}

result<segment_set::place> segment_log::impl::find_byte(std::uint64_t position) const {
  auto where = known.find(position);
  if (!where)
    return error{errc::out_of_range, "position " + std::to_string(position) + " is not in the log in " +
                                         folder.string() + ", which holds " + std::to_string(known.begin()) +
                                         " to " + std::to_string(known.end())};
  TIDEMILL_TRY(auto opened, disk_file::open_read(file(where->first)));
  segment_cursor cursor{opened, where->first, where->from.at, where->from.position, where->bytes};
  while (cursor.position() < position) {
    TIDEMILL_TRY(auto found, cursor.look_at_head());
    if (found != segment_cursor::step::record)
      return damaged(opened.path(), cursor.position(), cursor.at(), found);
    cursor.advance();
  }
  return segment_set::place{position, cursor.at()};
}

status segment_log::impl::truncate(std::uint64_t position) {
  if (broken)
    return *broken;
  TIDEMILL_TRY(auto cut, find_byte(position));
  if (position == known.end())
    return sync();
  auto remove_later = [&]() -> status {
    // Newest first: whatever a crash leaves is the log up to some position.
    for (auto firsts = known.firsts(); firsts.back() > position; firsts.pop_back()) {
      TIDEMILL_CHECK(remove_file(file(firsts.back())));
      TIDEMILL_CHECK(sync_folder(folder));
      known.drop_last();
    }
    TIDEMILL_TRY(last, disk_file::open_write(file(known.last_first())));
    TIDEMILL_CHECK(last.truncate(cut.at));
    return last.sync();
  };
  if (auto done = remove_later(); !done)
    return breaks(done.error());
  known.cut(cut);
  durable = true;
  return {};
}

status segment_log::impl::read(std::uint64_t from,
                               const std::function<bool(std::uint64_t, std::string_view)>& each) const {
  auto end = known.end();
  auto position = from;
  do {
    auto where = known.find(position);
    if (!where)
      return error{errc::out_of_range, "position " + std::to_string(position) + " is not in the log in " +
                                           folder.string() + ", which holds " +
                                           std::to_string(known.begin()) + " to " + std::to_string(end)};
    if (position == end)
      return {};
    auto opened = disk_file::open_read(file(where->first));
    if (!opened && position < known.begin())
      continue; // dropped just now; the next round says so
    if (!opened)
      return opened.error();
    segment_cursor cursor{*opened, where->first, where->from.at, where->from.position, where->bytes};
    std::vector<segment_set::place> places;
    auto noted = where->from.at;
    auto more = true;
    for (auto stop = std::min(end, where->end); more && cursor.position() < stop; cursor.advance()) {
      auto wanted = cursor.position() >= position;
      TIDEMILL_TRY(auto found, wanted ? cursor.look() : cursor.look_at_head());
      if (found != segment_cursor::step::record)
        return damaged(opened->path(), cursor.position(), cursor.at(), found);
      if (cursor.at() - noted >= segment_set::stride)
        places.push_back({cursor.position(), noted = cursor.at()});
      more = !wanted || each(cursor.position(), cursor.bytes());
    }
    known.learn(where->first, places);
    if (!more)
      return {};
    position = cursor.position();
  } while (position < end);
  return {};
}

segment_log::segment_log(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
segment_log::~segment_log() = default;

result<std::unique_ptr<segment_log>> segment_log::open(std::filesystem::path folder, limits l) {
  auto i = std::make_unique<impl>();
  i->folder = std::move(folder);
  i->limit = l;
  i->limit.max_record = std::min(l.max_record, max_record_bytes);
  TIDEMILL_CHECK(i->load());
  return std::unique_ptr<segment_log>{new segment_log{std::move(i)}};
}

result<std::uint64_t> segment_log::append(std::string_view record) {
  return append(std::vector<std::string_view>{record});
}

result<std::uint64_t> segment_log::append(const std::vector<std::string_view>& records) {
  auto& i = *impl_;
  if (i.broken)
    return *i.broken;
  for (auto record : records)
    if (record.size() > i.limit.max_record)
      return error{errc::full, "a record of " + std::to_string(record.size()) +
                                   " bytes is over the limit of " + std::to_string(i.limit.max_record) +
                                   " of the log in " + i.folder.string()};
  if (i.known.last_bytes() >= i.limit.segment_bytes)
    TIDEMILL_CHECK(roll());
  auto first = i.known.last_first();
  auto begin = i.known.end(), position = begin, at = i.known.last_bytes();
  std::vector<frame_bytes> frames;
  std::vector<iovec> parts;
  std::vector<segment_set::place> places;
  frames.reserve(records.size());
  parts.reserve(2 * records.size());
  for (auto record : records) {
    auto mark = i.durable && position == begin;
    auto& frame = frames.emplace_back(encode_frame(first, position, record, mark));
    places.push_back({position++, at});
    at += frame.size() + record.size();
    parts.push_back({frame.data(), frame.size()});
    if (!record.empty())
      parts.push_back({const_cast<char*>(record.data()), record.size()}); // iovec knows no const
  }
  TIDEMILL_CHECK(i.write(parts, at - i.known.last_bytes()));
  i.durable = i.durable && records.empty();
  i.known.grow(position, at, places);
  return begin;
}

status segment_log::sync() {
  return impl_->sync();
}

status segment_log::roll() {
  auto& i = *impl_;
  TIDEMILL_CHECK(i.sync());
  if (i.known.last_bytes() == segment_header_bytes)
    return {};
  return i.start_segment(i.known.end());
}

bool segment_log::broken() const noexcept {
  return impl_->broken.has_value();
}

std::uint64_t segment_log::begin() const noexcept {
  return impl_->known.begin();
}
std::uint64_t segment_log::end() const noexcept {
  return impl_->known.end();
}
std::uint64_t segment_log::bytes() const noexcept {
  return impl_->known.bytes();
}
std::vector<std::uint64_t> segment_log::segments() const {
  return impl_->known.firsts();
}

result<std::uint64_t> segment_log::bytes_from(std::uint64_t position) const {
  TIDEMILL_TRY(auto place, impl_->find_byte(position));
  auto where = impl_->known.find(position);
  return where ? where->bytes - place.at + where->bytes_after : 0;
}

status segment_log::drop_below(std::uint64_t position) {
  auto& i = *impl_;
  for (auto firsts = i.known.firsts(); firsts.size() > 1 && firsts[1] <= position;
       firsts.erase(firsts.begin())) {
    // Each for itself, oldest first: a crash must not bring one back without those after it.
    TIDEMILL_CHECK(remove_file(i.file(firsts.front())));
    i.known.drop_first();
    TIDEMILL_CHECK(sync_folder(i.folder));
  }
  return {};
}

status segment_log::truncate(std::uint64_t position) {
  return impl_->truncate(position);
}

status segment_log::read(std::uint64_t from,
                         const std::function<bool(std::uint64_t, std::string_view)>& each) const {
  return impl_->read(from, each);
}

} // namespace tidemill
