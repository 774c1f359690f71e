#include "storage/log/replayed_letters.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <sys/file.h>

namespace tidemill {
namespace {

constexpr std::uint32_t magic = 0x50524d54; // "TMRP"
constexpr std::uint32_t version = 1;
constexpr std::uint64_t longest = 256u << 20;

} // namespace

result<replayed_letters> replayed_letters::read(const std::filesystem::path& folder) {
  replayed_letters r;
  r.file_ = folder / "REPLAYED";
  TIDEMILL_CHECK(r.load());
  return r;
}

result<replayed_letters> replayed_letters::open(const std::filesystem::path& folder) {
  TIDEMILL_TRY(auto lock, disk_file::open_write(folder / "REPLAYED.lock"));
  if (::flock(lock.descriptor(), LOCK_EX | LOCK_NB) != 0)
    return errno == EWOULDBLOCK
               ? error{errc::locked, "another replay from " + folder.string() + " is running; wait for it"}
               : disk_error("lock", lock.path(), errno);
  TIDEMILL_TRY(auto r, read(folder));
  r.lock_ = std::move(lock);
  return r;
}

status replayed_letters::load() {
  TIDEMILL_TRY(auto there, file_exists(file_));
  if (!there)
    return {};
  TIDEMILL_TRY(auto bytes, read_file(file_, longest));
  auto body = std::string_view{bytes}.substr(0, bytes.size() - std::min<std::size_t>(8, bytes.size()));
  byte_reader in{body}, tail{std::string_view{bytes}.substr(body.size())};
  auto ours = tail.fixed<std::uint64_t>() == hash64(body) && tail.ok() &&
              in.fixed<std::uint32_t>() == magic && in.fixed<std::uint32_t>() == version;
  for (auto n = ours ? in.varint() : 0; n > 0 && in.ok(); --n) {
    auto& all = streams_[std::string{in.text()}];
    for (auto count = in.varint(); count > 0 && in.ok(); --count) {
      auto first = in.varint();
      all[first] = in.varint();
    }
  }
  if (!ours || !in.ok() || !in.at_end())
    return error{errc::corrupt, file_.string() + " is damaged or of another version; remove it: what was "
                                                 "replayed before is then not known any more"};
  return {};
}

status replayed_letters::save() const {
  std::string bytes;
  byte_writer out{bytes};
  out.fixed(magic);
  out.fixed(version);
  out.varint(streams_.size());
  for (const auto& [stream, all] : streams_) {
    out.text(stream);
    out.varint(all.size());
    for (auto [first, last] : all) {
      out.varint(first);
      out.varint(last);
    }
  }
  out.fixed(hash64(bytes));
  return replace_file(file_, bytes);
}

replayed_letters::runs::const_iterator replayed_letters::find(const runs& all, std::uint64_t position) {
  auto after = all.upper_bound(position);
  if (after == all.begin() || std::prev(after)->second < position)
    return all.end();
  return std::prev(after);
}

bool replayed_letters::contains(std::string_view stream, std::uint64_t position) const {
  auto known = streams_.find(stream);
  return known != streams_.end() && find(known->second, position) != known->second.end();
}

void replayed_letters::add(const std::string& stream, std::uint64_t position,
                           std::optional<std::uint64_t> before) {
  auto& all = streams_[stream];
  auto own = find(all, position);
  if (own == all.end())
    own = all.emplace(position, position).first;
  auto joined = before ? find(all, *before) : all.end();
  if (joined == all.end() || joined == own)
    return;
  all[joined->first] = own->second;
  all.erase(own);
}

void replayed_letters::forget_below(std::uint64_t position) {
  for (auto& [stream, all] : streams_)
    std::erase_if(all, [&](const auto& run) { return run.second < position; });
}

} // namespace tidemill
