#include "event/json_plan.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tidemill {
namespace {

template <class T>
std::uint64_t load(const char* from) noexcept {
  T x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

// The first and the last bytes of a key; with its size, all that there is to a key of up to 16.
struct key_words {
  std::uint64_t first = 0, last = 0;
};

key_words words_of(std::string_view key) noexcept {
  auto n = key.size();
  if (n >= 8)
    return {load<std::uint64_t>(key.data()), load<std::uint64_t>(key.data() + n - 8)};
  if (n >= 4)
    return {load<std::uint32_t>(key.data()), load<std::uint32_t>(key.data() + n - 4)};
  if (n == 0)
    return {};
  return {load<std::uint8_t>(key.data()),
          load<std::uint8_t>(key.data() + n / 2) << 8 | load<std::uint8_t>(key.data() + n - 1)};
}

std::size_t hash_key(std::string_view key) noexcept {
  auto words = words_of(key);
  auto h = (words.first ^ std::rotl(words.last, 29) ^ key.size()) * 0x9E3779B97F4A7C15u;
  return static_cast<std::size_t>(h >> 40);
}

constexpr std::size_t most_guesses = 64;
constexpr std::size_t longest_guess = 64;

} // namespace

json_key_plan* json_object_plan::find(std::string_view key, std::size_t place) {
  if (place >= most_guesses || key.size() > longest_guess)
    return find(key);
  auto words = words_of(key);
  auto& g = guesses_[place];
  if (g.text.size() == key.size() && g.first == words.first && g.last == words.last &&
      (key.size() <= 16 || g.text == key))
    return g.key;
  g.text = key;
  g.key = find(key);
  g.first = words.first;
  g.last = words.last;
  return g.key;
}

json_key_plan* json_object_plan::find(std::string_view key) noexcept {
  for (auto i = hash_key(key) & mask_; slots_[i] != 0; i = (i + 1) & mask_)
    if (auto& found = keys_[slots_[i] - 1]; found.key == key)
      return &found;
  return nullptr;
}

json_key_plan& json_object_plan::add(const std::string& key) {
  auto found = std::find_if(keys_.begin(), keys_.end(), [&](auto& k) { return k.key == key; });
  return found != keys_.end() ? *found : keys_.emplace_back(json_key_plan{key, {}, {}, 0});
}

void json_object_plan::seal() {
  auto size = std::bit_ceil(keys_.size() * 4 + 1);
  slots_.assign(size, 0);
  mask_ = size - 1;
  for (std::uint32_t k = 0; k < keys_.size(); ++k) {
    auto i = hash_key(keys_[k].key) & mask_;
    while (slots_[i] != 0)
      i = (i + 1) & mask_;
    slots_[i] = k + 1;
    if (keys_[k].inside)
      keys_[k].inside->seal();
  }
  guesses_.assign(most_guesses, guess{"", find(""), 0, 0});
}

std::unique_ptr<json_object_plan> plan_json(const schema& fields, const std::vector<std::uint32_t>& needed) {
  auto root = std::make_unique<json_object_plan>();
  for (auto i : needed) {
    const auto& f = fields[i];
    auto* object = root.get();
    auto path = f.path.empty() ? std::vector<std::string>{f.name} : f.path;
    for (std::size_t k = 0; k + 1 < path.size(); ++k) {
      auto& inside = object->add(path[k]).inside;
      if (!inside)
        inside = std::make_unique<json_object_plan>();
      object = inside.get();
    }
    object->add(path.back()).fields.push_back(i);
  }
  root->seal();
  return root;
}

} // namespace tidemill
