#pragma once

#include "event/definition.hpp"
#include "event/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// What `tidemill tap` wants to see.
struct tap_wish {
  std::string stream;
  std::optional<std::size_t> after; ///< steps that are done; nothing: all
  std::string where;
  double per_second = 100;
  bool raw = false;
};

/// Some events of a tap.
struct tap_page {
  std::vector<std::string> fields;
  std::vector<std::string> events; ///< JSON objects with partition, offset, event_time, event, raw
  std::uint64_t skipped = 0;       ///< events so far that were too many to look at
};

/// Reads a tap of a running pipeline, page after page. One thread.
class tap_reader {
public:
  /// `server`: `http://host:port`; empty: where the pipeline of `d` listens. Errors: `config_invalid`.
  [[nodiscard]] static result<tap_reader> open(const definition& d, const std::string& server,
                                               const tap_wish& wish);
  ~tap_reader();
  tap_reader(tap_reader&&) noexcept;
  tap_reader& operator=(tap_reader&&) noexcept;

  /// What came since the last call; the first one only opens the tap. Errors: `unavailable`, `refused`.
  [[nodiscard]] result<tap_page> next();

private:
  struct impl;
  explicit tap_reader(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
