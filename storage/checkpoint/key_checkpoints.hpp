#pragma once

#include "storage/checkpoint/blob_store.hpp"
#include "storage/checkpoint/checkpoint_store.hpp"
#include "storage/checkpoint/manifest.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tidemill {

/// The checkpoints of one key. Its functions are those of `checkpoint_store`.
class key_checkpoints {
public:
  /// `token` is in all names that it writes: no other process may have it.
  key_checkpoints(blob_store& blobs, std::string key, std::uint64_t token);

  status save(const checkpoint& c);
  [[nodiscard]] result<std::unique_ptr<checkpoint>> load(std::vector<std::string>& warnings);
  [[nodiscard]] result<checkpoint_store::needs> needed();

private:
  struct stored {
    blob_number number;
    manifest content;
  };
  struct damaged {
    blob_number number;
    std::string why;
  };

  status look();
  status read_manifests(const std::vector<std::string>& names);
  status check(const manifest& m);
  [[nodiscard]] bool continues(const checkpoint& c) const;
  [[nodiscard]] std::vector<state_layer> stack_of(const checkpoint& c,
                                                  std::vector<offset_range>& lacking) const;
  status write_layer(const frozen_state& state, state_layer& layer, std::vector<std::string>& written);
  status write(const checkpoint& c, manifest& m, std::vector<std::string>& written);
  void take_back(const std::vector<std::string>& written);
  void remove_garbage();

  std::mutex mutex_;
  blob_store& blobs_;
  std::string key_, group_;
  std::uint64_t token_;
  bool looked_ = false;
  std::string head_;
  std::uint64_t next_ = 0;
  std::vector<stored> kept_;               ///< newest first, at most two
  std::vector<damaged> damaged_;           ///< passed over; removed by the next save
  std::set<std::string> there_;            ///< all names that may be there
  std::set<std::string> intact_;           ///< packs that were right when they were read or written
  std::map<std::string, std::string> bad_; ///< manifests whose packs are damaged, and why
};

} // namespace tidemill
