#pragma once

#include "event/batch.hpp"
#include "event/cell.hpp"
#include "event/codec.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
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
  /// The row being read is read once more from its beginning.
  void forget_nulls() noexcept { nulls_.clear(); }

private:
  void open(const record_batch& in, event_batch& out);
  [[nodiscard]] error too_large(const record& r) const;
  void commit() {
    for (auto field : nulls_)
      (*columns_)[field].set_null(row_);
    nulls_.clear();
    ++row_;
  }
  /// Appends records [from, to), all of which became rows.
  static void append(const record_batch& in, std::size_t from, std::size_t to, event_batch& out);
  void close(const record_batch& in, event_batch& out);

  schema fields_;
  std::vector<bool> is_needed_;
  std::vector<std::uint32_t> needed_;
  std::size_t max_record_;
  std::vector<column>* columns_ = nullptr;
  std::size_t row_ = 0, first_row_ = 0; ///< the one being read; the first of this call
  std::vector<std::uint32_t> nulls_;    ///< of the row being read: a null can't be taken back from a column
};

template <class Read>
void row_writer::write(const record_batch& in, event_batch& out, std::vector<decode_failure>& failures,
                       Read read) {
  open(in, out);
  error why;
  std::size_t run = 0; // since when all records are rows
  for (std::size_t i = 0; i < in.records.size(); ++i) {
    const auto& r = in.records[i];
    auto end = outcome::failed;
    if (r.bytes.size() <= max_record_)
      end = read(r.bytes, why);
    else
      why = too_large(r);
    if (end == outcome::row) {
      commit();
      continue;
    }
    nulls_.clear();
    append(in, run, i, out);
    run = i + 1;
    if (end == outcome::failed)
      failures.push_back({i, std::exchange(why, {})});
  }
  append(in, run, in.records.size(), out);
  close(in, out);
}

} // namespace tidemill
