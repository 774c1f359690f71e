#pragma once

#include "event/bytes.hpp"
#include "event/rows.hpp"
#include "event/time.hpp"
#include "pipeline/model/detector.hpp"
#include "pipeline/plan.hpp"

#include <memory>
#include <vector>

namespace tidemill {

/// What the models of a view have learned of one key, from its sealed rows in the order of windows.
///
/// A key that has been silent is forgotten: a row that ends `retain` or more after the one before it is the
/// first that its models see. The times of the two rows alone decide that, not when memory was freed; so
/// whoever sees the same rows, live or from a log, has the same models.
class row_models {
public:
  /// Appends the scores of a row to its columns, which are all others, then learns it.
  void score(const view_plan& what, row& r);
  /// No row of a window that ends at `end` or later would find anything here.
  [[nodiscard]] bool forgotten(const view_plan& what, event_time end) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return models_.empty(); }
  [[nodiscard]] row_models clone() const;

  /// last row, models: state…
  void save(byte_writer& out) const;
  /// False: the bytes are damaged.
  [[nodiscard]] bool load(const view_plan& what, byte_reader& in);

private:
  void begin(const view_plan& what);

  std::vector<std::unique_ptr<detector>> models_; // as `view_plan::scores`; empty: no row yet
  event_time last_row_{};                         // the end of its window
};

} // namespace tidemill
