#include "storage/tables/csv_table.hpp"

#include "event/batch.hpp"
#include "event/codec.hpp"
#include "event/csv_record.hpp"
#include "event/time_pattern.hpp"
#include "storage/tables/versioned_store.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace tidemill {
namespace {

/// A number as one of kind `column`, if it is exactly that; nothing if not.
std::optional<value> whole_number(const value& key, kind column) {
  value same;
  auto is_signed = column == kind::integer;
  if (auto* i = key.get_if<std::int64_t>(); i && (is_signed || *i >= 0))
    same = is_signed ? value{*i} : value{static_cast<std::uint64_t>(*i)};
  else if (auto* u = key.get_if<std::uint64_t>(); u && (!is_signed || *u <= INT64_MAX))
    same = is_signed ? value{static_cast<std::int64_t>(*u)} : value{*u};
  else if (auto* d = key.get_if<double>(); d && *d <= 9e15 && *d >= (is_signed ? -9e15 : 0))
    same = is_signed ? value{static_cast<std::int64_t>(*d)} : value{static_cast<std::uint64_t>(*d)};
  if (same.is_null() || !(same == key))
    return std::nullopt;
  return same;
}

/// The bytes under which a key is kept; nothing if a value of this kind can't be a key of the column.
std::optional<std::string> key_bytes(const value& key, kind column) {
  std::string out;
  if (column == kind::integer || column == kind::uinteger) {
    auto number = whole_number(key, column);
    if (!number)
      return std::nullopt;
    append_encoded(out, *number);
    return out;
  }
  if (key.is_null() || key.is_error() || (key.of() != column && column != kind::dyn))
    return std::nullopt;
  append_encoded(out, key);
  return out;
}

struct content {
  schema columns;
  std::vector<std::size_t> source; // column → field of the file
  kind key_kind = kind::string;
  event_batch cells;
  std::unordered_map<std::string, std::uint32_t> rows;
};

class csv_table final : public lookup_table {
public:
  csv_table(std::string version, content c) : version_(std::move(version)), content_(std::move(c)) {}

  const std::string& version() const noexcept override { return version_; }
  const schema& columns() const noexcept override { return content_.columns; }

  bool find(const value& key, const std::vector<std::size_t>& wanted,
            std::vector<value>& out) const override {
    auto bytes = key_bytes(key, content_.key_kind);
    if (!bytes)
      return false;
    auto row = content_.rows.find(*bytes);
    if (row == content_.rows.end())
      return false;
    out.clear();
    for (auto i : wanted)
      out.push_back(content_.cells.columns[content_.source[i]].at(row->second));
    return true;
  }

private:
  std::string version_;
  content content_;
};

class csv_loader {
public:
  csv_loader(const csv_table_settings& settings, std::shared_ptr<const std::string> bytes)
      : settings_(settings), bytes_(std::move(bytes)) {
    format_.name = "csv";
    format_.delimiter = settings.delimiter;
  }

  result<table_ptr> load(std::string version) {
    frame();
    TIDEMILL_TRY(auto fields, bind_header());
    TIDEMILL_TRY(auto decoder, make_codec(format_, fields, std::vector<bool>(fields.size(), true)));
    content table;
    std::vector<decode_failure> failures;
    decoder->decode(raw_, table.cells, failures);
    if (!failures.empty())
      return failures[0].why.in(place(raw_.records[failures[0].record]));
    TIDEMILL_CHECK(index(table, fields));
    std::vector<record>{}.swap(table.cells.records);
    return table_ptr{std::make_shared<csv_table>(std::move(version), std::move(table))};
  }

private:
  [[nodiscard]] std::string place(const record& r) const {
    auto line = 1 + std::count(bytes_->begin(), bytes_->begin() + static_cast<std::ptrdiff_t>(r.at), '\n');
    return settings_.path.string() + ":" + std::to_string(line);
  }

  void frame() {
    framer lines{format_};
    std::string_view rest{*bytes_};
    for (auto first = true; auto cut = lines.next(rest, true); first = false) {
      auto at = static_cast<offset>(rest.data() - bytes_->data());
      if (first)
        raw_.header = std::make_shared<const std::string>(rest.substr(0, cut->content));
      else
        raw_.records.push_back(
            {.bytes = rest.substr(0, cut->content), .at = at, .end = at + cut->total, .arrival = {}});
      rest.remove_prefix(cut->total);
    }
    raw_.end = bytes_->size();
    raw_.memory = bytes_;
  }

  /// The fields of the file in its order, with declared types.
  result<schema> bind_header() {
    auto where = [&](const std::string& text) {
      return error{errc::config_invalid, settings_.path.string() + ":1: " + text};
    };
    if (!raw_.header)
      return where("the file is empty; the first line must name the columns");
    std::string_view line{*raw_.header};
    line.remove_prefix(line.starts_with("\xef\xbb\xbf") ? 3 : 0);
    std::vector<csv_cell> cells;
    error why;
    if (split_csv(line, settings_.delimiter, line.size() + 1, cells, why) == 0)
      return why.in(settings_.path.string() + ":1");
    schema fields;
    std::vector<bool> used(settings_.columns.size());
    for (const auto& cell : cells) {
      std::string name{cell.text};
      if (cell.doubled)
        name.resize(undouble_quotes(cell.text, name.data()));
      if (std::any_of(fields.fields().begin(), fields.fields().end(),
                      [&](const field& f) { return f.path[0] == name; }))
        return where("column " + name + " is there twice");
      field f{.name = name, .of = kind::string, .path = {name}};
      for (std::size_t i = 0; i < settings_.columns.size(); ++i) {
        const auto& declared = settings_.columns[i];
        if ((declared.path.empty() ? declared.name : declared.path[0]) != name)
          continue;
        f = declared;
        f.path = {name};
        used[i] = true;
      }
      fields.set(std::move(f));
    }
    for (std::size_t i = 0; i < used.size(); ++i)
      if (!used[i])
        return where("no column " + settings_.columns[i].name + " as declared");
    if (!fields.find(settings_.key))
      return where("no column " + settings_.key + ", which is the key");
    return fields;
  }

  status index(content& table, const schema& fields) {
    auto key = *fields.find(settings_.key);
    table.key_kind = fields[key].of.of();
    for (std::size_t i = 0; i < fields.size(); ++i)
      if (i != key) {
        table.columns.set(fields[i]);
        table.source.push_back(i);
      }
    const auto& keys = table.cells.columns[key];
    table.rows.reserve(table.cells.rows());
    for (std::uint32_t r = 0; r < table.cells.rows(); ++r) {
      auto k = keys.at(r);
      auto bytes = key_bytes(k, table.key_kind);
      auto complain = [&](const std::string& text) {
        return error{errc::event_malformed, place(table.cells.records[r]) + ": " + text};
      };
      if (!bytes)
        return complain("the key " + settings_.key + " is empty");
      if (auto [first, added] = table.rows.emplace(std::move(*bytes), r); !added) {
        std::string text;
        append_json(text, k);
        return complain("the key " + text + " is there twice, first at " +
                        place(table.cells.records[first->second]));
      }
    }
    return {};
  }

  const csv_table_settings& settings_;
  std::shared_ptr<const std::string> bytes_;
  format_options format_;
  record_batch raw_;
};

} // namespace

std::unique_ptr<table_store> make_csv_table(csv_table_settings settings) {
  std::string text = "csv " + settings.key + '\0' + settings.delimiter;
  for (const auto& f : settings.columns.fields())
    text += '\0' + f.name + '\0' + (f.path.empty() ? f.name : f.path[0]) + '\0' + to_string(f.of) + '\0' +
            std::to_string(static_cast<int>(f.time)) + (f.pattern ? '\0' + f.pattern->text() : std::string{});
  table_file file{.name = settings.name,
                  .path = settings.path,
                  .folder = settings.folder,
                  .max_bytes = settings.max_bytes,
                  .settings = std::move(text)};
  auto load = [s = std::move(settings)](std::shared_ptr<const std::string> bytes,
                                        const std::filesystem::path&, std::string version) {
    return csv_loader{s, std::move(bytes)}.load(std::move(version));
  };
  return make_versioned_store(std::move(file), std::move(load));
}

} // namespace tidemill
