#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace tidemill {

/// Memory for received records. Behind `capacity` bytes there are `padding` more that may be read.
class wire_buffer {
public:
  static constexpr std::size_t padding = 64;
  explicit wire_buffer(std::size_t capacity);

  [[nodiscard]] char* data() noexcept { return bytes_.get(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::string_view first(std::size_t n) const noexcept { return {bytes_.get(), n}; }

private:
  std::size_t capacity_;
  std::unique_ptr<char[]> bytes_;
};
using wire_buffer_ptr = std::shared_ptr<wire_buffer>;

/// Gives out buffers and takes them back when their last owner is gone, on whatever thread and also after
/// the pool itself, so that memory is not given back to the system and faulted in anew for each answer.
class wire_buffer_pool {
public:
  /// Keeps up to `keep` bytes that nobody uses.
  explicit wire_buffer_pool(std::size_t keep);
  /// At least `size` bytes, of any content.
  [[nodiscard]] wire_buffer_ptr take(std::size_t size);

private:
  struct shelf {
    std::mutex mutex;
    std::array<std::vector<std::unique_ptr<wire_buffer>>, 64> free; ///< by power of two; newest last
    std::size_t bytes = 0, keep = 0;
  };
  std::shared_ptr<shelf> shelf_;
};

} // namespace tidemill
