#include "actors/verify_stored.hpp"

#include "actors/state_check.hpp"
#include "pipeline/view.hpp"
#include "storage/log/segment_file.hpp"
#include "storage/log/segment_reader.hpp"

#include <algorithm>
#include <functional>

namespace tidemill {
namespace {

/// Reads a log without holes, anew if segments are removed meanwhile. `begin` is called before each try.
/// Returns the first position.
result<std::uint64_t> read_whole(const std::filesystem::path& folder, const std::function<void()>& begin,
                                 const std::function<status(std::string_view)>& each) {
  constexpr int tries = 5;
  for (int i = 0;; ++i) {
    begin();
    TIDEMILL_TRY(auto before, list_segments(folder));
    auto first = before.empty() ? 0 : before.front(), next = first;
    auto whole = true;
    status taken;
    auto read = read_segments(folder, [&](std::uint64_t position, std::string_view bytes) {
      whole = position == next++;
      taken = whole ? each(bytes) : status{};
      return whole && taken;
    });
    TIDEMILL_TRY(auto after, list_segments(folder));
    auto moved = !whole || (!after.empty() && after.front() != first);
    if (moved && i < tries)
      continue; // its writer has dropped segments in between
    TIDEMILL_CHECK(read);
    TIDEMILL_CHECK(taken);
    if (!whole)
      return error{errc::unavailable, folder.string() + " changes faster than it can be read; try again"};
    return first;
  }
}

} // namespace

result<stored_rows> read_stored_rows(const std::shared_ptr<const plan>& all, std::size_t source,
                                     std::size_t number, std::size_t partitions,
                                     const std::filesystem::path& state) {
  stored_rows out;
  const auto folder = view_log_folder(state, all->sources[source].views[number]);
  std::error_code ignored;
  if (!std::filesystem::exists(folder, ignored))
    return out;
  std::unique_ptr<view> read;
  auto done = read_whole(
      folder, [&] { read = std::make_unique<view>(all, source, number, partitions, 0); },
      [&](std::string_view record) { return read->recover(record); });
  if (!done)
    return done.error().in(folder.string());
  for (const auto& [end, rows] : read->sealed_after(read->trimmed()))
    for (const auto& r : rows)
      out.rows.emplace(place_of(*r), r);
  out.sealed_through = read->sealed_through();
  out.trimmed = read->trimmed();
  return out;
}

result<stored_journal> read_stored_journal(const std::filesystem::path& state, const std::string& source,
                                           std::size_t partition) {
  stored_journal out;
  const auto folder = state / "journal" / source / std::to_string(partition);
  std::error_code ignored;
  if (!std::filesystem::exists(folder, ignored))
    return out;
  auto first = read_whole(
      folder, [&] { out.entries.clear(); },
      [&](std::string_view bytes) -> status {
        TIDEMILL_TRY(auto e, decode_journal_entry(bytes));
        out.entries.push_back(std::move(e));
        return {};
      });
  if (!first)
    return first.error().in(folder.string());
  out.whole = *first == 0;
  forget_failed_ends(out.entries, std::nullopt);
  return out;
}

std::optional<checkpoint> newest_of(const std::vector<checkpoint_store::history>& all,
                                    const std::string& key) {
  auto of = std::ranges::find(all, key, &checkpoint_store::history::key);
  if (of != all.end())
    for (const auto& kept : of->checkpoints)
      if (kept.damage.empty())
        return kept.head;
  return std::nullopt;
}

} // namespace tidemill
