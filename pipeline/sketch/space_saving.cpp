#include "pipeline/sketch/space_saving.hpp"

#include "event/hash.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace tidemill {
namespace {

constexpr std::uint32_t none = 0xffff'ffff;
constexpr std::uint64_t most_counted = std::uint64_t{1} << 62;

struct entry {
  std::string item;
  std::uint64_t hash = 0, count = 0, error = 0;
  std::uint32_t place = none; // in the heap, if there is one
};

} // namespace

// Entries with an index by hash (open addressing, at most half full) and, once there are m of them, a heap
// with the next one to go on top: the least count, of those the greatest item, so that equal states go on
// alike.
struct space_saving::counters {
  std::vector<entry> entries;
  std::vector<std::uint32_t> index, heap;
  std::uint64_t total = 0, floor = 0;

  [[nodiscard]] std::uint32_t find(std::string_view item, std::uint64_t hash) const {
    if (index.empty())
      return none;
    for (auto at = hash & (index.size() - 1); index[at] != none; at = (at + 1) & (index.size() - 1))
      if (const auto& e = entries[index[at]]; e.hash == hash && e.item == item)
        return index[at];
    return none;
  }

  void enter(std::uint32_t i) {
    auto at = entries[i].hash & (index.size() - 1);
    while (index[at] != none)
      at = (at + 1) & (index.size() - 1);
    index[at] = i;
  }

  // Closes the gap that an entry leaves: what follows in its run moves up as far as its hash allows.
  void leave(std::uint32_t i) {
    auto mask = index.size() - 1;
    auto gap = entries[i].hash & mask;
    while (index[gap] != i)
      gap = (gap + 1) & mask;
    for (auto at = (gap + 1) & mask; index[at] != none; at = (at + 1) & mask) {
      auto home = entries[index[at]].hash & mask;
      if (((at - home) & mask) >= ((at - gap) & mask)) {
        index[gap] = index[at];
        gap = at;
      }
    }
    index[gap] = none;
  }

  void append(entry e) {
    entries.push_back(std::move(e));
    if (entries.size() * 2 > index.size())
      build_index();
    else
      enter(static_cast<std::uint32_t>(entries.size() - 1));
  }

  void build_index() {
    std::size_t size = 8;
    while (size < entries.size() * 2)
      size *= 2;
    index.assign(size, none);
    for (std::uint32_t i = 0; i < entries.size(); ++i)
      enter(i);
  }

  [[nodiscard]] bool goes_before(std::uint32_t a, std::uint32_t b) const {
    const auto &x = entries[a], &y = entries[b];
    return x.count != y.count ? x.count < y.count : x.item > y.item;
  }
  void put(std::size_t place, std::uint32_t i) {
    heap[place] = i;
    entries[i].place = static_cast<std::uint32_t>(place);
  }
  // An entry whose count has grown moves down.
  void sink(std::size_t place) {
    auto i = heap[place];
    for (auto child = 2 * place + 1; child < heap.size(); child = 2 * place + 1) {
      if (child + 1 < heap.size() && goes_before(heap[child + 1], heap[child]))
        ++child;
      if (!goes_before(heap[child], i))
        break;
      put(place, heap[child]);
      place = child;
    }
    put(place, i);
  }
  void build_heap() {
    heap.resize(entries.size());
    for (std::uint32_t i = 0; i < entries.size(); ++i)
      put(i, i);
    for (auto place = heap.size() / 2; place-- > 0;)
      sink(place);
  }

  void add(std::string_view item, std::size_t m) {
    ++total;
    auto hash = hash64(item);
    auto i = find(item, hash);
    if (i != none) {
      ++entries[i].count;
      if (!heap.empty())
        sink(entries[i].place);
      return;
    }
    if (entries.size() < m)
      return append({std::string{item}, hash, floor + 1, floor, none});
    if (heap.empty())
      build_heap();
    i = heap.front();
    leave(i);
    auto& e = entries[i];
    floor = e.error = e.count;
    e.item = item;
    e.hash = hash;
    ++e.count;
    enter(i);
    sink(0);
  }

  // Of an item that only one of two has, the other may have seen as much as its floor.
  void merge(const counters& other, std::size_t m) {
    auto mine = entries.size();
    std::vector<bool> both(mine);
    for (const auto& theirs : other.entries) {
      auto i = find(theirs.item, theirs.hash);
      if (i < mine) {
        entries[i].count += theirs.count;
        entries[i].error += theirs.error;
        both[i] = true;
      } else {
        append({theirs.item, theirs.hash, theirs.count + floor, theirs.error + floor, none});
      }
    }
    for (std::size_t i = 0; i < mine; ++i)
      if (!both[i]) {
        entries[i].count += other.floor;
        entries[i].error += other.floor;
      }
    total += other.total;
    floor += other.floor;
    heap.clear();
    if (entries.size() <= m)
      return;
    std::sort(entries.begin(), entries.end(), [](const entry& a, const entry& b) {
      return a.count != b.count ? a.count > b.count : a.item < b.item;
    });
    floor = std::max(floor, entries[m].count);
    entries.resize(m);
    build_index();
  }
};

space_saving::space_saving() noexcept = default;
space_saving::space_saving(const space_saving& other)
    : held_(other.held_ ? std::make_unique<counters>(*other.held_) : nullptr) {}
space_saving::space_saving(space_saving&&) noexcept = default;
space_saving& space_saving::operator=(space_saving&&) noexcept = default;
space_saving::~space_saving() = default;

void space_saving::add(std::string_view item, std::size_t m) {
  if (!held_)
    held_ = std::make_unique<counters>();
  held_->add(item, m);
}

void space_saving::merge(const space_saving& other, std::size_t m) {
  if (!other.held_)
    return;
  if (!held_)
    held_ = std::make_unique<counters>(*other.held_);
  else
    held_->merge(*other.held_, m);
}

std::uint64_t space_saving::total() const noexcept {
  return held_ ? held_->total : 0;
}

std::uint64_t space_saving::floor() const noexcept {
  return held_ ? held_->floor : 0;
}

std::vector<space_saving::counter> space_saving::top(std::size_t most) const {
  std::vector<counter> all;
  if (!held_)
    return all;
  for (const auto& e : held_->entries)
    all.push_back({e.item, e.count, e.error});
  auto n = static_cast<std::ptrdiff_t>(std::min(most, all.size()));
  std::partial_sort(all.begin(), all.begin() + n, all.end(), [](const counter& a, const counter& b) {
    return a.count != b.count ? a.count > b.count : a.item < b.item;
  });
  all.resize(static_cast<std::size_t>(n));
  return all;
}

void space_saving::save(byte_writer& out) const {
  out.varint(total());
  if (!held_)
    return;
  out.varint(held_->floor);
  std::vector<const entry*> sorted;
  for (const auto& e : held_->entries)
    sorted.push_back(&e);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->item < b->item; });
  out.varint(sorted.size());
  for (const auto* e : sorted) {
    out.text(e->item);
    out.varint(e->count);
    out.varint(e->error);
  }
}

bool space_saving::load(byte_reader& in, std::size_t m) {
  held_ = nullptr;
  auto read = std::make_unique<counters>();
  read->total = in.varint();
  if (read->total == 0)
    return in.ok();
  read->floor = in.varint();
  auto n = in.varint();
  if (!in.ok() || n == 0 || n > m || read->total > most_counted || read->floor > most_counted)
    return false;
  for (std::uint64_t i = 0; i < n; ++i) {
    auto item = in.text();
    auto count = in.varint(), error = in.varint();
    if (!in.ok() || count > most_counted || error >= count || error > read->floor ||
        (i > 0 && item <= read->entries.back().item))
      return false;
    read->append({std::string{item}, hash64(item), count, error, none});
  }
  held_ = std::move(read);
  return true;
}

std::size_t space_saving::heap_bytes() const noexcept {
  if (!held_)
    return 0;
  auto bytes = sizeof(counters) + held_->entries.capacity() * sizeof(entry) +
               (held_->index.capacity() + held_->heap.capacity()) * sizeof(std::uint32_t);
  for (const auto& e : held_->entries)
    bytes += e.item.capacity() > std::string{}.capacity() ? e.item.capacity() + 1 : 0;
  return bytes;
}

} // namespace tidemill
