#include "http/view_list.hpp"

#include "http/row_query.hpp"

namespace tidemill {
namespace {

std::size_t count_rows(const view_snapshot& view) {
  std::size_t n = 0;
  for (const auto& block : view.blocks)
    for (const auto& r : block->rows)
      n += r.removed ? 0 : 1;
  return n;
}

void append_names(std::string& out, const view_schema& schema, std::size_t from, std::size_t to) {
  out.push_back('[');
  for (std::size_t i = from; i < to && i < schema.columns.size(); ++i) {
    if (i > from)
      out.push_back(',');
    append_json_string(out, schema.columns[i].name);
  }
  out.push_back(']');
}

void append_column(std::string& out, std::string_view name, std::string_view type) {
  out += out.back() == '[' ? "{\"name\":" : ",{\"name\":";
  append_json_string(out, name);
  out += ",\"type\":";
  append_json_string(out, type);
  out.push_back('}');
}

std::string quoted_duration(microseconds d) {
  return "\"" + format_config_duration(d) + "\"";
}

void append_window(std::string& out, const view_schema& schema) {
  if (schema.endless()) {
    out += "null";
    return;
  }
  if (schema.window == window_kind::session)
    out += "{\"session\":" + quoted_duration(schema.size);
  else if (schema.window == window_kind::calendar)
    out += "{\"calendar\":\"" + schema.calendar + "\",\"timezone\":\"" + schema.timezone + '"';
  else
    out += "{\"size\":" + quoted_duration(schema.size) + ",\"slide\":" + quoted_duration(schema.slide);
  if (schema.offset > microseconds{0})
    out += ",\"offset\":" + quoted_duration(schema.offset);
  out += ",\"lateness\":" + quoted_duration(schema.lateness) + "}";
}

} // namespace

void append_columns(std::string& out, const view_schema& schema) {
  out.push_back('[');
  append_column(out, "window_start", "timestamp");
  append_column(out, "window_end", "timestamp");
  for (const auto& column : schema.columns)
    append_column(out, column.name, to_string(column.of));
  append_column(out, "state", "string");
  append_column(out, "revision", "int");
  out.push_back(']');
}

std::string describe_view(const served_view& view, event_time now) {
  const auto& schema = *view.schema;
  const auto snapshot = view.cell->load();
  std::string out = "{\"name\":";
  append_json_string(out, schema.name);
  out += ",\"columns\":";
  append_columns(out, schema);
  out += ",\"by\":";
  append_names(out, schema, 0, schema.by);
  out += ",\"scores\":";
  append_names(out, schema, schema.columns.size() - schema.scores, schema.columns.size());
  out += ",\"window\":";
  append_window(out, schema);
  out += ",\"retain\":" + (schema.retain > microseconds{0} ? quoted_duration(schema.retain) : "null");
  out += ",\"epoch\":" + std::to_string(snapshot->epoch) + ",\"offset\":" + std::to_string(snapshot->offset);
  out += ",\"watermark\":";
  append_time(out, snapshot->watermark);
  out += ",\"as_of\":";
  append_as_of(out, *snapshot, now, false);
  out += ",\"rows\":" + std::to_string(count_rows(*snapshot)) + ",\"partial\":";
  append_partial(out, snapshot->partial);
  out.push_back('}');
  return out;
}

std::string describe_views(const server_content& content, event_time now) {
  std::string out = "{\"pipeline\":";
  append_json_string(out, content.pipeline);
  out += ",\"views\":[";
  for (const auto& view : content.views) {
    if (out.back() != '[')
      out.push_back(',');
    out += describe_view(view, now);
  }
  return out + "]}";
}

} // namespace tidemill
