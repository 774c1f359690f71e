#include "storage/checkpoint/folder_blobs.hpp"

#include "storage/disk_file.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::string_view head_suffix = ".head";

class folder_blobs final : public blob_store {
public:
  explicit folder_blobs(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::string place(const std::string& group) const override { return folder_of(group).string(); }

  result<std::vector<std::string>> groups() override {
    TIDEMILL_TRY(auto there, file_exists(folder_));
    if (!there)
      return std::vector<std::string>{};
    return names(folder_, [](const auto& entry) { return entry.is_directory(); });
  }

  status put(const std::string& group, const std::string& name, std::string_view bytes) override {
    auto folder = folder_of(group);
    TIDEMILL_CHECK(create_folder(folder));
    auto temporary = folder / (name + ".tmp");
    auto write = [&]() -> status {
      TIDEMILL_TRY(auto file, disk_file::create(temporary));
      TIDEMILL_CHECK(file.write_at(0, bytes));
      TIDEMILL_CHECK(file.sync());
      return rename_file(temporary, folder / name);
    };
    auto done = write();
    if (!done)
      (void)remove_file(temporary);
    return done;
  }

  result<std::string> get(const std::string& group, const std::string& name, std::uint64_t limit) override {
    auto file = folder_of(group) / name;
    TIDEMILL_TRY(auto there, file_exists(file));
    if (!there)
      return error{errc::out_of_range, file.string() + " is missing"};
    return read_file(file, limit);
  }

  result<std::vector<std::string>> list(const std::string& group) override {
    TIDEMILL_TRY(auto there, file_exists(folder_of(group)));
    if (!there)
      return std::vector<std::string>{};
    return names(folder_of(group),
                 [](const auto& entry) { return !entry.path().filename().string().ends_with(head_suffix); });
  }

  status remove(const std::string& group, const std::string& name) override {
    return remove_file(folder_of(group) / name);
  }

  result<std::string> head(const std::string& group) override {
    TIDEMILL_TRY(auto there, file_exists(folder_of(group)));
    if (!there)
      return std::string{};
    TIDEMILL_TRY(auto heads, names(folder_of(group), [](const auto& entry) {
                   return entry.path().filename().string().ends_with(head_suffix);
                 }));
    // More than one: a backup was copied over the folder.
    return heads.empty() ? std::string{} : heads.back().substr(0, heads.back().size() - head_suffix.size());
  }

  status move_head(const std::string& group, const std::string& expected, const std::string& next) override {
    auto folder = folder_of(group);
    TIDEMILL_TRY(auto now, head(group));
    if (now != expected)
      return lost(group, now);
    if (now.empty()) {
      TIDEMILL_CHECK(create_folder(folder));
      TIDEMILL_TRY(auto first, disk_file::open_write(folder / head_suffix));
    }
    TIDEMILL_CHECK(sync_folder(folder)); // what was put
    auto moved = rename_file(folder / (expected + std::string{head_suffix}),
                             folder / (next + std::string{head_suffix}));
    if (!moved) {
      TIDEMILL_TRY(now, head(group));
      return now == expected ? moved : lost(group, now);
    }
    return sync_folder(folder);
  }

private:
  [[nodiscard]] std::filesystem::path folder_of(const std::string& group) const { return folder_ / group; }

  [[nodiscard]] error lost(const std::string& group, const std::string& now) const {
    return {errc::fenced, "another process has saved to " + folder_of(group).string() + " (" + now +
                              "): nothing of this one is stored any more"};
  }

  template <class Wanted>
  static result<std::vector<std::string>> names(const std::filesystem::path& folder, Wanted wanted) {
    std::vector<std::string> found;
    std::error_code failed;
    std::filesystem::directory_iterator entries{folder, failed}, none;
    for (; !failed && entries != none; entries.increment(failed))
      if (wanted(*entries))
        found.push_back(entries->path().filename().string());
    if (failed)
      return disk_error("list", folder, failed.value());
    std::ranges::sort(found);
    return found;
  }

  std::filesystem::path folder_;
};

} // namespace

std::unique_ptr<blob_store> make_folder_blobs(std::filesystem::path folder) {
  return std::make_unique<folder_blobs>(std::move(folder));
}

} // namespace tidemill
