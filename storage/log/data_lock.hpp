#pragma once

#include "event/result.hpp"
#include "event/time.hpp"
#include "storage/generation.hpp"
#include "storage/log/takeover.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tidemill {

class lease_keeper;
struct lease_sight;

struct lease_settings {
  /// How long a holder may be silent before another process takes over by force; it beats five times as
  /// often.
  std::chrono::milliseconds term{5000};
  takeover_steps at_step = {};
};

/// The `--data` folder, held by one process at a time. What is in it: data_layout.hpp.
///
/// Another process may take the folder over, when this one seems hung. Then every path below `path()` leads
/// nowhere (`fenced`), what is written through open files is not part of the state any more, and
/// `segment_log::sync` says so. So nothing false can be promised; the process should end at once all the
/// same, see `on_lost`. Thread-safe. Outlives all that works below `path()`; on destruction it says that it
/// has ended well, and the next holder need not wait.
class data_directory {
public:
  /// Creates the folder if need be and takes it. `now` is shown to people. Errors: `locked` (names the
  /// holder; also a hung one, for which a `data_candidate` waits), `io` and `full` (with remedy), `mismatch`
  /// (a later format, or a folder with files of somebody else), `corrupt`.
  [[nodiscard]] static result<std::unique_ptr<data_directory>> open(std::filesystem::path root,
                                                                    event_time now, lease_settings s = {});
  ~data_directory();

  /// The live state, of this holder; another one next time.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return tree_; }
  /// The data folder itself.
  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
  /// Creates a folder below `path()`, if need be. Errors: `io`, `full`, `fenced`.
  [[nodiscard]] result<std::filesystem::path> subfolder(std::string_view name) const;
  /// What tells this data folder from all others, for ever: 16 hexadecimal digits.
  [[nodiscard]] const std::string& store_id() const noexcept { return store_id_; }
  /// Rises with each takeover.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }

  /// Whether no other process can have taken over: what is served now is not stale. Costs a look at the
  /// clock. False for a moment after a pause of this process; then true again, or `lost`.
  [[nodiscard]] bool holds() const noexcept;
  /// Another process has taken over; final.
  [[nodiscard]] bool lost() const noexcept;
  /// Looks at the folder now. Errors: `fenced` (naming who has taken over), `io`.
  status verify() const;
  /// Calls `f(why)` once when it is lost, at most a fifth of the term after, or after this process was
  /// resumed; on a thread of its own. `f` must not destroy this.
  void on_lost(std::function<void(std::string why)> f);

private:
  friend class data_candidate;
  data_directory(std::filesystem::path root, std::filesystem::path tree, std::string store_id,
                 std::uint64_t generation, std::unique_ptr<lease_keeper> keeper);

  std::filesystem::path root_, tree_;
  std::string store_id_;
  std::uint64_t generation_ = 0;
  std::unique_ptr<lease_keeper> keeper_;
};

/// A process that wants to hold a data folder: it takes it at once if nobody does, else it is a standby. One
/// thread at a time.
class data_candidate {
public:
  /// Errors: as `data_directory::open`; `locked` only for a holder of an earlier version.
  [[nodiscard]] static result<std::unique_ptr<data_candidate>> join(std::filesystem::path root,
                                                                    event_time now, lease_settings s = {});

  /// The folder, or null while another process holds it. To be called again and again, at least four times a
  /// term (a pause in between counts no more than that): a killed holder is noticed at once, a hung one after
  /// its term, told by this machine's clock alone. Of several candidates one gets it. Taking over by force
  /// can take seconds, see `renew_tree`. Errors: `io`, `full`: worth trying again; `corrupt`.
  [[nodiscard]] result<std::unique_ptr<data_directory>> try_take();
  /// Who holds it, as of the last `try_take`: `process 4711 on host a, started 2026-01-01T00:00:00Z`.
  [[nodiscard]] const std::string& holder() const noexcept { return holder_; }
  /// The holder is probably dead, but only its silence can prove it: it ran on another machine.
  [[nodiscard]] bool unsure() const noexcept { return unsure_; }

private:
  enum class verdict : std::uint8_t { held, gone, silent };
  data_candidate(std::filesystem::path root, event_time now, lease_settings s);
  [[nodiscard]] result<verdict> look(const generation_id& g);
  [[nodiscard]] result<std::unique_ptr<data_directory>> take(const generation_id& from, bool by_force);
  [[nodiscard]] result<std::unique_ptr<data_directory>> settle(const generation_id& mine, bool by_force,
                                                               std::unique_ptr<lease_keeper> keeper) const;
  [[nodiscard]] bool is_dead(const lease_sight& seen) const;
  void step(std::string_view name) const;

  std::filesystem::path root_;
  std::string self_, boot_;
  lease_settings set_;
  bool local_ = false; ///< the file system belongs to one machine
  std::string holder_;
  bool unsure_ = false;
  std::string seen_; ///< what the holder showed at the last look
  std::chrono::nanoseconds seen_at_{0}, silence_{0};
};

} // namespace tidemill
