#include "actors/partition_watch.hpp"

#include "event/hash.hpp"

#include <algorithm>
#include <limits>

namespace tidemill {
namespace {

constexpr std::size_t longest_key = 100; // of it so many bytes are shown

void append_key(std::string& out, const source_plan& source, const event_batch& batch, std::uint32_t row) {
  for (auto slot : source.promised)
    append_encoded(out, batch.columns[slot], row);
}

std::string key_text(const source_plan& source, const event_batch& batch, std::uint32_t row) {
  std::string text;
  for (auto slot : source.promised) {
    text += (text.empty() ? "" : ", ") + source.fields[slot].name + ' ';
    append_json(text, batch.columns[slot].at(row));
  }
  if (text.size() > longest_key) {
    auto end = longest_key;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      --end;
    text.resize(end);
    text += "…";
  }
  return text;
}

} // namespace

std::pair<std::uint64_t, std::uint64_t> partition_watch::begin(std::uint32_t partition, std::size_t rows) {
  std::lock_guard lock{mutex_};
  if (partition >= rows_.size())
    rows_.resize(partition + 1);
  auto before = rows_[partition];
  rows_[partition] += rows;
  return {before, heap_.size() < most_keys ? std::numeric_limits<std::uint64_t>::max() : heap_.front()};
}

bool partition_watch::see(const event_batch& batch) {
  auto [number, highest] = begin(to_index(batch.partition), batch.selected.size());
  std::vector<candidate> candidates;
  std::string key;
  for (auto row : batch.selected) {
    if (auto n = number++; n >= watched_rows && n % one_in != 0)
      continue;
    key.clear();
    append_key(key, source_, batch, row);
    if (auto hash = hash64(key); hash <= highest)
      candidates.push_back({hash, row});
  }
  std::lock_guard lock{mutex_};
  auto before = found_.keys;
  for (const auto& c : candidates)
    note(c, batch);
  return before == 0 && found_.keys > 0;
}

void partition_watch::note(const candidate& c, const event_batch& batch) {
  if (heap_.size() == most_keys && c.hash > heap_.front())
    return;
  auto partition = to_index(batch.partition);
  auto [it, fresh] = places_.try_emplace(c.hash, place{partition, batch.records[c.row].at});
  if (!fresh) {
    if (it->second.partition != partition && !it->second.told) {
      tell(c, batch, it->second);
      it->second.told = true;
    }
    return;
  }
  heap_.push_back(c.hash);
  std::ranges::push_heap(heap_);
  if (heap_.size() <= most_keys)
    return;
  std::ranges::pop_heap(heap_);
  places_.erase(heap_.back());
  heap_.pop_back();
}

void partition_watch::tell(const candidate& c, const event_batch& batch, const place& before) {
  if (++found_.keys > 1)
    return;
  auto spot = [](std::uint32_t partition, offset at) {
    return "partition " + std::to_string(partition) + " (offset " + std::to_string(at) + ")";
  };
  found_.text = "source " + source_.name + " is not partitioned by " + fields() +
                " as partitioned_by says: " + key_text(source_, batch, c.row) + " came in " +
                spot(before.partition, before.at) + " and in " +
                spot(to_index(batch.partition), batch.records[c.row].at) +
                "; steps with a key see only a part of its events. Let the producer use that as key of its "
                "records, with "
                "one partitioner, or repartition the stream with key_by";
}

partition_watch::breach partition_watch::found() const {
  std::lock_guard lock{mutex_};
  return found_;
}

std::string partition_watch::fields() const {
  std::string all;
  for (auto slot : source_.promised)
    all += (all.empty() ? "" : ", ") + source_.fields[slot].name;
  return all;
}

} // namespace tidemill
