#pragma once

#include "event/spec.hpp"

#include <string_view>
#include <vector>

namespace tidemill {

/// The settings of a view. Steps are in `pipeline/step.hpp`, models in `pipeline/model/detector.hpp`: a
/// `score` entry takes `score_fields` and the fields of its model.
[[nodiscard]] const spec& view_spec();
/// `model`, `value`, `threshold`… of an entry under `score:`.
[[nodiscard]] const spec& score_spec();

/// The settings of `join:` of a stream.
[[nodiscard]] const spec& join_spec();

/// The settings of a rule under `alerts:`.
[[nodiscard]] const spec& alert_spec();

/// An aggregate as the reference shows it; all else is in `pipeline/aggregates/`.
struct aggregate_spec {
  std::string_view call;      ///< `quantile(x, q)`
  std::string_view arguments; ///< what it takes, for messages too: `one bool`
  std::string_view result;    ///< its type; `?`: null where there was nothing
  std::string_view summary;
  std::string_view example; ///< a column of a view over the events of `generate`, and a test
};
[[nodiscard]] const std::vector<aggregate_spec>& aggregate_specs();

} // namespace tidemill
