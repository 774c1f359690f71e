#pragma once

#include "event/batch.hpp"
#include "event/cell.hpp"
#include "event/codec.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What became of one record.
enum class outcome : std::uint8_t { row, blank, failed };

/// The frame that all codecs share: makes the columns, counts rows, and takes back the cells of a record that
/// fails half-way.
class row_writer {
public:
  row_writer(schema fields, std::vector<bool> needed, std::size_t max_record);

  [[nodiscard]] const schema& fields() const noexcept { return fields_; }
  /// Indexes of the fields to be filled, ascending. A record that becomes a row gives each of them a value or
  /// `null`.
  [[nodiscard]] const std::vector<std::uint32_t>& needed() const noexcept { return needed_; }

  /// Calls `read(std::string_view, error&) -> outcome` for each record that is not too long. A row also gets
  /// its number in `out.selected`.
  template <class Read>
  void write(const record_batch& in, event_batch& out, std::vector<decode_failure>& failures, Read read);

  /// The cell of a field in the row being read.
  [[nodiscard]] cell at(std::uint32_t field) { return {fields_[field], (*columns_)[field], row_}; }
  /// The field has no value, because of `what` (`is missing`). False if the field must have one; `why` tells.
  [[nodiscard]] bool null(std::uint32_t field, std::string_view what, error& why);

private:
  void open(const record_batch& in, event_batch& out);
  [[nodiscard]] bool fits(const record& r, error& why) const;
  void commit(const record& r, event_batch& out);
  void close(const record_batch& in, event_batch& out);

  schema fields_;
  std::vector<bool> is_needed_;
  std::vector<std::uint32_t> needed_;
  std::size_t max_record_;
  std::vector<column>* columns_ = nullptr;
  std::size_t row_ = 0;
  std::vector<std::uint32_t> nulls_; ///< of the row being read: a null can't be taken back from a column
};

template <class Read>
void row_writer::write(const record_batch& in, event_batch& out, std::vector<decode_failure>& failures,
                       Read read) {
  open(in, out);
  error why;
  for (std::size_t i = 0; i < in.records.size(); ++i) {
    const auto& r = in.records[i];
    nulls_.clear();
    auto end = fits(r, why) ? read(r.bytes, why) : outcome::failed;
    if (end == outcome::row)
      commit(r, out);
    else if (end == outcome::failed)
      failures.push_back({i, std::move(why)});
  }
  close(in, out);
}

} // namespace tidemill
