#pragma once

#include "event/batch.hpp"
#include "event/frozen_state.hpp"
#include "pipeline/event_tap.hpp"
#include "pipeline/link.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/row_taker.hpp"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What may change a worker besides its records; bound to an offset, written before anything that was
/// computed with it leaves the worker.
struct journal_entry {
  enum class what : std::uint8_t {
    advance = 1, ///< an idle partition's watermark moves to `time`
    table = 2,   ///< table `name` (if that is empty: number `number`) has version `text` from here on
    skip = 3,    ///< the record at offset `number` killed its worker: dead letter instead
    end = 4,     ///< no record will ever follow: the watermark moves to the end of time
    gap = 5,     ///< the log begins at `number` now: the records before it are lost
  };
  offset at = 0;
  what kind = what::advance;
  event_time time{};
  std::uint64_t number = 0;
  std::string text;
  std::string name{};
  friend bool operator==(const journal_entry&, const journal_entry&) = default;
};
[[nodiscard]] std::string encode(const journal_entry& e);
[[nodiscard]] result<journal_entry> decode_journal_entry(std::string_view bytes);
/// Which of a source's tables an entry of kind `table` concerns; nothing: one that it no longer has.
[[nodiscard]] std::optional<std::size_t> table_of(const journal_entry& e,
                                                  const std::vector<std::string>& tables);
/// Removes ends of the input that never took effect. An end decides on the last records; if one of them is
/// poisonous, its skip, bound to an offset before that end, comes after it. `skip`: one that is still to
/// come.
void forget_failed_ends(std::vector<journal_entry>& entries, std::optional<offset> skip);

/// An event on its way to sinks.
struct emission {
  std::size_t output = 0; ///< index in `source_plan::outputs`
  event_id id;
  std::string json; ///< to an exchange: its body, see pipeline/exchange_body.hpp
  std::vector<std::optional<std::string>>
      keys{}; ///< as in `output_plan::keys`; to an exchange: what chooses the partition
};

/// Running totals of a partition; part of its state, so a replay doesn't count twice.
struct partition_counts {
  std::uint64_t records = 0;       ///< read
  std::uint64_t dead = 0;          ///< became dead letters, at any step
  std::uint64_t future = 0;        ///< quarantined
  std::uint64_t skipped = 0;       ///< tombstones, where they are to be passed over
  std::uint64_t lost = 0;          ///< offsets that were gone when they were due
  std::uint64_t unkeyed = 0;       ///< events that went to a sink without a key, as the expression failed
  std::vector<std::uint64_t> late; ///< by view
  friend bool operator==(const partition_counts&, const partition_counts&) = default;
};

/// Event times of records that a gap may have lost: not before `from` for a view without lateness, and not
/// after `until`.
struct lost_stretch {
  event_time from, until;
  friend bool operator==(const lost_stretch&, const lost_stretch&) = default;
};

/// A worker as a function: state = f(definition, records below `position()`, journal). No clock, no I/O, no
/// thread.
///
/// Every decision (late, quarantined, watermark) is taken record by record in offset order, so how a source
/// cuts batches changes nothing: the same input cut at random gives the same snapshot, byte for byte.
///
///     restore → (open links) → apply | enter | flush | snapshot …
///
/// After an exception from `apply` the state is spoilt: throw the object away and restore a new one.
class partition {
public:
  /// Finds a table version named by the journal; null if it is gone.
  using table_finder = std::function<table_ptr(std::size_t table, const std::string& version)>;

  partition(std::shared_ptr<const plan> all, std::size_t source, partition_id id, bool has_arrival_times,
            table_finder tables);
  ~partition();

  /// Applies records in offset order; those below `position()` are ignored. Records at the end that wait for
  /// the next ones to confirm a jump in time are kept and not yet contained in `position()`.
  void apply(const record_batch_ptr& batch, std::vector<emission>& out);
  /// Consumes one record at a time from now on, or again all it can. Changes no result; slow: for finding the
  /// record that an exception comes from.
  void one_by_one(bool on) noexcept;
  /// While one by one: hears the offset of each record before anything is done with it; maybe more than once.
  void tell_records(std::function<void(offset)> told);
  /// After an exception of `apply` or `enter`: the record it comes from, if one by one; else it comes from a
  /// record in [this, `read_position()`). Nothing: from none of the records.
  [[nodiscard]] std::optional<offset> at_work() const noexcept;
  /// Somebody looks at events from now on, or nobody (null); not at those that are read once more. Changes
  /// nothing else.
  void watch(event_tap* by) noexcept;
  /// From now on the views' events go there and not into panes; nothing is counted as late for a view then.
  void divert(row_taker* to) noexcept;
  /// Journal entries read back after a restore, in order; each takes effect at its offset.
  void replay(std::vector<journal_entry> entries);
  /// Whether a *new* entry may be taken now: no link is below its horizon, no old entry is left.
  [[nodiscard]] bool may_enter() const noexcept;
  /// Where a new entry is bound: the end of the input and a gap behind all that was read, all else at
  /// `position()`.
  [[nodiscard]] offset entry_offset(journal_entry::what kind) const noexcept;
  /// Takes a new entry. Requires `may_enter()` (but for a gap, which is no choice of ours),
  /// `e.at == entry_offset(e.kind)`, and that the entry is in the journal already.
  void enter(const journal_entry& e, std::vector<emission>& out);

  /// Entries read back that have not taken effect yet.
  [[nodiscard]] std::size_t entries_due() const noexcept;

  /// Throws if the view has lost sealed slices that this partition has already forgotten.
  void open(std::size_t view, const link_hello& hello);
  void acked(std::size_t view, const link_ack& ack);
  /// What is due on the link of a view now; empty if nothing may be sent. A flush with no panes still
  /// moves offset and watermark.
  [[nodiscard]] std::vector<link_flush> flush(std::size_t view);
  /// Nothing changed since the last flush of this view: sending one would say nothing.
  [[nodiscard]] bool quiet(std::size_t view) const noexcept;
  /// An event sink holds everything below `upto`: replay doesn't emit it again, and the horizon is there.
  void sink_holds(std::size_t sink, offset upto);

  /// Next record to read; the state contains exactly the records below it.
  [[nodiscard]] offset position() const noexcept;
  /// Where the source has to go on: behind the records that are kept back.
  [[nodiscard]] offset read_position() const noexcept;
  [[nodiscard]] event_time watermark() const noexcept;
  [[nodiscard]] bool ended() const noexcept;
  /// Whether it is still below the horizon, replaying what was seen before.
  [[nodiscard]] bool replaying() const noexcept;
  [[nodiscard]] const partition_counts& counts() const noexcept;
  /// Where records were lost to gaps, oldest first; stretches that touch are one.
  [[nodiscard]] const std::vector<lost_stretch>& lost() const noexcept;
  [[nodiscard]] const std::vector<std::string>& table_versions() const noexcept;
  [[nodiscard]] std::size_t panes() const noexcept;
  /// Of the steps that remember something, in the order of the plan.
  [[nodiscard]] std::vector<step_totals> steps() const;

  /// All state as it is now; costs microseconds, and changes copy what they touch while it is alive.
  [[nodiscard]] std::shared_ptr<const frozen_state> snapshot() const;
  /// Into a fresh object: without any state.
  void start(offset at) noexcept;
  /// Into a fresh object: what a snapshot at `at` was made of. A view that is not `known` starts empty,
  /// and so does a view or step whose state has another id now. Errors: `corrupt`, and those of `pieces`.
  status restore(offset at, std::string_view core, const stored_pieces& pieces,
                 const std::function<bool(const std::string& view)>& known);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
