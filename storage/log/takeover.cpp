#include "storage/log/takeover.hpp"

#include "storage/disk_file.hpp"
#include "storage/log/data_layout.hpp"

#include <algorithm>
#include <cerrno>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace tidemill {
namespace {

constexpr std::size_t copy_bytes = 1 << 20;
constexpr int copy_tries = 5;
constexpr std::string_view temporary = ".tmp";

status copy_contents(const disk_file& from, const disk_file& to) {
  std::string buffer(copy_bytes, '\0');
  for (std::uint64_t at = 0;;) {
    TIDEMILL_TRY(auto got, from.read_at(at, buffer.data(), buffer.size()));
    if (got == 0)
      return {};
    TIDEMILL_CHECK(to.write_at(at, std::string_view{buffer}.substr(0, got)));
    at += got;
  }
}

/// Whether `whole` begins with all of `part`.
result<bool> begins_with(const disk_file& whole, const disk_file& part) {
  std::string expected(copy_bytes, '\0'), found(copy_bytes, '\0');
  for (std::uint64_t at = 0;;) {
    TIDEMILL_TRY(auto wanted, part.read_at(at, expected.data(), copy_bytes));
    if (wanted == 0)
      return true;
    TIDEMILL_TRY(auto got, whole.read_at(at, found.data(), wanted));
    if (got < wanted || std::string_view{expected.data(), wanted} != std::string_view{found.data(), wanted})
      return false;
    at += wanted;
  }
}

/// Copies a file that an old holder may still be writing to. What it promised to anybody was in the file
/// before; of what it appends meanwhile any beginning will do. If it cut something off and wrote anew, the
/// copy is a mixture: then it is made again.
status copy_growing(const std::filesystem::path& from, const std::filesystem::path& to) {
  TIDEMILL_TRY(auto source, disk_file::open_read(from));
  for (int i = 0; i < copy_tries; ++i) {
    TIDEMILL_TRY(auto target, disk_file::create(to));
    // All of it at one moment and without a copy, where the file system can.
    if (::ioctl(target.descriptor(), FICLONE, source.descriptor()) == 0)
      return target.sync();
    TIDEMILL_CHECK(copy_contents(source, target));
    TIDEMILL_TRY(auto same, begins_with(source, target));
    if (same)
      return target.sync();
  }
  return error{errc::io, from.string() +
                             " is written to while it is taken over, by the process that held the "
                             "data folder before; stop that one"};
}

/// Second name for the same file, where the file system has such; else a copy.
status link_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0)
    return {};
  return copy_growing(from, to);
}

struct folder_entries {
  std::vector<std::filesystem::path> folders, files, links;
  std::string last_segment; ///< the one of a log that grows
};

result<folder_entries> look_into(const std::filesystem::path& folder) {
  folder_entries found;
  std::error_code failed;
  std::filesystem::directory_iterator entries{folder, failed}, none;
  for (; !failed && entries != none; entries.increment(failed)) {
    auto name = entries->path().filename();
    auto type = entries->symlink_status(failed).type();
    if (failed || name.extension() == temporary)
      continue;
    if (type == std::filesystem::file_type::directory)
      found.folders.push_back(name);
    else if (type == std::filesystem::file_type::symlink)
      found.links.push_back(name);
    else if (type == std::filesystem::file_type::regular)
      found.files.push_back(name);
    if (name.extension() == ".seg")
      found.last_segment = std::max(found.last_segment, name.string());
  }
  if (failed)
    return disk_error("list", folder, failed.value());
  return found;
}

/// Who is taken over may have records in hand for ever, and writes that down all the time.
bool is_left_behind(const std::filesystem::path& name) {
  return name == "at_work";
}

/// Checkpoints and tables are written under another name and never touched once they have their own.
bool holds_finished_files(const std::filesystem::path& name) {
  return name == "checkpoints" || name == "tables";
}

status renew_folder(const std::filesystem::path& from, const std::filesystem::path& to, bool finished,
                    bool top, const takeover_steps& at_step) {
  TIDEMILL_TRY(auto entries, look_into(from));
  if (::mkdir(to.c_str(), 0755) != 0)
    return disk_error("create folder", to, errno);
  for (const auto& name : entries.folders)
    if (!top || !is_left_behind(name))
      TIDEMILL_CHECK(renew_folder(from / name, to / name, finished || (top && holds_finished_files(name)),
                                  false, at_step));
  for (const auto& name : entries.files) {
    if (at_step)
      at_step("renew " + (to / name).string());
    auto written_once = finished || (name.extension() == ".seg" && name != entries.last_segment);
    TIDEMILL_CHECK((written_once ? link_file : copy_growing)(from / name, to / name));
  }
  for (const auto& name : entries.links) {
    std::error_code failed;
    std::filesystem::copy_symlink(from / name, to / name, failed);
    if (failed)
      return disk_error("copy the link", from / name, failed.value());
  }
  return sync_folder(to);
}

status remove_tree(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::remove_all(folder, failed);
  return failed ? status{disk_error("remove", folder, failed.value())} : status{};
}

} // namespace

result<bool> claim_generation(const std::filesystem::path& root, const generation_id& from,
                              const generation_id& to) {
  auto old_folder = root / generation_name(from), new_folder = root / generation_name(to);
  if (::rename(old_folder.c_str(), new_folder.c_str()) != 0) {
    if (errno != ENOENT)
      return disk_error("rename", old_folder, errno);
    // A file server may have done it, and be asked again as its answer was lost. The name is nobody else's.
    TIDEMILL_TRY(auto there, file_exists(new_folder));
    if (!there)
      return false;
  }
  TIDEMILL_CHECK(sync_folder(root));
  return true;
}

status renew_tree(const std::filesystem::path& generation_folder, std::uint64_t number,
                  const takeover_steps& at_step) {
  TIDEMILL_TRY(auto newest, newest_tree(generation_folder));
  auto target = tree_path(generation_folder, number);
  auto building = target;
  building += temporary;
  TIDEMILL_CHECK(remove_tree(building));
  TIDEMILL_CHECK(renew_folder(tree_path(generation_folder, newest), building, false, true, at_step));
  if (at_step)
    at_step("show the renewed tree");
  TIDEMILL_CHECK(rename_file(building, target));
  return sync_folder(generation_folder);
}

status remove_old_trees(const std::filesystem::path& generation_folder) {
  TIDEMILL_TRY(auto newest, newest_tree(generation_folder));
  auto kept = tree_path(generation_folder, newest);
  std::vector<std::filesystem::path> old;
  std::error_code failed;
  std::filesystem::directory_iterator entries{generation_folder, failed}, none;
  for (; !failed && entries != none; entries.increment(failed))
    if (entries->path() != kept)
      old.push_back(entries->path());
  if (failed)
    return disk_error("list", generation_folder, failed.value());
  for (const auto& folder : old)
    TIDEMILL_CHECK(remove_tree(folder));
  return {};
}

} // namespace tidemill
