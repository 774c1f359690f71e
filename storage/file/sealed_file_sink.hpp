#pragma once

#include "storage/file/output_file.hpp"
#include "storage/row_sink.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// Appends every sealed row of one view to a file, exactly once.
///
/// NDJSON: `to_json` of each row. CSV: a header, then window_start, window_end, the view's columns, state,
/// revision. Beside the file OUT lies OUT.cursor with its promised length and the end of the last window in
/// it; `resume` cuts OUT to that length. For its errors see `output_file::resume`.
class sealed_file_sink final : public sealed_sink {
public:
  enum class format : unsigned char { ndjson, csv };
  sealed_file_sink(std::filesystem::path out, format f) : path_(std::move(out)), format_(f) {}

  [[nodiscard]] result<event_time> resume(const view_schema& view) override;
  using sealed_sink::write;
  status write(const view_schema& view, const sealed_windows& windows) override;

private:
  status put(std::string& text, std::uint64_t before);

  std::filesystem::path path_;
  format format_;
  std::optional<output_file> out_; ///< from `resume` on, which knows the view
  event_time last_ = time_min;
};

} // namespace tidemill
