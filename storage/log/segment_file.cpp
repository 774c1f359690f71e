#include "storage/log/segment_file.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace tidemill {
namespace {

constexpr std::uint32_t magic = 0x4c534d54; // "TMSL"
constexpr std::uint32_t version = 1;
constexpr std::uint32_t mark_bit = 0x80000000;
constexpr std::size_t read_ahead = 64 << 10;

std::uint32_t length_check(std::uint64_t first, std::uint32_t length_and_mark) noexcept {
  char raw[sizeof length_and_mark];
  std::memcpy(raw, &length_and_mark, sizeof raw);
  return static_cast<std::uint32_t>(hash64({raw, sizeof raw}, first ^ magic));
}

} // namespace

frame_bytes encode_frame(std::uint64_t first, std::uint64_t position, std::string_view bytes,
                         bool mark) noexcept {
  auto length = static_cast<std::uint32_t>(bytes.size()) | (mark ? mark_bit : 0);
  auto check = length_check(first, length);
  auto checksum = hash64(bytes, first) + position;
  frame_bytes out;
  std::memcpy(out.data(), &length, 4);
  std::memcpy(out.data() + 4, &check, 4);
  std::memcpy(out.data() + 8, &checksum, 8);
  return out;
}

std::optional<record_frame> decode_frame(std::uint64_t first, std::string_view bytes) noexcept {
  std::uint32_t length, check;
  record_frame frame;
  std::memcpy(&length, bytes.data(), 4);
  std::memcpy(&check, bytes.data() + 4, 4);
  std::memcpy(&frame.checksum, bytes.data() + 8, 8);
  if (check != length_check(first, length))
    return {};
  frame.length = length & ~mark_bit;
  frame.mark = (length & mark_bit) != 0;
  return frame;
}

std::uint64_t claimed_position(std::uint64_t first, const record_frame& frame,
                               std::string_view bytes) noexcept {
  return frame.checksum - hash64(bytes, first);
}

std::string encode_segment_header(std::uint64_t first) {
  std::string out;
  byte_writer w{out};
  w.fixed(magic);
  w.fixed(version);
  w.fixed(first);
  w.fixed(hash64(out));
  return out;
}

status check_segment_header(const disk_file& file, std::uint64_t first) {
  std::string bytes(segment_header_bytes, '\0');
  TIDEMILL_TRY(auto got, file.read_at(0, bytes.data(), bytes.size()));
  bytes.resize(got);
  if (bytes == encode_segment_header(first))
    return {};
  byte_reader r{bytes};
  auto found_magic = r.fixed<std::uint32_t>();
  auto found_version = r.fixed<std::uint32_t>();
  r.fixed<std::uint64_t>();
  auto whole = r.fixed<std::uint64_t>() == hash64(std::string_view{bytes}.substr(0, 16)) && r.ok();
  if (whole && found_magic == magic && found_version > version)
    return error{errc::mismatch, file.path().string() + " is of format " + std::to_string(found_version) +
                                     ", this program knows up to " + std::to_string(version) +
                                     "; use the newer program"};
  return error{errc::corrupt, file.path().string() +
                                  ": the header at byte 0 is damaged or of another segment; "
                                  "restore the file from a backup"};
}

std::string segment_name(std::uint64_t first) {
  auto digits = std::to_string(first);
  return std::string(20 - digits.size(), '0') + digits + ".seg";
}

result<std::vector<std::uint64_t>> list_segments(const std::filesystem::path& folder) {
  std::vector<std::uint64_t> found;
  std::error_code failed;
  std::filesystem::directory_iterator entries{folder, failed}, none;
  for (; !failed && entries != none; entries.increment(failed)) {
    auto name = entries->path().filename().string();
    std::uint64_t first = 0;
    auto parsed = std::from_chars(name.data(), name.data() + name.size(), first);
    if (parsed.ec == std::errc{} && name == segment_name(first))
      found.push_back(first);
  }
  if (failed)
    return disk_error("list", folder, failed.value());
  std::sort(found.begin(), found.end());
  return found;
}

result<std::string_view> segment_cursor::view(std::size_t bytes) {
  auto have =
      at_ >= buffer_at_ && at_ - buffer_at_ <= buffer_.size() ? buffer_.size() - (at_ - buffer_at_) : 0;
  if (have < bytes) {
    auto wanted = std::min<std::uint64_t>(end_ - at_, std::max(bytes, read_ahead));
    buffer_.resize(wanted);
    buffer_at_ = at_;
    TIDEMILL_TRY(auto got, file_->read_at(at_, buffer_.data(), wanted));
    buffer_.resize(got);
    have = got;
  }
  return std::string_view{buffer_}.substr(at_ - buffer_at_, std::min(bytes, have));
}

result<segment_cursor::step> segment_cursor::look_at_head() {
  bytes_ = {};
  if (at_ == end_)
    return step::end;
  TIDEMILL_TRY(auto head, view(record_frame_bytes));
  if (head.size() < record_frame_bytes)
    return step::cut_off;
  auto frame = decode_frame(first_, head);
  if (!frame)
    return step::bad_head;
  frame_ = *frame;
  return record_bytes() > end_ - at_ ? step::cut_off : step::record;
}

result<segment_cursor::step> segment_cursor::look() {
  TIDEMILL_TRY(auto head, look_at_head());
  if (head != step::record)
    return head;
  TIDEMILL_TRY(auto whole, view(record_bytes()));
  if (whole.size() < record_bytes())
    return step::cut_off;
  bytes_ = whole.substr(record_frame_bytes);
  return claimed_position(first_, frame_, bytes_) == position_ ? step::record : step::bad_body;
}

void segment_cursor::advance() noexcept {
  at_ += record_bytes();
  ++position_;
}

result<std::optional<std::uint64_t>> find_marked(const disk_file& file, std::uint64_t first,
                                                 std::uint64_t from, std::uint64_t position,
                                                 std::uint64_t end) {
  std::string buffer, body;
  for (auto at = from + 1; at + record_frame_bytes <= end;) {
    buffer.resize(std::min<std::uint64_t>(end - at, 1 << 20));
    TIDEMILL_TRY(auto got, file.read_at(at, buffer.data(), buffer.size()));
    if (got < record_frame_bytes)
      break;
    auto places = got - record_frame_bytes + 1;
    for (std::size_t i = 0; i < places; ++i) {
      auto frame = decode_frame(first, std::string_view{buffer}.substr(i, record_frame_bytes));
      if (!frame || !frame->mark || frame->length > end - (at + i) - record_frame_bytes)
        continue;
      body.resize(frame->length);
      TIDEMILL_TRY(auto length, file.read_at(at + i + record_frame_bytes, body.data(), body.size()));
      auto claims = claimed_position(first, *frame, body);
      // Between the two places lies at least one record, and at most as many as their frames have room for.
      if (length == frame->length && claims > position &&
          claims - position <= (at + i - from) / record_frame_bytes)
        return std::optional{at + i};
    }
    at += places;
  }
  return std::optional<std::uint64_t>{};
}

} // namespace tidemill
