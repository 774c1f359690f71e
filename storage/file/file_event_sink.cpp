#include "storage/file/file_event_sink.hpp"

#include "event/bytes.hpp"

namespace tidemill {
namespace {

const std::string by_source(1, '\0');

std::string form_of(const std::vector<std::string>& csv_columns) {
  if (csv_columns.empty())
    return "events as ndjson";
  std::string form = "events as csv of ";
  for (const auto& name : csv_columns) {
    append_csv_field(form, name);
    form += ',';
  }
  form.pop_back();
  return form;
}

/// What `sync` has noted. Earlier versions noted the number of partitions, never 0, and then number and
/// offset of each.
result<sink_progress> read_note(std::string_view note, const std::vector<sink_input>& inputs) {
  if (note.starts_with(by_source))
    return decode_progress(note.substr(by_source.size()), inputs);
  sink_progress upto;
  byte_reader r{note};
  for (auto n = r.varint(); n > 0 && r.ok(); --n) {
    auto p = partition_id{static_cast<std::uint32_t>(r.varint())};
    upto[p] = r.varint();
  }
  if (!r.ok() || !r.at_end())
    return error{errc::bug, "a cursor of events passes its checksum but doesn't decode"};
  return upto;
}

} // namespace

file_event_sink::file_event_sink(std::filesystem::path out, std::vector<std::string> csv_columns,
                                 std::vector<sink_input> inputs)
    : out_(std::move(out), form_of(csv_columns)), inputs_(std::move(inputs)) {
  if (!csv_columns.empty())
    csv_.emplace(std::move(csv_columns));
}

result<std::map<partition_id, offset>> file_event_sink::resume() {
  TIDEMILL_TRY(auto note, out_.resume());
  upto_.clear();
  changed_ = false;
  if (note) {
    TIDEMILL_TRY(upto_, read_note(*note, inputs_));
  }
  return upto_;
}

status file_event_sink::write(const outgoing_batch& batch) {
  text_.clear();
  if (csv_ && out_.length() == 0 && !batch.events.empty())
    text_ = csv_->header();
  for (const auto& e : batch.events) {
    if (csv_) {
      TIDEMILL_CHECK(csv_->append_line(text_, e.json));
    } else {
      text_ += e.json;
      text_ += '\n';
    }
  }
  TIDEMILL_CHECK(out_.append(text_));
  upto_[batch.partition] = batch.upto;
  changed_ = true;
  return {};
}

status file_event_sink::sync() {
  if (!changed_)
    return {};
  TIDEMILL_CHECK(out_.commit(by_source + encode_progress(upto_, inputs_)));
  changed_ = false;
  return {};
}

} // namespace tidemill
