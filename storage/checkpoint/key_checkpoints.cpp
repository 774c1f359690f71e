#include "storage/checkpoint/key_checkpoints.hpp"

#include "event/hash.hpp"

#include <algorithm>
#include <chrono>

namespace tidemill {
namespace {

constexpr std::size_t kept_manifests = 2;
constexpr std::uint64_t longest_manifest = 1u << 30;
constexpr std::size_t piece_bytes = 1u << 20;
constexpr std::size_t pack_bytes = 16u << 20;
constexpr layer_limits limits;

/// Reads a pack and compares it with what its manifest says. Errors: `corrupt`, and those of the store.
result<std::string> read_pack(blob_store& blobs, const std::string& group, const state_pack& p) {
  auto name = pack_name(p);
  auto bytes = blobs.get(group, name, p.bytes);
  if (!bytes && bytes.error().code() == errc::out_of_range)
    return error{errc::corrupt, bytes.error().text()};
  if (bytes && (bytes->size() != p.bytes || hash64(*bytes) != p.hash))
    return error{errc::corrupt, blobs.place(group) + "/" + name + " is damaged"};
  return bytes;
}

} // namespace

key_checkpoints::key_checkpoints(blob_store& blobs, std::string key, std::uint64_t token)
    : blobs_(blobs), key_(std::move(key)), group_(safe_name(key_)), token_(token) {}

status key_checkpoints::look() {
  if (looked_)
    return {};
  kept_.clear();
  damaged_.clear();
  TIDEMILL_TRY(head_, blobs_.head(group_));
  TIDEMILL_TRY(auto names, blobs_.list(group_));
  there_ = {names.begin(), names.end()};
  next_ = 0;
  if (head_.empty()) {
    // What a crash in the first save leaves is of number 0.
    for (const auto& name : names)
      if (auto number = parse_manifest_name(name); number ? number->number > 0 : name.ends_with(".segment"))
        return error{number ? errc::corrupt : errc::mismatch,
                     blobs_.place(group_) + (number ? " has lost its head, the file that names the newest "
                                                      "checkpoint; restore the folder from a backup"
                                                    : " is no folder of checkpoints of this format; use the "
                                                      "program that wrote it, or another --data folder")};
  } else {
    TIDEMILL_CHECK(read_manifests(names));
  }
  looked_ = true;
  return {};
}

status key_checkpoints::read_manifests(const std::vector<std::string>& names) {
  auto newest = parse_manifest_name(head_ + ".manifest");
  if (!newest)
    return error{errc::corrupt,
                 blobs_.place(group_) + " has a head that this program doesn't write: " + head_};
  next_ = newest->number + 1;
  std::vector<blob_number> numbers{*newest};
  for (auto name = names.rbegin(); name != names.rend(); ++name)
    if (auto n = parse_manifest_name(*name); n && n->number < newest->number)
      numbers.push_back(*n);
  for (const auto& n : numbers) {
    if (kept_.size() == kept_manifests)
      break;
    auto name = manifest_name(n);
    if (auto known = bad_.find(name); known != bad_.end()) {
      damaged_.push_back({n, known->second});
      continue;
    }
    auto file = blobs_.place(group_) + "/" + name;
    auto bytes = blobs_.get(group_, name, longest_manifest);
    auto decoded = bytes ? decode_manifest(*bytes, key_, file) : result<manifest>{bytes.error()};
    if (decoded)
      kept_.push_back({n, std::move(*decoded)});
    else if (decoded.error().code() == errc::corrupt || decoded.error().code() == errc::out_of_range)
      damaged_.push_back({n, decoded.error().text()});
    else
      return decoded.error();
  }
  return {};
}

/// Whether the packs are right; reads those that weren't read before.
status key_checkpoints::check(const manifest& m) {
  for (const auto& l : m.layers)
    for (const auto& p : l.packs) {
      if (intact_.contains(pack_name(p)))
        continue;
      TIDEMILL_TRY(auto bytes, read_pack(blobs_, group_, p));
      intact_.insert(pack_name(p));
    }
  return {};
}

result<std::unique_ptr<checkpoint>> key_checkpoints::load(std::vector<std::string>& warnings) {
  std::lock_guard lock{mutex_};
  TIDEMILL_CHECK(look());
  while (!kept_.empty()) {
    auto intact = check(kept_.front().content);
    if (intact)
      break;
    if (intact.error().code() != errc::corrupt)
      return intact.error();
    bad_[manifest_name(kept_.front().number)] = intact.error().text();
    damaged_.push_back({kept_.front().number, intact.error().text()});
    kept_.erase(kept_.begin());
  }
  if (kept_.empty() && !damaged_.empty())
    return error{errc::corrupt, "no checkpoint of " + key_ + " is intact (" + damaged_.front().why +
                                    "); restore " + blobs_.place(group_) +
                                    " from a backup, or move it away to start without a checkpoint"};
  if (kept_.empty())
    return std::unique_ptr<checkpoint>{};
  for (const auto& d : damaged_)
    if (d.number.number > kept_.front().number.number)
      warnings.push_back("a checkpoint of " + key_ + " is passed over, the one before it is used: " + d.why);
  const auto& found = kept_.front().content;
  auto c = std::make_unique<checkpoint>(found.head);
  c->pieces = [&blobs = blobs_, group = group_, layers = found.layers](const auto& each) -> status {
    for (const auto& l : layers)
      for (const auto& p : l.packs) {
        TIDEMILL_TRY(auto bytes, read_pack(blobs, group, p));
        TIDEMILL_CHECK(for_each_piece(bytes, blobs.place(group) + "/" + pack_name(p), each));
      }
    return {};
  };
  return c;
}

/// Whether what is stored is an earlier state of the same thing.
bool key_checkpoints::continues(const checkpoint& c) const {
  if (kept_.empty())
    return false;
  const auto& before = kept_.front().content.head;
  return before.source == c.source && before.at <= c.at &&
         std::ranges::all_of(before.state_ids, [&](const auto& part) {
           auto now = c.state_ids.find(part.first);
           return now != c.state_ids.end() && now->second == part.second;
         });
}

/// Layers to keep; before them goes one for the ranges that they lack.
std::vector<state_layer> key_checkpoints::stack_of(const checkpoint& c,
                                                   std::vector<offset_range>& lacking) const {
  if (!continues(c)) {
    lacking = {{0, c.at}};
    return {};
  }
  const auto& before = kept_.front().content;
  auto stack = before.layers;
  lacking = {{before.head.at, c.at}};
  if (should_tidy(stack, c.state->entries(), limits)) {
    auto dropped = choose_layers(stack, count_live(stack, *c.state), limits);
    for (auto i = dropped.rbegin(); i != dropped.rend(); ++i) {
      lacking.insert(lacking.end(), stack[*i].ranges.begin(), stack[*i].ranges.end());
      stack.erase(stack.begin() + static_cast<std::ptrdiff_t>(*i));
    }
  }
  lacking = joined(std::move(lacking));
  return stack;
}

status key_checkpoints::write_layer(const frozen_state& state, state_layer& layer,
                                    std::vector<std::string>& written) {
  std::optional<pack_writer> pack;
  auto put = [&]() -> status {
    if (!pack)
      return {};
    const auto& bytes = pack->bytes();
    state_pack p{next_, token_, static_cast<std::uint32_t>(layer.packs.size()), bytes.size(), hash64(bytes)};
    written.push_back(pack_name(p));
    TIDEMILL_CHECK(blobs_.put(group_, written.back(), bytes));
    layer.packs.push_back(p);
    pack.reset();
    return {};
  };
  TIDEMILL_CHECK(
      state.write(layer.ranges, piece_bytes, [&](std::string_view piece, std::uint64_t entries) -> status {
        if (!pack)
          pack.emplace();
        pack->add(piece);
        layer.entries += entries;
        return pack->bytes().size() < pack_bytes ? status{} : put();
      }));
  return put();
}

status key_checkpoints::write(const checkpoint& c, manifest& m, std::vector<std::string>& written) {
  state_layer fresh;
  m.layers = stack_of(c, fresh.ranges);
  TIDEMILL_CHECK(write_layer(*c.state, fresh, written));
  if (fresh.entries > 0)
    m.layers.insert(m.layers.begin(), std::move(fresh));
  blob_number number{next_, token_};
  written.push_back(manifest_name(number));
  TIDEMILL_CHECK(blobs_.put(group_, written.back(), encode_manifest(m)));
  return blobs_.move_head(group_, head_, to_text(number));
}

status key_checkpoints::save(const checkpoint& c) {
  std::lock_guard lock{mutex_};
  TIDEMILL_CHECK(look());
  manifest m{key_, std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()), c, {}};
  m.head.core = c.state->core();
  m.head.state.reset();
  m.head.pieces = {};
  std::vector<std::string> written;
  if (auto done = write(c, m, written); !done) {
    take_back(written);
    return done.error().in("saving the checkpoint of " + key_);
  }
  there_.insert(written.begin(), written.end());
  for (const auto& l : m.layers)
    for (const auto& p : l.packs)
      intact_.insert(pack_name(p));
  blob_number number{next_++, token_};
  head_ = to_text(number);
  kept_.insert(kept_.begin(), {number, std::move(m)});
  kept_.resize(std::min(kept_.size(), kept_manifests));
  damaged_.clear();
  remove_garbage();
  return {};
}

/// After an error nobody knows how far it came: what is there is looked at again before the next save.
void key_checkpoints::take_back(const std::vector<std::string>& written) {
  looked_ = false;
  auto now = blobs_.head(group_);
  if (!now || *now != head_)
    return;
  for (const auto& name : written)
    (void)blobs_.remove(group_, name);
}

void key_checkpoints::remove_garbage() {
  std::set<std::string> needed;
  for (const auto& s : kept_) {
    needed.insert(manifest_name(s.number));
    for (const auto& l : s.content.layers)
      for (const auto& p : l.packs)
        needed.insert(pack_name(p));
  }
  // What can't be removed now is tried again after the next save.
  std::erase_if(there_, [&](const std::string& name) {
    return !needed.contains(name) && blobs_.remove(group_, name).has_value();
  });
  std::erase_if(intact_, [&](const std::string& name) { return !needed.contains(name); });
  std::erase_if(bad_, [&](const auto& b) { return !there_.contains(b.first); });
}

result<checkpoint_store::needs> key_checkpoints::needed() {
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

} // namespace tidemill
