#include "storage/log/data_lock.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <sys/file.h>
#include <unistd.h>

namespace tidemill {
namespace {

constexpr std::string_view format_prefix = "tidemill data ";
constexpr unsigned format_version = 1;

/// `process 4711 on host a, started 2026-01-01T00:00:00Z`, as one line of LOCK.
std::string self(event_time now) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0)
    host[0] = '?';
  return "process " + std::to_string(::getpid()) + " on host " + host.data() + ", started " +
         format_rfc3339(now) + "\n";
}

/// What LOCK says, if it is what we write there.
std::string holder(const disk_file& lock) {
  std::string text(400, '\0');
  auto got = lock.read_at(0, text.data(), text.size());
  text.resize(got ? *got : 0);
  text.resize(std::min(text.find('\n'), text.size()));
  for (auto c : text)
    if (static_cast<unsigned char>(c) < ' ')
      return "another process";
  return text.starts_with("process ") ? text : "another process";
}

/// A folder without FORMAT is ours to begin in if nobody's files are in it. Hidden ones and `lost+found`
/// belong to file systems and orchestrators.
status check_unused(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::directory_iterator entries{folder, failed}, none;
  for (; !failed && entries != none; entries.increment(failed)) {
    auto name = entries->path().filename().string();
    if (name != "LOCK" && name != "FORMAT.tmp" && name != "lost+found" && !name.starts_with("."))
      return error{errc::mismatch, folder.string() + " holds files of something else (" + name +
                                       ") and no FORMAT; name an empty folder as data folder"};
  }
  if (failed)
    return disk_error("list", folder, failed.value());
  return {};
}

status check_format(const std::filesystem::path& folder) {
  auto file = folder / "FORMAT";
  TIDEMILL_TRY(auto there, file_exists(file));
  if (!there) {
    TIDEMILL_CHECK(check_unused(folder));
    return replace_file(file, std::string{format_prefix} + std::to_string(format_version) + "\n");
  }
  TIDEMILL_TRY(auto text, read_file(file, 100));
  unsigned version = 0;
  auto at = text.data() + std::min(format_prefix.size(), text.size());
  auto parsed = std::from_chars(at, text.data() + text.size(), version);
  if (!text.starts_with(format_prefix) || parsed.ec != std::errc{})
    return error{errc::corrupt, file.string() + " is damaged; if all else in the folder is well, write \"" +
                                    std::string{format_prefix} + std::to_string(format_version) +
                                    "\" into it"};
  if (version != format_version)
    return error{errc::mismatch, folder.string() + " is of format " + std::to_string(version) +
                                     ", this program reads format " + std::to_string(format_version) +
                                     "; use the program that wrote it, or another folder"};
  return {};
}

} // namespace

result<std::unique_ptr<data_directory>> data_directory::open(std::filesystem::path folder, event_time now) {
  TIDEMILL_CHECK(create_folder(folder));
  TIDEMILL_TRY(auto lock, disk_file::open_write(folder / "LOCK"));
  while (::flock(lock.descriptor(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return error{errc::locked, folder.string() + " is in use by " + holder(lock) +
                                     "; stop it first, or choose another data folder"};
    if (errno != EINTR)
      return disk_error("lock", lock.path(), errno);
  }
  TIDEMILL_CHECK(check_format(folder));
  TIDEMILL_CHECK(lock.truncate(0));
  TIDEMILL_CHECK(lock.write_at(0, self(now)));
  return std::unique_ptr<data_directory>{new data_directory{std::move(folder), std::move(lock)}};
}

result<std::filesystem::path> data_directory::subfolder(std::string_view name) const {
  auto path = folder_ / name;
  TIDEMILL_CHECK(create_folder(path));
  return path;
}

} // namespace tidemill
