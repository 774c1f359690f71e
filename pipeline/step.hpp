#pragma once

#include "event/batch.hpp"
#include "event/definition.hpp"
#include "event/result.hpp"
#include "event/spec.hpp"
#include "event/table.hpp"
#include "pipeline/cel/expression.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tidemill {

/// The tables of a pipeline in their current version, by number; owned by the partition.
using table_set = std::vector<table_ptr>;

/// One step of a stream, run synchronously by a partition over a batch.
///
/// Deterministic: same rows, same tables, same output. A row that fails leaves `batch.selected` and is
/// reported. Instances belong to one partition and may keep scratch memory.
class step {
public:
  virtual ~step() = default;
  virtual void apply(event_batch& batch, const table_set& tables, std::vector<cel::row_error>& failures) = 0;
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
    bool timed = false; ///< its rows are valid for a time
  };
  std::vector<table> tables; ///< by number
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
