#include "pipeline/row_parts.hpp"

namespace tidemill {

std::optional<double> to_number(const value& v) {
  if (const auto* i = v.get_if<std::int64_t>())
    return static_cast<double>(*i);
  if (const auto* u = v.get_if<std::uint64_t>())
    return static_cast<double>(*u);
  if (const auto* d = v.get_if<double>())
    return *d;
  if (const auto* d = v.get_if<decimal>())
    return static_cast<double>(d->units) / static_cast<double>(decimal_one);
  return std::nullopt;
}

void take_by(std::string_view key, std::size_t columns, std::vector<value>& to) {
  to.clear();
  (void)take_cells(key, to);
  to.resize(columns);
}

void append_results(const view_plan& view, const accumulator& total, microseconds length,
                    std::vector<value>& slots, std::vector<value>& columns) {
  total.finish(slots, length);
  for (const auto& column : view.columns) {
    auto v = column.evaluate(slots);
    columns.push_back(v.is_error() ? value{} : std::move(v)); // 0/0 of an empty window, say: no value
  }
}

void append_cells(std::string& out, std::size_t by, const row& r) {
  for (std::size_t i = by; i < r.columns.size(); ++i)
    append_encoded(out, r.columns[i]);
}

bool take_cells(std::string_view bytes, std::vector<value>& columns) {
  while (!bytes.empty()) {
    auto v = take_encoded(bytes);
    if (!v)
      return false;
    columns.push_back(std::move(*v));
  }
  return true;
}

void write_row(byte_writer& out, std::size_t by, const row& r, std::string& cells) {
  out.text(r.key);
  out.varint(r.revision);
  cells.clear();
  append_cells(cells, by, r);
  out.text(cells);
}

std::shared_ptr<row> read_row(byte_reader& in, const view_schema& view) {
  auto r = std::make_shared<row>();
  r->key = std::string{in.text()};
  r->revision = static_cast<std::uint32_t>(in.varint());
  const auto cells = in.text();
  const auto sound = take_cells(r->key, r->columns) && take_cells(cells, r->columns);
  return sound && in.ok() && r->columns.size() == view.columns.size() ? r : nullptr;
}

} // namespace tidemill
