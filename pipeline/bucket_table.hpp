#pragma once

#include "event/bytes.hpp"
#include "event/hash.hpp"
#include "event/ids.hpp"
#include "pipeline/counted.hpp"
#include "pipeline/frozen_part.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

namespace tidemill {

template <class Values>
class frozen_buckets;

/// A value for each key, in buckets that follow each other and are dropped whole: what steps remember for a
/// while.
///
/// Keys are fingerprints of 128 bits; of a billion of them two are the same with a chance of 10^-21. An entry
/// costs 24 bytes and its value, and about 12 in its bucket's index. A bucket keeps its entries in the order
/// in which they came, so that the stored form depends on the records alone.
///
/// `Values` says what a value is: `type`, whose copies share what is large; `save(v, before, byte_writer&)`
/// and `load(v, before, byte_reader&)`, false if the bytes are damaged, with the value of the entry before
/// this one or an empty one.
///
/// `freeze` costs a pointer for 256 entries; after it a change copies its block, as long as the frozen part
/// is alive. Definitions are in `bucket_table_impl.hpp`.
template <class Values>
class bucket_table {
public:
  using kept = typename Values::type;
  struct entry {
    hash128 key;
    kept of{};
    offset changed_at = 0; ///< the offset after the last change; 0: only a place, while it is restored
  };
  static constexpr std::size_t most_entries = 1u << 31;

  explicit bucket_table(Values values = {}) : values_(std::move(values)) {}

  /// Null: the bucket of that number has no such key. Valid until the next change.
  [[nodiscard]] const entry* find(std::int64_t number, const hash128& key) const noexcept;
  /// The value of a key, an empty one if it is new; changed by the record that ends at `at`. Requires
  /// `number >= first()`. Valid until the next call.
  kept& change(std::int64_t number, const hash128& key, offset at);
  /// Forgets the buckets below; never goes back.
  void drop_below(std::int64_t number);
  /// No bucket below it is there.
  [[nodiscard]] std::int64_t first() const noexcept { return first_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Entries of a bucket.
  [[nodiscard]] std::size_t size(std::int64_t number) const noexcept;

  ///     section: of a bucket, entries: (number after the one before, key, changed_at, value)…
  [[nodiscard]] std::unique_ptr<const frozen_part> freeze() const;
  /// Takes back sections, after `drop_below`, into a table that had nothing else; of an entry that comes
  /// twice the first one counts. Buckets below `first()` are passed over. False: the bytes are damaged, or
  /// there are more than `most` entries.
  [[nodiscard]] bool restore(std::string_view sections, std::size_t most);
  /// After the last `restore`. False: an entry is missing, or a key is there twice.
  [[nodiscard]] bool finish_restore();

private:
  /// What is shared when the table is frozen, and copied when it changes meanwhile.
  struct block {
    static constexpr std::size_t size = 256; ///< entries, at most

    block() = default;
    block(const block& other) : newest(other.newest), entries(other.entries) {}

    std::atomic<std::uint32_t> refs{1};
    offset newest = 0; ///< highest `changed_at`
    std::vector<entry> entries;
  };
  static constexpr std::size_t absent = ~std::size_t{0};
  static constexpr std::size_t searched = 8; // so many entries need no index
  static constexpr std::uint64_t number_bits = 0xffff'ffff;
  struct bucket {
    std::vector<counted<block>> blocks;
    std::size_t size = 0;
    // Open addressing: number of the entry + 1 below, the highest bits of its key above; 0: free. Small
    // buckets are searched as they are.
    std::vector<std::uint64_t> index;

    [[nodiscard]] const entry& at(std::size_t i) const noexcept {
      return blocks[i / block::size]->entries[i % block::size];
    }
    [[nodiscard]] std::size_t find(const hash128& key) const noexcept;
    entry& writable(std::size_t i, offset at);
    void note(std::size_t i);
    void put(std::size_t i) noexcept;
  };
  bool restore_bucket(bucket& in, std::string_view entries, std::size_t most);
  friend class frozen_buckets<Values>;

  Values values_;
  std::map<std::int64_t, bucket> buckets_;
  std::int64_t first_ = std::numeric_limits<std::int64_t>::min();
  std::size_t size_ = 0;
};

/// Numbers, each stored as its difference to the one before.
struct number_values {
  using type = std::int64_t;
  static void save(type v, type before, byte_writer& out);
  [[nodiscard]] static bool load(type& v, type before, byte_reader& in);
};
extern template class bucket_table<number_values>;

} // namespace tidemill
