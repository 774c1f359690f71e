#pragma once

#include "event/batch.hpp"
#include "event/result.hpp"
#include "event/schema.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// How the bytes of a source are written.
struct format_options {
  std::string name = "json";        ///< json | csv | combined_log | regex | logfmt | query | url
  char delimiter = ',';             ///< csv
  bool header = true;               ///< csv: the first record of each file names the columns
  std::vector<std::string> columns; ///< csv without header: the names, in order
  std::string pattern{};            ///< regex: the expression
  std::size_t max_record = 1 << 20; ///< bytes; a longer record becomes a dead letter
};

/// A record that could not be decoded.
struct decode_failure {
  std::size_t record; ///< its index in the raw batch
  error why;
};

/// Turns raw records into columns. Holds reusable buffers and caches: one per thread.
///
/// A failure of one record never touches another: it is reported and leaves no row. Text fields are
/// valid UTF-8 afterwards. Order of rows is order of records; the result doesn't depend on the cut.
class codec {
public:
  virtual ~codec() = default;
  /// Appends the rows of `in.records[first …]` to `out` (columns are created at the first call: one for each
  /// field of the schema, filled only if `needed`). `times` is not filled.
  virtual void decode(const record_batch& in, event_batch& out, std::vector<decode_failure>& failures) = 0;
};

/// A codec for `fields`; a field that is not `needed` gets an empty column and is not parsed.
/// Errors: `config_invalid` (unknown format, a field that the format can't have).
[[nodiscard]] result<std::unique_ptr<codec>> make_codec(const format_options& options, const schema& fields,
                                                        std::vector<bool> needed);

/// The fields that a format has by itself (`combined_log`); nothing for formats that need a schema.
[[nodiscard]] std::optional<schema> builtin_schema(const format_options& options);
/// Names of all formats, for hints.
[[nodiscard]] const std::vector<std::string>& format_names();

/// Finds where records end in a stream of bytes: at `\n`, or `\r\n`; in CSV only outside of quotes.
///
/// A CSV quote that isn't closed within `max_record` bytes, or at all, ends with its line: one stray quote
/// costs one record, not the rest of the file. Keeps nothing between calls; a call is linear in the record.
class framer {
public:
  explicit framer(const format_options& options);
  /// The length of the first record of `bytes` without its line end, and with it; nothing if no line end
  /// is there yet. `at_end`: the bytes are the last of their file, so an unterminated record counts.
  /// A record longer than `max_record` is cut off at its line end all the same: the codec refuses it.
  struct cut {
    std::size_t content;
    std::size_t total;
  };
  [[nodiscard]] std::optional<cut> next(std::string_view bytes, bool at_end) const;

private:
  [[nodiscard]] std::size_t find_end(std::string_view bytes, bool at_end) const;

  bool quotes_;
  char delimiter_;
  std::size_t limit_; ///< bytes of a record with its line end
};

} // namespace tidemill
