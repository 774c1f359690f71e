#pragma once

#include "pipeline/aggregate.hpp"
#include "pipeline/key_set.hpp"
#include "pipeline/late_counts.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/slice_list.hpp"
#include "pipeline/time_buckets.hpp"
#include "pipeline/unsealed_slices.hpp"
#include "pipeline/view_engine.hpp"
#include "pipeline/view_log_frame.hpp"
#include "pipeline/window/event_span.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tidemill {

/// What a view of sessions knows of one key.
struct session_key {
  std::string key;
  slice_list<pane_place> unsealed;
  accumulator total;             ///< the session whose slices are sealed and that may go on; empty: none
  late_counts late;              ///< of it, by the slice that the watermark had ended
  std::vector<row_ptr> shown;    ///< rows that readers know and that aren't final
  std::vector<row_ptr> finished; ///< final since the last tick
  event_time closes = time_max;  ///< when the next of its open windows ends
  bucket_place ending;           ///< in `unfinished_`
  bucket_place closing;          ///< in `closing_`, unless it never closes
  bool due = false;              ///< among those to compose
};

/// Sessions of keys: runs of slices whose events are at most a gap apart; and global views, whose sessions
/// are rows without an end.
///
/// A slice is no longer than the gap, so all events of a key in it are of one session: each pane has its
/// events' times beside its accumulators, and sessions are made of panes, in the order of slices, then
/// partitions. When a slice is sealed its panes are folded into one accumulator, and that into the key's
/// session; when the slice is sealed that a session's end lies in, no event can join it any more: its row is
/// final.
///
///     log: as `view_log_frame`, and
///     'S': slice, keys: (key, late, state)…, rows: (start, end, row)…
///     'R': rows: (start, end, row)…                       of a head
///     'K': key, late, state: the session that may go on   of a head
class session_view final : public view_engine {
public:
  session_view(const view_plan& what, std::size_t partitions);
  ~session_view() override;

  void take(partition_id from, std::span<const std::string> pieces) override;
  void publish(event_time watermark, const std::vector<offset>& have, bool open, view_tick& t) override;
  [[nodiscard]] status recover(std::string_view record) override;
  [[nodiscard]] std::vector<std::string> head() const override;
  [[nodiscard]] std::vector<std::pair<event_time, std::vector<row_ptr>>>
  sealed_after(event_time after) const override;
  [[nodiscard]] std::vector<row_ptr> rows() const override;
  [[nodiscard]] event_time trimmed() const noexcept override { return log_.trimmed; }
  [[nodiscard]] event_time trim(event_time keep) override;
  [[nodiscard]] const std::vector<offset>& frontier() const noexcept override { return log_.frontier; }
  [[nodiscard]] std::int64_t sealed_through() const noexcept override { return sealed_through_; }
  [[nodiscard]] std::int64_t durable_through(partition_id) const noexcept override { return log_.through; }
  [[nodiscard]] bool nothing_unsealed() const noexcept override;

private:
  /// A session as far as it is known: what is sealed of it, if `sealed_too`, then slices [from, to) of those
  /// of its key.
  struct session {
    event_span span;
    bool sealed_too = false;
    std::size_t from = 0, to = 0;
  };

  [[nodiscard]] const event_span& span_of(const accumulator& a) const noexcept;
  /// Whether events after those of a session are of the same one.
  [[nodiscard]] bool goes_on(const event_span& known, const event_span& next) const noexcept;
  [[nodiscard]] event_time end_of(const event_span& known) const noexcept;
  /// The slice with which it is final.
  [[nodiscard]] std::int64_t done_with(const event_span& known) const noexcept;

  [[nodiscard]] bool put_pane(const pane_image& pane, std::uint64_t hash, partition_id from);
  void make_due(session_key& k);
  void forget_unused(session_key& k);

  void seal(event_time watermark, view_tick& t);
  void seal_slice(std::int64_t s, view_tick& t);
  [[nodiscard]] std::optional<std::int64_t> next_to_seal() const;
  /// The panes of a key in its oldest slice as one.
  [[nodiscard]] accumulator fold_oldest(const session_key& k, late_counts& late) const;
  /// A sealed slice goes into its key's session, or begins one. Rows that this makes final go to `done`.
  void join(session_key& k, std::int64_t slice, accumulator state, const late_counts& late,
            std::vector<row_ptr>& done);
  void finish(session_key& k, std::vector<row_ptr>& done);
  /// Everything of the slice has joined: finishes sessions that nothing can join any more.
  void finish_through(std::int64_t slice, std::vector<row_ptr>& done);
  void let_go(session_key& k);
  /// Of global views: keys above `max_keys`, the oldest last events first.
  void forget_oldest();
  /// The keys of `unfinished_`, those of the oldest last events first.
  [[nodiscard]] std::vector<session_key*> by_age(std::vector<session_key*> keys) const;

  /// Into `sessions_`.
  void find_sessions(const session_key& k);
  [[nodiscard]] row_ptr make_row(const session_key& k, const session& s, row_state state);
  [[nodiscard]] row_ptr make_row(const session_key& k, const event_span& span, const accumulator& total,
                                 const late_counts& late, row_state state);
  void compose(session_key& k, event_time watermark, view_tick& t);
  void compose_due(event_time watermark, bool open, view_tick& t);
  void note_closing(session_key& k, event_time at);

  void write_rows(byte_writer& out, std::span<const row_ptr> rows) const;
  [[nodiscard]] bool read_rows(byte_reader& in);
  [[nodiscard]] bool recover_sealed(byte_reader& in);
  [[nodiscard]] bool recover_key(byte_reader& in);

  const view_plan& what_;
  const window_plan& window_;
  bool endless_;
  view_log_frame log_;
  std::int64_t sealed_through_ = nothing_sealed;
  std::int64_t newest_ = nothing_sealed; ///< the newest slice that has had events
  key_set<session_key> keys_;
  unsealed_slices<session_key> unsealed_;
  time_buckets<session_key, &session_key::ending> unfinished_; ///< with a `total`, by `done_with`
  time_buckets<session_key, &session_key::closing> closing_;   ///< with an open window, by when it closes
  std::vector<session_key*> due_;                              ///< to be composed
  std::map<event_time, std::vector<row_ptr>> rows_;            ///< final and retained, by end
  bool shown_ = false;                                         ///< readers have rows of this incarnation
  std::vector<session> sessions_;                              ///< scratch, as the next two lines
  accumulator total_, slice_;
  std::vector<value> slots_;
};

} // namespace tidemill
