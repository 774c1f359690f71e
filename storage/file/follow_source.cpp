#include "storage/file/follow_source.hpp"

#include "event/hash.hpp"
#include "storage/file/generations.hpp"
#include "storage/file/record_reader.hpp"

#include <algorithm>

namespace tidemill {
namespace {

using steady = std::chrono::steady_clock;
constexpr std::chrono::milliseconds look_every{100};
constexpr std::chrono::milliseconds rotation_grace{1000}; // a writer may hold the old file a little longer
constexpr offset reserve_bytes = 64u << 20;               // one write of the state file for so many bytes
constexpr std::size_t generations_kept = 64;

enum class progress {
  more,     // the batch is full
  scanning, // within a record too long for memory
  drained,  // no whole record is left
};

struct followed {
  std::filesystem::path path;
  std::string key;                                    // in the state file
  offset position = 0;                                // next record
  std::optional<disk_file> file = {};                 // open: the generation `current`
  std::size_t current = 0;                            // index into its generations
  offset known = 0;                                   // size of the open file when last looked at
  std::optional<steady::time_point> quiet_since = {}; // another file has the name, and ours hasn't grown
  std::optional<record_reader> reader;
  record_reader::head head = {};
  bool has_head = false;
};

class follow_source final : public record_source {
public:
  follow_source(file_source_settings settings, std::vector<std::filesystem::path> paths, generation_map known)
      : settings_(std::move(settings)), timer_(settings_.clock), paths_(std::move(paths)),
        known_(std::move(known)), state_(settings_.state_folder / (settings_.name + ".follow")) {
    identity_ = "follow";
    for (const auto& path : paths_) {
      auto key = kept_name(path, settings_.base);
      identity_ += " " + key;
      parts_.push_back({.path = path, .key = std::move(key), .reader = record_reader{settings_.format}});
    }
    if (parts_.size() > 8)
      identity_ = "follow " + std::to_string(parts_.size()) + " files " + content_id(identity_);
  }

  std::uint32_t partitions() const noexcept override { return static_cast<std::uint32_t>(parts_.size()); }
  std::string identity() const override { return identity_; }
  bool has_arrival_times() const noexcept override { return false; }
  offset start(partition_id p) override {
    const auto& list = known_[parts_[to_index(p)].key];
    return list.empty() ? 0 : list.front().base;
  }

  status seek(partition_id p, offset at) override {
    auto& part = parts_[to_index(p)];
    const auto& list = known_[part.key];
    if (at > (list.empty() ? 0 : list.back().reserved))
      return error{errc::out_of_range, "offset " + std::to_string(at) + " of " + part.path.string() +
                                           " is unknown to " + state_.string() +
                                           ": it was deleted or belongs to another run. Restore it, or "
                                           "start anew without the checkpoints"};
    part.position = at;
    close(part);
    return {};
  }

  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, std::chrono::milliseconds wait,
              std::vector<polled>& out) override {
    auto before = out.size();
    auto until = timer_.steady() + wait;
    for (;;) {
      auto scanning = false;
      for (auto p : wanted) {
        TIDEMILL_TRY(auto more, read(p, std::max<std::size_t>(max_bytes, 1), out));
        scanning = scanning || more;
      }
      auto left = std::chrono::ceil<std::chrono::milliseconds>(until - timer_.steady());
      if (out.size() > before || scanning || left.count() <= 0 || timer_.wait(std::min(left, look_every)))
        return {};
    }
  }
  void wake() noexcept override { timer_.wake(); }

  std::uint64_t lag(partition_id p) const override {
    const auto& part = parts_[to_index(p)];
    auto found = known_.find(part.key);
    if (!part.file || found == known_.end())
      return 0;
    const auto& list = found->second;
    auto end = std::max(list.back().base, list[part.current].base + part.known);
    return end - std::min(end, part.position);
  }

private:
  std::vector<generation>& generations(const followed& part) { return known_[part.key]; }

  void close(followed& part) {
    part.file.reset();
    part.quiet_since.reset();
    part.has_head = false;
    part.reader->reset();
  }

  /// Goes on in one path. True: within a record too long for memory, there is more to do at once.
  result<bool> read(partition_id p, std::size_t max_bytes, std::vector<polled>& out) {
    auto& part = parts_[to_index(p)];
    if (!part.file)
      TIDEMILL_CHECK(open_next(p, part, out));
    if (!part.file)
      return false;
    TIDEMILL_TRY(auto whole, look(p, part, out));
    if (!part.file)
      return false;
    if (!whole)
      part.quiet_since.reset();
    auto complete = part.current + 1 < generations(part).size();
    TIDEMILL_TRY(auto went, deliver(p, part, max_bytes, complete, out));
    if (went == progress::drained && complete)
      next_known(p, part, out);
    else if (went == progress::drained && whole)
      TIDEMILL_CHECK(follow_rename(p, part, out));
    return went == progress::scanning;
  }

  /// From the end of a former generation to the one after it.
  void next_known(partition_id p, followed& part, std::vector<polled>& out) {
    auto base = generations(part)[part.current + 1].base;
    close(part);
    if (part.position < base)
      out.emplace_back(polled_gap{p, part.position, base});
    part.position = base;
  }

  /// Finds the file that holds `position`, or says what is gone.
  status open_next(partition_id p, followed& part, std::vector<polled>& out) {
    auto& list = generations(part);
    auto after = std::upper_bound(list.begin(), list.end(), part.position,
                                  [](offset o, const generation& g) { return o < g.base; });
    if (after == list.begin()) {
      if (list.empty())
        return begin_generation(p, part, 0, false, out);
      out.emplace_back(polled_gap{p, part.position, list.front().base});
      part.position = list.front().base;
      return {};
    }
    part.current = static_cast<std::size_t>(after - list.begin()) - 1;
    const auto& g = list[part.current];
    auto last = part.current + 1 == list.size();
    TIDEMILL_TRY(part.file, find_generation(part.path, g, part.position - g.base));
    if (part.file) {
      TIDEMILL_TRY(auto facts, facts_of(*part.file));
      part.known = facts.size;
      return {};
    }
    if (last)
      return begin_generation(p, part, g.reserved, true, out);
    out.emplace_back(polled_gap{p, part.position, after->base});
    part.position = after->base;
    return {};
  }

  /// The next file of the path becomes a generation at `base`, if there is one by now.
  status begin_generation(partition_id p, followed& part, offset base, bool lost, std::vector<polled>& out) {
    auto& list = generations(part);
    TIDEMILL_TRY(auto next, find_next(part.path, list, paths_));
    if (!next)
      return {};
    close(part);
    TIDEMILL_TRY(auto facts, facts_of(*next));
    list.push_back({.mark = facts.mark, .base = base, .reserved = base, .modified = facts.modified});
    if (list.size() > generations_kept)
      list.erase(list.begin());
    // Durable before any offset of it is known to others.
    if (auto saved = save_generations(state_, known_); !saved) {
      list.pop_back();
      return saved.error();
    }
    if (lost)
      out.emplace_back(polled_gap{p, part.position, base});
    part.position = base;
    part.file = std::move(next);
    part.current = list.size() - 1;
    part.known = 0;
    return {};
  }

  /// Looks at the open file: its size, whether it was cut, and, while it is short, its beginning.
  /// False: it has bytes that the last look didn't show.
  result<bool> look(partition_id p, followed& part, std::vector<polled>& out) {
    auto& list = generations(part);
    auto& g = list[part.current];
    TIDEMILL_TRY(auto facts, facts_of(*part.file));
    if (part.current + 1 < list.size()) {
      part.known = std::min(facts.size, list[part.current + 1].base - g.base);
      return true;
    }
    if (facts.size == part.known)
      return true;
    TIDEMILL_TRY(auto head, hash_head(*part.file, g.head_length));
    if (facts.size < part.known || (g.head_length > 0 && head != g.head))
      return cut_in_place(p, part, out);
    part.known = facts.size;
    g.modified = facts.modified;
    if (auto length = static_cast<std::uint32_t>(std::min<offset>(head_bytes, facts.size));
        length > g.head_length) {
      TIDEMILL_TRY(g.head, hash_head(*part.file, length));
      g.head_length = length;
      TIDEMILL_CHECK(save_generations(state_, known_));
    }
    return false;
  }

  /// The open file was emptied and begins anew; what was there and not read yet is lost.
  result<bool> cut_in_place(partition_id p, followed& part, std::vector<polled>& out) {
    auto& list = generations(part);
    auto base = list[part.current].base + part.known;
    auto lost = part.position < base;
    TIDEMILL_TRY(auto facts, facts_of(*part.file));
    auto file = std::move(part.file);
    close(part);
    list.push_back({.mark = facts.mark, .base = base, .reserved = base, .modified = facts.modified});
    TIDEMILL_CHECK(save_generations(state_, known_));
    if (lost)
      out.emplace_back(polled_gap{p, part.position, base});
    part.position = base;
    part.file = std::move(file);
    part.current = list.size() - 1;
    part.known = 0;
    return false;
  }

  /// Hands out whole lines up to `max_bytes`; with `complete` also an unfinished last one.
  result<progress> deliver(partition_id p, followed& part, std::size_t max_bytes, bool complete,
                           std::vector<polled>& out) {
    auto base = generations(part)[part.current].base;
    if (!part.has_head) {
      TIDEMILL_TRY(part.head, part.reader->read_head(*part.file, part.known, complete));
      part.has_head = part.head.ready;
      if (!part.head.ready)
        return progress::drained;
    }
    if (part.position < base + part.head.next) {
      TIDEMILL_CHECK(reserve(part, base + part.head.next));
      auto begin = std::exchange(part.position, base + part.head.next);
      out.emplace_back(record_reader::to_batch(p, begin, part.position, {}, part.head.header));
    }
    for (std::size_t bytes = 0; bytes < max_bytes && part.position < base + part.known;) {
      record_reader::range range{.file = *part.file,
                                 .base = base,
                                 .from = part.position - base,
                                 .size = part.known,
                                 .complete = complete};
      TIDEMILL_TRY(auto piece, part.reader->read(range, max_bytes - bytes));
      if (piece.scanning)
        return progress::scanning;
      if (piece.next == range.from)
        return progress::drained;
      TIDEMILL_CHECK(reserve(part, base + piece.next));
      auto begin = std::exchange(part.position, base + piece.next);
      bytes += std::max<std::size_t>(piece.bytes, 1);
      out.emplace_back(record_reader::to_batch(p, begin, part.position, std::move(piece), part.head.header));
    }
    return part.position == base + part.known ? progress::drained : progress::more;
  }

  /// No offset leaves before the state file knows that it may have.
  status reserve(followed& part, offset end) {
    auto& g = generations(part)[part.current];
    if (end <= g.reserved)
      return {};
    auto before = std::exchange(g.reserved, end + reserve_bytes);
    if (auto saved = save_generations(state_, known_); !saved) {
      g.reserved = before;
      return saved.error();
    }
    return {};
  }

  /// At the end of the open file: does its path name another one by now?
  status follow_rename(partition_id p, followed& part, std::vector<polled>& out) {
    auto base = generations(part)[part.current].base;
    TIDEMILL_TRY(auto facts, facts_of(part.path));
    TIDEMILL_TRY(auto ours, facts_of(*part.file));
    if (!facts.regular || facts.mark == ours.mark || ours.size != part.known) {
      part.quiet_since.reset();
      return {};
    }
    auto now = timer_.steady();
    if (!part.quiet_since)
      part.quiet_since = now;
    if (now - *part.quiet_since < rotation_grace)
      return {};
    // The rest of the old file counts only if the next one can be begun: else both are tried again.
    TIDEMILL_TRY(auto next, find_next(part.path, generations(part), paths_));
    if (!next)
      return {};
    TIDEMILL_TRY(auto went, deliver(p, part, static_cast<std::size_t>(-1), true, out));
    if (went != progress::drained)
      return {};
    return begin_generation(p, part, base + part.known, false, out);
  }

  file_source_settings settings_;
  source_timer timer_;
  std::vector<std::filesystem::path> paths_;
  generation_map known_;
  std::filesystem::path state_;
  std::vector<followed> parts_;
  std::string identity_;
};

} // namespace

result<std::unique_ptr<record_source>> make_follow_source(file_source_settings settings) {
  std::vector<std::filesystem::path> paths;
  if (auto found = match_files(settings.base, settings.path))
    paths = std::move(*found);
  else if (settings.path.find_first_of("*?[\\") != std::string::npos)
    return found.error().in(settings.name);
  else // it need not exist yet
    paths.push_back(std::filesystem::path{settings.path}.is_absolute() ? std::filesystem::path{settings.path}
                                                                       : settings.base / settings.path);
  TIDEMILL_CHECK(create_folder(settings.state_folder));
  TIDEMILL_TRY(auto known, load_generations(settings.state_folder / (settings.name + ".follow")));
  return std::make_unique<follow_source>(std::move(settings), std::move(paths), std::move(known));
}

} // namespace tidemill
