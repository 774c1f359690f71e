#include "storage/kafka/row_keys.hpp"

namespace tidemill {
namespace {

void append_by(std::string& out, const view_schema& view, const row& r) {
  std::string_view encoded{r.key};
  for (std::size_t i = 0; i < view.by && i < view.columns.size(); ++i) {
    value v;
    if (i < r.columns.size())
      v = r.columns[i];
    else if (auto decoded = take_encoded(encoded))
      v = std::move(*decoded);
    if (out.back() != '{')
      out += ',';
    append_json_string(out, view.columns[i].name);
    out += ':';
    append_json(out, v);
  }
  out += '}';
}

} // namespace

std::string key_json(const view_schema& view, const row& r) {
  std::string out = "{";
  append_by(out, view, r);
  return out;
}

std::string identity_json(const view_schema& view, const row& r) {
  if (view.endless())
    return key_json(view, r);
  std::string out = R"({"window_start":")" + format_rfc3339(r.window_start) + R"(","window_end":")" +
                    format_rfc3339(r.window_end) + '"';
  append_by(out, view, r);
  return out;
}

} // namespace tidemill
