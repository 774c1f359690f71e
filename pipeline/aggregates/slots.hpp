#pragma once

#include "pipeline/aggregates/scalar_form.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>

namespace tidemill {

/// A scalar that accumulators hold, or none: as bytes, as a decimal wants more alignment than they have.
template <class T>
class scalar_slot {
public:
  [[nodiscard]] bool present() const noexcept { return present_; }
  [[nodiscard]] T held() const noexcept {
    T x;
    std::memcpy(&x, bytes_.data(), sizeof(T));
    return x;
  }
  void hold(T x) noexcept {
    x = scalar_form<T>::normal(x);
    std::memcpy(bytes_.data(), &x, sizeof(T));
    present_ = true;
  }
  void save(byte_writer& out) const {
    out.u8(present_ ? 1 : 0);
    if (present_)
      scalar_form<T>::save(held(), out);
  }
  /// Into an empty one.
  [[nodiscard]] bool load(byte_reader& in) {
    auto present = in.u8();
    if (present == 0 || present > 1)
      return present == 0;
    T x{};
    if (!scalar_form<T>::load(x, in) || !in.ok())
      return false;
    hold(x);
    return true;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return 0; }

private:
  alignas(8) std::array<std::byte, sizeof(T)> bytes_{};
  bool present_ = false;
};

/// A text that accumulators hold, or none. May be moved by memcpy.
class text_slot {
public:
  [[nodiscard]] bool present() const noexcept { return text_ != nullptr; }
  [[nodiscard]] std::string_view held() const noexcept { return {text_.get(), size_}; }
  void hold(std::string_view x) {
    if (!text_ || x.size() > room_ || x.size() < room_ / 4) {
      room_ = static_cast<std::uint32_t>(x.size());
      text_ = std::make_unique<char[]>(room_);
    }
    size_ = static_cast<std::uint32_t>(x.size());
    x.copy(text_.get(), size_);
  }
  void save(byte_writer& out) const {
    out.u8(text_ ? 1 : 0);
    if (text_)
      out.text(held());
  }
  /// Into an empty one.
  [[nodiscard]] bool load(byte_reader& in) {
    auto present = in.u8();
    if (present == 0 || present > 1)
      return present == 0;
    auto text = in.text();
    if (!in.ok() || text.size() > std::numeric_limits<std::uint32_t>::max())
      return false;
    hold(text);
    return true;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return room_; }

private:
  std::unique_ptr<char[]> text_; // null: none yet
  std::uint32_t size_ = 0, room_ = 0;
};

} // namespace tidemill
