#include "actors/board.hpp"

namespace tidemill {

void board::problem(const std::string& place, std::string text) {
  std::lock_guard lock{mutex_};
  if (text.empty())
    problems_.erase(place);
  else
    problems_[place] = std::move(text);
}

std::map<std::string, std::string> board::problems() const {
  std::lock_guard lock{mutex_};
  return problems_;
}

} // namespace tidemill
