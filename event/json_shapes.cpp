#include "event/json_shapes.hpp"

#include <algorithm>

namespace tidemill {
namespace {

// A match saves about twice what a vain try costs; to learn a shape costs as much as many of these.
constexpr int of_match = 2, of_miss = -1, of_lesson = -32;
constexpr int start_gain = 64, largest_gain = 1024;
constexpr int length_of_pause = 4096;

} // namespace

const known_shape* json_shapes::find(std::string_view text) {
  curious_ = false;
  if (pause_ > 0) {
    --pause_;
    return nullptr;
  }
  for (std::size_t i = 0; i < known_.size(); ++i) {
    auto at = i == 0 ? last_ : i == last_ ? 0 : i;
    if (known_[at].shape.match(text, values_)) {
      last_ = at;
      gain_ = std::min(gain_ + of_match, largest_gain);
      return &known_[at];
    }
  }
  gain_ += of_miss;
  if (gain_ < 0) {
    known_.clear();
    last_ = oldest_ = 0;
    gain_ = start_gain;
    pause_ = length_of_pause;
    return nullptr;
  }
  curious_ = true;
  return nullptr;
}

void json_shapes::add(known_shape shape) {
  gain_ += of_lesson;
  if (known_.size() < most) {
    known_.push_back(std::move(shape));
    return;
  }
  known_[oldest_] = std::move(shape);
  oldest_ = (oldest_ + 1) % most;
}

} // namespace tidemill
