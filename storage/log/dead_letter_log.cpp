#include "storage/log/dead_letter_log.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"
#include "storage/disk_file.hpp"
#include "storage/log/dead_letter.hpp"
#include "storage/log/segment_file.hpp"
#include "storage/log/segment_log.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>

namespace tidemill {
namespace {

constexpr std::uint32_t magic = 0x444c4d54; // "TMLD"
constexpr std::uint32_t version = 1;
constexpr std::size_t largest_answer = 16u << 20;
constexpr std::uint64_t longest_cursors = 64u << 20;

struct stream_state {
  std::map<partition_id, event_id> last; ///< the newest letter of each partition, also if dropped since
  std::deque<std::uint64_t> newest;      ///< positions of its last letters, ascending
};
/// What CURSORS holds, and more.
struct progress {
  std::map<std::string, stream_state, std::less<>> streams;
  std::map<std::string, std::map<partition_id, offset>, std::less<>> sinks; ///< up to where each has written
};

event_time system_now() {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

std::string encode_cursors(const progress& all) {
  std::string out;
  byte_writer w{out};
  w.fixed(magic);
  w.fixed(version);
  w.varint(all.sinks.size());
  for (const auto& [name, partitions] : all.sinks) {
    w.text(name);
    w.varint(partitions.size());
    for (auto [p, upto] : partitions) {
      w.varint(to_index(p));
      w.varint(upto);
    }
  }
  w.varint(all.streams.size());
  for (const auto& [name, state] : all.streams) {
    w.text(name);
    w.varint(state.last.size());
    for (const auto& [p, id] : state.last) {
      w.varint(to_index(p));
      w.varint(id.at);
      w.varint(id.index);
    }
  }
  w.fixed(hash64(out));
  return out;
}

progress read_progress(byte_reader& r) {
  progress all;
  for (auto n = r.varint(); n > 0 && r.ok(); --n) {
    auto& partitions = all.sinks[std::string{r.text()}];
    for (auto count = r.varint(); count > 0 && r.ok(); --count) {
      auto p = partition_id{static_cast<std::uint32_t>(r.varint())};
      partitions[p] = r.varint();
    }
  }
  for (auto n = r.varint(); n > 0 && r.ok(); --n) {
    auto& state = all.streams[std::string{r.text()}];
    for (auto count = r.varint(); count > 0 && r.ok(); --count) {
      event_id id;
      id.partition = partition_id{static_cast<std::uint32_t>(r.varint())};
      id.at = r.varint();
      id.index = static_cast<std::uint32_t>(r.varint());
      state.last[id.partition] = id;
    }
  }
  return all;
}

result<progress> decode_cursors(std::string_view bytes, const std::filesystem::path& file) {
  auto body = bytes.substr(0, bytes.size() - std::min<std::size_t>(8, bytes.size()));
  byte_reader r{body}, tail{bytes.substr(body.size())};
  auto ours = tail.fixed<std::uint64_t>() == hash64(body) && tail.ok() && r.fixed<std::uint32_t>() == magic;
  if (auto found = r.fixed<std::uint32_t>(); ours && found != version)
    return error{errc::mismatch, file.string() + " is of format " + std::to_string(found) +
                                     ", this program reads format " + std::to_string(version) +
                                     "; use the program that wrote it"};
  auto all = ours ? read_progress(r) : progress{};
  if (!ours || !r.ok() || !r.at_end())
    return error{errc::corrupt, file.string() +
                                    " is damaged; restore it from a backup, or remove it: letters "
                                    "are then known by their ids"};
  return all;
}

} // namespace

struct dead_letter_log::impl {
  std::filesystem::path folder;
  std::uint64_t max_bytes = 0;
  std::function<event_time()> now;
  std::unique_ptr<segment_log> log; ///< changed under `mutex`, read without
  mutable std::mutex mutex;
  progress all;
  std::deque<std::uint64_t> newest;
  bool changed = false; ///< since CURSORS was written

  [[nodiscard]] std::filesystem::path cursors() const { return folder / "CURSORS"; }

  status load();
  void note(std::string_view stream, const event_id& id, std::uint64_t position);
  status write(const std::string& sink, const outgoing_batch& batch);
  status sync();
  status drop_old();
};

status dead_letter_log::impl::load() {
  TIDEMILL_TRY(log,
               segment_log::open(folder, {std::max<std::uint64_t>(max_bytes / 8, 4096), max_record_bytes}));
  TIDEMILL_TRY(auto known, file_exists(cursors()));
  if (known) {
    TIDEMILL_TRY(auto bytes, read_file(cursors(), longest_cursors));
    TIDEMILL_TRY(all, decode_cursors(bytes, cursors()));
  }
  std::optional<std::uint64_t> strange;
  TIDEMILL_CHECK(log->read(log->begin(), [&](std::uint64_t position, std::string_view bytes) {
    auto l = decode_letter(bytes);
    if (!l) {
      strange = position;
      return false;
    }
    note(l->stream, l->id, position);
    return true;
  }));
  if (strange)
    return error{errc::corrupt, "record " + std::to_string(*strange) + " in " + folder.string() +
                                    " is no dead letter; move the folder away to begin with an empty one"};
  return drop_old();
}

void dead_letter_log::impl::note(std::string_view stream, const event_id& id, std::uint64_t position) {
  auto found = all.streams.find(stream);
  if (found == all.streams.end())
    found = all.streams.emplace(stream, stream_state{}).first;
  auto& last = found->second.last.try_emplace(id.partition, id).first->second;
  last = std::max(last, id);
  for (auto* positions : {&found->second.newest, &newest}) {
    positions->push_back(position);
    if (positions->size() > most_newest)
      positions->pop_front();
  }
}

status dead_letter_log::impl::write(const std::string& sink, const outgoing_batch& batch) {
  std::vector<std::string> texts;
  std::vector<std::pair<std::string_view, const event_id*>> fresh;
  for (const auto& e : batch.events) {
    auto stream = e.stream.empty() ? std::string_view{sink} : e.stream;
    if (auto known = all.streams.find(stream); known != all.streams.end())
      if (auto last = known->second.last.find(e.id.partition);
          last != known->second.last.end() && e.id <= last->second)
        continue; // it was written before a crash, and CURSORS was not
    texts.push_back(encode_letter({0, stream, e.id, now(), e.json}));
    fresh.emplace_back(stream, &e.id);
  }
  TIDEMILL_TRY(auto position, log->append(std::vector<std::string_view>{texts.begin(), texts.end()}));
  for (auto [stream, id] : fresh)
    note(stream, *id, position++);
  all.sinks[sink][batch.partition] = batch.upto;
  changed = true;
  return drop_old();
}

status dead_letter_log::impl::drop_old() {
  for (auto firsts = log->segments(); log->bytes() > max_bytes && firsts.size() > 1; firsts = log->segments())
    TIDEMILL_CHECK(log->drop_below(firsts[1]));
  return {};
}

status dead_letter_log::impl::sync() {
  if (!changed)
    return {};
  TIDEMILL_CHECK(log->sync());
  TIDEMILL_CHECK(replace_file(cursors(), encode_cursors(all)));
  changed = false;
  return {};
}

result<std::shared_ptr<dead_letter_log>> dead_letter_log::open(std::filesystem::path folder,
                                                               std::uint64_t max_bytes,
                                                               std::function<event_time()> now) {
  auto i = std::make_unique<impl>();
  i->folder = std::move(folder);
  i->max_bytes = max_bytes;
  i->now = now ? std::move(now) : system_now;
  TIDEMILL_CHECK(i->load());
  return std::shared_ptr<dead_letter_log>{new dead_letter_log{std::move(i)}};
}

dead_letter_log::dead_letter_log(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
dead_letter_log::~dead_letter_log() = default;

std::vector<std::string> dead_letter_log::newest(std::string_view stream, std::size_t limit) const {
  std::vector<std::uint64_t> positions;
  {
    std::lock_guard lock{impl_->mutex};
    const auto& streams = impl_->all.streams;
    auto found = streams.find(stream);
    if (!stream.empty() && found == streams.end())
      return {};
    const auto& known = stream.empty() ? impl_->newest : found->second.newest;
    auto count = std::min(limit, known.size());
    positions.assign(known.rbegin(), known.rbegin() + static_cast<std::ptrdiff_t>(count));
  }
  std::vector<std::string> out;
  std::size_t bytes = 0;
  for (auto position : positions) {
    auto read = impl_->log->read(position, [&](std::uint64_t, std::string_view record) {
      if (auto l = decode_letter(record))
        bytes += out.emplace_back(l->json).size();
      return false;
    });
    // Dropped just now, hence all older ones too; or unreadable, which the next open will tell.
    if (!read || bytes > largest_answer)
      break;
  }
  return out;
}

dead_letter_log::counters dead_letter_log::count() const {
  std::lock_guard lock{impl_->mutex};
  const auto& log = *impl_->log;
  return {log.end() - log.begin(), log.begin(), log.bytes()}; // every record is a letter
}

result<std::map<partition_id, offset>> dead_letter_sink::resume() {
  auto& i = *log_->impl_;
  std::lock_guard lock{i.mutex};
  auto found = i.all.sinks.find(name_);
  return found == i.all.sinks.end() ? std::map<partition_id, offset>{} : found->second;
}

status dead_letter_sink::write(const outgoing_batch& batch) {
  auto& i = *log_->impl_;
  std::lock_guard lock{i.mutex};
  return i.write(name_, batch);
}

status dead_letter_sink::sync() {
  auto& i = *log_->impl_;
  std::lock_guard lock{i.mutex};
  return i.sync();
}

} // namespace tidemill
