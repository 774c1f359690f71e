#pragma once

#include "event/codec.hpp"
#include "storage/pause.hpp"
#include "storage/record_source.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace tidemill {

/// What a file source reads, and how.
struct file_source_settings {
  std::string name;           ///< of the source, for texts and the state file
  std::filesystem::path base; ///< relative patterns start here
  std::string path; ///< one file, or a pattern with `*`, `?`, `[…]` within a folder's name or file's name
  format_options format;
  /// Null: each file is a partition. Otherwise all files are one run of bytes, in the order of their names,
  /// and this says which of `partitions` a record belongs to.
  partitioner partition_by;
  std::uint32_t partitions = 1;
  std::string partition_text; ///< the expression of `partition_by`: part of the identity
  double pace = 0;            ///< recorded seconds per second; 0: as fast as possible. Needs `time_of`.
  /// The time of a record, for `pace` only; nothing if it has none.
  std::function<std::optional<event_time>(const record&, const std::shared_ptr<const std::string>& header)>
      time_of;
  bool follow = false;                ///< go on with what is appended, through rotation; never ends
  std::filesystem::path state_folder; ///< with `follow`: where the generations of the files are kept
  source_clock clock;
};

/// A source over local files. See README.md for offsets and ends in each of the three modes.
///
/// A byte order mark at the start of a file is skipped. CSV with `header`: the first record of each file is
/// its header and never an event. A record longer than `max_record` is delivered cut to `max_record + 1`
/// bytes, for the codec to refuse; its `end` is after its line end all the same.
///
/// Errors: `config_invalid` (nothing matches, settings that exclude each other), `io`.
/// Of `poll` and `seek`: `mismatch` (a file was replaced, cut or vanished while it was read; an offset
/// where no record starts), `out_of_range`, `io`; all final.
[[nodiscard]] result<std::unique_ptr<record_source>> make_file_source(file_source_settings settings);

} // namespace tidemill
