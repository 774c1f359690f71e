#include "storage/log/lease.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <random>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace tidemill {
namespace {

constexpr std::string_view head = "tidemill lease 1\n";
constexpr std::array<std::string_view, 3> phases{"taking", "holding", "released"};
constexpr std::size_t longest_lease = 1024;
constexpr int beats_per_term = 5;

std::string twenty_digits(std::uint64_t n) {
  auto digits = std::to_string(n);
  return std::string(20 - digits.size(), '0') + digits;
}

/// Takes `<name> <value>\n` off the front of `rest`.
std::optional<std::string_view> take_line(std::string_view& rest, std::string_view name) {
  auto end = rest.find('\n');
  if (end == std::string_view::npos || !rest.starts_with(name) || end <= name.size() ||
      rest[name.size()] != ' ')
    return {};
  auto value = rest.substr(name.size() + 1, end - name.size() - 1);
  rest.remove_prefix(end + 1);
  return value;
}

template <class T>
bool read_number(std::string_view text, T& out) {
  auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

/// Whether the lock was got; no answer if the file system knows no locks.
std::optional<bool> try_lock(const disk_file& file, int how) {
  while (::flock(file.descriptor(), how | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return false;
    if (errno != EINTR)
      return {};
  }
  return true;
}

} // namespace

std::string encode_lease(const lease_note& n) {
  // The same length for every beat: written in place, it can't be seen half.
  auto phase = std::string{phases.at(static_cast<std::size_t>(n.now))};
  phase.resize(8, ' ');
  return std::string{head} + "holder " + n.holder + "\nboot " + n.boot + "\nlocked " +
         (n.locked ? "yes" : "no ") + "\nterm " + std::to_string(n.term.count()) + "\nphase " + phase +
         "\nbeat " + twenty_digits(n.beat) + "\n";
}

std::optional<lease_note> decode_lease(std::string_view bytes) {
  auto rest = bytes;
  if (!rest.starts_with(head))
    return {};
  rest.remove_prefix(head.size());
  auto holder = take_line(rest, "holder");
  auto boot = take_line(rest, "boot");
  auto locked = take_line(rest, "locked");
  auto term = take_line(rest, "term");
  auto phase = take_line(rest, "phase");
  auto beat = take_line(rest, "beat");
  if (!holder || !boot || !locked || !term || !phase || !beat)
    return {};
  lease_note n{std::string{*holder}, std::string{*boot}, *locked == "yes"};
  std::int64_t milliseconds = 0;
  auto name = std::ranges::find(phases, phase->substr(0, phase->find(' ')));
  if (!read_number(*term, milliseconds) || !read_number(*beat, n.beat) || name == phases.end())
    return {};
  n.term = std::chrono::milliseconds{milliseconds};
  n.now = static_cast<lease_note::phase>(name - phases.begin());
  // The text goes to terminals and logs.
  auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
  if (encode_lease(n) != bytes || std::ranges::any_of(n.holder, is_control))
    return {};
  return n;
}

std::string this_process(event_time started) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0)
    host[0] = '?';
  std::string name{host.data()};
  std::erase_if(name, [](char c) { return static_cast<unsigned char>(c) < ' '; });
  return "process " + std::to_string(::getpid()) + " on host " + name + ", started " +
         format_rfc3339(started);
}

std::string this_boot() {
  auto id = disk_file::open_read("/proc/sys/kernel/random/boot_id");
  std::string text(64, '\0');
  auto got = id ? id->read_at(0, text.data(), text.size()) : result<std::size_t>{id.error()};
  text.resize(got ? *got : 0);
  text.resize(std::min(text.find('\n'), text.size()));
  return text.size() >= 32 ? text : random_lease_id();
}

std::string random_lease_id() {
  std::random_device device;
  std::string id;
  for (auto part : {device(), device()})
    for (int i = 0; i < 8; ++i, part >>= 4)
      id += "0123456789abcdef"[part & 15];
  return id;
}

std::chrono::nanoseconds steady_now() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

result<lease_file> lease_file::create(std::filesystem::path path, lease_note n, bool local) {
  auto temporary = path;
  temporary += ".tmp";
  lease_file f;
  TIDEMILL_TRY(f.file_, disk_file::create(temporary));
  // Locked before it has its name: whoever finds it unlocked knows that its keeper is gone.
  n.locked = try_lock(f.file_, LOCK_EX).value_or(false);
  f.local_ = local;
  f.path_ = std::move(path);
  f.note_ = std::move(n);
  auto show = [&]() -> status {
    TIDEMILL_CHECK(f.file_.write_at(0, encode_lease(f.note_)));
    TIDEMILL_CHECK(f.file_.sync());
    TIDEMILL_CHECK(rename_file(temporary, f.path_));
    return sync_folder(f.path_.parent_path());
  };
  if (auto done = show(); !done) {
    (void)remove_file(temporary);
    return done.error();
  }
  return f;
}

status lease_file::beat(lease_note::phase now) {
  ++note_.beat;
  note_.now = now;
  TIDEMILL_CHECK(file_.write_at(0, encode_lease(note_)));
  return local_ ? status{} : file_.sync();
}

result<lease_sight> look_at_lease(const std::filesystem::path& path) {
  lease_sight seen;
  // Opened anew each time: network file systems then look at what the server has.
  auto file = disk_file::open_read(path);
  if (!file) {
    TIDEMILL_TRY(auto there, file_exists(path));
    return there ? result<lease_sight>{file.error()} : seen;
  }
  std::string bytes(longest_lease, '\0');
  TIDEMILL_TRY(auto got, file->read_at(0, bytes.data(), bytes.size()));
  seen.note = decode_lease(std::string_view{bytes}.substr(0, got));
  seen.locked = !(seen.note && seen.note->locked && try_lock(*file, LOCK_SH) == std::optional{true});
  return seen;
}

struct lease_keeper::shared {
  lease_file file; ///< the keeper's thread alone, and `begin` under `beating`
  std::function<status()> still_ours;
  std::atomic<std::int64_t> renewed{0}; ///< nanoseconds of `steady_now`
  std::atomic<bool> begun{false}, lost{false};
  std::mutex beating; ///< a beat and the look after it; before `mutex`
  std::mutex mutex;   ///< what follows
  std::condition_variable changed;
  bool stopping = false;
  std::string why;
  std::function<void(std::string)> tell;
};

lease_keeper::lease_keeper(lease_file file, std::function<status()> still_ours)
    : state_(std::make_unique<shared>()) {
  state_->file = std::move(file);
  state_->still_ours = std::move(still_ours);
  thread_ = std::thread{[this] { run(); }};
}

lease_keeper::~lease_keeper() {
  {
    std::lock_guard lock{state_->mutex};
    state_->stopping = true;
  }
  state_->changed.notify_all();
  thread_.join();
  if (state_->begun && !state_->lost)
    (void)state_->file.beat(lease_note::phase::released); // else it is known by its lock, or its silence
}

void lease_keeper::renew() {
  std::lock_guard lock{state_->beating};
  // From before the beat: nobody who saw it can have started to count earlier.
  auto before = steady_now();
  auto begun = state_->begun.load();
  auto phase = begun ? lease_note::phase::holding : lease_note::phase::taking;
  if (state_->file.beat(phase) && begun && verify())
    state_->renewed = before.count();
}

void lease_keeper::run() {
  auto pause = std::max(state_->file.term() / beats_per_term, std::chrono::milliseconds{1});
  std::unique_lock lock{state_->mutex};
  for (;;) {
    auto has_news = [&] { return state_->stopping || (state_->lost && state_->tell); };
    state_->changed.wait_for(lock, pause, has_news);
    if (state_->stopping)
      return;
    if (state_->lost) {
      if (auto tell = std::exchange(state_->tell, {})) {
        auto why = state_->why;
        lock.unlock();
        tell(std::move(why));
        lock.lock();
      }
      continue;
    }
    lock.unlock();
    renew();
    lock.lock();
  }
}

status lease_keeper::begin() {
  state_->begun = true;
  renew();
  // A beat that failed is tried again soon; but the place must be ours.
  return verify();
}

status lease_keeper::verify() {
  {
    std::lock_guard lock{state_->mutex};
    if (state_->lost)
      return error{errc::fenced, state_->why};
  }
  auto ours = state_->still_ours();
  if (!ours && ours.error().code() == errc::fenced) {
    std::lock_guard lock{state_->mutex};
    if (!state_->lost.exchange(true))
      state_->why = ours.error().text();
    state_->changed.notify_all();
  }
  return ours;
}

bool lease_keeper::holds() const noexcept {
  auto age = steady_now().count() - state_->renewed.load();
  return state_->begun && !state_->lost && age < std::chrono::nanoseconds{state_->file.term()}.count();
}

bool lease_keeper::lost() const noexcept {
  return state_->lost;
}

void lease_keeper::on_lost(std::function<void(std::string)> f) {
  std::lock_guard lock{state_->mutex};
  state_->tell = std::move(f);
  state_->changed.notify_all();
}

} // namespace tidemill
