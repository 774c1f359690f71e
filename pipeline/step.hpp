#pragma once

#include "event/batch.hpp"
#include "event/bytes.hpp"
#include "event/definition.hpp"
#include "event/result.hpp"
#include "event/spec.hpp"
#include "event/table.hpp"
#include "pipeline/cel/expression.hpp"
#include "pipeline/frozen_part.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// The tables of a pipeline in their current version, by number; owned by the partition.
using table_set = std::vector<table_ptr>;

/// What a step sees besides the events.
struct step_context {
  const table_set& tables;
  /// By row: the partition's watermark before the row's record. What depends on it is the same however
  /// batches are cut.
  std::span<const event_time> watermarks;
};

/// For status pages; part of a step's state, so that a replay doesn't count twice.
struct step_totals {
  std::uint64_t keys = 0;    ///< held now
  std::uint64_t dropped = 0; ///< events that it took out by itself, without an error
  friend bool operator==(const step_totals&, const step_totals&) = default;
};

/// What a step remembers from record to record; it goes into the partition's checkpoints.
///
/// A function of the records that the step has seen, one after the other: the same input cut at random saves
/// the same bytes. It is a small part and entries, each of which knows the end of the record that changed it
/// last (see `frozen_state`).
class step_state {
public:
  virtual ~step_state() = default;
  /// The small part: whole, with every checkpoint.
  virtual void save(byte_writer& out) const = 0;
  /// Into a fresh step, before `restore`. False: the bytes are damaged.
  [[nodiscard]] virtual bool load(byte_reader& in) = 0;
  /// The entries as they are now; after it, changes copy what they touch as long as the frozen part is alive.
  [[nodiscard]] virtual std::unique_ptr<const frozen_part> freeze() const = 0;
  /// Takes back sections that the frozen part wrote; of an entry that comes twice the first one counts.
  /// Entries that `load` knows to be over are passed over. False: the bytes are damaged.
  [[nodiscard]] virtual bool restore(std::string_view sections) = 0;
  /// After the last `restore`. False: something is missing.
  [[nodiscard]] virtual bool finish_restore() = 0;
  [[nodiscard]] virtual step_totals totals() const = 0;
};

/// One step of a stream, run synchronously by a partition over a batch.
///
/// Deterministic: same state, same rows, same context, same output and state. A row that fails leaves
/// `batch.selected` and is reported. Instances belong to one partition and may keep scratch memory.
class step {
public:
  virtual ~step() = default;
  virtual void apply(event_batch& batch, const step_context& context,
                     std::vector<cel::row_error>& failures) = 0;
  /// Null: it remembers nothing. Lives as long as the step.
  [[nodiscard]] virtual step_state* state() noexcept { return nullptr; }
  /// Whether it makes any number of events of each: then it is `spread` that is called.
  [[nodiscard]] virtual bool spreads() const noexcept { return false; }
  /// Appends to `origins` the row of `from` that each new row comes from, ascending, and fills columns of
  /// `to`, which are empty. Leaves `from` as it is; rows of it that fail are reported. `roots`: where rows of
  /// `from` were made of others, which one they come from in the end, ascending; else empty.
  virtual void spread(const event_batch& from, std::span<const std::uint32_t> roots, event_batch& to,
                      std::vector<std::uint32_t>& origins, std::vector<cel::row_error>& failures);
};

/// Removes from `rows` those that failed; both ascend.
void drop_failed(selection& rows, std::span<const cel::row_error> failed);
/// Keeps the rows for which a column of booleans is true; null counts as false.
void keep_where(selection& rows, const column& holds);

/// A compiled step: shared by partitions, makes an instance for each.
class step_plan {
public:
  virtual ~step_plan() = default;
  [[nodiscard]] virtual std::unique_ptr<step> instance() const = 0;
  /// Whether its instances have a `state()`.
  [[nodiscard]] virtual bool stateful() const noexcept { return false; }
};

/// What a step sees while it is compiled, and changes.
struct step_scope {
  schema fields;                   ///< of the stream so far; a step adds, replaces or removes fields
  std::vector<std::size_t> slots;  ///< column of the batch of each field
  std::size_t columns = 0;         ///< columns of the batch so far; new ones get the next numbers
  std::optional<std::size_t> meta; ///< the first column of `meta_names`; nothing: there are none here
  std::vector<bool> read;          ///< columns of fields and metadata that somebody reads
  struct table {
    std::string name;
    schema columns;
    bool timed = false;  ///< its rows are valid for a time
    bool broken = false; ///< a fault of its own has been told
  };
  std::vector<table> tables; ///< by number
  /// Fields that are missing because what makes them has a fault, which has been told.
  struct unmade {
    std::vector<std::string> names;
    bool any = false; ///< nobody knows which
  };
  unmade missing;
  /// What decides the partition that an event is in.
  struct partitioning {
    /// Columns: events that are equal in them are in one partition. Empty: there is only one. Nothing: nobody
    /// knows.
    std::optional<std::vector<std::size_t>> by;
    std::string origin; ///< the source or stream that has the partitions
    schema fields;      ///< of it, by column
  };
  partitioning partitions;
  /// A field called `meta` hides the metadata.
  [[nodiscard]] cel::environment environment() const;
  /// Notes that a column is read.
  void reads(std::size_t slot);
};

struct step_entry {
  spec about;
  /// Compiles one step; faults become diagnostics with file positions. Null if there were any.
  std::unique_ptr<step_plan> (*compile)(const component& c, step_scope& scope, std::vector<diagnostic>& out);
};
/// All steps, in the order of the reference.
[[nodiscard]] const std::vector<step_entry>& steps();

/// Where a fault of an expression lies in the file.
[[nodiscard]] position place_in(const text_at& text, const cel::fault& f);

/// An expression of the configuration, compiled; its faults become diagnostics at the right line and column.
[[nodiscard]] std::optional<cel::expression> compile_at(const text_at& text, const cel::environment& names,
                                                        const std::string& path,
                                                        std::vector<diagnostic>& out);

} // namespace tidemill
