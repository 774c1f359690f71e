#pragma once

#include "event/batch.hpp"
#include "event/codec.hpp"
#include "storage/disk_file.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tidemill {

/// Cuts records out of files, from any record's first byte on. Keeps no bytes between calls: a record that
/// a read cuts in two is read again as a whole. Where records end depends on nothing but the file and
/// `from`, so a second reading cuts alike.
class record_reader {
public:
  explicit record_reader(const format_options& format);

  /// Bytes of a file to cut: those from `from` to `size`. `complete`: nothing will be appended, so a last
  /// line without an end counts. `base` is added to the offsets of the records.
  struct range {
    const disk_file& file;
    offset base = 0;
    offset from = 0; ///< within the file
    offset size = 0;
    bool complete = true;
  };
  struct piece {
    std::vector<record> records = {};
    std::shared_ptr<const void> memory = {};
    std::size_t bytes = 0;
    offset next = 0;       ///< within the file: after the last whole record
    bool scanning = false; ///< within a record too long for memory: call again for more
  };
  /// Reads about `want` bytes, at most 256 KiB unless one record is longer; a bounded amount of work.
  /// Errors: `io`, `mismatch` (the file ends before `size`).
  [[nodiscard]] result<piece> read(const range& r, std::size_t want);

  /// The header of a CSV file; null if the format has none, or it isn't whole yet. `next` is where records
  /// start. Errors: `io`, `event_too_large`.
  struct head {
    std::shared_ptr<const std::string> header = {};
    offset next = 0;
    bool ready = true;
  };
  [[nodiscard]] result<head> read_head(const disk_file& file, offset size, bool complete) const;

  /// Forgets how far it looked into records too long for memory.
  void reset() { scanned_.clear(); }

  /// A piece as a batch of partition `p` from `begin` on; `next` in the source's offsets.
  [[nodiscard]] static record_batch_ptr to_batch(partition_id p, offset begin, offset next, piece&& of,
                                                 const std::shared_ptr<const std::string>& header);

private:
  struct window;
  [[nodiscard]] result<window> load(const range& r, std::size_t want) const;
  status skip_overlong(const range& r, const window& w, piece& out);

  framer framer_;
  std::size_t max_record_;
  std::size_t cap_; ///< bytes in which a record must end, or it is too long
  bool has_header_;
  std::map<offset, offset> scanned_; ///< start of an overlong record → no line end before
};

} // namespace tidemill
