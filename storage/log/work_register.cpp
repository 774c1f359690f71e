#include "storage/log/work_register.hpp"

#include "storage/disk_file.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <sys/mman.h>
#include <type_traits>
#include <utility>

namespace tidemill {
namespace {

using number = std::atomic_ref<std::uint64_t>;
static_assert(number::is_always_lock_free);

constexpr std::uint64_t format = 0x31'6b'72'6f'77'6d'74; // "tmwork1"
constexpr std::size_t file_bytes = 4096;

/// `to` last when records are taken in hand, and first when they are put away: whoever finds a mixture finds
/// none, or fewer records.
void write(record_range& to, record_range r) noexcept {
  number{to.to}.store(0, std::memory_order_release);
  number{to.from}.store(r.from, std::memory_order_release);
  number{to.to}.store(r.to, std::memory_order_release);
}

record_range read(record_range& from) noexcept {
  record_range r{number{from.from}.load(std::memory_order_acquire),
                 number{from.to}.load(std::memory_order_acquire)};
  return r.empty() ? record_range{} : r;
}

} // namespace

struct work_register::contents {
  std::uint64_t format;
  record_range in_hand, suspected;
};

work_register::work_register(work_register&& other) noexcept
    : mapped_(std::exchange(other.mapped_, nullptr)), left_(other.left_) {}

work_register& work_register::operator=(work_register&& other) noexcept {
  std::swap(mapped_, other.mapped_);
  std::swap(left_, other.left_);
  return *this;
}

work_register::~work_register() {
  if (mapped_ != nullptr)
    ::munmap(mapped_, file_bytes);
}

result<work_register> work_register::open(const std::filesystem::path& file) {
  static_assert(sizeof(contents) <= file_bytes && std::is_trivially_copyable_v<contents>);
  TIDEMILL_CHECK(create_folder(file.parent_path()));
  TIDEMILL_TRY(auto opened, disk_file::open_write(file));
  // Its blocks are there before it is mapped: a store into a file on a full disk is a signal, not an error.
  if (auto failed = ::posix_fallocate(opened.descriptor(), 0, file_bytes); failed != 0)
    return disk_error("allocate", file, failed);
  auto* memory = ::mmap(nullptr, file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, opened.descriptor(), 0);
  if (memory == MAP_FAILED)
    return disk_error("map", file, errno);
  work_register made;
  made.mapped_ = static_cast<contents*>(memory);
  auto& c = *made.mapped_;
  if (c.format != format) {
    made.begin({});
    made.suspect({});
    c.format = format;
  }
  made.left_ = read(c.in_hand);
  made.end();
  return made;
}

void work_register::begin(record_range r) noexcept {
  if (mapped_ != nullptr)
    write(mapped_->in_hand, r);
}

record_range work_register::suspected() const noexcept {
  return mapped_ == nullptr ? record_range{} : read(mapped_->suspected);
}

void work_register::suspect(record_range r) noexcept {
  if (mapped_ != nullptr)
    write(mapped_->suspected, r);
}

} // namespace tidemill
