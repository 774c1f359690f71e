#pragma once

#include <string_view>

namespace tidemill {

/// What is decided inside Redis, atomically. Each script touches keys of one slot only. All refuse a writer
/// whose epoch is lower than the stored one (-1): a writer that was replaced can never come back.
///
/// Epochs and offsets are compared as decimal text, since numbers in Lua are doubles.
namespace redis_scripts {

/// Opens a write. KEYS: meta. ARGV: epoch, "1" for all rows, else "0", the offset last written.
/// 1: go on; 0: the store isn't where it was left; -1: refused.
extern const std::string_view begin;
/// Closes it. KEYS: meta. ARGV: epoch, offset, watermark, updated, and the offset that `begin` left there:
/// the one last written, or "" if all rows were. 1: done; 0: the store lost something in between; -1:
/// refused.
extern const std::string_view commit;
/// Changes one key of a view. KEYS: current, series. ARGV: epoch, offset, ttl in ms, mode, window order,
/// series ("", "keep", "reset"), series floor, number of fields, fields …, then series pairs (score, row or
/// ""). Modes: `put` unless the stored window is newer, `set` whatever it is, `remove`. 1: written; 0: known
/// already, nothing is written; -1: refused.
extern const std::string_view row;
/// Changes the set of keys. KEYS: meta, keys. ARGV: epoch, ttl in ms, then triples (put | set | remove, key,
/// score); `put` never lowers a score. 1 or -1.
extern const std::string_view index;
/// Appends to the stream of changes. KEYS: meta, changes. ARGV: epoch, ttl in ms, then entries (id, number of
/// fields, fields …); ids that are there already are passed over. 1 or -1.
extern const std::string_view append;

} // namespace redis_scripts
} // namespace tidemill
