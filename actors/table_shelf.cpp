#include "actors/table_shelf.hpp"

#include "actors/components.hpp"
#include "actors/view_table.hpp"
#include "event/hash.hpp"

#include <algorithm>

namespace tidemill {
namespace {

// A checkpoint may be on its way when a version is handed out; the two after it begin behind the journal's
// entry, and then no kept one lies before it.
constexpr std::uint64_t saves_until_passed = 3;

} // namespace

table_shelf::table_shelf(const plan& all, const std::filesystem::path& base,
                         const std::filesystem::path& data,
                         const std::function<snapshot_ptr(const std::string& view)>& rows) {
  auto make = [&](const component& c, const std::filesystem::path& folder) {
    if (c.type != "view")
      return make_table(c, base, folder);
    // Another file for other columns: they are in no file that was written before.
    auto file = data / "view_tables" / (c.name.text + '.' + content_id(canonical(c.settings)));
    return make_view_table(c, file, folder,
                           [rows, view = c.settings.text("from")] { return rows ? rows(view) : nullptr; });
  };
  for (const auto& c : all.tables)
    tables_.push_back({c.name.text,
                       make(c, data / "tables" / c.name.text),
                       c.settings.time("refresh", std::chrono::seconds{10}),
                       {},
                       {}});
}

void table_shelf::expect(std::size_t workers) {
  std::lock_guard lock{mutex_};
  workers_ = workers;
}

result<std::vector<std::string>> table_shelf::newest(const std::string& worker) {
  std::lock_guard lock{mutex_};
  std::vector<std::string> versions;
  auto now = std::chrono::steady_clock::now();
  auto& theirs = needs_[worker];
  for (auto& t : tables_) {
    if (!t.looked || now - *t.looked >= t.refresh) {
      auto latest = t.store->latest();
      if (!latest && !t.current)
        return latest.error().in("tables." + t.name);
      t.looked = now;
      if (latest)
        t.current = *latest;
    }
    theirs.journalled[t.current->version()] = theirs.saves;
    versions.push_back(t.current->version());
  }
  return versions;
}

table_ptr table_shelf::find(std::size_t table, const std::string& version) {
  std::lock_guard lock{mutex_};
  auto& t = tables_.at(table);
  if (t.current && t.current->version() == version)
    return t.current;
  auto found = t.store->version(version);
  return found ? *found : nullptr;
}

void table_shelf::started(const std::string& worker, const std::set<std::string>& versions) {
  std::lock_guard lock{mutex_};
  auto& theirs = needs_[worker];
  theirs.started = true;
  for (const auto& v : versions)
    theirs.journalled[v] = theirs.saves;
}

void table_shelf::saved(const std::string& worker, const std::vector<std::string>& versions) {
  std::lock_guard lock{mutex_};
  auto& theirs = needs_[worker];
  ++theirs.saves;
  theirs.in_use = versions;
  std::erase_if(theirs.journalled,
                [&](const auto& v) { return theirs.saves >= v.second + saves_until_passed; });
  forget();
}

void table_shelf::forget() {
  auto all_started = std::ranges::count_if(needs_, [](const auto& n) { return n.second.started; });
  if (static_cast<std::size_t>(all_started) < workers_)
    return;
  std::set<std::string> used;
  for (const auto& [worker, n] : needs_) {
    used.insert(n.in_use.begin(), n.in_use.end());
    for (const auto& [version, when] : n.journalled)
      used.insert(version);
  }
  // Only what is no longer used is worth a look at the folders.
  if (!kept_.empty() && std::ranges::includes(used, kept_)) {
    kept_ = std::move(used);
    return;
  }
  for (auto& t : tables_)
    t.store->keep_only({used.begin(), used.end()});
  kept_ = std::move(used);
}

} // namespace tidemill
