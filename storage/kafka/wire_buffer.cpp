#include "storage/kafka/wire_buffer.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tidemill {
namespace {

constexpr std::size_t smallest = 4096;

/// Few sizes, so that a buffer fits the next answer as well.
std::size_t rounded(std::size_t size) {
  return std::bit_ceil(std::max(size, smallest));
}

std::size_t place_of(std::size_t rounded_size) {
  return static_cast<std::size_t>(std::countr_zero(rounded_size));
}

} // namespace

wire_buffer::wire_buffer(std::size_t capacity)
    : capacity_(capacity), bytes_(std::make_unique_for_overwrite<char[]>(capacity + padding)) {
  std::memset(bytes_.get() + capacity, 0, padding);
}

wire_buffer_pool::wire_buffer_pool(std::size_t keep) : shelf_(std::make_shared<shelf>()) {
  shelf_->keep = keep;
}

wire_buffer_ptr wire_buffer_pool::take(std::size_t size) {
  auto wanted = rounded(size);
  std::unique_ptr<wire_buffer> found;
  {
    std::lock_guard lock{shelf_->mutex};
    // The newest: its memory is most likely still in a cache.
    if (auto& free = shelf_->free[place_of(wanted)]; !free.empty()) {
      found = std::move(free.back());
      free.pop_back();
      shelf_->bytes -= wanted;
    }
  }
  if (!found)
    found = std::make_unique<wire_buffer>(wanted);
  return {found.release(), [shelf = shelf_](wire_buffer* b) {
            std::unique_ptr<wire_buffer> back{b};
            std::lock_guard lock{shelf->mutex};
            if (shelf->bytes + back->capacity() > shelf->keep)
              return;
            shelf->bytes += back->capacity();
            shelf->free[place_of(back->capacity())].push_back(std::move(back));
          }};
}

} // namespace tidemill
