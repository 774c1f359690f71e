#pragma once

#include "event/rows.hpp"

#include <string>
#include <vector>

namespace tidemill {

/// The names of a view's keys in Redis; docs/redis.md describes them.
///
///     tm:{traffic}:meta        tm:{traffic:DE}:current
///     tm:{traffic}:keys        tm:{traffic:DE}:series
///     tm:{traffic}:changes
///
/// Braces make all keys that one script touches lie in one slot.
struct redis_keys {
  redis_keys(const std::string& prefix, const std::string& view);
  [[nodiscard]] std::string current(const std::string& key_text) const;
  [[nodiscard]] std::string series(const std::string& key_text) const;

  std::string meta, keys, changes;

private:
  std::string stem_;
};

/// The key of a row as people read it: its values joined by `|`. Reversible, short and safe in a key: bytes
/// below `!`, and `% { } | DEL`, become `%41`-like; null becomes `%null`; a text in a `dyn` column gets its
/// quotes. Over 200 bytes it is cut and ends in `%~` and a hash.
[[nodiscard]] std::string key_text(const view_schema& view, const row& r);
/// A cell as text: strings as they are, all else as in JSON without quotes.
[[nodiscard]] std::string cell_text(const value& v);
/// Sorts as the windows do: by end, then start.
[[nodiscard]] std::string window_order(const row& r);

} // namespace tidemill
