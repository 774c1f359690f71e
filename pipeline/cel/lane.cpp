#include "pipeline/cel/lane.hpp"

#include <cstring>
#include <utility>
#include <vector>

namespace tidemill::cel {
namespace {

constexpr std::size_t kept_buffers = 32;
constexpr std::size_t kept_bytes = std::size_t{1} << 18; // of one buffer

struct free_buffer {
  std::unique_ptr<std::byte[]> memory;
  std::size_t size;
};

std::vector<free_buffer>& free_list() {
  thread_local std::vector<free_buffer> list;
  return list;
}

std::uint8_t* zeroed(buffer& own, std::size_t rows, const row_set& set) {
  own = buffer{rows};
  auto* bytes = own.as<std::uint8_t>();
  if (set.dense || set.size * 8 > rows)
    std::memset(bytes, 0, rows);
  else
    for_rows(set, [&](std::uint32_t row) { bytes[row] = 0; });
  return bytes;
}

} // namespace

buffer::buffer(std::size_t bytes) {
  auto& list = free_list();
  for (auto i = list.size(); i-- > 0;)
    if (list[i].size >= bytes && list[i].size / 4 <= bytes) {
      memory_ = std::move(list[i].memory);
      size_ = list[i].size;
      list[i] = std::move(list.back());
      list.pop_back();
      return;
    }
  size_ = bytes < 64 ? 64 : bytes;
  memory_ = std::make_unique_for_overwrite<std::byte[]>(size_);
}

buffer& buffer::operator=(buffer&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  return *this;
}

buffer::~buffer() {
  give_back();
}

void buffer::give_back() noexcept {
  if (!memory_ || size_ > kept_bytes)
    return;
  auto& list = free_list();
  if (list.capacity() < kept_buffers)
    list.reserve(kept_buffers);
  if (list.size() < kept_buffers)
    list.push_back({std::move(memory_), size_});
}

std::uint8_t* lane::make_errors(std::size_t rows, const row_set& set) {
  errors = zeroed(own_errors, rows, set);
  return own_errors.as<std::uint8_t>();
}

std::uint8_t* lane::make_nulls(std::size_t rows, const row_set& set) {
  nulls = zeroed(own_nulls, rows, set);
  return own_nulls.as<std::uint8_t>();
}

} // namespace tidemill::cel
