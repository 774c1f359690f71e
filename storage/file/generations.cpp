#include "storage/file/generations.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::string_view magic = "tidemill follow 1\n";
constexpr std::uint64_t state_limit = 64u << 20;

error damaged(const std::filesystem::path& file) {
  return {errc::corrupt, file.string() + " is damaged. Without it the offsets of checkpoints can't be found "
                                         "again in the followed files: restore it, or delete it together "
                                         "with the pipeline's checkpoints to start anew"};
}

/// `access.log.1`, `access.log-20150517`, `access.log.2015-05-17T10`: what log rotation adds to a name.
bool is_rotated_name(std::string_view name, std::string_view original) {
  if (!name.starts_with(original) || name.size() < original.size() + 2)
    return false;
  auto suffix = name.substr(original.size());
  if (suffix[0] != '.' && suffix[0] != '-')
    return false;
  return std::any_of(suffix.begin(), suffix.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         std::all_of(suffix.begin(), suffix.end(), [](char c) {
           return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == 'T';
         });
}

/// Rotated files beside `path`; an unreadable folder is as good as an empty one, `path` itself will tell.
std::vector<std::filesystem::path> rotated_files(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> out;
  std::error_code failed;
  auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
  for (std::filesystem::directory_iterator it{folder, failed}, last; !failed && it != last;
       it.increment(failed))
    if (is_rotated_name(it->path().filename().native(), path.filename().native()))
      out.push_back(it->path());
  std::sort(out.begin(), out.end());
  return out;
}

/// Nothing: not there (any more), or not a regular file.
result<std::optional<disk_file>> open_if_there(const std::filesystem::path& path) {
  TIDEMILL_TRY(auto facts, facts_of(path));
  if (!facts.regular)
    return std::optional<disk_file>{};
  auto file = disk_file::open_read(path);
  if (file)
    return std::optional<disk_file>{std::move(*file)};
  TIDEMILL_TRY(facts, facts_of(path));
  if (facts.regular)
    return file.error();
  return std::optional<disk_file>{}; // it was renamed away in between
}

} // namespace

result<generation_map> load_generations(const std::filesystem::path& file) {
  TIDEMILL_TRY(auto there, file_exists(file));
  if (!there)
    return generation_map{};
  TIDEMILL_TRY(auto bytes, read_file(file, state_limit));
  if (bytes.size() < magic.size() + 8 || !bytes.starts_with(magic))
    return damaged(file);
  std::string_view body{bytes.data(), bytes.size() - 8};
  if (byte_reader{std::string_view{bytes}.substr(body.size())}.fixed<std::uint64_t>() != hash64(body))
    return damaged(file);
  byte_reader in{body.substr(magic.size())};
  generation_map all;
  for (auto paths = in.varint(); paths > 0 && in.ok(); --paths) {
    auto& list = all[std::string{in.text()}];
    for (auto n = in.varint(); n > 0 && in.ok(); --n) {
      generation g;
      g.mark.device = in.varint();
      g.mark.inode = in.varint();
      g.head_length = static_cast<std::uint32_t>(in.varint());
      g.head = in.fixed<std::uint64_t>();
      g.base = in.varint();
      g.reserved = in.varint();
      g.modified = in.svarint();
      if (g.head_length > head_bytes || g.reserved < g.base || (!list.empty() && g.base < list.back().base))
        return damaged(file);
      list.push_back(g);
    }
  }
  if (!in.ok() || !in.at_end())
    return damaged(file);
  return all;
}

status save_generations(const std::filesystem::path& file, const generation_map& all) {
  std::string bytes{magic};
  byte_writer out{bytes};
  out.varint(all.size());
  for (const auto& [path, list] : all) {
    out.text(path);
    out.varint(list.size());
    for (const auto& g : list) {
      out.varint(g.mark.device);
      out.varint(g.mark.inode);
      out.varint(g.head_length);
      out.fixed(g.head);
      out.varint(g.base);
      out.varint(g.reserved);
      out.svarint(g.modified);
    }
  }
  out.fixed(hash64(bytes));
  return replace_file(file, bytes);
}

result<bool> is_generation(const disk_file& file, const generation& g, offset at) {
  TIDEMILL_TRY(auto facts, facts_of(file));
  // A copy made before a cut has another inode but the same beginning.
  if (facts.size < std::max<offset>(g.head_length, at) ||
      (facts.mark != g.mark && g.head_length < head_bytes))
    return false;
  TIDEMILL_TRY(auto head, hash_head(file, g.head_length));
  if (head != g.head)
    return false;
  if (at == 0 || at == facts.size) // its end need not be a line end once it was renamed away
    return true;
  char before = 0;
  TIDEMILL_CHECK(file.read_at(at - 1, &before, 1));
  return before == '\n';
}

result<std::optional<disk_file>> find_generation(const std::filesystem::path& path, const generation& g,
                                                 offset at) {
  auto candidates = rotated_files(path);
  candidates.insert(candidates.begin(), path);
  std::optional<disk_file> copy;
  for (const auto& candidate : candidates) {
    TIDEMILL_TRY(auto file, open_if_there(candidate));
    if (!file)
      continue;
    TIDEMILL_TRY(auto same, is_generation(*file, g, at));
    if (!same)
      continue;
    TIDEMILL_TRY(auto facts, facts_of(*file));
    if (facts.mark == g.mark)
      return file;
    if (!copy)
      copy = std::move(file);
  }
  return copy;
}

result<std::optional<disk_file>> find_next(const std::filesystem::path& path,
                                           const std::vector<generation>& known,
                                           const std::vector<std::filesystem::path>& taken) {
  std::int64_t newest = 0;
  for (const auto& g : known)
    newest = std::max(newest, g.modified);
  std::optional<disk_file> oldest;
  std::int64_t oldest_modified = 0;
  for (const auto& candidate : known.empty() ? std::vector<std::filesystem::path>{} : rotated_files(path)) {
    if (std::find(taken.begin(), taken.end(), candidate) != taken.end())
      continue;
    TIDEMILL_TRY(auto file, open_if_there(candidate));
    if (!file)
      continue;
    TIDEMILL_TRY(auto facts, facts_of(*file));
    auto seen = facts.size == 0 || facts.modified < newest;
    for (const auto& g : known) {
      TIDEMILL_TRY(auto same, is_generation(*file, g, 0));
      seen = seen || same || facts.mark == g.mark;
    }
    if (seen || (oldest && facts.modified >= oldest_modified))
      continue;
    oldest = std::move(file);
    oldest_modified = facts.modified;
  }
  if (oldest)
    return oldest;
  return open_if_there(path);
}

} // namespace tidemill
