#include "storage/tables/versioned_store.hpp"

#include "event/hash.hpp"
#include "storage/disk_file.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <sys/stat.h>

namespace tidemill {
namespace {

/// Equal: nobody has written to the file in between, as far as can be seen.
struct look {
  std::uint64_t inode = 0, size = 0;
  std::int64_t modified = 0, changed = 0;
  friend bool operator==(const look&, const look&) = default;
};

std::int64_t nanoseconds(const timespec& t) {
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

result<look> look_at(const std::filesystem::path& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0)
    return disk_error("read", path, errno);
  if (!S_ISREG(s.st_mode))
    return error{errc::io, path.string() + " is not a regular file"};
  return look{s.st_ino, static_cast<std::uint64_t>(s.st_size), nanoseconds(s.st_mtim),
              nanoseconds(s.st_ctim)};
}

bool is_id(std::string_view text) {
  return text.size() == 32 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

class versioned_store final : public table_store {
public:
  versioned_store(table_file file, table_loader load) : file_(std::move(file)), load_(std::move(load)) {}

  result<table_ptr> latest() override {
    std::lock_guard one_at_a_time{reading_};
    auto done = refresh();
    if (!done)
      return done.error().in("table " + file_.name);
    return done;
  }

  result<table_ptr> version(const std::string& id) override {
    if (auto known = find(id))
      return known;
    auto missing = [&] {
      return error{errc::out_of_range,
                   "table " + file_.name + ": version " + id + " is not kept in " + file_.folder.string()};
    };
    if (!is_id(id))
      return missing();
    auto path = file_.folder / id;
    TIDEMILL_TRY(auto there, file_exists(path));
    if (!there)
      return missing();
    TIDEMILL_TRY(auto bytes, read_file(path, file_.max_bytes));
    if (id_of(bytes) != id)
      return error{errc::corrupt,
                   path.string() + " is damaged, or was made with other settings of table " + file_.name};
    auto table = load_(std::make_shared<const std::string>(std::move(bytes)), path, id);
    if (!table)
      return table.error().in("table " + file_.name);
    return remember(*table);
  }

  void keep_only(const std::vector<std::string>& used) override {
    std::lock_guard one_at_a_time{reading_}; // no version is being written
    std::error_code failed;
    std::vector<std::filesystem::path> unused;
    for (std::filesystem::directory_iterator it{file_.folder, failed}, last; !failed && it != last;
         it.increment(failed)) {
      auto id = it->path().stem().string(); // a torn copy ends in .tmp
      auto needed = it->path().extension().empty() && ((current_ && current_->version() == id) ||
                                                       std::find(used.begin(), used.end(), id) != used.end());
      if (is_id(id) && !needed)
        unused.push_back(it->path());
    }
    // What can't be deleted now is tried again the next time.
    for (const auto& path : unused)
      std::filesystem::remove(path, failed);
  }

private:
  [[nodiscard]] std::string id_of(std::string_view bytes) const {
    return content_id(content_id(bytes) + file_.settings);
  }

  result<table_ptr> refresh() {
    TIDEMILL_TRY(auto now, look_at(file_.path));
    if (seen_ && *seen_ == now) {
      if (failure_)
        return *failure_;
      return current_;
    }
    TIDEMILL_TRY(auto bytes, read_whole(now));
    seen_ = now;
    failure_.reset();
    auto id = id_of(*bytes);
    if (current_ && current_->version() == id)
      return current_;
    auto loaded = keep_and_load(std::move(bytes), id);
    if (!loaded) {
      // The same bytes would fail again; a full disk may not.
      if (loaded.error().code() == errc::full || loaded.error().code() == errc::io)
        seen_.reset();
      failure_ = loaded.error();
      return loaded.error();
    }
    current_ = std::move(*loaded);
    return current_;
  }

  /// The file as it was at one moment; `now` receives the look that belongs to it.
  result<std::shared_ptr<const std::string>> read_whole(look& now) const {
    for (int tries = 0; tries < 3; ++tries) {
      if (now.size > file_.max_bytes)
        return error{errc::full, file_.path.string() + " has " + std::to_string(now.size) +
                                     " bytes; at most " + std::to_string(file_.max_bytes) + " are loaded"};
      auto bytes = read_file(file_.path, file_.max_bytes);
      TIDEMILL_TRY(auto after, look_at(file_.path));
      if (after == now && !bytes)
        return bytes.error();
      if (after == now && bytes->size() == now.size)
        return std::make_shared<const std::string>(std::move(*bytes));
      now = after;
    }
    return error{errc::unavailable, file_.path.string() + " changes while it is read; write it aside and "
                                                          "rename it"};
  }

  result<table_ptr> keep_and_load(std::shared_ptr<const std::string> bytes, const std::string& id) {
    if (auto known = find(id))
      return known;
    auto path = file_.folder / id;
    TIDEMILL_CHECK(create_folder(file_.folder));
    TIDEMILL_CHECK(replace_file(path, *bytes));
    auto table = load_(std::move(bytes), path, id);
    if (table)
      return remember(*table);
    // Not a version anyone used.
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return table.error();
  }

  [[nodiscard]] table_ptr find(const std::string& id) {
    std::lock_guard lock{loaded_mutex_};
    auto found = loaded_.find(id);
    return found == loaded_.end() ? nullptr : found->second.lock();
  }

  table_ptr remember(const table_ptr& table) {
    std::lock_guard lock{loaded_mutex_};
    std::erase_if(loaded_, [](const auto& one) { return one.second.expired(); });
    loaded_[table->version()] = table;
    return table;
  }

  table_file file_;
  table_loader load_;
  std::mutex reading_; // guards what follows
  std::optional<look> seen_;
  std::optional<error> failure_; // of the file as seen
  table_ptr current_;
  std::mutex loaded_mutex_; // guards what follows
  std::map<std::string, std::weak_ptr<const lookup_table>> loaded_;
};

} // namespace

std::unique_ptr<table_store> make_versioned_store(table_file file, table_loader load) {
  return std::make_unique<versioned_store>(std::move(file), std::move(load));
}

} // namespace tidemill
