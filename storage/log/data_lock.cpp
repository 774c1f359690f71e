#include "storage/log/data_lock.hpp"

#include "storage/disk_file.hpp"
#include "storage/log/data_layout.hpp"
#include "storage/log/lease.hpp"

#include <algorithm>
#include <array>
#include <sys/vfs.h>
#include <thread>
#include <utility>

// Who holds the folder is said by the name of the generation, and nowhere else: taking over is one rename.
//
//     lease.<me>          created, locked, beats: phase "taking"
//     state.6.<holder> -> state.7.<me>                                      the takeover; one of many wins
//     tree.5 -> tree.7    if the old holder may still live: new inodes for all it can write to
//     lease.<me>          phase "holding"
//     lease.<holder>, tree.5 removed
//
// A process that dies in between leaves a generation of its own with a lease in phase "taking" that nobody
// keeps; the next one goes on from there, and renews the tree in any case.

namespace tidemill {
namespace {

/// The file system can't be mounted elsewhere at the same time: its locks are true for all who can see it.
bool is_local(const std::filesystem::path& folder) {
  // ext2-4, XFS, Btrfs, tmpfs, overlay, ZFS, F2FS
  constexpr std::array<std::uint32_t, 7> local{0xef53,     0x58465342, 0x9123683e, 0x01021994,
                                               0x794c7630, 0x2fc12fc1, 0xf2f52010};
  struct statfs s {};
  return ::statfs(folder.c_str(), &s) == 0 &&
         std::ranges::find(local, static_cast<std::uint32_t>(s.f_type)) != local.end();
}

std::string name_of(const std::optional<lease_note>& note) {
  return note ? note->holder : "another process";
}

/// Whether `mine` is still the generation in force.
status check_in_force(const std::filesystem::path& root, const generation_id& mine) {
  auto looked = newest_generation(root);
  if (!looked) {
    auto there = file_exists(root);
    return there && !*there ? error{errc::fenced, "the data folder " + root.string() + " is gone"}
                            : looked.error();
  }
  const auto& newest = *looked;
  if (newest == mine)
    return {};
  if (!newest)
    return error{errc::fenced, "the state in the data folder " + root.string() + " is gone"};
  auto seen = look_at_lease(lease_path(root, newest->holder));
  return error{errc::fenced, "the data folder " + root.string() + " was taken over by " +
                                 name_of(seen ? seen->note : std::nullopt)};
}

result<std::string> read_store_id(const std::filesystem::path& tree) {
  auto file = tree / "STORE";
  TIDEMILL_TRY(auto there, file_exists(file));
  if (!there)
    TIDEMILL_CHECK(replace_file(file, random_lease_id() + "\n"));
  TIDEMILL_TRY(auto text, read_file(file, 100));
  auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() != 17 || text.back() != '\n' || !std::all_of(text.begin(), text.end() - 1, is_digit))
    return error{errc::corrupt, file.string() + " is damaged; restore it from a backup"};
  text.pop_back();
  return text;
}

/// Removes what nobody needs any more. What can't be removed now is left to the next holder.
void tidy(const std::filesystem::path& root, const generation_id& from, const generation_id& mine,
          const std::function<bool(const lease_sight&)>& is_dead) {
  (void)remove_old_trees(root / generation_name(mine));
  std::error_code ignored;
  // A second maker of the first generation can be so late that it is not the first any more.
  if (mine.number > 1)
    std::filesystem::remove_all(root / generation_name(first_generation()), ignored);
  auto holders = lease_holders(root);
  if (!holders)
    return;
  for (const auto& holder : *holders) {
    auto seen = look_at_lease(lease_path(root, holder));
    if (holder == from.holder || (holder != mine.holder && seen && is_dead(*seen)))
      (void)remove_file(lease_path(root, holder));
  }
}

} // namespace

data_directory::data_directory(std::filesystem::path root, std::filesystem::path tree, std::string store_id,
                               std::uint64_t generation, std::unique_ptr<lease_keeper> keeper)
    : root_(std::move(root)), tree_(std::move(tree)), store_id_(std::move(store_id)), generation_(generation),
      keeper_(std::move(keeper)) {}

data_directory::~data_directory() = default;

result<std::unique_ptr<data_directory>> data_directory::open(std::filesystem::path root, event_time now,
                                                             lease_settings s) {
  auto pause = std::min(s.term / 10, std::chrono::milliseconds{100});
  TIDEMILL_TRY(auto candidate, data_candidate::join(root, now, std::move(s)));
  for (;;) {
    TIDEMILL_TRY(auto taken, candidate->try_take());
    if (taken)
      return taken;
    if (!candidate->unsure())
      return error{errc::locked, root.string() + " is in use by " + candidate->holder() +
                                     "; stop it first, or choose another data folder"};
    std::this_thread::sleep_for(pause);
  }
}

result<std::filesystem::path> data_directory::subfolder(std::string_view name) const {
  auto folder = tree_ / name;
  TIDEMILL_CHECK(create_folder(folder));
  return folder;
}

bool data_directory::holds() const noexcept {
  return keeper_->holds();
}
bool data_directory::lost() const noexcept {
  return keeper_->lost();
}
status data_directory::verify() const {
  return keeper_->verify();
}
void data_directory::on_lost(std::function<void(std::string)> f) {
  keeper_->on_lost(std::move(f));
}

data_candidate::data_candidate(std::filesystem::path root, event_time now, lease_settings s)
    : root_(std::move(root)), self_(this_process(now)), boot_(this_boot()), set_(std::move(s)),
      local_(is_local(root_)) {}

result<std::unique_ptr<data_candidate>> data_candidate::join(std::filesystem::path root, event_time now,
                                                             lease_settings s) {
  TIDEMILL_CHECK(prepare_data_folder(root));
  return std::unique_ptr<data_candidate>{new data_candidate{std::move(root), now, std::move(s)}};
}

void data_candidate::step(std::string_view name) const {
  if (set_.at_step)
    set_.at_step(name);
}

bool data_candidate::is_dead(const lease_sight& seen) const {
  // Locks of another machine are true only if the file system is really shared, locks included.
  return !seen.locked && (local_ || seen.note->boot == boot_);
}

result<data_candidate::verdict> data_candidate::look(const generation_id& g) {
  unsure_ = false;
  if (g == first_generation())
    return verdict::gone;
  TIDEMILL_TRY(auto lease, look_at_lease(lease_path(root_, g.holder)));
  holder_ = name_of(lease.note);
  auto term = lease.note ? lease.note->term : set_.term; // what it beats for, not what we would
  auto now = steady_now();
  auto shown = generation_name(g) + (lease.note ? encode_lease(*lease.note) : std::string{});
  // A pause of our own is no silence of the holder's.
  auto most = std::chrono::nanoseconds{set_.term} / 4;
  silence_ = shown == seen_ ? silence_ + std::min(now - seen_at_, most) : std::chrono::nanoseconds{0};
  seen_ = std::move(shown);
  seen_at_ = now;
  auto finished = lease.note && lease.note->now != lease_note::phase::taking;
  if (finished && lease.note->now == lease_note::phase::released)
    return verdict::gone;
  if (is_dead(lease))
    return finished ? verdict::gone : verdict::silent;
  // A lock that another machine let go of, and three beats missed, say the same.
  if (silence_ >= term || (!lease.locked && silence_ >= term * 3 / 5))
    return verdict::silent;
  unsure_ = !lease.locked;
  return verdict::held;
}

result<std::unique_ptr<data_directory>> data_candidate::try_take() {
  TIDEMILL_TRY(auto newest, newest_generation(root_));
  if (!newest)
    return error{errc::corrupt, "the state in the data folder " + root_.string() +
                                    " is gone; restore it from a backup, or remove FORMAT to begin empty"};
  TIDEMILL_TRY(auto found, look(*newest));
  if (found == verdict::held)
    return std::unique_ptr<data_directory>{};
  return take(*newest, found == verdict::silent);
}

result<std::unique_ptr<data_directory>> data_candidate::take(const generation_id& from, bool by_force) {
  generation_id mine{from.number + 1, random_lease_id()};
  step("create the lease");
  auto path = lease_path(root_, mine.holder);
  TIDEMILL_TRY(auto lease, lease_file::create(path, {self_, boot_, true, set_.term}, local_));
  auto keeper = std::make_unique<lease_keeper>(std::move(lease),
                                               [root = root_, mine] { return check_in_force(root, mine); });
  step("claim");
  auto claimed = claim_generation(root_, from, mine);
  if (!claimed || !*claimed) {
    (void)remove_file(path);
    return claimed ? result<std::unique_ptr<data_directory>>{nullptr} : claimed.error();
  }
  step("claimed");
  auto taken = settle(mine, by_force, std::move(keeper));
  if (!taken && taken.error().code() == errc::fenced)
    return std::unique_ptr<data_directory>{}; // it took so long that another one came
  if (taken) {
    step("tidy");
    tidy(root_, from, mine, [this](const lease_sight& seen) { return is_dead(seen); });
  }
  return taken;
}

result<std::unique_ptr<data_directory>> data_candidate::settle(const generation_id& mine, bool by_force,
                                                               std::unique_ptr<lease_keeper> keeper) const {
  auto folder = root_ / generation_name(mine);
  if (by_force)
    TIDEMILL_CHECK(renew_tree(folder, mine.number, set_.at_step));
  TIDEMILL_TRY(auto number, newest_tree(folder));
  auto tree = tree_path(folder, number);
  TIDEMILL_TRY(auto store_id, read_store_id(tree));
  step("begin");
  TIDEMILL_CHECK(keeper->begin());
  return std::unique_ptr<data_directory>{
      new data_directory{root_, std::move(tree), std::move(store_id), mine.number, std::move(keeper)}};
}

} // namespace tidemill
