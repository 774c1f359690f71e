#include "pipeline/link.hpp"

#include <algorithm>

namespace tidemill {

void link::open(const link_hello& hello) noexcept {
  id_ = hello.link;
  sent_ = hello.have;
  horizon_ = std::max(hello.have.value_or(0), hello.frontier);
  in_flight_ = false;
}

void link::flushed(offset at) noexcept {
  sent_ = at;
  in_flight_ = true;
}

bool link::acked(const link_ack& ack) noexcept {
  if (id_ != ack.link)
    return false;
  in_flight_ = false;
  return true;
}

} // namespace tidemill
