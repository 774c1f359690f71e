#include "pipeline/view_keys.hpp"

namespace tidemill {

void key_set::fetch_slot(std::uint64_t hash) const noexcept {
  __builtin_prefetch(&slots_[place_of(hash)]);
}

void key_set::fetch_state(std::uint64_t hash) const noexcept {
  // Mostly it is the first one that is of this hash, or the key is new.
  if (const auto& s = slots_[place_of(hash)]; s.state) {
    const auto* bytes = reinterpret_cast<const char*>(s.state.get());
    for (std::size_t line = 0; line < sizeof(key_state); line += 64)
      __builtin_prefetch(bytes + line);
  }
}

key_state* key_set::find(std::string_view key, std::uint64_t hash) const noexcept {
  for (auto i = place_of(hash); slots_[i].state; i = next(i))
    if (slots_[i].hash == hash && slots_[i].state->key == key)
      return slots_[i].state.get();
  return nullptr;
}

key_state& key_set::add(std::string_view key, std::uint64_t hash) {
  if ((size_ + 1) * 4 > slots_.size() * 3)
    grow();
  auto i = place_of(hash);
  while (slots_[i].state)
    i = next(i);
  slots_[i].hash = hash;
  slots_[i].state = std::make_unique<key_state>();
  slots_[i].state->key = key;
  ++size_;
  return *slots_[i].state;
}

void key_set::remove(const key_state& k) {
  auto gap = place_of(hash_of(k.key));
  while (slots_[gap].state.get() != &k)
    gap = next(gap);
  slots_[gap].state = nullptr;
  --size_;
  // Those behind it that could lie in the gap move there, so that no search ends before them.
  for (auto i = next(gap); slots_[i].state; i = next(i)) {
    auto wanted = place_of(slots_[i].hash);
    auto mask = slots_.size() - 1;
    if (((i - wanted) & mask) < ((i - gap) & mask))
      continue;
    slots_[gap] = std::move(slots_[i]);
    gap = i;
  }
}

void key_set::grow() {
  auto old = std::exchange(slots_, std::vector<slot>(slots_.size() * 2));
  --shift_;
  for (auto& s : old)
    if (s.state) {
      auto i = place_of(s.hash);
      while (slots_[i].state)
        i = next(i);
      slots_[i] = std::move(s);
    }
}

} // namespace tidemill
