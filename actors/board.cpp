#include "actors/board.hpp"

namespace tidemill {

void source_board::gauges(std::vector<source_gauge> now) {
  std::lock_guard lock{mutex_};
  gauges_ = std::move(now);
}

std::vector<source_gauge> source_board::gauges() const {
  std::lock_guard lock{mutex_};
  return gauges_;
}

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
