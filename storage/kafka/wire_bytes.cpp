#include "storage/kafka/wire_bytes.hpp"

#include <algorithm>

namespace tidemill {

std::uint64_t wire_reader::number(std::size_t size) noexcept {
  if (left() < size)
    fail(state::cut);
  if (!ok())
    return 0;
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < size; ++i)
    v = v << 8 | static_cast<unsigned char>(p_[i]);
  p_ += size;
  return v;
}

topic_uuid wire_reader::uuid() noexcept {
  topic_uuid id{};
  if (left() < id.size())
    fail(state::cut);
  if (ok()) {
    std::copy_n(p_, id.size(), id.data());
    p_ += id.size();
  }
  return id;
}

std::uint32_t wire_reader::uvarint() noexcept {
  std::uint64_t v = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    auto b = number(1);
    v |= (b & 0x7f) << shift;
    if ((b & 0x80) != 0)
      continue;
    if (v > 0xffffffff)
      break;
    return static_cast<std::uint32_t>(v);
  }
  fail(state::broken);
  return 0;
}

/// The length of something: one more than it is, or, old style, the number given, -1 being null.
std::size_t wire_reader::length(std::int64_t old_style) noexcept {
  auto n = flexible_ ? std::int64_t{uvarint()} - 1 : old_style;
  if (n < -1)
    fail(state::broken);
  return ok() && n > 0 ? static_cast<std::size_t>(n) : 0;
}

std::string_view wire_reader::text() noexcept {
  auto n = length(flexible_ ? 0 : i16());
  if (n > left())
    fail(state::cut);
  if (!ok())
    return {};
  std::string_view v{p_, n};
  p_ += n;
  return v;
}

std::size_t wire_reader::array(std::size_t most) noexcept {
  auto n = length(flexible_ ? 0 : i32());
  if (n > most)
    fail(state::broken);
  return ok() ? n : 0;
}

std::size_t wire_reader::blob(std::size_t most) noexcept {
  return array(most);
}

void wire_reader::tags() noexcept {
  if (!flexible_)
    return;
  for (auto n = uvarint(); n != 0 && ok(); --n) {
    uvarint();
    skip(uvarint());
  }
}

void wire_reader::skip(std::size_t n) noexcept {
  if (n > left())
    fail(state::cut);
  if (ok())
    p_ += n;
}

void wire_writer::uvarint(std::uint32_t v) {
  for (; v >= 0x80; v >>= 7)
    bytes_ += static_cast<char>(v | 0x80);
  bytes_ += static_cast<char>(v);
}

void wire_writer::text(std::string_view v) {
  if (flexible_)
    uvarint(static_cast<std::uint32_t>(v.size() + 1));
  else
    i16(static_cast<std::int16_t>(v.size()));
  bytes_ += v;
}

void wire_writer::array(std::size_t elements) {
  if (flexible_)
    uvarint(static_cast<std::uint32_t>(elements + 1));
  else
    i32(static_cast<std::int32_t>(elements));
}

std::string wire_writer::framed() && {
  wire_writer size;
  size.i32(static_cast<std::int32_t>(bytes_.size()));
  return size.bytes() + bytes_;
}

} // namespace tidemill
