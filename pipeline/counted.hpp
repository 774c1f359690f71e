#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace tidemill {

/// Shares a `T` between threads, as `shared_ptr` does, and can tell whether it is the last one: `alone()`
/// orders what other threads did with the object before they let go of it, so it may be changed in place.
///
/// `T` has a member `std::atomic<std::uint32_t> refs{1}`, which copies don't copy.
template <class T>
class counted {
public:
  counted() = default;
  /// Takes over what was made by `new`.
  explicit counted(T* fresh) noexcept : at_(fresh) {}
  counted(const counted& other) noexcept : at_(other.at_) {
    if (at_ != nullptr)
      at_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  counted(counted&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
  counted& operator=(counted other) noexcept {
    std::swap(at_, other.at_);
    return *this;
  }
  ~counted() {
    if (at_ != nullptr && at_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete at_;
  }

  [[nodiscard]] bool alone() const noexcept { return at_->refs.load(std::memory_order_acquire) == 1; }
  [[nodiscard]] explicit operator bool() const noexcept { return at_ != nullptr; }
  T& operator*() const noexcept { return *at_; }
  T* operator->() const noexcept { return at_; }

private:
  T* at_ = nullptr;
};

} // namespace tidemill
