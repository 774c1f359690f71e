#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemill {

/// A topic's own id, which no other topic gets, not even one of the same name; all zero: not known.
using topic_uuid = std::array<char, 16>;

/// Takes numbers and texts of the Kafka protocol from bytes nobody vouches for.
///
/// Never reads past the end: a value that isn't wholly there, or can't be one, is 0 or empty, and `ok` is
/// false from then on, so that it is asked once at the end. `flexible`: the newer encoding with short lengths
/// and tagged fields. Views point into the bytes.
class wire_reader {
public:
  explicit wire_reader(std::string_view bytes, bool flexible = false) noexcept
      : p_(bytes.data()), end_(bytes.data() + bytes.size()), flexible_(flexible) {}

  std::int8_t i8() noexcept { return static_cast<std::int8_t>(number(1)); }
  std::int16_t i16() noexcept { return static_cast<std::int16_t>(number(2)); }
  std::int32_t i32() noexcept { return static_cast<std::int32_t>(number(4)); }
  std::int64_t i64() noexcept { return static_cast<std::int64_t>(number(8)); }
  topic_uuid uuid() noexcept;
  std::uint32_t uvarint() noexcept;
  /// A text; null is empty.
  std::string_view text() noexcept;
  /// The number of elements that follow, each of at least one byte, in a whole of `most` bytes; null is 0.
  std::size_t array(std::size_t most) noexcept;
  std::size_t array() noexcept { return array(left()); }
  /// The number of bytes that follow, at most `most`; they need not be there. Null is 0.
  std::size_t blob(std::size_t most) noexcept;
  /// Skips tagged fields, if flexible.
  void tags() noexcept;
  void skip(std::size_t n) noexcept;

  [[nodiscard]] bool ok() const noexcept { return state_ == state::good; }
  /// Not ok, but more bytes could make it so.
  [[nodiscard]] bool cut() const noexcept { return state_ == state::cut; }
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - p_); }
  [[nodiscard]] bool flexible() const noexcept { return flexible_; }

private:
  enum class state : std::uint8_t { good, cut, broken };
  std::uint64_t number(std::size_t size) noexcept;
  std::size_t length(std::int64_t old_style) noexcept;
  void fail(state s) noexcept {
    if (ok())
      state_ = s;
  }

  const char* p_;
  const char* end_;
  state state_ = state::good;
  bool flexible_;
};

/// Puts a request together.
class wire_writer {
public:
  explicit wire_writer(bool flexible = false) : flexible_(flexible) {}

  void i8(std::int8_t v) { number(static_cast<std::uint8_t>(v), 1); }
  void i16(std::int16_t v) { number(static_cast<std::uint16_t>(v), 2); }
  void i32(std::int32_t v) { number(static_cast<std::uint32_t>(v), 4); }
  void i64(std::int64_t v) { number(static_cast<std::uint64_t>(v), 8); }
  void uuid(const topic_uuid& v) { bytes_.append(v.data(), v.size()); }
  void uvarint(std::uint32_t v);
  void text(std::string_view v);
  void array(std::size_t elements);
  void tags() {
    if (flexible_)
      uvarint(0);
  }
  /// The bytes so far, with their number put before them.
  [[nodiscard]] std::string framed() &&;
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  void raw(std::string_view v) { bytes_ += v; }

private:
  void number(std::uint64_t v, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
      bytes_ += static_cast<char>(v >> shift & 0xff);
  }
  std::string bytes_;
  bool flexible_;
};

} // namespace tidemill
