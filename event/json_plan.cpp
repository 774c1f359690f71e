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

// Two overlapping loads cover a key of up to 16 bytes; longer ones rarely differ in the middle only.
std::size_t hash_key(std::string_view key) noexcept {
  auto n = key.size();
  std::uint64_t first = 0, last = 0;
  if (n >= 8) {
    first = load<std::uint64_t>(key.data());
    last = load<std::uint64_t>(key.data() + n - 8);
  } else if (n >= 4) {
    first = load<std::uint32_t>(key.data());
    last = load<std::uint32_t>(key.data() + n - 4);
  } else if (n > 0) {
    first = static_cast<unsigned char>(key[0]);
    last = static_cast<std::uint64_t>(static_cast<unsigned char>(key[n / 2])) << 8 |
           static_cast<unsigned char>(key[n - 1]);
  }
  auto h = (first ^ std::rotl(last, 29) ^ n) * 0x9E3779B97F4A7C15u;
  return static_cast<std::size_t>(h >> 40);
}

} // namespace

json_key_plan* json_object_plan::find(std::string_view key) noexcept {
  for (auto i = hash_key(key) & mask_; slots_[i] != 0; i = (i + 1) & mask_)
    if (auto& found = keys[slots_[i] - 1]; found.key == key)
      return &found;
  return nullptr;
}

void json_object_plan::seal() {
  auto size = std::bit_ceil(keys.size() * 4 + 1);
  slots_.assign(size, 0);
  mask_ = size - 1;
  for (std::uint32_t k = 0; k < keys.size(); ++k) {
    auto i = hash_key(keys[k].key) & mask_;
    while (slots_[i] != 0)
      i = (i + 1) & mask_;
    slots_[i] = k + 1;
    if (keys[k].inside)
      keys[k].inside->seal();
  }
}

std::unique_ptr<json_object_plan> plan_json(const schema& fields, const std::vector<std::uint32_t>& needed) {
  auto root = std::make_unique<json_object_plan>();
  auto key_of = [](json_object_plan& object, const std::string& key) -> json_key_plan& {
    auto found = std::find_if(object.keys.begin(), object.keys.end(), [&](auto& k) { return k.key == key; });
    return found != object.keys.end() ? *found : object.keys.emplace_back(json_key_plan{key, {}, {}, 0});
  };
  for (auto i : needed) {
    const auto& f = fields[i];
    auto* object = root.get();
    auto path = f.path.empty() ? std::vector<std::string>{f.name} : f.path;
    for (std::size_t k = 0; k + 1 < path.size(); ++k) {
      auto& inside = key_of(*object, path[k]).inside;
      if (!inside)
        inside = std::make_unique<json_object_plan>();
      object = inside.get();
    }
    key_of(*object, path.back()).fields.push_back(i);
  }
  root->seal();
  return root;
}

} // namespace tidemill
