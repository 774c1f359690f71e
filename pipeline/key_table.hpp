#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include "event/hash.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// The bytes of keys, in pages that never move.
struct key_pages {
  static constexpr std::size_t keys = 1024;
  using page = std::array<std::string, keys>;
  std::vector<std::unique_ptr<page>> pages;
  std::atomic<std::uint32_t> readers{0};
};

/// Keys as dense ids. An id is given to another key only when there are no readers.
class key_table {
public:
  [[nodiscard]] std::uint32_t intern(std::string_view key);
  [[nodiscard]] std::string_view at(std::uint32_t id) const noexcept {
    return (*pages_->pages[id / key_pages::keys])[id % key_pages::keys];
  }
  /// One more thing needs the key.
  void retain(std::uint32_t id) noexcept { ++uses_[id]; }
  /// One less; after the last one the key is forgotten.
  void release(std::uint32_t id);

  [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }
  /// Every id is below this.
  [[nodiscard]] std::size_t ids() const noexcept { return uses_.size(); }

private:
  struct key_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept { return hash64(key); }
  };
  [[nodiscard]] std::string& bytes(std::uint32_t id) {
    return (*pages_->pages[id / key_pages::keys])[id % key_pages::keys];
  }
  [[nodiscard]] std::uint32_t unused_id();
  friend class key_reader;

  std::shared_ptr<key_pages> pages_ = std::make_shared<key_pages>();
  std::vector<std::uint32_t> uses_;    ///< by id
  std::vector<std::uint32_t> unused_;  ///< ids to give again
  std::vector<std::uint32_t> retired_; ///< forgotten, but a reader may still look them up
  boost::unordered_flat_map<std::string_view, std::uint32_t, key_hash, std::equal_to<>> ids_;
};

/// The keys that were in a table when this was made. Any thread, while another one changes the table.
class key_reader {
public:
  explicit key_reader(const key_table& of);
  key_reader(const key_reader&) = delete;
  key_reader& operator=(const key_reader&) = delete;
  ~key_reader();
  [[nodiscard]] std::string_view at(std::uint32_t id) const noexcept {
    return (*pages_[id / key_pages::keys])[id % key_pages::keys];
  }

private:
  std::shared_ptr<key_pages> of_;
  std::vector<const key_pages::page*> pages_; // those of `of_` may become more
};

} // namespace tidemill
