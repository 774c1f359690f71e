#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include "event/hash.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
  /// So many keys will be there.
  void reserve(std::size_t keys) { ids_.reserve(keys); }
  /// One more thing needs the key.
  void retain(std::uint32_t id) noexcept { ++uses_[id]; }
  /// One less; after the last one the key is forgotten.
  void release(std::uint32_t id);

  [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }
  /// Every id is below this.
  [[nodiscard]] std::size_t ids() const noexcept { return uses_.size(); }

private:
  // As found in the map: short keys lie in it, so that looking one up touches one place in memory.
  class slot_key {
  public:
    explicit slot_key(std::string_view key) noexcept : size_(static_cast<std::uint32_t>(key.size())) {
      if (size_ <= sizeof bytes_) {
        std::memcpy(bytes_, key.data(), size_);
      } else {
        const auto* at = key.data();
        std::memcpy(bytes_, &at, sizeof at);
      }
    }
    [[nodiscard]] std::string_view bytes() const noexcept {
      const char* at = bytes_;
      if (size_ > sizeof bytes_)
        std::memcpy(&at, bytes_, sizeof at);
      return {at, size_};
    }

  private:
    std::uint32_t size_;
    char bytes_[16]; // or where they are
  };
  struct key_hash {
    using is_transparent = void;
    using is_avalanching = void;
    std::size_t operator()(std::string_view key) const noexcept { return hash64(key); }
    std::size_t operator()(const slot_key& key) const noexcept { return hash64(key.bytes()); }
  };
  struct key_equal {
    using is_transparent = void;
    static std::string_view bytes(std::string_view key) noexcept { return key; }
    static std::string_view bytes(const slot_key& key) noexcept { return key.bytes(); }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const noexcept {
      return bytes(a) == bytes(b);
    }
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
  boost::unordered_flat_map<slot_key, std::uint32_t, key_hash, key_equal> ids_;
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
