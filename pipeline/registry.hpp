#pragma once

#include "event/spec.hpp"

namespace tidemill {

/// The settings of a view. Steps are in `pipeline/step.hpp`, models in `pipeline/model/detector.hpp`: a
/// `score` entry takes `score_fields` and the fields of its model.
[[nodiscard]] const spec& view_spec();
/// `model`, `value`, `threshold`… of an entry under `score:`.
[[nodiscard]] const spec& score_spec();

} // namespace tidemill
