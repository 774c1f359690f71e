#pragma once

#include "event/rows.hpp"

#include <string>
#include <vector>

namespace tidemill {

/// Writes many rows of one view as `to_json` does: names, and times of rows of the same window, are written
/// out once.
class row_json {
public:
  explicit row_json(const view_schema& view);
  void append(std::string& out, const row& r);

private:
  std::vector<std::string> names_; // `,"name":`, by column
  event_time start_{}, end_{};
  std::string times_; // `{"window_start":…,"window_end":…` of these two
};

} // namespace tidemill
