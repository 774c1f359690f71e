#include "event/row_writer.hpp"

#include <numeric>

namespace tidemill {

row_writer::row_writer(schema fields, std::vector<bool> needed, std::size_t max_record)
    : fields_(std::move(fields)), is_needed_(std::move(needed)), max_record_(max_record) {
  is_needed_.resize(fields_.size(), false);
  for (std::uint32_t i = 0; i < fields_.size(); ++i)
    if (is_needed_[i])
      needed_.push_back(i);
}

void row_writer::open(const record_batch& in, event_batch& out) {
  if (out.columns.empty()) {
    out.columns.reserve(fields_.size());
    for (const auto& f : fields_.fields())
      out.columns.emplace_back(f.of);
  }
  columns_ = &out.columns;
  row_ = first_row_ = out.rows();
  out.records.reserve(row_ + in.records.size());
  for (auto i : needed_)
    out.columns[i].resize(row_ + in.records.size());
}

error row_writer::too_large(const record& r) const {
  return {errc::event_too_large, "record of " + std::to_string(r.bytes.size()) +
                                     " bytes, the limit max_record is " + std::to_string(max_record_)};
}

bool row_writer::null(std::uint32_t field, std::string_view what, error& why) {
  const auto& f = fields_[field];
  if (f.of.nullable()) {
    nulls_.push_back(field);
    return true;
  }
  why = {errc::event_missing,
         f.name + ": " + std::string{what} + "; declare it " + type_name(f) + "? if that may be"};
  return false;
}

void row_writer::append(const record_batch& in, std::size_t from, std::size_t to, event_batch& out) {
  auto first = in.records.begin();
  out.records.insert(out.records.end(), first + static_cast<std::ptrdiff_t>(from),
                     first + static_cast<std::ptrdiff_t>(to));
}

void row_writer::close(const record_batch& in, event_batch& out) {
  for (auto i : needed_)
    out.columns[i].resize(row_);
  auto selected = out.selected.size();
  out.selected.resize(selected + row_ - first_row_);
  std::iota(out.selected.begin() + static_cast<std::ptrdiff_t>(selected), out.selected.end(),
            static_cast<std::uint32_t>(first_row_));
  out.partition = in.partition;
  if (in.memory && (out.memory.empty() || out.memory.back() != in.memory))
    out.memory.push_back(in.memory);
  columns_ = nullptr;
}

} // namespace tidemill
