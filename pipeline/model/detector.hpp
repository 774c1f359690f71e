#pragma once

#include "event/bytes.hpp"
#include "event/options.hpp"
#include "event/result.hpp"
#include "event/spec.hpp"
#include "event/time.hpp"

#include <memory>
#include <vector>

namespace tidemill {

/// An online anomaly detector for one key: sees its values in window order, each window once.
class detector {
public:
  virtual ~detector() = default;
  /// The anomaly score of `x` in [0, 1], then learns it. Deterministic.
  virtual double score(event_time at, double x) = 0;
  virtual void save(byte_writer& out) const = 0;
  [[nodiscard]] virtual bool load(byte_reader& in) = 0;
  [[nodiscard]] virtual std::unique_ptr<detector> clone() const = 0;
};

/// A kind of detector: its settings and its constructor.
struct detector_entry {
  spec about;
  result<std::unique_ptr<detector>> (*make)(const options&);
};
/// All models that `score:` may name.
[[nodiscard]] const std::vector<detector_entry>& detectors();

} // namespace tidemill
