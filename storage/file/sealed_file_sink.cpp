#include "storage/file/sealed_file_sink.hpp"

#include "event/bytes.hpp"
#include "event/row_json.hpp"
#include "storage/file/csv_text.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::size_t written_at_once = 256u << 10; // stays in a cache on its way to the kernel

std::string csv_header(const view_schema& view) {
  std::string out = "window_start,window_end,";
  for (const auto& column : view.columns) {
    append_csv_field(out, column.name);
    out += ',';
  }
  return out + "state,revision\n";
}

void append_csv_row(std::string& out, const view_schema& view, const row& r) {
  append_csv_field(out, format_rfc3339(r.window_start));
  out += ',';
  append_csv_field(out, format_rfc3339(r.window_end));
  for (std::size_t i = 0; i < view.columns.size(); ++i) {
    out += ',';
    if (i < r.columns.size())
      append_csv_value(out, r.columns[i]);
  }
  out += ',';
  out += to_string(r.state);
  out += ',';
  out += std::to_string(r.revision);
  out += '\n';
}

} // namespace

result<event_time> sealed_file_sink::resume(const view_schema& view) {
  auto form =
      "rows of " + view.name + " as " + (format_ == format::csv ? "csv: " + csv_header(view) : "ndjson");
  std::erase(form, '\n');
  out_.emplace(path_, form);
  last_ = time_min;
  TIDEMILL_TRY(auto note, out_->resume());
  if (note) {
    byte_reader r{*note};
    last_ = event_time{microseconds{r.svarint()}};
    if (!r.ok() || !r.at_end())
      return error{errc::bug, "a cursor of rows passes its checksum but doesn't decode"};
  }
  return last_;
}

/// Appends `text` and empties it. After an error the file is as long as `before`.
status sealed_file_sink::put(std::string& text, std::uint64_t before) {
  if (auto done = out_->append(text); !done) {
    TIDEMILL_CHECK(out_->cut(before)); // the same rows come again
    return done.error();
  }
  text.clear();
  return {};
}

status sealed_file_sink::write(const view_schema& view, const sealed_windows& windows) {
  if (!out_)
    return error{errc::bug, "a sealed sink was used before resume"};
  auto last = last_;
  auto before = out_->length();
  std::string text;
  if (format_ == format::csv && before == 0)
    text = csv_header(view);
  row_json json{view};
  for (const auto& [window_end, rows] : windows) {
    if (window_end <= last)
      continue;
    last = window_end;
    for (const auto& r : rows) {
      if (format_ == format::csv) {
        append_csv_row(text, view, *r);
      } else {
        json.append(text, *r);
        text += '\n';
      }
      if (text.size() >= written_at_once)
        TIDEMILL_CHECK(put(text, before));
    }
  }
  if (last == last_)
    return {};
  std::string note;
  byte_writer{note}.svarint(last.time_since_epoch().count());
  TIDEMILL_CHECK(put(text, before));
  if (auto done = out_->commit(note); !done) {
    TIDEMILL_CHECK(out_->cut(before)); // the same rows come again
    return done.error();
  }
  last_ = last;
  return {};
}

} // namespace tidemill
