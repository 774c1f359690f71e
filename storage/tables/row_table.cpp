#include "storage/tables/row_table.hpp"

#include "event/batch.hpp"
#include "event/codec.hpp"
#include "event/csv_record.hpp"
#include "event/encoded_cells.hpp"
#include "event/time_pattern.hpp"
#include "storage/tables/versioned_store.hpp"

#include <algorithm>
#include <optional>

namespace tidemill {
namespace {

/// Rows in columns, with their keys.
struct content {
  schema columns;                  // without the key
  std::vector<std::size_t> source; // column → field of the file
  event_batch cells;
  row_index index;
};

class row_table final : public lookup_table {
public:
  row_table(std::string version, content c) : version_(std::move(version)), content_(std::move(c)) {}

  const std::string& version() const noexcept override { return version_; }
  const schema& columns() const noexcept override { return content_.columns; }

  bool find(const value& key, const std::vector<std::size_t>& wanted,
            std::vector<value>& out) const override {
    return take(content_.index.find(key, std::nullopt), wanted, out);
  }
  bool find_at(const value& key, timestamp at, const std::vector<std::size_t>& wanted,
               std::vector<value>& out) const override {
    return take(content_.index.find(key, at), wanted, out);
  }

private:
  bool take(std::optional<std::uint32_t> row, const std::vector<std::size_t>& wanted,
            std::vector<value>& out) const {
    if (!row)
      return false;
    out.clear();
    for (auto i : wanted)
      out.push_back(content_.cells.columns[content_.source[i]].at(*row));
    return true;
  }

  std::string version_;
  content content_;
};

class row_loader {
public:
  row_loader(const row_table_settings& settings, std::shared_ptr<const std::string> bytes)
      : settings_(settings), bytes_(std::move(bytes)) {
    format_.name = settings.format == "csv" ? "csv" : "json";
    format_.delimiter = settings.delimiter;
  }

  result<table_ptr> load(std::string version) {
    content table;
    TIDEMILL_TRY(auto fields, settings_.format == "cells" ? take_cells(table.cells) : decode(table.cells));
    TIDEMILL_CHECK(index(table, fields));
    std::vector<record>{}.swap(table.cells.records);
    return table_ptr{std::make_shared<row_table>(std::move(version), std::move(table))};
  }

private:
  [[nodiscard]] bool csv() const noexcept { return settings_.format == "csv"; }

  result<schema> decode(event_batch& cells) {
    frame();
    TIDEMILL_TRY(auto fields, csv() ? bind_header() : result<schema>{settings_.columns});
    TIDEMILL_CHECK(check_keys(fields));
    TIDEMILL_TRY(auto decoder, make_codec(format_, fields, std::vector<bool>(fields.size(), true)));
    std::vector<decode_failure> failures;
    decoder->decode(raw_, cells, failures);
    if (!failures.empty())
      return failures[0].why.in(place(raw_.records[failures[0].record]));
    return fields;
  }

  result<schema> take_cells(event_batch& cells) {
    TIDEMILL_CHECK(check_keys(settings_.columns));
    for (const auto& f : settings_.columns.fields())
      cells.columns.emplace_back(f.of);
    cells.memory.push_back(bytes_);
    for (std::string_view rest{*bytes_}; !rest.empty();) {
      const auto row = cells.rows();
      for (auto& c : cells.columns) {
        c.resize(row + 1);
        if (!take_encoded(rest, c, row) || (c.is_null(row) && !c.of().nullable()))
          return error{errc::corrupt, settings_.path.string() + ": row " + std::to_string(row + 1) +
                                          " is damaged, or of other columns"};
      }
      cells.records.push_back({.bytes = {}, .at = 0, .end = 0, .arrival = {}});
    }
    return settings_.columns;
  }

  [[nodiscard]] std::string place(const record& r) const {
    auto line = 1 + std::count(bytes_->begin(), bytes_->begin() + static_cast<std::ptrdiff_t>(r.at), '\n');
    return settings_.path.string() + ":" + std::to_string(line);
  }

  void frame() {
    framer lines{format_};
    std::string_view rest{*bytes_};
    for (auto first = csv(); auto cut = lines.next(rest, true); first = false) {
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
    return fields;
  }

  /// That the columns which make the key are there, and can.
  status check_keys(const schema& fields) const {
    const auto& k = settings_.key;
    auto where = [&](const std::string& text) {
      return error{errc::config_invalid, settings_.path.string() + (csv() ? ":1: " : ": ") + text};
    };
    for (const auto& name : {k.key, k.from, k.to, k.network, k.since, k.until})
      if (!name.empty() && !fields.find(name))
        return where("no column " + name + ", which is " + (name == k.key ? "the key" : "part of the key"));
    auto of = [&](const std::string& name) { return fields[*fields.find(name)].of; };
    for (const auto& name : {k.since, k.until})
      if (!name.empty() && !of(name).is(kind::timestamp))
        return where("column " + name + " says when a row is valid: declare it as a timestamp, it is " +
                     to_string(of(name)));
    if (!k.network.empty() && !of(k.network).is(kind::string))
      return where("column " + k.network + " holds networks, it can't be " + to_string(of(k.network)));
    if (!k.from.empty() && of(k.from).of() != of(k.to).of())
      return where("the ends of a range are of one type, " + k.from + " is " + to_string(of(k.from)) +
                   " and " + k.to + " is " + to_string(of(k.to)));
    return {};
  }

  status index(content& table, const schema& fields) {
    const auto& k = settings_.key;
    for (std::size_t i = 0; i < fields.size(); ++i)
      if (fields[i].name != k.key) {
        table.columns.set(fields[i]);
        table.source.push_back(i);
      }
    auto at = [&](const std::string& name) {
      return name.empty() ? nullptr : &table.cells.columns[*fields.find(name)];
    };
    row_index::fault why;
    auto made = row_index::make(
        {at(k.key), at(k.from), at(k.to), at(k.network), at(k.since), at(k.until), k.addresses},
        static_cast<std::uint32_t>(table.cells.rows()), why);
    if (!made) {
      auto text = place(table.cells.records[why.row]) + ": " + why.text;
      if (why.other)
        text += ", first at " + place(table.cells.records[*why.other]);
      return error{errc::event_malformed, std::move(text)};
    }
    table.index = std::move(*made);
    return {};
  }

  const row_table_settings& settings_;
  std::shared_ptr<const std::string> bytes_;
  format_options format_;
  record_batch raw_;
};

} // namespace

std::unique_ptr<table_store> make_row_table(row_table_settings settings) {
  const auto& k = settings.key;
  std::string text = settings.format + ' ' + k.key + '\0' + settings.delimiter;
  // Tables by one key keep the versions that they had before there were others.
  if (!k.from.empty() || !k.network.empty() || k.timed())
    text += '\0' + k.from + '\0' + k.to + '\0' + (k.addresses ? "ip" : "") + '\0' + k.network + '\0' +
            k.since + '\0' + k.until;
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
    return row_loader{s, std::move(bytes)}.load(std::move(version));
  };
  return make_versioned_store(std::move(file), std::move(load));
}

} // namespace tidemill
