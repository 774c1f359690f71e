#include "storage/file/file_event_sink.hpp"

#include "event/bytes.hpp"

namespace tidemill {
namespace {

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

} // namespace

file_event_sink::file_event_sink(std::filesystem::path out, std::vector<std::string> csv_columns)
    : out_(std::move(out), form_of(csv_columns)) {
  if (!csv_columns.empty())
    csv_.emplace(std::move(csv_columns));
}

result<std::map<partition_id, offset>> file_event_sink::resume() {
  TIDEMILL_TRY(auto note, out_.resume());
  upto_.clear();
  changed_ = false;
  if (note) {
    byte_reader r{*note};
    for (auto n = r.varint(); n > 0 && r.ok(); --n) {
      auto p = partition_id{static_cast<std::uint32_t>(r.varint())};
      upto_[p] = r.varint();
    }
    if (!r.ok() || !r.at_end())
      return error{errc::bug, "a cursor of events passes its checksum but doesn't decode"};
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
  std::string note;
  byte_writer w{note};
  w.varint(upto_.size());
  for (auto [p, upto] : upto_) {
    w.varint(to_index(p));
    w.varint(upto);
  }
  TIDEMILL_CHECK(out_.commit(note));
  changed_ = false;
  return {};
}

} // namespace tidemill
