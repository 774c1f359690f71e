#pragma once

#include "storage/log_mirror.hpp"
#include "storage/redis/redis_mirror.hpp"

#include <memory>

namespace tidemill {

/// Keeps logs of alerts in Redis: a stream of entries with the ids `<epoch>-<offset>`, and a hash with the
/// newest entry of each key that is pending or firing. docs/redis.md has the layout. Connects at the first
/// call, and again after any error. Errors of `make`: `config_invalid`. Of the calls: `unavailable`,
/// `refused`.
[[nodiscard]] result<std::unique_ptr<log_mirror>> make_redis_log_mirror(redis_mirror_settings settings);

} // namespace tidemill
