#pragma once

#include "storage/row_sink.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace tidemill {

struct redis_mirror_settings {
  std::string url = "redis://localhost:6379"; ///< see redis_url.hpp
  std::chrono::milliseconds ttl{86'400'000};  ///< a key not written for this long vanishes; 0: never
  std::string prefix = "tm";                  ///< of all keys
  bool series = false;                        ///< keep all retained windows of a key, not only the newest
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds command_timeout{5000};
};

/// Keeps Redis equal to views. docs/redis.md has the layout; redis_scripts.hpp what is decided there.
///
/// Every write is absolute and carries (epoch, offset): a repeated one changes nothing, one of a lower epoch
/// is refused for ever, an older window never replaces a newer one. A set of changes becomes visible key by
/// key; `meta` names the offset that all keys have reached. Connects at the first call, and again after any
/// error. Errors of `make`: `config_invalid`. Of the calls: `unavailable`, `refused` (login, a newer epoch, a
/// cluster).
[[nodiscard]] result<std::unique_ptr<view_mirror>> make_redis_mirror(redis_mirror_settings settings);

} // namespace tidemill
