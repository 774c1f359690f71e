#include "storage/file/input_file.hpp"

#include "event/hash.hpp"

#include <algorithm>
#include <cerrno>
#include <glob.h>
#include <sys/stat.h>

namespace tidemill {
namespace {

file_facts facts_from(const struct stat& s) {
  return {.mark = {s.st_dev, s.st_ino},
          .size = static_cast<std::uint64_t>(s.st_size),
          .modified = std::int64_t{s.st_mtim.tv_sec} * 1'000'000'000 + s.st_mtim.tv_nsec,
          .regular = S_ISREG(s.st_mode)};
}

/// The folder's own name is no pattern, whatever signs it has.
std::string without_wildcards(const std::string& folder) {
  std::string out;
  for (char c : folder) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\')
      out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

error changed(const std::filesystem::path& path, const std::string& how) {
  return {errc::mismatch, path.string() + " " + how +
                              " while it was read; start the source anew, or use follow for files that "
                              "change"};
}

} // namespace

result<file_facts> facts_of(const disk_file& file) {
  struct stat s {};
  if (::fstat(file.descriptor(), &s) != 0)
    return disk_error("look at", file.path(), errno);
  return facts_from(s);
}

result<file_facts> facts_of(const std::filesystem::path& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) == 0)
    return facts_from(s);
  if (errno == ENOENT || errno == ENOTDIR)
    return file_facts{};
  return disk_error("look at", path, errno);
}

result<std::uint64_t> hash_head(const disk_file& file, std::size_t bytes) {
  std::string head(bytes, '\0');
  TIDEMILL_TRY(auto got, file.read_at(0, head.data(), head.size()));
  return hash64({head.data(), got});
}

result<disk_file> input_file::open() const {
  TIDEMILL_TRY(auto now, facts_of(path));
  if (!now.regular)
    return changed(path, "vanished");
  TIDEMILL_TRY(auto file, disk_file::open_read(path));
  TIDEMILL_TRY(auto opened, facts_of(file));
  if (opened.mark != facts.mark)
    return changed(path, "was replaced by another file");
  if (opened.size < facts.size)
    return changed(path, "shrank from " + std::to_string(facts.size) + " to " + std::to_string(opened.size) +
                             " bytes");
  return file;
}

result<std::vector<std::filesystem::path>> match_files(const std::filesystem::path& base,
                                                       const std::string& pattern) {
  auto full = std::filesystem::path{pattern}.is_absolute() || base.empty()
                  ? pattern
                  : without_wildcards(base.string()) + "/" + pattern;
  glob_t found{};
  auto code = ::glob(full.c_str(), GLOB_NOSORT | GLOB_ERR, nullptr, &found);
  std::vector<std::filesystem::path> paths;
  for (std::size_t i = 0; code == 0 && i < found.gl_pathc; ++i) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(found.gl_pathv[i], ignored))
      paths.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  if (code != 0 && code != GLOB_NOMATCH)
    return error{errc::io, "can't look for files that match " + pattern + " in " +
                               (base.empty() ? std::string{"."} : base.string()) +
                               "; check `path`, it is relative to the folder of the pipeline's file" +
                               ": a folder can't be read"};
  if (paths.empty())
    return error{errc::config_invalid,
                 "no file matches " + pattern + " in " + (base.empty() ? std::string{"."} : base.string()) +
                     "; check `path`, it is relative to the folder of the pipeline's file"};
  std::sort(paths.begin(), paths.end(), [](const auto& a, const auto& b) { return a.native() < b.native(); });
  return paths;
}

result<std::vector<input_file>> look_at(const std::vector<std::filesystem::path>& paths) {
  std::vector<input_file> files;
  offset base = 0;
  for (const auto& path : paths) {
    input_file f{.path = path, .base = base};
    // Asked before opening: opening a pipe would wait for its writer.
    TIDEMILL_TRY(f.facts, facts_of(path));
    if (!f.facts.regular)
      return error{errc::config_invalid, path.string() + " is not a regular file"};
    TIDEMILL_TRY(auto file, disk_file::open_read(path));
    TIDEMILL_TRY(f.facts, facts_of(file));
    TIDEMILL_TRY(f.head, hash_head(file, std::min<std::uint64_t>(head_bytes, f.facts.size)));
    base += f.facts.size;
    files.push_back(std::move(f));
  }
  return files;
}

std::string kept_name(const std::filesystem::path& file, const std::filesystem::path& base) {
  auto whole = [](const std::filesystem::path& p) { return std::filesystem::absolute(p).lexically_normal(); };
  return whole(file).lexically_relative(whole(base.empty() ? "." : base)).string();
}

} // namespace tidemill
