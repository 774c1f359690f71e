#include "actors/verify_tools.hpp"

#include "actors/components.hpp"
#include "actors/scratch_folder.hpp"
#include "actors/state_check.hpp"
#include "actors/verify_replay.hpp"
#include "actors/verify_stored.hpp"
#include "pipeline/verify/row_compare.hpp"
#include "storage/checkpoint/checkpoint_store.hpp"
#include "storage/log/data_layout.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <utility>
#include <vector>

namespace tidemill {
namespace {

std::string rows_text(std::uint64_t n) {
  return std::to_string(n) + (n == 1 ? " row" : " rows");
}

/// One view: what is stored, what comes out, and what to say about it.
class view_check {
public:
  view_check(const view_plan& what, std::size_t index, stored_rows stored, const verify_settings& wanted,
             const verify_listener& to, verify_report& report)
      : what_(what), index_(index), stored_(std::move(stored)), from_(wanted.from), to_(wanted.to), say_(to),
        report_(report), plain_(what, scope_of(wanted)) {
    if (stored_.trimmed != time_min)
      note("rows of windows that ended until " + format_rfc3339(stored_.trimmed) +
           " are not kept any more (`retain`)");
    std::erase_if(stored_.rows, [&](const auto& r) { return !in_scope(*r.second); });
  }

  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  [[nodiscard]] naive_view& plain() noexcept { return plain_; }
  /// The watermark with which the last stored window in question is final; `time_min`: there is none.
  [[nodiscard]] event_time target() const {
    if (stored_.rows.empty())
      return time_min;
    const auto& w = what_.window;
    auto last = stored_.sealed_through;
    if (to_ != time_max)
      last = std::min(last, w.slice_of(to_));
    return w.end_of(last) + w.lateness;
  }

  void step(const source_replay& replay) {
    const auto watermark = replay.watermark();
    if (watermark == time_min || stored_.sealed_through == nothing_sealed)
      return;
    const auto last = what_.window.end_of(stored_.sealed_through) + what_.window.lateness;
    plain_.seal(watermark, [&](const naive_view::result& r) {
      if (in_scope(*r.row) && plain_.is_final(r.row->window_end, last))
        compare(r, replay);
    });
    while (!stored_.rows.empty() &&
           plain_.is_final(stored_.rows.begin()->second->window_end, std::min(watermark, last))) {
      const auto& r = *stored_.rows.begin()->second;
      if (!doubted(r, true, replay)) {
        count_row(r);
        differ(r, "one row too many: recomputed there is none");
      }
      stored_.rows.erase(stored_.rows.begin());
    }
  }

  /// `why` the rest isn't known.
  void finish(const std::string& why) {
    if (!stored_.rows.empty())
      left_out_[why.empty() ? "the replay has not reached their windows" : why] += stored_.rows.size();
    for (const auto& [reason, n] : left_out_) {
      note(rows_text(n) + " not compared: " + reason);
      report_.left_out += n;
    }
    for (const auto& [column, n] : untold_)
      note("column " + column + " of " + rows_text(n) + " not compared: " +
           (is_score(column) ? "what its model had seen is not known"
                             : "it is made of estimates that depend on the order"));
  }

private:
  [[nodiscard]] naive_view::scope scope_of(const verify_settings& wanted) const {
    // What is not kept is not compared; some windows before it are needed for those that follow.
    auto kept = stored_.trimmed == time_min ? time_min : stored_.trimmed - 2 * what_.window.size;
    return {std::max(wanted.from, kept), wanted.to};
  }

  [[nodiscard]] bool in_scope(const row& r) const noexcept {
    return r.window_start >= from_ && r.window_end <= to_ && r.window_end > stored_.trimmed;
  }

  [[nodiscard]] bool is_score(const std::string& column) const {
    auto first = what_.schema->columns.end() - static_cast<std::ptrdiff_t>(what_.schema->scores);
    return std::any_of(first, what_.schema->columns.end(), [&](const field& f) { return f.name == column; });
  }

  /// Whether the window may lack something; counts a stored row of it. What was lost may have joined
  /// sessions.
  bool doubted(const row& r, bool stored, const source_replay& replay) {
    const auto& w = what_.window; // a row of zeros is there because of the window before
    auto before = w.kind == window_kind::session ? w.gap : w.slide < w.size ? w.slide : microseconds{};
    const auto* why = replay.doubt(r.window_start - before, r.window_end);
    if (why != nullptr && stored)
      ++left_out_[*why];
    return why != nullptr;
  }

  void count_row(const row& r) {
    ++report_.rows;
    if (std::pair window{r.window_start, r.window_end}; window != window_) {
      window_ = window;
      ++report_.windows;
    }
  }

  void compare(const naive_view::result& r, const source_replay& replay) {
    auto stored = stored_.rows.extract(place_of(*r.row));
    if (doubted(*r.row, !stored.empty(), replay))
      return;
    count_row(*r.row);
    if (stored.empty())
      return differ(*r.row, "the row is missing: recomputed " + to_json(*what_.schema, *r.row));
    auto found = compare_rows(what_, *stored.mapped(), r, replay.whole());
    for (const auto& column : found.untold)
      ++untold_[column];
    for (const auto& d : found.differences)
      say_.difference("view " + what_.name + ", " + place_of(what_, *r.row) + ": " + d.column + ": stored " +
                      d.stored + ", recomputed " + d.recomputed);
    report_.differ += found.differences.empty() ? 0 : 1;
  }

  void differ(const row& r, const std::string& how) {
    ++report_.differ;
    say_.difference("view " + what_.name + ", " + place_of(what_, r) + ": " + how);
  }

  void note(const std::string& text) { say_.note("view " + what_.name + ": " + text); }

  static std::string place_of(const view_plan& v, const row& r) { return tidemill::place_of(v, r); }
  static row_place place_of(const row& r) { return tidemill::place_of(r); }

  const view_plan& what_;
  std::size_t index_;
  stored_rows stored_; ///< those not yet compared
  event_time from_, to_;
  const verify_listener& say_;
  verify_report& report_;
  naive_view plain_;
  std::pair<event_time, event_time> window_{time_max, time_min};
  std::map<std::string, std::uint64_t> left_out_, untold_;
};

/// Hands events to the views in question.
class view_feeder final : public row_taker {
public:
  explicit view_feeder(std::vector<std::unique_ptr<view_check>>& checks) : checks_(checks) {}
  void take(std::size_t view, const event_batch& batch, const selection& rows,
            const std::vector<event_time>& watermarks) override {
    for (auto& c : checks_)
      if (c->index() == view)
        c->plain().take(batch, rows, watermarks);
  }

private:
  std::vector<std::unique_ptr<view_check>>& checks_;
};

status open(record_source& source) {
  for (auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};;) {
    auto there = source.open(std::chrono::milliseconds{1000});
    if (there || there.error().code() != errc::unavailable || std::chrono::steady_clock::now() > end)
      return there;
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
}

/// All of one source.
class source_check {
public:
  source_check(const std::shared_ptr<const plan>& all, std::size_t index, std::filesystem::path state,
               const verify_settings& wanted, const verify_listener& to, verify_report& report)
      : all_(all), index_(index), source_(all->sources[index]), state_(std::move(state)), wanted_(wanted),
        say_(to), report_(report) {}

  status run(const std::filesystem::path& scratch, table_shelf& tables) {
    views_ = views_in_question();
    if (views_.empty())
      return {};
    TIDEMILL_TRY(auto records, make_replay_source(source_, *all_, state_, scratch));
    TIDEMILL_CHECK(open(*records));
    for (auto v : views_) {
      TIDEMILL_TRY(auto stored, read_stored_rows(all_, index_, v, records->partitions(), state_));
      if (stored.rows.empty())
        say_.note("view " + source_.views[v].name + ": there are no final rows of this definition yet");
      else
        checks_.push_back(
            std::make_unique<view_check>(source_.views[v], v, std::move(stored), wanted_, say_, report_));
    }
    return checks_.empty() ? status{} : replay(*records, tables);
  }

  /// Nothing can be said, for this reason.
  void give_up(const std::string& why) {
    for (auto v : views_)
      if (std::ranges::find(checks_, v, &view_check::index) == checks_.end())
        say_.note("view " + source_.views[v].name + ": not compared: " + why);
    finish(why);
  }

private:
  void finish(const std::string& why) {
    for (auto& c : checks_)
      c->finish(why);
  }

  std::vector<std::size_t> views_in_question() {
    std::vector<std::size_t> out;
    for (std::size_t v = 0; v < source_.views.size(); ++v) {
      const auto& view = source_.views[v];
      if (!wanted_.view.empty() && view.name != wanted_.view)
        continue;
      if (naive_view::covers(view.window.kind))
        out.push_back(v);
      else
        say_.note("view " + view.name + ": not compared: its rows have no window and are never final");
    }
    return out;
  }

  status replay(record_source& records, table_shelf& tables) {
    view_feeder feeder{checks_};
    source_replay::setup s{all_, index_, &records, {}, {}, &tables, &feeder};
    TIDEMILL_TRY(auto store, checkpoint_store::open(state_ / "checkpoints"));
    TIDEMILL_TRY(auto saved, store->histories());
    for (std::uint32_t p = 0; p < records.partitions(); ++p) {
      TIDEMILL_TRY(auto journal, read_stored_journal(state_, source_.name, p));
      s.journals.push_back(std::move(journal));
      s.checkpoints.push_back(newest_of(saved, checkpoint_key(source_.name, p)));
      auto now = records.identity(static_cast<partition_id>(p));
      if (const auto& c = s.checkpoints.back(); c && !now.empty() && c->source != now)
        return error{errc::mismatch,
                     "the rows were made of another input (" + c->source + ", now " + now + ")"};
    }
    auto target = time_min;
    for (const auto& c : checks_)
      target = std::max(target, c->target());
    source_replay run{std::move(s)};
    TIDEMILL_CHECK(run.run(target, [&] {
      for (auto& c : checks_)
        c->step(run);
    }));
    finish(run.ended_early());
    return {};
  }

  std::shared_ptr<const plan> all_;
  std::size_t index_;
  const source_plan& source_;
  std::filesystem::path state_;
  const verify_settings& wanted_;
  const verify_listener& say_;
  verify_report& report_;
  std::vector<std::size_t> views_; ///< those in question
  std::vector<std::unique_ptr<view_check>> checks_;
};

} // namespace

result<verify_report> verify_rows(const std::shared_ptr<const plan>& all, const verify_settings& settings,
                                  const verify_listener& listener) {
  auto known = settings.view.empty();
  for (const auto& s : all->sources)
    known |= std::ranges::find(s.views, settings.view, &view_plan::name) != s.views.end();
  if (!known)
    return error{errc::out_of_range, "there is no view " + settings.view};
  std::error_code failed;
  if (!std::filesystem::is_directory(settings.data, failed))
    return error{errc::io, "there is no data folder " + settings.data.string() +
                               "; name the one of the pipeline with --data"};
  const auto state = current_state_folder(settings.data);
  scratch_folder scratch{"verify"};
  table_shelf tables{*all, base_folder(all->written), state};
  verify_report report;
  for (std::size_t s = 0; s < all->sources.size(); ++s) {
    source_check check{all, s, state, settings, listener, report};
    auto done = check.run(scratch.path(), tables);
    if (!done && done.error().code() != errc::mismatch)
      return done.error().in("sources." + all->sources[s].name);
    if (!done)
      check.give_up(done.error().text());
  }
  return report;
}

} // namespace tidemill
