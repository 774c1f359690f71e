#include "http/row_query.hpp"

namespace tidemill {
namespace {

/// RFC 4180: quoted if it holds a quote, a comma or a line end.
void append_csv(std::string& out, std::string_view text) {
  if (text.find_first_of("\",\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out.push_back('"');
  for (char c : text) {
    if (c == '"')
      out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

/// Text as it is, null as nothing, other values as in JSON without quotes around them.
void append_csv_cell(std::string& out, const value& v) {
  if (v.is_null())
    return;
  if (const auto* text = v.get_if<std::string>())
    return append_csv(out, *text);
  std::string json;
  append_json(json, v);
  const bool quoted = json.size() >= 2 && json.front() == '"';
  append_csv(out, quoted ? std::string_view{json}.substr(1, json.size() - 2) : std::string_view{json});
}

void append_csv_row(std::string& out, const row& r) {
  append_csv_cell(out, r.window_start == time_min ? value{} : value{to_timestamp(r.window_start)});
  out.push_back(',');
  append_csv_cell(out, r.window_end == time_max ? value{} : value{to_timestamp(r.window_end)});
  for (const auto& cell : r.columns) {
    out.push_back(',');
    append_csv_cell(out, cell);
  }
  out.push_back(',');
  out += to_string(r.state);
  out += ',' + std::to_string(r.revision) + "\r\n";
}

std::string format_csv(const view_schema& schema, const std::vector<const published_row*>& rows) {
  std::string out;
  for (const auto& name : column_names(schema)) {
    if (!out.empty())
      out.push_back(',');
    append_csv(out, name);
  }
  out += "\r\n";
  for (const auto* r : rows)
    append_csv_row(out, *r->data);
  return out;
}

} // namespace

std::string format_rows(row_format format, const view_snapshot& view, const row_query& query,
                        const std::vector<const published_row*>& rows, event_time now) {
  if (format == row_format::csv)
    return format_csv(*view.schema, rows);
  std::string out;
  if (format == row_format::ndjson) {
    for (const auto* r : rows) {
      append_row(out, *view.schema, *r);
      out.push_back('\n');
    }
    return out;
  }
  out = "{\"rows\":[";
  for (const auto* r : rows) {
    if (out.back() != '[')
      out.push_back(',');
    append_row(out, *view.schema, *r);
  }
  out += "],\"as_of\":";
  append_as_of(out, view, now, query.prefix);
  out += ",\"partial\":";
  append_partial(out, view.partial);
  out += "}\n";
  return out;
}

void append_row(std::string& out, const view_schema& schema, const published_row& r) {
  if (r.json)
    out += *r.json;
  else
    out += to_json(schema, *r.data);
}

void append_time(std::string& out, event_time t) {
  if (t <= time_min) {
    out += "null";
    return;
  }
  out.push_back('"');
  out += format_rfc3339(t);
  out.push_back('"');
}

void append_as_of(std::string& out, const view_snapshot& view, event_time now, bool prefix) {
  out += "{\"epoch\":" + std::to_string(view.epoch) + ",\"offset\":" + std::to_string(view.offset) +
         ",\"watermark\":";
  append_time(out, view.watermark);
  if (view.watermark > time_min && view.watermark < time_max) {
    const auto lag = std::chrono::duration_cast<std::chrono::milliseconds>(now - view.watermark).count();
    out += ",\"lag_ms\":" + std::to_string(lag);
  }
  if (prefix) {
    out += ",\"prefix\":[";
    for (std::size_t i = 0; i < view.prefix.size(); ++i)
      out += (i > 0 ? "," : "") + std::to_string(view.prefix[i]);
    out.push_back(']');
  }
  out.push_back('}');
}

void append_partial(std::string& out, const std::vector<partial_reason>& partial) {
  out.push_back('[');
  for (const auto& reason : partial) {
    out += out.back() == '[' ? "{\"partition\":" : ",{\"partition\":";
    append_json_string(out, reason.partition);
    out += ",\"why\":";
    append_json_string(out, reason.why);
    out += ",\"since\":";
    append_time(out, reason.since);
    out.push_back('}');
  }
  out.push_back(']');
}

} // namespace tidemill
