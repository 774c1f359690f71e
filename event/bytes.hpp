#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace tidemill {

/// Appends values to a byte string in the project's one binary form: little-endian fixed widths, LEB128
/// varints, length-prefixed strings. What `byte_reader` reads back.
class byte_writer {
public:
  explicit byte_writer(std::string& out) : out_(&out) {}

  template <class T>
  requires std::is_arithmetic_v<T>
  void fixed(T x) {
    char raw[sizeof(T)];
    std::memcpy(raw, &x, sizeof(T)); // the platforms we build for are little-endian
    out_->append(raw, sizeof(T));
  }
  void u8(std::uint8_t x) { out_->push_back(static_cast<char>(x)); }
  void varint(std::uint64_t x) {
    char raw[most_of_varint];
    out_->append(raw, static_cast<std::size_t>(put_varint(raw, x) - raw));
  }
  static constexpr std::size_t most_of_varint = 10; ///< bytes
  /// A varint at `to`, which has room; returns where it ends. For who writes very many.
  static char* put_varint(char* to, std::uint64_t x) noexcept {
    for (; x >= 0x80; x >>= 7)
      *to++ = static_cast<char>(x | 0x80);
    *to++ = static_cast<char>(x);
    return to;
  }
  /// Signed, zigzag.
  void svarint(std::int64_t x) {
    varint((static_cast<std::uint64_t>(x) << 1) ^ static_cast<std::uint64_t>(x >> 63));
  }
  void text(std::string_view x) {
    varint(x.size());
    out_->append(x);
  }
  void raw(std::string_view x) { out_->append(x); }
  [[nodiscard]] std::size_t size() const noexcept { return out_->size(); }

private:
  std::string* out_;
};

/// Reads what `byte_writer` wrote, from untrusted bytes: a read past the end or a malformed varint
/// returns zero or an empty view and clears `ok()`; nothing is ever read outside the input.
class byte_reader {
public:
  explicit byte_reader(std::string_view in) : in_(in) {}

  template <class T>
  requires std::is_arithmetic_v<T> T fixed() {
    T x{};
    if (auto raw = take(sizeof(T)); raw.size() == sizeof(T))
      std::memcpy(&x, raw.data(), sizeof(T));
    return x;
  }
  std::uint8_t u8() { return fixed<std::uint8_t>(); }
  std::uint64_t varint() {
    std::uint64_t x = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (in_.empty())
        break;
      auto byte = static_cast<std::uint8_t>(in_.front());
      in_.remove_prefix(1);
      if (shift == 63 && byte > 1)
        break;
      x |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80)
        return x;
    }
    ok_ = false;
    in_ = {};
    return 0;
  }
  std::int64_t svarint() {
    auto x = varint();
    return static_cast<std::int64_t>((x >> 1) ^ (~(x & 1) + 1));
  }
  std::string_view text() { return take(varint()); }
  std::string_view take(std::uint64_t n) {
    if (n > in_.size()) {
      ok_ = false;
      in_ = {};
      return {};
    }
    auto x = in_.substr(0, n);
    in_.remove_prefix(n);
    return x;
  }
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool at_end() const noexcept { return in_.empty(); }
  [[nodiscard]] std::string_view rest() const noexcept { return in_; }

private:
  std::string_view in_;
  bool ok_ = true;
};

} // namespace tidemill
