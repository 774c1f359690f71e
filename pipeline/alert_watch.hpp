#pragma once

#include "pipeline/alert_book.hpp"
#include "pipeline/view.hpp"
#include "pipeline/view_state.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// The rules of one view: shows each the windows that have ended, every one once and in order.
class alert_watch {
public:
  alert_watch(const view_plan& what, std::uint64_t epoch);

  /// After the rows of a tick are there. `closed`: the last slice whose windows are closed; `ended`: no event
  /// will ever come. Appends to the tick's log, and what rules have to tell.
  void look_at(const view_state& state, std::int64_t closed, bool ended, view_tick& t);

  /// As `view` says.
  void keep_entries(std::size_t rule, std::uint64_t from) noexcept { books_[rule].keep_from(from); }
  status recover(std::string_view record);
  [[nodiscard]] std::vector<std::string> head() const;
  [[nodiscard]] std::vector<alert_snapshot_ptr> snapshots() const;

private:
  using window_rows = std::map<std::int64_t, std::vector<row_ptr>>; // by the slice that a window ends with

  void remember(alert_book& book, const view_state& state, const window_rows& rows) const;
  void catch_up(alert_book& book, std::int64_t target, const window_rows& rows) const;
  [[nodiscard]] window_rows rows_of(const view_tick& t) const;

  const view_plan& what_;
  std::vector<alert_book> books_;
};

} // namespace tidemill
