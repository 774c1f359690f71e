#include "storage/checkpoint/checkpoint_store.hpp"

#include "event/hash.hpp"
#include "storage/checkpoint/manifest.hpp"
#include "storage/disk_file.hpp"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <set>

// Layout: <folder>/<key>/<20-digit number>.manifest and <content id>.segment. Each key has a folder of its
// own, so that keys share nothing: no lock, no fsync, and a segment belongs to the manifests beside it.

namespace tidemill {
namespace {

constexpr std::size_t kept_manifests = 2;
constexpr std::uint64_t longest_manifest = 1u << 30;
constexpr std::size_t open_at_once = 64;
constexpr std::string_view manifest_suffix = ".manifest";
constexpr std::string_view segment_suffix = ".segment";

std::string manifest_name(std::uint64_t number) {
  auto digits = std::to_string(number);
  return std::string(20 - digits.size(), '0') + digits + std::string{manifest_suffix};
}

std::string segment_file_name(const std::string& id) {
  return id + std::string{segment_suffix};
}

/// Names in a folder that end in `suffix`, ascending, without it.
result<std::vector<std::string>> list_names(const std::filesystem::path& folder, std::string_view suffix) {
  std::vector<std::string> names;
  std::error_code failed;
  std::filesystem::directory_iterator entries{folder, failed}, none;
  for (; !failed && entries != none; entries.increment(failed))
    if (auto name = entries->path().filename().string(); name.ends_with(suffix))
      names.push_back(name.substr(0, name.size() - suffix.size()));
  if (failed)
    return disk_error("list", folder, failed.value());
  std::sort(names.begin(), names.end());
  return names;
}

/// The checkpoints of one key.
class key_folder {
public:
  key_folder(std::filesystem::path folder, std::string key)
      : folder_(std::move(folder)), key_(std::move(key)) {}

  status save(const checkpoint& c);
  result<std::unique_ptr<checkpoint>> load(std::vector<std::string>& warnings);
  result<checkpoint_store::needs> needed();

private:
  struct stored {
    std::uint64_t number = 0;
    manifest content;
  };
  struct damaged {
    std::uint64_t number = 0;
    std::string why;
  };
  using content = std::pair<std::string, const std::string*>; ///< id, bytes

  status look();
  status write_segments(const std::vector<content>& segments) const;
  status write(const manifest& m, const std::vector<content>& fresh) const;
  result<std::unique_ptr<checkpoint>> read(const stored& s);
  [[nodiscard]] bool is_stored(const manifest::piece& p) const;
  [[nodiscard]] std::set<std::string> used() const;
  void remove_unused() const;
  void take_back(const std::vector<content>& fresh) const;

  std::mutex mutex_;
  std::filesystem::path folder_;
  std::string key_;
  bool looked_ = false;
  std::uint64_t next_ = 0;
  std::vector<stored> kept_;           ///< newest first, at most two
  std::vector<damaged> damaged_;       ///< passed over; removed by the next save
  std::set<std::string> bad_segments_; ///< ids whose files are damaged: to be written again
};

status key_folder::look() {
  if (looked_)
    return {};
  TIDEMILL_CHECK(create_folder(folder_));
  TIDEMILL_TRY(auto names, list_names(folder_, manifest_suffix));
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    std::uint64_t number = 0;
    auto parsed = std::from_chars(name->data(), name->data() + name->size(), number);
    if (parsed.ec != std::errc{} || *name + std::string{manifest_suffix} != manifest_name(number))
      continue;
    next_ = std::max(next_, number + 1);
    if (kept_.size() == kept_manifests)
      continue;
    auto file = folder_ / manifest_name(number);
    auto bytes = read_file(file, longest_manifest);
    auto decoded = bytes ? decode_manifest(*bytes, key_, file.string()) : result<manifest>{bytes.error()};
    if (decoded)
      kept_.push_back({number, std::move(*decoded)});
    else if (decoded.error().code() == errc::corrupt)
      damaged_.push_back({number, decoded.error().text()});
    else
      return decoded.error();
  }
  looked_ = true;
  return {};
}

bool key_folder::is_stored(const manifest::piece& p) const {
  std::error_code failed;
  auto bytes = std::filesystem::file_size(folder_ / segment_file_name(p.id), failed);
  return !failed && bytes == p.bytes && !bad_segments_.contains(p.id);
}

std::set<std::string> key_folder::used() const {
  std::set<std::string> ids;
  for (const auto& s : kept_)
    for (const auto& p : s.content.pieces)
      ids.insert(p.id);
  return ids;
}

status key_folder::write_segments(const std::vector<content>& segments) const {
  // Written first, then synced: one flush of the disk's cache often does for all.
  for (std::size_t i = 0; i < segments.size(); i += open_at_once) {
    std::vector<disk_file> files;
    auto end = std::min(i + open_at_once, segments.size());
    for (auto j = i; j < end; ++j) {
      TIDEMILL_TRY(auto file, disk_file::create(folder_ / (segment_file_name(segments[j].first) + ".tmp")));
      TIDEMILL_CHECK(file.write_at(0, *segments[j].second));
      files.push_back(std::move(file));
    }
    for (auto j = i; j < end; ++j) {
      TIDEMILL_CHECK(files[j - i].sync());
      TIDEMILL_CHECK(rename_file(files[j - i].path(), folder_ / segment_file_name(segments[j].first)));
    }
  }
  return {};
}

status key_folder::write(const manifest& m, const std::vector<content>& fresh) const {
  TIDEMILL_CHECK(write_segments(fresh));
  TIDEMILL_CHECK(sync_folder(folder_));
  return replace_file(folder_ / manifest_name(next_), encode_manifest(m));
}

void key_folder::take_back(const std::vector<content>& fresh) const {
  // The manifest first: should it have been renamed into place, its segments must not be gone before it.
  if (!remove_file(folder_ / manifest_name(next_)))
    return;
  auto in_use = used();
  for (const auto& [id, bytes] : fresh) {
    (void)remove_file(folder_ / (segment_file_name(id) + ".tmp"));
    if (!in_use.contains(id))
      (void)remove_file(folder_ / segment_file_name(id));
  }
}

status key_folder::save(const checkpoint& c) {
  std::lock_guard lock{mutex_};
  TIDEMILL_CHECK(look());
  manifest m{key_, c, {}};
  m.head.segments.clear();
  std::vector<content> fresh;
  auto known = used();
  std::set<std::string> seen;
  for (const auto& [name, bytes] : c.segments) {
    const auto& p = m.pieces.emplace_back(manifest::piece{name, content_id(*bytes), bytes->size()});
    // A segment that no manifest names may be what an earlier save left half-written.
    if (seen.insert(p.id).second && !(known.contains(p.id) && is_stored(p)))
      fresh.emplace_back(p.id, bytes.get());
  }
  if (auto done = write(m, fresh); !done) {
    take_back(fresh);
    return done.error().in("saving the checkpoint of " + key_);
  }
  for (const auto& [id, bytes] : fresh)
    bad_segments_.erase(id);
  kept_.insert(kept_.begin(), {next_++, std::move(m)});
  kept_.resize(std::min(kept_.size(), kept_manifests));
  damaged_.clear();
  remove_unused();
  return {};
}

void key_folder::remove_unused() const {
  // What can't be removed now is tried again after the next save.
  auto in_use = used();
  auto is_kept = [&](const std::string& name) {
    return std::any_of(kept_.begin(), kept_.end(), [&](const stored& s) {
      return manifest_name(s.number) == name + std::string{manifest_suffix};
    });
  };
  if (auto names = list_names(folder_, manifest_suffix))
    for (const auto& name : *names)
      if (!is_kept(name))
        (void)remove_file(folder_ / (name + std::string{manifest_suffix}));
  if (auto ids = list_names(folder_, segment_suffix))
    for (const auto& id : *ids)
      if (!in_use.contains(id))
        (void)remove_file(folder_ / segment_file_name(id));
}

result<std::unique_ptr<checkpoint>> key_folder::read(const stored& s) {
  auto c = std::make_unique<checkpoint>(s.content.head);
  std::map<std::string, std::shared_ptr<const std::string>> read_once;
  for (const auto& p : s.content.pieces) {
    auto& bytes = read_once[p.id];
    if (!bytes) {
      auto file = folder_ / segment_file_name(p.id);
      TIDEMILL_TRY(auto there, file_exists(file));
      auto got = there ? read_file(file, p.bytes) : result<std::string>{std::string{}};
      if (!got && got.error().code() != errc::corrupt)
        return got.error();
      if (!there || !got || got->size() != p.bytes || content_id(*got) != p.id) {
        bad_segments_.insert(p.id);
        return error{errc::corrupt, file.string() + (there ? " is damaged" : " is missing")};
      }
      bytes = std::make_shared<const std::string>(std::move(*got));
    }
    c->segments.emplace_back(p.name, bytes);
  }
  return c;
}

result<std::unique_ptr<checkpoint>> key_folder::load(std::vector<std::string>& warnings) {
  std::lock_guard lock{mutex_};
  TIDEMILL_CHECK(look());
  result<std::unique_ptr<checkpoint>> found{std::unique_ptr<checkpoint>{}};
  while (!kept_.empty()) {
    found = read(kept_.front());
    if (found || found.error().code() != errc::corrupt)
      break;
    damaged_.push_back({kept_.front().number, found.error().text()});
    kept_.erase(kept_.begin());
  }
  if (!kept_.empty() && !found)
    return found.error();
  if (kept_.empty() && !damaged_.empty())
    return error{errc::corrupt, "no checkpoint of " + key_ + " is intact (" + damaged_.front().why +
                                    "); restore " + folder_.string() +
                                    " from a backup, or move it away to start without a checkpoint"};
  for (const auto& d : damaged_)
    if (d.number > kept_.front().number)
      warnings.push_back("a checkpoint of " + key_ + " is passed over, the one before it is used: " + d.why);
  return found;
}

result<checkpoint_store::needs> key_folder::needed() {
  std::lock_guard lock{mutex_};
  TIDEMILL_CHECK(look());
  checkpoint_store::needs n;
  std::set<std::string> tables;
  for (const auto& s : kept_) {
    const auto& c = s.content.head;
    auto first = &s == &kept_.front();
    n.at = first ? c.at : std::min(n.at, c.at);
    n.journal = first ? c.journal : std::min(n.journal, c.journal);
    tables.insert(c.tables.begin(), c.tables.end());
  }
  n.tables.assign(tables.begin(), tables.end());
  return n;
}

} // namespace

struct checkpoint_store::impl {
  std::filesystem::path folder;
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<key_folder>> keys;

  key_folder& of(const std::string& key) {
    std::lock_guard lock{mutex};
    auto& found = keys[key];
    if (!found)
      found = std::make_unique<key_folder>(folder / safe_name(key), key);
    return *found;
  }
};

result<std::unique_ptr<checkpoint_store>> checkpoint_store::open(std::filesystem::path folder) {
  TIDEMILL_CHECK(create_folder(folder));
  std::error_code failed;
  std::filesystem::directory_iterator entries{folder, failed}, none;
  for (; !failed && entries != none; entries.increment(failed))
    if (entries->is_directory(failed))
      TIDEMILL_CHECK(remove_temporaries(entries->path()));
  if (failed)
    return disk_error("list", folder, failed.value());
  auto i = std::make_unique<impl>();
  i->folder = std::move(folder);
  return std::unique_ptr<checkpoint_store>{new checkpoint_store{std::move(i)}};
}

checkpoint_store::checkpoint_store(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
checkpoint_store::~checkpoint_store() = default;

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

} // namespace tidemill
