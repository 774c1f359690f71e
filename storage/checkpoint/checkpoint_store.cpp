#include "storage/checkpoint/checkpoint_store.hpp"

#include "storage/checkpoint/folder_blobs.hpp"
#include "storage/checkpoint/key_checkpoints.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <random>

namespace tidemill {

struct checkpoint_store::impl {
  std::unique_ptr<blob_store> blobs;
  std::uint64_t token = 0;
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<key_checkpoints>> keys;

  key_checkpoints& of(const std::string& key) {
    std::lock_guard lock{mutex};
    auto& found = keys[key];
    if (!found)
      found = std::make_unique<key_checkpoints>(*blobs, key, token);
    return *found;
  }
};

checkpoint_store::checkpoint_store(std::unique_ptr<blob_store> blobs) : impl_(std::make_unique<impl>()) {
  impl_->blobs = std::move(blobs);
  std::random_device random;
  impl_->token = std::uint64_t{random()} << 32 | random();
}

checkpoint_store::~checkpoint_store() = default;

result<std::unique_ptr<checkpoint_store>> checkpoint_store::open(std::filesystem::path folder) {
  return std::make_unique<checkpoint_store>(make_folder_blobs(std::move(folder)));
}

status checkpoint_store::save(const std::string& key, const checkpoint& c) {
  return impl_->of(key).save(c);
}

result<std::unique_ptr<checkpoint>> checkpoint_store::load(const std::string& key,
                                                           std::vector<std::string>& warnings) {
  return impl_->of(key).load(warnings);
}

result<checkpoint_store::needs> checkpoint_store::needed(const std::string& key) const {
  return impl_->of(key).needed();
}

namespace {

checkpoint_store::kept describe(const blob_number& number, const result<std::string>& bytes,
                                const std::string& file, std::string& key) {
  checkpoint_store::kept k;
  k.number = number.number;
  auto m = bytes ? decode_manifest(*bytes, {}, file) : result<manifest>{bytes.error()};
  if (!m) {
    k.damage = m.error().text();
    return k;
  }
  key = m->key;
  k.saved = m->saved;
  k.head = std::move(m->head);
  k.layers = std::move(m->layers);
  return k;
}

} // namespace

result<std::vector<checkpoint_store::history>> checkpoint_store::histories() const {
  auto& blobs = *impl_->blobs;
  std::vector<history> all;
  TIDEMILL_TRY(auto groups, blobs.groups());
  for (const auto& group : groups) {
    history h{group, blobs.place(group), {}};
    TIDEMILL_TRY(auto head, blobs.head(group));
    TIDEMILL_TRY(auto names, blobs.list(group));
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
      auto number = parse_manifest_name(*name);
      if (!number)
        continue;
      auto bytes = blobs.get(group, *name, std::uint64_t{1} << 30);
      if (!bytes && bytes.error().code() == errc::out_of_range)
        continue; // replaced by newer ones while we look
      h.checkpoints.push_back(describe(*number, bytes, h.place + "/" + *name, h.key));
      h.checkpoints.back().newest = to_text(*number) == head;
    }
    all.push_back(std::move(h));
  }
  return all;
}

} // namespace tidemill
