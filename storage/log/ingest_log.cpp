#include "storage/log/ingest_log.hpp"

#include "storage/disk_file.hpp"
#include "storage/log/segment_file.hpp"
#include "storage/log/segment_log.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>

namespace tidemill {
namespace {

constexpr std::size_t arrival_bytes = 8;
constexpr std::size_t most_records = 16'384; ///< of a batch: what describes them takes memory too
constexpr std::string_view id_prefix = "tidemill ingest log 1\nid ";
constexpr std::string_view partitions_prefix = "\npartitions ";

/// Records of one call on their way to the disk.
struct group_member {
  explicit group_member(std::size_t partitions) : of(partitions) {}

  std::string arena;                             ///< arrival and bytes of all records
  std::vector<std::vector<std::string_view>> of; ///< per partition, views into the arena
  std::vector<ingest_log::range> ranges;
  std::uint64_t bytes = 0; ///< on disk
  std::optional<error> failed;
  bool done = false;
};

std::string id_text(std::string_view id, std::uint32_t partitions) {
  return std::string{id_prefix} + std::string{id} + std::string{partitions_prefix} +
         std::to_string(partitions) + "\n";
}

/// The id of the folder; stores it at the first time, before anything else is there.
result<std::string> read_id(const std::filesystem::path& folder, const ingest_log::settings& s,
                            std::string_view random_id) {
  auto file = folder / "ID";
  TIDEMILL_TRY(auto there, file_exists(file));
  TIDEMILL_TRY(auto used, file_exists(folder / "0"));
  if (!there && !used)
    TIDEMILL_CHECK(replace_file(file, id_text(random_id, s.partitions)));
  TIDEMILL_TRY(auto text, !there && used ? result<std::string>{std::string{}} : read_file(file, 1000));
  auto id_end = text.find('\n', std::min(id_prefix.size(), text.size()));
  if (!text.starts_with(id_prefix) || id_end == std::string::npos)
    return error{errc::corrupt, file.string() + " is damaged or missing; restore it from a backup, or move " +
                                    folder.string() + " away to begin with an empty log"};
  auto id = text.substr(id_prefix.size(), id_end - id_prefix.size());
  if (text != id_text(id, s.partitions))
    return error{errc::mismatch, "source " + s.name + " has " + std::to_string(s.partitions) +
                                     " partitions, but " + file.string() +
                                     " says:" + text.substr(id_end + 1, text.size() - id_end - 2) +
                                     "; set them back, or move the folder away to begin with an empty log"};
  return id;
}

} // namespace

struct ingest_log::impl {
  struct partition {
    std::unique_ptr<segment_log> log;
    offset end = 0;           ///< durable, hence readable
    offset reader = 0;        ///< the next offset that it reads
    std::uint64_t unread = 0; ///< bytes on disk between the two
  };

  settings set;
  std::string id;
  std::vector<partition> parts; ///< `log` is set once; the rest is guarded by `mutex`

  std::mutex writer; ///< held by whoever changes the logs; before `mutex`
  mutable std::mutex mutex;
  std::vector<group_member*> queue; ///< waiting to be written
  bool writing = false;
  std::condition_variable written, readable;
  bool woken = false;
  std::uint64_t unread = 0; ///< of all partitions, also what is queued
  counters counted;
  std::optional<error> broken;

  status fill(group_member& m, event_time arrival, const std::vector<incoming>& records) const;
  void write_group(const std::vector<group_member*>& group);
  status append_group(const std::vector<group_member*>& group);
  void publish(const std::vector<group_member*>& group);
  [[nodiscard]] error too_much() const;
  [[nodiscard]] std::string name_of(partition_id p) const {
    return "source " + set.name + ", partition " + std::to_string(to_index(p));
  }
};

error ingest_log::impl::too_much() const {
  return {errc::full, "source " + set.name + " holds " + std::to_string(unread) +
                          " bytes that the pipeline has not read yet, the limit is " +
                          std::to_string(set.max_unread) + "; send again later"};
}

status ingest_log::impl::fill(group_member& m, event_time arrival,
                              const std::vector<incoming>& records) const {
  std::size_t bytes = 0;
  for (const auto& r : records) {
    if (to_index(r.partition) >= parts.size())
      return error{errc::bug,
                   "source " + set.name + " has no partition " + std::to_string(to_index(r.partition))};
    if (r.bytes.size() > set.max_record)
      return error{errc::event_too_large, "a record of " + std::to_string(r.bytes.size()) +
                                              " bytes is over the limit of " +
                                              std::to_string(set.max_record) + " of source " + set.name};
    bytes += arrival_bytes + r.bytes.size();
  }
  m.arena.reserve(bytes); // the views need it to stay where it is
  m.bytes = bytes + records.size() * record_frame_bytes;
  char stamp[arrival_bytes];
  auto since_1970 = arrival.time_since_epoch().count();
  std::memcpy(stamp, &since_1970, sizeof stamp);
  for (const auto& r : records) {
    auto begin = m.arena.size();
    m.arena.append(stamp, sizeof stamp).append(r.bytes);
    m.of[to_index(r.partition)].push_back(std::string_view{m.arena}.substr(begin));
  }
  return {};
}

/// Appends the records of all members to the logs and syncs those. After an error the logs are as before.
status ingest_log::impl::append_group(const std::vector<group_member*>& group) {
  std::vector<std::pair<std::size_t, offset>> begins;
  auto append_all = [&]() -> status {
    for (std::size_t p = 0; p < parts.size(); ++p) {
      std::vector<std::string_view> records;
      auto at = parts[p].log->end();
      for (auto* m : group) {
        if (m->of[p].empty())
          continue;
        auto count = m->of[p].size();
        m->ranges.push_back({partition_id{static_cast<std::uint32_t>(p)}, at, at + count});
        records.insert(records.end(), m->of[p].begin(), m->of[p].end());
        at += count;
      }
      if (records.empty())
        continue;
      begins.emplace_back(p, parts[p].log->end());
      TIDEMILL_TRY(auto first, parts[p].log->append(records));
      (void)first;
    }
    for (auto [p, begin] : begins)
      TIDEMILL_CHECK(parts[p].log->sync());
    return {};
  };
  auto done = append_all();
  if (!done)
    for (auto [p, begin] : begins)
      (void)parts[p].log->truncate(begin); // if it fails, the log refuses all that follows
  return done;
}

void ingest_log::impl::publish(const std::vector<group_member*>& group) {
  for (auto* m : group) {
    for (const auto& r : m->ranges) {
      auto& part = parts[to_index(r.partition)];
      part.end = r.end;
      for (auto record : m->of[to_index(r.partition)])
        part.unread += record.size() + record_frame_bytes;
      counted.records += r.end - r.begin;
    }
    counted.bytes += m->arena.size();
  }
  ++counted.groups;
}

void ingest_log::impl::write_group(const std::vector<group_member*>& group) {
  std::lock_guard exclusive{writer};
  auto done = append_group(group);
  auto breaks = !done && std::ranges::any_of(parts, [](const partition& p) { return p.log->broken(); });
  std::lock_guard lock{mutex};
  if (breaks && !broken)
    broken = done.error().in("source " + set.name);
  if (done)
    publish(group);
  for (auto* m : group) {
    if (!done) {
      m->failed = done.error().in("source " + set.name);
      unread -= std::min(unread, m->bytes);
    }
    m->done = true;
  }
}

std::optional<std::pair<event_time, std::string_view>> split_ingest_record(std::string_view stored) noexcept {
  if (stored.size() < arrival_bytes)
    return std::nullopt;
  std::int64_t since_1970 = 0;
  std::memcpy(&since_1970, stored.data(), arrival_bytes);
  return std::pair{event_time{microseconds{since_1970}}, stored.substr(arrival_bytes)};
}

result<std::shared_ptr<ingest_log>> ingest_log::open(std::filesystem::path folder, settings s,
                                                     std::string_view random_id) {
  auto i = std::make_unique<impl>();
  TIDEMILL_CHECK(create_folder(folder));
  TIDEMILL_TRY(i->id, read_id(folder, s, random_id));
  for (std::uint32_t p = 0; p < s.partitions; ++p) {
    segment_log::limits limits{s.segment_bytes, max_record_bytes, s.first};
    TIDEMILL_TRY(auto log, segment_log::open(folder / std::to_string(p), limits));
    auto begin = log->begin(), end = log->end();
    TIDEMILL_TRY(auto unread, log->bytes_from(begin));
    i->unread += unread;
    i->parts.push_back({std::move(log), end, begin, unread});
  }
  i->set = std::move(s);
  return std::shared_ptr<ingest_log>{new ingest_log{std::move(i)}};
}

ingest_log::ingest_log(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
ingest_log::~ingest_log() = default;

result<std::vector<ingest_log::range>> ingest_log::append(event_time arrival,
                                                          const std::vector<incoming>& records) {
  auto& i = *impl_;
  group_member mine{i.parts.size()};
  TIDEMILL_CHECK(i.fill(mine, arrival, records));
  if (records.empty())
    return std::move(mine.ranges);
  std::unique_lock lock{i.mutex};
  if (i.unread >= i.set.max_unread)
    return i.too_much();
  i.unread += mine.bytes;
  i.queue.push_back(&mine);
  i.written.wait(lock, [&] { return mine.done || !i.writing; });
  if (!mine.done) {
    // Nobody writes, so it is my turn, for all who wait.
    i.writing = true;
    auto group = std::exchange(i.queue, {});
    lock.unlock();
    i.write_group(group);
    lock.lock();
    i.writing = false;
    i.written.notify_all();
    i.readable.notify_all();
  }
  if (mine.failed)
    return *mine.failed;
  return std::move(mine.ranges);
}

std::optional<error> ingest_log::broken() const {
  std::lock_guard lock{impl_->mutex};
  return impl_->broken;
}

status ingest_log::release(partition_id p, offset upto) {
  std::lock_guard exclusive{impl_->writer};
  return impl_->parts[to_index(p)].log->drop_below(upto);
}

std::uint32_t ingest_log::partitions() const noexcept {
  return static_cast<std::uint32_t>(impl_->parts.size());
}

std::string ingest_log::identity() const {
  return "http:" + impl_->set.name + "/" + std::to_string(partitions()) + "/" + impl_->id;
}

offset ingest_log::begin(partition_id p) const {
  return impl_->parts[to_index(p)].log->begin();
}

offset ingest_log::end(partition_id p) const {
  std::lock_guard lock{impl_->mutex};
  return impl_->parts[to_index(p)].end;
}

offset ingest_log::reader(partition_id p) const {
  std::lock_guard lock{impl_->mutex};
  return impl_->parts[to_index(p)].reader;
}

ingest_log::counters ingest_log::count() const {
  std::lock_guard lock{impl_->mutex};
  auto c = impl_->counted;
  c.unread = impl_->unread;
  return c;
}

status ingest_log::seek(partition_id p, offset at) {
  auto& i = *impl_;
  std::lock_guard exclusive{i.writer}; // nothing is appended while bytes are counted
  auto& part = i.parts[to_index(p)];
  if (at > end(p))
    return error{
        errc::out_of_range,
        i.name_of(p) + ": the checkpoint is at " + std::to_string(at) + ", but the log ends at " +
            std::to_string(end(p)) +
            "; its folder was replaced or lost its end: restore it, or start without the checkpoint"};
  TIDEMILL_TRY(auto unread, part.log->bytes_from(std::max(at, part.log->begin())));
  std::lock_guard lock{i.mutex};
  i.unread += unread;
  i.unread -= part.unread;
  part.unread = unread;
  part.reader = at;
  return {};
}

result<record_batch_ptr> ingest_log::read(partition_id p, std::size_t max_bytes) {
  auto& i = *impl_;
  auto& part = i.parts[to_index(p)];
  std::unique_lock lock{i.mutex};
  auto begin = part.reader, end = part.end;
  auto memory = std::make_shared<std::string>();
  memory->reserve(std::min<std::uint64_t>(max_bytes, part.unread));
  lock.unlock();
  if (begin >= end)
    return record_batch_ptr{};
  auto batch = std::make_shared<record_batch>();
  std::vector<std::size_t> ends;
  auto damaged = false;
  auto each = [&](std::uint64_t position, std::string_view bytes) {
    auto record = split_ingest_record(bytes);
    damaged = !record;
    if (damaged)
      return false;
    batch->records.push_back({{}, position, position + 1, record->first});
    memory->append(record->second);
    ends.push_back(memory->size());
    // Never look beyond `end`: what is there may be taken back.
    return position + 1 < end && memory->size() < max_bytes && ends.size() < most_records;
  };
  TIDEMILL_CHECK(part.log->read(begin, each));
  if (damaged || ends.empty())
    return error{errc::corrupt,
                 i.name_of(p) + ": record " + std::to_string(begin + ends.size()) + " has no arrival time"};
  for (std::size_t r = 0, from = 0; r < ends.size(); from = ends[r++])
    batch->records[r].bytes = std::string_view{*memory}.substr(from, ends[r] - from);
  batch->partition = p;
  batch->begin = begin;
  batch->end = begin + ends.size();
  batch->bytes = memory->size();
  batch->memory = std::move(memory);

  lock.lock();
  part.reader = batch->end;
  auto on_disk = batch->bytes + ends.size() * (arrival_bytes + record_frame_bytes);
  i.unread -= on_disk;
  part.unread -= on_disk;
  return record_batch_ptr{std::move(batch)};
}

void ingest_log::wait(const std::vector<partition_id>& wanted, std::chrono::milliseconds time) {
  auto& i = *impl_;
  std::unique_lock lock{i.mutex};
  i.readable.wait_for(lock, time, [&] {
    return i.woken || std::any_of(wanted.begin(), wanted.end(), [&](partition_id p) {
             const auto& part = i.parts[to_index(p)];
             return part.reader < part.end;
           });
  });
  i.woken = false;
}

void ingest_log::wake() noexcept {
  std::lock_guard lock{impl_->mutex};
  impl_->woken = true;
  impl_->readable.notify_all();
}

} // namespace tidemill
