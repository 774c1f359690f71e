#pragma once

#include "storage/event_sink.hpp"
#include "storage/file/csv_text.hpp"
#include "storage/file/output_file.hpp"
#include "storage/sink_input.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// Appends events to one file, a line each, exactly once: as NDJSON, or as CSV of given columns.
///
/// Beside the file OUT lies OUT.cursor with its promised length and, per source and partition, the offset up
/// to which events are in it. `resume` cuts OUT to that length. For its errors see `output_file::resume`.
class file_event_sink final : public event_sink {
public:
  /// NDJSON without `csv_columns`, else CSV with a header line: fields by these names, in this order.
  explicit file_event_sink(std::filesystem::path out, std::vector<std::string> csv_columns = {},
                           std::vector<sink_input> inputs = {});

  [[nodiscard]] result<std::map<partition_id, offset>> resume() override;
  status write(const outgoing_batch& batch) override;
  status sync() override;

private:
  output_file out_;
  std::optional<json_to_csv> csv_;
  std::vector<sink_input> inputs_;
  sink_progress upto_;
  bool changed_ = false;
  std::string text_; ///< lines of a batch; kept for its memory
};

} // namespace tidemill
