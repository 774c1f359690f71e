#pragma once

#include "event/result.hpp"
#include "event/value.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Appends a CSV field (RFC 4180): quoted if it holds a comma, a quote, a line end or outer blanks, and if it
/// is empty, so that an empty text differs from null.
void append_csv_field(std::string& out, std::string_view text);
/// As above; null is nothing at all, texts are themselves, all others as in JSON, lists and maps too.
void append_csv_value(std::string& out, const value& v);

/// Picks `columns` out of JSON objects, keeping every digit. Reuses memory: one per thread.
class json_to_csv {
public:
  explicit json_to_csv(std::vector<std::string> columns);
  ~json_to_csv();
  json_to_csv(json_to_csv&&) noexcept;
  json_to_csv& operator=(json_to_csv&&) noexcept;

  /// The line that names the columns, with its line end.
  [[nodiscard]] std::string header() const;
  /// Appends the line of one object, with its line end. A missing key is an empty field, as null is.
  /// Errors: `event_malformed`, `event_encoding`.
  status append_line(std::string& out, std::string_view json);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
