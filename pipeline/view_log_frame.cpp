#include "pipeline/view_log_frame.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::uint8_t format_version = 3;
constexpr char head_kind = 'B', frontier_kind = 'F', end_kind = 'E';

} // namespace

error damaged_view_log() {
  return {errc::corrupt, "a record of the view log doesn't decode"};
}

bool view_log_frame::advance(std::span<const offset> have) {
  bool news = false;
  for (std::size_t p = 0; p < frontier.size() && p < have.size(); ++p)
    if (have[p] > frontier[p]) {
      frontier[p] = have[p];
      news = true;
    }
  return news;
}

std::string view_log_frame::frontier_record() const {
  std::string bytes(1, frontier_kind);
  byte_writer out{bytes};
  out.varint(frontier.size());
  for (auto o : frontier)
    out.varint(o);
  return bytes;
}

std::string view_log_frame::head_record() const {
  std::string bytes(1, head_kind);
  byte_writer out{bytes};
  out.u8(format_version);
  out.text(what_.state_id);
  out.text(what_.rows_id);
  out.svarint(through);
  out.svarint(trimmed.time_since_epoch().count());
  out.varint(frontier.size());
  for (auto o : frontier)
    out.varint(o);
  return bytes;
}

status view_log_frame::read_head(byte_reader& in) {
  in_head_ = true;
  skip_head_ = !fresh_;
  if (in.u8() != format_version)
    return error{errc::mismatch, "the view log was written by another version of tidemill"};
  if (in.text() != what_.state_id || in.text() != what_.rows_id)
    return error{errc::mismatch, "the view log belongs to another definition of view " + what_.name};
  if (skip_head_)
    return {};
  fresh_ = false;
  through = in.svarint();
  trimmed = event_time{microseconds{in.svarint()}};
  auto partitions = in.varint();
  if (partitions > frontier.size())
    return error{errc::mismatch, "the view log was written with more partitions (" +
                                     std::to_string(partitions) + ") than there are now (" +
                                     std::to_string(frontier.size()) + ")"};
  for (std::size_t p = 0; p < partitions; ++p) // those added since have not been seen by anybody
    frontier[p] = in.varint();
  return in.ok() && in.at_end() ? status{} : damaged_view_log();
}

result<std::optional<view_log_frame::record>> view_log_frame::open(std::string_view bytes,
                                                                   std::string_view in_head) {
  byte_reader in{bytes};
  auto kind = static_cast<char>(in.u8());
  std::optional<record> mine;
  if (kind == head_kind) {
    TIDEMILL_CHECK(read_head(in));
    return mine;
  }
  auto of_head = kind == end_kind || in_head.find(kind) != std::string_view::npos;
  auto skipped = of_head && (!in_head_ || skip_head_);
  in_head_ = in_head_ && of_head && kind != end_kind;
  if (skipped || kind == end_kind)
    return mine;
  if (kind != frontier_kind) {
    mine = record{kind, in};
    return mine;
  }
  auto partitions = in.varint();
  if (partitions > frontier.size())
    return damaged_view_log();
  for (std::size_t p = 0; p < partitions; ++p)
    frontier[p] = std::max(frontier[p], in.varint());
  if (!in.ok() || !in.at_end())
    return damaged_view_log();
  return mine;
}

} // namespace tidemill
