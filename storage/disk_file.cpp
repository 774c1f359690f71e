#include "storage/disk_file.hpp"

#include "storage/generation.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace tidemill {
namespace {

/// What people can do about it; starts with a semicolon, or empty.
std::string remedy(const std::filesystem::path& path, int number) {
  auto folder = path.has_parent_path() ? path.parent_path().string() : std::string{"."};
  switch (number) {
  case ENOSPC:
    return "; free space on the file system of " + folder + " or move the data to a larger one";
  case EDQUOT:
    return "; raise the disk quota for " + folder + " or free space there";
  case EFBIG:
    return "; raise the file size limit (ulimit -f) or that of the file system of " + folder;
  case EACCES:
  case EPERM:
    return "; give the user of this process read and write access to " + folder;
  case EROFS:
    return "; " + folder + " is mounted read-only: mount it writable or choose another folder";
  case EMFILE:
  case ENFILE:
    return "; raise the limit of open files (ulimit -n)";
  case EIO:
    return "; the disk under " + folder + " reports errors: check it before going on";
  default:
    return {};
  }
}

/// The generation folder that the path goes through, if that is gone; else empty.
std::filesystem::path taken_generation(const std::filesystem::path& path) {
  std::filesystem::path folder;
  for (const auto& part : path) {
    folder /= part;
    if (!parse_generation(part.string()))
      continue;
    struct stat s {};
    return ::stat(folder.c_str(), &s) != 0 && (errno == ENOENT || errno == ESTALE) ? folder
                                                                                   : std::filesystem::path{};
  }
  return {};
}

/// `generation` is gone: under another name, or with the data folder.
error fenced_error(std::string_view doing, const std::filesystem::path& path,
                   const std::filesystem::path& generation) {
  auto taken = false;
  std::error_code failed;
  auto root = generation.has_parent_path() ? generation.parent_path() : std::filesystem::path{"."};
  std::filesystem::directory_iterator entries{root, failed}, none;
  for (; !failed && entries != none; entries.increment(failed))
    taken = taken || parse_generation(entries->path().filename().string());
  return {errc::fenced, "can't " + std::string{doing} + " " + path.string() +
                            (taken ? ": another process has taken over the data folder"
                                   : ": the state in the data folder is gone")};
}

} // namespace

error disk_error(std::string_view doing, const std::filesystem::path& path, int number) {
  auto is_full = number == ENOSPC || number == EDQUOT || number == EFBIG;
  auto is_missing = number == ENOENT || number == ENOTDIR || number == ESTALE;
  if (auto gone = is_missing ? taken_generation(path) : std::filesystem::path{}; !gone.empty())
    return fenced_error(doing, path, gone);
  return {is_full ? errc::full : errc::io, "can't " + std::string{doing} + " " + path.string() + ": " +
                                               std::generic_category().message(number) +
                                               remedy(path, number)};
}

disk_file::disk_file(disk_file&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

disk_file& disk_file::operator=(disk_file&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

disk_file::~disk_file() {
  if (fd_ >= 0)
    ::close(fd_);
}

result<disk_file> disk_file::open(std::filesystem::path path, int flags) {
  int fd;
  do
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  while (fd < 0 && errno == EINTR);
  if (fd < 0)
    return disk_error("open", path, errno);
  return disk_file{fd, std::move(path)};
}

result<disk_file> disk_file::open_read(std::filesystem::path path) {
  return open(std::move(path), O_RDONLY);
}

result<disk_file> disk_file::open_write(std::filesystem::path path) {
  return open(std::move(path), O_RDWR | O_CREAT);
}

result<disk_file> disk_file::create(std::filesystem::path path) {
  return open(std::move(path), O_RDWR | O_CREAT | O_TRUNC);
}

result<std::size_t> disk_file::read_at(std::uint64_t at, char* out, std::size_t bytes) const {
  std::size_t done = 0;
  while (done < bytes) {
    auto n = ::pread(fd_, out + done, bytes - done, static_cast<off_t>(at + done));
    if (n == 0)
      break;
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return disk_error("read", path_, errno);
    done += static_cast<std::size_t>(n);
  }
  return done;
}

status disk_file::write_at(std::uint64_t at, std::string_view bytes) const {
  while (!bytes.empty()) {
    auto n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return disk_error("write", path_, n < 0 ? errno : EIO);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    at += static_cast<std::uint64_t>(n);
  }
  return {};
}

status disk_file::truncate(std::uint64_t bytes) const {
  while (::ftruncate(fd_, static_cast<off_t>(bytes)) != 0)
    if (errno != EINTR)
      return disk_error("truncate", path_, errno);
  return {};
}

status disk_file::sync() const {
  while (::fdatasync(fd_) != 0)
    if (errno != EINTR)
      return disk_error("sync", path_, errno);
  return {};
}

result<std::uint64_t> disk_file::size() const {
  struct stat s {};
  if (::fstat(fd_, &s) != 0)
    return disk_error("look at", path_, errno);
  return static_cast<std::uint64_t>(s.st_size);
}

status disk_file::check_place() const {
  struct stat mine {
  }, there{};
  if (::fstat(fd_, &mine) != 0)
    return disk_error("look at", path_, errno);
  if (::stat(path_.c_str(), &there) != 0)
    return disk_error("find", path_, errno);
  if (mine.st_ino != there.st_ino || mine.st_dev != there.st_dev)
    return error{errc::io, path_.string() + " was replaced by another file while it was open"};
  return {};
}

status sync_folder(const std::filesystem::path& folder) {
  auto name = folder.empty() ? std::filesystem::path{"."} : folder;
  int fd = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return disk_error("open", name, errno);
  auto failed = ::fsync(fd) != 0 ? errno : 0;
  ::close(fd);
  // Some network file systems can't sync a folder and say so with EINVAL; their renames are durable.
  if (failed != 0 && failed != EINVAL)
    return disk_error("sync", name, failed);
  return {};
}

status create_folder(const std::filesystem::path& folder) {
  std::error_code failed;
  if (std::filesystem::is_directory(folder, failed))
    return {};
  if (parse_generation(folder.filename().string()))
    return fenced_error("create folder", folder, folder);
  auto parent = folder.parent_path();
  if (!parent.empty() && parent != folder)
    TIDEMILL_CHECK(create_folder(parent));
  if (::mkdir(folder.c_str(), 0755) != 0 &&
      !(errno == EEXIST && std::filesystem::is_directory(folder, failed)))
    return disk_error("create folder", folder, errno);
  return sync_folder(parent);
}

status replace_file(const std::filesystem::path& path, std::string_view bytes) {
  auto temporary = path;
  temporary += ".tmp";
  auto write = [&]() -> status {
    TIDEMILL_TRY(auto file, disk_file::create(temporary));
    TIDEMILL_CHECK(file.write_at(0, bytes));
    TIDEMILL_CHECK(file.sync());
    return rename_file(temporary, path);
  };
  if (auto done = write(); !done) {
    ::unlink(temporary.c_str());
    return done.error();
  }
  return sync_folder(path.parent_path());
}

status rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    return disk_error("rename", from, errno);
  return {};
}

status remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return disk_error("remove", path, errno);
  return {};
}

status remove_temporaries(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::directory_iterator entries{folder, failed}, none;
  for (; !failed && entries != none; entries.increment(failed))
    if (entries->path().extension() == ".tmp")
      TIDEMILL_CHECK(remove_file(entries->path()));
  if (failed)
    return disk_error("list", folder, failed.value());
  return {};
}

result<std::string> read_file(const std::filesystem::path& path, std::uint64_t limit) {
  TIDEMILL_TRY(auto file, disk_file::open_read(path));
  TIDEMILL_TRY(auto size, file.size());
  if (size > limit)
    return error{errc::corrupt, path.string() + " has " + std::to_string(size) + " bytes where at most " +
                                    std::to_string(limit) + " are possible"};
  std::string bytes(size, '\0');
  TIDEMILL_TRY(auto got, file.read_at(0, bytes.data(), bytes.size()));
  bytes.resize(got);
  return bytes;
}

result<bool> file_exists(const std::filesystem::path& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) == 0)
    return true;
  if (errno == ENOENT || errno == ENOTDIR)
    return false;
  return disk_error("look at", path, errno);
}

} // namespace tidemill
