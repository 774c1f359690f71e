#include "storage/file/output_file.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/file.h>

namespace tidemill {
namespace {

constexpr std::uint32_t magic = 0x4f434d54; // "TMCO"
constexpr std::uint32_t version = 1;
constexpr std::uint64_t end_bytes = 4096;
constexpr std::uint64_t longest_cursor = 64u << 20;

/// What OUT.cursor says: magic, version, form, length of OUT, hash of its last bytes, note, checksum.
struct cursor {
  std::string form;
  std::uint64_t length = 0;
  std::uint64_t end_hash = 0;
  std::string note;
};

result<cursor> decode_cursor(std::string_view bytes, const std::filesystem::path& file,
                             const std::filesystem::path& out) {
  auto body = bytes.substr(0, bytes.size() - std::min<std::size_t>(8, bytes.size()));
  byte_reader r{body}, tail{bytes.substr(body.size())};
  auto whole = tail.fixed<std::uint64_t>() == hash64(body) && tail.ok();
  auto found_magic = r.fixed<std::uint32_t>();
  auto found_version = r.fixed<std::uint32_t>();
  if (whole && found_magic == magic && found_version != version)
    return error{errc::mismatch, file.string() + " is of format " + std::to_string(found_version) +
                                     ", this program reads format " + std::to_string(version) +
                                     "; use the program that wrote it"};
  cursor c;
  c.form = r.text();
  c.length = r.varint();
  c.end_hash = r.fixed<std::uint64_t>();
  c.note = r.text();
  if (!whole || found_magic != magic || !r.ok() || !r.at_end())
    return error{errc::corrupt, file.string() + " is damaged; restore it from a backup, or move it and " +
                                    out.string() + " away to begin with an empty file"};
  return c;
}

/// Two processes that write to one file would destroy it.
status lock(const disk_file& file) {
  while (::flock(file.descriptor(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return error{errc::locked, file.path().string() + " is being written by another sink or process; give "
                                                        "each a file of its own"};
    if (errno != EINTR)
      return disk_error("lock", file.path(), errno);
  }
  return {};
}

} // namespace

std::filesystem::path output_file::cursor_path() const {
  auto path = path_;
  path += ".cursor";
  return path;
}

error output_file::breaks(const error& why) {
  broken_ = error{errc::io, why.text() + "; nothing more is written to " + path_.string() +
                                " before a restart, which cuts it to what is promised"};
  return *broken_;
}

result<std::uint64_t> output_file::hash_of_end(std::uint64_t length) const {
  std::string end(std::min(length, end_bytes), '\0');
  TIDEMILL_TRY(auto got, file_.read_at(length - end.size(), end.data(), end.size()));
  end.resize(got);
  return hash64(end);
}

result<std::string> output_file::encode_cursor(std::string_view note) const {
  TIDEMILL_TRY(auto end_hash, hash_of_end(length_));
  std::string out;
  byte_writer w{out};
  w.fixed(magic);
  w.fixed(version);
  w.text(form_);
  w.varint(length_);
  w.fixed(end_hash);
  w.text(note);
  w.fixed(hash64(out));
  return out;
}

result<std::optional<std::string>> output_file::resume() {
  file_ = {};
  TIDEMILL_TRY(auto known, file_exists(cursor_path()));
  TIDEMILL_CHECK(create_folder(path_.parent_path()));
  return known ? go_on() : begin_new();
}

result<std::optional<std::string>> output_file::begin_new() {
  TIDEMILL_TRY(auto there, file_exists(path_));
  if (there && !std::filesystem::is_regular_file(path_))
    return error{errc::refused, path_.string() + " is not a regular file; name another one"};
  TIDEMILL_TRY(file_, disk_file::open_write(path_));
  TIDEMILL_CHECK(lock(file_));
  TIDEMILL_TRY(auto bytes, file_.size());
  if (bytes > 0)
    return error{errc::refused, path_.string() + " is not empty, and no " + cursor_path().string() +
                                    " says that it is ours; move it away, or name another file"};
  // Before the first byte: a crash must not leave a file of ours that looks like somebody else's.
  length_ = 0;
  TIDEMILL_TRY(auto bytes_of_cursor, encode_cursor({}));
  TIDEMILL_CHECK(replace_file(cursor_path(), bytes_of_cursor));
  broken_.reset();
  return std::optional<std::string>{};
}

result<std::optional<std::string>> output_file::go_on() {
  TIDEMILL_TRY(auto bytes, read_file(cursor_path(), longest_cursor));
  TIDEMILL_TRY(auto promised, decode_cursor(bytes, cursor_path(), path_));
  auto remedy =
      "; restore " + path_.string() + " from a backup, or move both away to begin with an empty file";
  if (promised.form != form_)
    return error{errc::mismatch, path_.string() + " holds " + promised.form + ", now it should get " + form_ +
                                     "; name another file, or move it and " + cursor_path().string() +
                                     " away"};
  TIDEMILL_TRY(auto there, file_exists(path_));
  if (!there && promised.length > 0)
    return error{errc::corrupt, path_.string() + " is missing, but " + cursor_path().string() +
                                    " says that it has " + std::to_string(promised.length) + " bytes" +
                                    remedy};
  TIDEMILL_TRY(file_, disk_file::open_write(path_));
  TIDEMILL_CHECK(lock(file_));
  TIDEMILL_TRY(auto found, file_.size());
  if (found < promised.length)
    return error{errc::corrupt, path_.string() + " has " + std::to_string(found) + " bytes, but " +
                                    cursor_path().string() + " says " + std::to_string(promised.length) +
                                    remedy};
  TIDEMILL_TRY(auto end_hash, hash_of_end(promised.length));
  if (end_hash != promised.end_hash)
    return error{errc::corrupt, path_.string() + " was changed before byte " +
                                    std::to_string(promised.length) + " by something else, as " +
                                    cursor_path().string() + " tells" + remedy};
  length_ = promised.length;
  if (found > promised.length) {
    TIDEMILL_CHECK(file_.truncate(length_));
    TIDEMILL_CHECK(file_.sync());
  }
  broken_.reset();
  if (promised.note.empty())
    return std::optional<std::string>{};
  return std::optional{std::move(promised.note)};
}

status output_file::append(std::string_view bytes) {
  if (broken_)
    return *broken_;
  if (auto written = file_.write_at(length_, bytes); !written) {
    TIDEMILL_CHECK(cut(length_));
    return written.error();
  }
  length_ += bytes.size();
  return {};
}

status output_file::cut(std::uint64_t length) {
  if (broken_)
    return *broken_;
  if (auto done = file_.truncate(length); !done)
    return breaks(done.error());
  length_ = length;
  return {};
}

status output_file::commit(std::string_view note) {
  if (broken_)
    return *broken_;
  // After a failed sync the kernel has forgotten what it could not write; trying again would lie.
  if (auto done = file_.sync(); !done)
    return breaks(done.error());
  TIDEMILL_TRY(auto bytes, encode_cursor(note));
  auto done = replace_file(cursor_path(), bytes);
  if (!done) {
    auto now = read_file(cursor_path(), longest_cursor);
    if (!now || *now == bytes) // it may be in place, or not: the disk knows
      return breaks(done.error());
  }
  return done;
}

} // namespace tidemill
