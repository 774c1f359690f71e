#include "event/csv_codec.hpp"

#include "event/cell.hpp"
#include "event/csv_record.hpp"
#include "event/row_writer.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr auto no_column = std::string_view::npos;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

const std::string& column_name(const field& f) {
  return f.path.empty() ? f.name : f.path.front();
}

std::string_view without_mark(std::string_view text) {
  return text.substr(text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0);
}

class csv_codec final : public codec {
public:
  csv_codec(const format_options& options, const schema& fields, std::vector<bool> needed)
      : rows_(fields, std::move(needed), options.max_record), delimiter_(options.delimiter),
        with_header_(options.header) {
    for (const auto& f : fields.fields())
      readers_.push_back(text_reader(f.of));
    if (!with_header_)
      bind(options.columns);
  }

  void decode(const record_batch& in, event_batch& out, std::vector<decode_failure>& failures) override {
    if (with_header_)
      use_header(in.header);
    rows_.write(in, out, failures, [this](std::string_view text, error& why) { return read(text, why); });
  }

private:
  void use_header(const std::shared_ptr<const std::string>& header);
  void bind(const std::vector<std::string>& names);
  outcome read(std::string_view text, error& why);
  bool store(std::uint32_t field, std::size_t index, error& why);
  bool store_empty(std::uint32_t field, bool quoted, error& why);

  row_writer rows_;
  char delimiter_;
  bool with_header_;
  std::vector<text_cell_reader> readers_;     // per field
  std::shared_ptr<const std::string> header_; // what the columns were bound by
  std::size_t width_ = 0;
  std::vector<std::size_t> source_; // per needed field: its column, or none
  error unbound_;                   // why no record can be read, if so
  std::vector<csv_cell> cells_;
  std::string buffer_;
};

// Batches of one file share their header, so this costs a comparison of pointers.
void csv_codec::use_header(const std::shared_ptr<const std::string>& header) {
  if (header_ && (header_ == header || (header && *header_ == *header)))
    return;
  header_ = header;
  if (!header) {
    unbound_ = {errc::event_malformed, "the header of the file is not known"};
    return;
  }
  unbound_ = {};
  auto line = without_mark(*header);
  while (line.ends_with('\n') || line.ends_with('\r'))
    line.remove_suffix(1);
  std::vector<csv_cell> cells;
  error why;
  if (!check_utf8(line, why) || split_csv(line, delimiter_, line.size() + 1, cells, why) == 0) {
    unbound_ = why.in("header");
    return;
  }
  std::vector<std::string> names;
  for (const auto& cell : cells) {
    auto& name = names.emplace_back(cell.text);
    if (cell.doubled)
      name.resize(undouble_quotes(cell.text, name.data()));
  }
  bind(names);
}

void csv_codec::bind(const std::vector<std::string>& names) {
  width_ = names.size();
  source_.clear();
  for (auto field : rows_.needed()) {
    const auto& name = column_name(rows_.fields()[field]);
    auto found = std::find(names.begin(), names.end(), name);
    source_.push_back(found == names.end() ? no_column : static_cast<std::size_t>(found - names.begin()));
    if (found != names.end() && std::find(found + 1, names.end(), name) != names.end())
      unbound_ = {errc::event_malformed, "header: column " + excerpt(name) + " is there twice"};
  }
}

outcome csv_codec::read(std::string_view text, error& why) {
  text = without_mark(text);
  if (text.empty())
    return outcome::blank;
  if (unbound_.code() != errc::none) {
    why = unbound_;
    return outcome::failed;
  }
  if (!check_utf8(text, why))
    return outcome::failed;
  auto count = split_csv(text, delimiter_, width_, cells_, why);
  if (count == 0)
    return outcome::failed;
  if (count != width_) {
    why = {errc::event_malformed, "record of " + std::to_string(count) + " cells, expected " +
                                      std::to_string(width_) + (with_header_ ? " as in the header" : "")};
    return outcome::failed;
  }
  for (std::size_t i = 0; i < source_.size(); ++i)
    if (!store(rows_.needed()[i], source_[i], why))
      return outcome::failed;
  return outcome::row;
}

bool csv_codec::store_empty(std::uint32_t field, bool quoted, error& why) {
  auto to = rows_.at(field);
  bool textual = to.as.of.is(kind::string) || to.as.of.is(kind::bytes);
  if (!textual || (!quoted && to.as.of.nullable()))
    return rows_.null(field, "the cell is empty", why);
  return readers_[field](to, {}, text_life::batch, why);
}

bool csv_codec::store(std::uint32_t field, std::size_t index, error& why) {
  if (index == no_column)
    return rows_.null(field, "the header has no column " + excerpt(column_name(rows_.fields()[field])), why);
  const auto& cell = cells_[index];
  auto text = cell.text;
  auto life = text_life::batch;
  if (cell.doubled) {
    buffer_.resize(text.size());
    text = std::string_view{buffer_}.substr(0, undouble_quotes(text, buffer_.data()));
    life = text_life::record;
  }
  if (text.empty() ? store_empty(field, cell.quoted, why) : readers_[field](rows_.at(field), text, life, why))
    return true;
  why = {why.code(), why.text() + " (column " + std::to_string(index + 1) + ")"};
  return false;
}

error invalid(std::string text) {
  return {errc::config_invalid, std::move(text)};
}

status check_columns(const format_options& options, const schema& fields) {
  if (options.columns.empty())
    return invalid("csv without a header needs `columns`, the names of its columns in order");
  for (auto name = options.columns.begin(); name != options.columns.end(); ++name)
    if (std::find(options.columns.begin(), name, *name) != name)
      return invalid("csv: `columns` names " + excerpt(*name) + " twice");
  for (const auto& f : fields.fields())
    if (std::find(options.columns.begin(), options.columns.end(), column_name(f)) == options.columns.end())
      return invalid(f.name + ": `columns` has no " + excerpt(column_name(f)));
  return {};
}

} // namespace

result<std::unique_ptr<codec>> make_csv_codec(const format_options& options, const schema& fields,
                                              std::vector<bool> needed) {
  auto d = static_cast<unsigned char>(options.delimiter);
  if (d == '"' || d == '\n' || d == '\r' || d == 0 || d >= 0x80)
    return invalid("csv: the delimiter must be an ASCII character other than a quote or a line end");
  for (const auto& f : fields.fields()) {
    if (f.of.is(kind::dyn))
      return invalid(f.name + ": a csv cell has no type of its own; declare one instead of dyn");
    if (f.path.size() > 1)
      return invalid(f.name + ": csv has no nested fields, its path must be the name of one column");
  }
  if (!options.header)
    TIDEMILL_CHECK(check_columns(options, fields));
  return std::make_unique<csv_codec>(options, fields, std::move(needed));
}

} // namespace tidemill
