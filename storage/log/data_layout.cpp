#include "storage/log/data_layout.hpp"

#include "storage/disk_file.hpp"
#include "storage/log/lease.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace tidemill {
namespace {

constexpr std::string_view format_prefix = "tidemill data ";
constexpr unsigned format_version = 2;
constexpr std::string_view tree_prefix = "tree.";
constexpr std::string_view lease_prefix = "lease.";
constexpr std::string_view unfinished = "state.new"; ///< the first generation while it is made

result<std::vector<std::string>> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  std::filesystem::directory_iterator entries{folder, failed}, none;
  for (; !failed && entries != none; entries.increment(failed))
    names.push_back(entries->path().filename().string());
  if (failed)
    return disk_error("list", folder, failed.value());
  return names;
}

/// Not state: ours of any format, or of file systems and orchestrators.
bool is_furniture(const std::string& name) {
  return name == "LOCK" || name.starts_with("FORMAT") || name == unfinished || name == "lost+found" ||
         name.starts_with(".") || name.starts_with(lease_prefix) || parse_generation(name);
}

/// A folder without FORMAT is ours to begin in if nobody's files are in it.
status check_unused(const std::filesystem::path& root) {
  TIDEMILL_TRY(auto names, names_in(root));
  for (const auto& name : names)
    if (!is_furniture(name))
      return error{errc::mismatch, root.string() + " holds files of something else (" + name +
                                       ") and no FORMAT; name an empty folder as data folder"};
  return {};
}

/// 0: there is no FORMAT.
result<unsigned> read_format(const std::filesystem::path& root) {
  auto file = root / "FORMAT";
  TIDEMILL_TRY(auto there, file_exists(file));
  if (!there)
    return 0u;
  TIDEMILL_TRY(auto text, read_file(file, 100));
  unsigned version = 0;
  auto at = text.data() + std::min(format_prefix.size(), text.size());
  auto parsed = std::from_chars(at, text.data() + text.size(), version);
  if (!text.starts_with(format_prefix) || parsed.ec != std::errc{} || version == 0)
    return error{errc::corrupt, file.string() + " is damaged; if all else in the folder is well, write \"" +
                                    std::string{format_prefix} + std::to_string(format_version) +
                                    "\" into it"};
  if (version > format_version)
    return error{errc::mismatch, root.string() + " is of format " + std::to_string(version) +
                                     ", this program reads up to format " + std::to_string(format_version) +
                                     "; use the program that wrote it, or another folder"};
  return version;
}

status write_format(const std::filesystem::path& root) {
  // Aside under a name of our own: others may be doing the same.
  auto mine = root / ("FORMAT." + random_lease_id());
  TIDEMILL_CHECK(replace_file(mine, std::string{format_prefix} + std::to_string(format_version) + "\n"));
  TIDEMILL_CHECK(rename_file(mine, root / "FORMAT"));
  return sync_folder(root);
}

/// Gives the unfinished first generation its name. Whoever comes second finds it done.
status show_first(const std::filesystem::path& root) {
  auto from = root / unfinished, to = root / generation_name(first_generation());
  TIDEMILL_CHECK(sync_folder(root));
  if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
    return disk_error("rename", from, errno);
  return sync_folder(root);
}

status make_first(const std::filesystem::path& root) {
  auto folder = root / unfinished;
  if (auto made = create_folder(tree_path(folder, 0)); !made) {
    // Somebody else may be at the same, and be done in the middle of it: then the folder is gone.
    TIDEMILL_TRY(auto newest, newest_generation(root));
    return newest ? status{} : made.error();
  }
  TIDEMILL_CHECK(show_first(root));
  std::error_code ignored; // left over if somebody else was first
  std::filesystem::remove(tree_path(folder, 0), ignored);
  std::filesystem::remove(folder, ignored);
  return {};
}

/// What a holder of format 1 wrote into LOCK.
std::string holder_of_lock(const std::filesystem::path& file) {
  auto text = read_file(file, 400);
  auto line = text ? text->substr(0, text->find('\n')) : std::string{};
  auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
  auto is_ours = line.starts_with("process ") && std::ranges::none_of(line, is_control);
  return is_ours ? line : "another process";
}

/// Holders of format 1 lock the file LOCK for as long as they live; we only while we move their files.
result<disk_file> lock_format_1(const std::filesystem::path& root) {
  constexpr int tries = 100;
  TIDEMILL_TRY(auto lock, disk_file::open_write(root / "LOCK"));
  for (int i = 0; ::flock(lock.descriptor(), LOCK_EX | LOCK_NB) != 0; ++i) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return disk_error("lock", lock.path(), errno);
    if (i == tries)
      return error{errc::locked, root.string() + " is in use by " + holder_of_lock(lock.path()) +
                                     "; stop it first, or choose another data folder"};
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return lock;
}

status move_format_1(const std::filesystem::path& root) {
  TIDEMILL_TRY(auto lock, lock_format_1(root));
  TIDEMILL_TRY(auto newest, newest_generation(root));
  if (newest)
    return write_format(root); // somebody else has moved all
  auto tree = tree_path(root / unfinished, 0);
  TIDEMILL_CHECK(create_folder(tree));
  // From here on the earlier program refuses the folder, instead of starting empty in one half moved.
  TIDEMILL_CHECK(write_format(root));
  TIDEMILL_TRY(auto names, names_in(root));
  for (const auto& name : names)
    if (!is_furniture(name))
      TIDEMILL_CHECK(rename_file(root / name, tree / name));
  TIDEMILL_CHECK(sync_folder(tree));
  TIDEMILL_CHECK(show_first(root));
  return remove_file(lock.path());
}

} // namespace

generation_id first_generation() {
  return {0, std::string(16, '0')};
}

std::filesystem::path lease_path(const std::filesystem::path& root, const std::string& holder) {
  return root / (std::string{lease_prefix} + holder);
}

result<std::vector<std::string>> lease_holders(const std::filesystem::path& root) {
  TIDEMILL_TRY(auto names, names_in(root));
  std::vector<std::string> holders;
  for (const auto& name : names)
    if (name.starts_with(lease_prefix) && !name.ends_with(".tmp"))
      holders.push_back(name.substr(lease_prefix.size()));
  return holders;
}

std::filesystem::path tree_path(const std::filesystem::path& generation_folder, std::uint64_t number) {
  return generation_folder / (std::string{tree_prefix} + std::to_string(number));
}

status prepare_data_folder(const std::filesystem::path& root) {
  TIDEMILL_CHECK(create_folder(root));
  TIDEMILL_TRY(auto format, read_format(root));
  if (format == 1)
    return move_format_1(root);
  TIDEMILL_TRY(auto newest, newest_generation(root));
  if (format == 0) {
    TIDEMILL_CHECK(check_unused(root));
    if (!newest)
      TIDEMILL_CHECK(make_first(root));
    return write_format(root);
  }
  if (newest)
    return {};
  TIDEMILL_TRY(auto half_moved, file_exists(root / unfinished));
  if (half_moved)
    return move_format_1(root);
  // A takeover between two looks, which may hide both names, or really nothing.
  TIDEMILL_TRY(newest, newest_generation(root));
  if (newest)
    return {};
  return error{errc::corrupt, root.string() + " has a FORMAT but no state folder; restore it from a backup, "
                                              "or remove FORMAT to begin empty"};
}

result<std::optional<generation_id>> newest_generation(const std::filesystem::path& root) {
  TIDEMILL_TRY(auto names, names_in(root));
  std::optional<generation_id> newest;
  for (const auto& name : names)
    if (auto g = parse_generation(name); g && (!newest || g->number > newest->number))
      newest = std::move(g);
  return newest;
}

result<std::uint64_t> newest_tree(const std::filesystem::path& generation_folder) {
  TIDEMILL_TRY(auto names, names_in(generation_folder));
  std::optional<std::uint64_t> newest;
  for (const auto& name : names) {
    std::uint64_t number = 0;
    auto at = name.data() + std::min(tree_prefix.size(), name.size());
    auto parsed = std::from_chars(at, name.data() + name.size(), number);
    if (parsed.ec == std::errc{} && name == std::string{tree_prefix} + std::to_string(number))
      newest = std::max(newest.value_or(0), number);
  }
  if (!newest)
    return error{errc::corrupt, generation_folder.string() + " holds no state; restore it from a backup"};
  return *newest;
}

std::filesystem::path current_state_folder(const std::filesystem::path& root) {
  // Again if it was taken over between the looks.
  for (int i = 0; i < 3; ++i) {
    auto newest = newest_generation(root);
    if (!newest || !*newest)
      break;
    auto folder = root / generation_name(**newest);
    if (auto tree = newest_tree(folder))
      return tree_path(folder, *tree);
  }
  return root;
}

} // namespace tidemill
