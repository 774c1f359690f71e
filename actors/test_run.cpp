#include "actors/test_run.hpp"

#include "actors/components.hpp"
#include "actors/scratch_folder.hpp"
#include "actors/test_compare.hpp"
#include "actors/view_table.hpp"
#include "event/json_parse.hpp"
#include "pipeline/test_driver.hpp"
#include "storage/disk_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace tidemill {
namespace {

/// A step that can't be done at all.
struct impossible {
  test_fault why;
};

std::string csv_cell(const value* v, char delimiter) {
  std::string text;
  if (v == nullptr || v->is_null())
    return text;
  if (const auto* s = v->get_if<std::string>())
    text = *s;
  else
    append_json(text, *v);
  if (text.find_first_of(std::string{"\"\r\n"} + delimiter) == std::string::npos)
    return text;
  std::string quoted = "\"";
  for (auto c : text)
    quoted += c == '"' ? std::string{"\"\""} : std::string{c};
  return quoted + '"';
}

/// Objects as CSV: the header, then a line each. Columns in the order in which they first appear.
std::vector<std::string> as_csv(const std::vector<value>& objects, char delimiter) {
  std::vector<value> names;
  for (const auto& o : objects)
    for (const auto& [key, cell] : *o.as_map())
      if (std::ranges::find(names, key) == names.end())
        names.push_back(key);
  auto line = [&](auto cell_of) {
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i)
      out += (i > 0 ? std::string{delimiter} : "") + csv_cell(cell_of(names[i]), delimiter);
    return out;
  };
  std::vector<std::string> out{line([](const value& name) { return &name; })};
  for (const auto& o : objects)
    out.push_back(line([&](const value& name) -> const value* {
      auto found = std::ranges::find(*o.as_map(), name, &std::pair<value, value>::first);
      return found == o.as_map()->end() ? nullptr : &found->second;
    }));
  return out;
}

class run {
public:
  run(const std::shared_ptr<const plan>& all, const test_case& test) : all_(all), test_(test) {}

  std::vector<test_fault> go(bool crashes) {
    try {
      test_driver::settings s{all_, partitions(), tables(), test_.clock};
      driver_ = std::make_unique<test_driver>(std::move(s));
      driver_->crash_always(crashes);
      for (const auto& step : test_.steps) {
        at_ = step.at;
        std::visit([&](const auto& what) { take(what); }, step.of);
        look_at_views();
      }
    } catch (const impossible& i) {
      faults_.push_back(i.why);
    } catch (const std::exception& e) { // a bug of a step, an aggregate, the driver: the test has found it
      faults_.push_back({at_, std::string{"the pipeline failed: "} + e.what()});
    }
    tell_of_refused();
    return std::move(faults_);
  }

private:
  std::vector<std::uint32_t> partitions() const {
    std::vector<std::uint32_t> out(all_->sources.size(), 1);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (all_->sources[i].exchange)
        out[i] = all_->sources[i].exchange->partitions;
    for (const auto& step : test_.steps)
      if (const auto* s = std::get_if<test_send>(&step.of))
        for (std::size_t i = 0; i < out.size(); ++i)
          if (all_->sources[i].name == s->source.text)
            out[i] = std::max(out[i], s->partition + 1);
    return out;
  }

  std::vector<table_ptr> tables() {
    std::vector<table_ptr> out;
    for (std::size_t i = 0; i < all_->tables.size(); ++i)
      out.push_back(all_->tables[i].type == "view" ? load_rows(i, {}) : load(i, all_->tables[i]));
    return out;
  }

  /// Tables that are views have their rows from the next step on.
  void look_at_views() {
    for (std::size_t i = 0; i < all_->tables.size(); ++i)
      if (all_->tables[i].type == "view")
        if (auto rows = rows_of(all_->tables[i]); rows != view_rows_[i])
          driver_->use_table(i, load_rows(i, std::move(rows)));
  }

  [[nodiscard]] std::string rows_of(const component& table) const {
    std::string bytes;
    for (std::size_t s = 0; s < all_->sources.size(); ++s)
      for (std::size_t v = 0; v < all_->sources[s].views.size(); ++v)
        if (const auto& view = all_->sources[s].views[v]; view.name == table.settings.text("from"))
          for (const auto& r : driver_->rows(s, v))
            append_table_row(bytes, declared_columns(table), *view.schema, *r);
    return bytes;
  }

  table_ptr load_rows(std::size_t number, std::string rows) {
    auto file = scratch_.path() / (all_->tables[number].name.text + ".rows." + std::to_string(++files_));
    std::filesystem::create_directories(scratch_.path());
    std::ofstream{file, std::ios::binary} << rows;
    view_rows_[number] = std::move(rows);
    return load(number + all_->tables.size() * files_, with_path(all_->tables[number], file));
  }

  table_ptr load(std::size_t number, const component& c) {
    auto store = make_table(c, base_folder(all_->written),
                            scratch_.path() / (c.name.text + '.' + std::to_string(number) + ".versions"));
    auto latest = store->latest();
    if (!latest)
      throw impossible{{at_, "table " + c.name.text + ": " + latest.error().text()}};
    return *latest;
  }

  std::size_t source(const text_at& name) const {
    auto found = std::ranges::find(all_->sources, name.text, &source_plan::name);
    if (found == all_->sources.end() || found->exchange)
      throw impossible{{name.at, "there is no source \"" + name.text + "\""}};
    return static_cast<std::size_t>(found - all_->sources.begin());
  }

  void take(const test_advance& a) { driver_->advance(a.by); }
  void take(const test_end&) { driver_->end(); }
  void take(const test_crash& c) {
    using what = test_crash::what;
    driver_->crash(c.of == what::worker ? test_driver::victim::workers
                   : c.of == what::view ? test_driver::victim::views
                                        : test_driver::victim::process);
  }

  void take(const test_send& s) {
    auto number = source(s.source);
    const auto& format = all_->sources[number].format;
    auto partition = static_cast<partition_id>(s.partition);
    auto with_header = format.name == "csv" && format.header;
    std::vector<std::string> lines;
    if (!s.file.empty()) {
      lines = lines_of(s, format);
    } else if (std::ranges::all_of(s.records, &test_send::record::raw)) {
      for (const auto& r : s.records)
        lines.push_back(r.text);
    } else {
      lines = encoded(s, format);
    }
    std::string header;
    if (with_header && !lines.empty()) {
      header = lines.front();
      lines.erase(lines.begin());
    }
    std::vector<test_driver::sent_record> records;
    for (auto& line : lines)
      records.push_back({std::move(line)});
    if (s.file.empty()) { // without the header, if there is one
      const auto first = s.records.size() - std::min(s.records.size(), records.size());
      for (std::size_t i = 0; i < records.size(); ++i) {
        const auto& r = s.records[first + i];
        records[i].key = r.key;
        records[i].headers = r.headers;
        records[i].tombstone = r.tombstone;
      }
    }
    driver_->send(number, partition, std::move(records), header);
  }

  std::vector<std::string> lines_of(const test_send& s, const format_options& format) const {
    auto path = std::filesystem::path{s.file};
    auto text = read_file(path.is_absolute() ? path : base_folder(all_->written) / path, 1u << 30);
    if (!text)
      throw impossible{{s.source.at, text.error().text()}};
    std::vector<std::string> out;
    framer frames{format};
    for (std::string_view rest = *text; !rest.empty();) {
      auto one = frames.next(rest, true).value();
      if (one.content > 0)
        out.emplace_back(rest.substr(0, one.content));
      rest.remove_prefix(one.total);
    }
    return out;
  }

  /// Objects in the format of the source; raw texts between them stay as they are.
  std::vector<std::string> encoded(const test_send& s, const format_options& format) const {
    std::vector<std::string> out;
    if (format.name == "json" || format.name == "ndjson") {
      for (const auto& r : s.records)
        out.push_back(r.text);
      return out;
    }
    std::vector<value> objects;
    for (const auto& r : s.records) {
      auto object = r.raw ? result<value>{value{}} : parse_json(r.text);
      if (!object || object->as_map() == nullptr || format.name != "csv")
        throw impossible{
            {r.at, "an event of format " + format.name + " can't be made of this; write it as text"}};
      objects.push_back(std::move(*object));
    }
    out = as_csv(objects, format.delimiter);
    if (!format.header)
      out.erase(out.begin());
    return out;
  }

  void take(const test_table& t) {
    auto found =
        std::ranges::find(all_->tables, t.table.text, [](const component& c) { return c.name.text; });
    if (found == all_->tables.end())
      throw impossible{{t.table.at, "there is no table \"" + t.table.text + "\""}};
    if (found->type == "view")
      throw impossible{{t.table.at, "its rows are those of view " + found->settings.text("from")}};
    if (found->type != "csv" && found->type != "ndjson")
      throw impossible{{t.table.at, "rows can be given for tables of type csv and ndjson only"}};
    auto number = static_cast<std::size_t>(found - all_->tables.begin());
    auto file = scratch_.path() / (t.table.text + '.' + std::to_string(++files_) + '.' + found->type);
    std::filesystem::create_directories(scratch_.path());
    std::ofstream out{file};
    if (found->type == "ndjson")
      for (const auto& row : t.rows)
        out << row.json << '\n';
    else
      for (const auto& line : as_csv(parsed(t.rows), found->settings.text("delimiter", ",").front()))
        out << line << '\n';
    out.close();
    driver_->use_table(number, load(number + all_->tables.size() * files_, with_path(*found, file)));
  }

  void take(const test_expect& e) {
    for (const auto& l : e.rows)
      expect_rows(l);
    for (const auto& l : e.events)
      expect_events(l);
    for (const auto& l : e.alerts)
      expect_alerts(l);
  }

  void expect_rows(const test_expect::list& l) {
    for (std::size_t s = 0; s < all_->sources.size(); ++s)
      for (std::size_t v = 0; v < all_->sources[s].views.size(); ++v)
        if (all_->sources[s].views[v].name == l.of.text) {
          std::vector<std::string> actual;
          for (const auto& r : driver_->rows(s, v))
            actual.push_back(to_json(*all_->sources[s].views[v].schema, *r));
          check_columns(l, *all_->sources[s].views[v].schema, faults_);
          return compare(l, actual, "rows of " + l.of.text, faults_);
        }
    faults_.push_back({l.of.at, "there is no view \"" + l.of.text + "\""});
  }

  void expect_events(const test_expect::list& l) {
    std::vector<std::string> actual;
    auto known = false;
    for (std::size_t s = 0; s < all_->sources.size(); ++s)
      for (std::size_t o = 0; o < all_->sources[s].outputs.size(); ++o)
        if (all_->sources[s].outputs[o].name == l.of.text) {
          known = true;
          std::ranges::move(driver_->events(s, o), std::back_inserter(actual));
        }
    if (!known)
      return faults_.push_back({l.of.at, "there is no stream or side output \"" + l.of.text + "\""});
    compare(l, actual, "events of " + l.of.text, faults_);
  }

  void expect_alerts(const test_expect::list& l) {
    for (std::size_t s = 0; s < all_->sources.size(); ++s)
      for (std::size_t v = 0; v < all_->sources[s].views.size(); ++v) {
        const auto& rules = all_->sources[s].views[v].alerts;
        for (std::size_t i = 0; i < rules.size(); ++i)
          if (rules[i].schema->name == l.of.text)
            return compare(l, driver_->alerts(s, v, i), "entries of " + l.of.text, faults_);
      }
    faults_.push_back({l.of.at, "there is no alert \"" + l.of.text + "\""});
  }

  /// Why an event is missing is often that it was refused.
  void tell_of_refused() {
    if (faults_.empty() || !driver_)
      return;
    std::set<std::string> looked_at;
    for (const auto& step : test_.steps)
      if (const auto* e = std::get_if<test_expect>(&step.of))
        for (const auto& l : e->events)
          looked_at.insert(l.of.text);
    for (std::size_t s = 0; s < all_->sources.size(); ++s)
      for (std::size_t o = 0; o < all_->sources[s].outputs.size(); ++o) {
        const auto& output = all_->sources[s].outputs[o];
        auto events = driver_->events(s, o);
        if (output.kind == output_kind::events || output.kind == output_kind::exchange ||
            looked_at.contains(output.name) || events.empty())
          continue;
        faults_.push_back({test_.name.at, "events of " + output.name + ", of which the test says nothing: " +
                                              std::to_string(events.size()) + ", the first:\n  " +
                                              events.front()});
      }
  }

  std::shared_ptr<const plan> all_;
  const test_case& test_;
  scratch_folder scratch_{"test"}; ///< for tables that the test writes
  std::unique_ptr<test_driver> driver_;
  std::map<std::size_t, std::string> view_rows_; ///< of tables that are views, by number
  position at_;
  std::size_t files_ = 0;
  std::vector<test_fault> faults_;
};

} // namespace

definition with_takers(definition d) {
  std::set<std::string> wanted;
  for (const auto& t : d.tests)
    for (const auto& s : t.steps)
      if (const auto* e = std::get_if<test_expect>(&s.of))
        for (const auto& l : e->events)
          wanted.insert(l.of.text);
  auto stream = [&](const std::string& name) {
    const auto branch = [&](const stream_definition& s) {
      const auto of = s.name.text + '.';
      return !s.route.empty() && name.starts_with(of) &&
             (name == of + "else" ||
              std::ranges::any_of(s.route, [&](const auto& b) { return name == of + b.first.text; }));
    };
    return std::ranges::any_of(d.streams, [&](const auto& s) { return s.name.text == name || branch(s); }) ||
           std::ranges::any_of(d.sources, [&](const auto& s) { return s.name.text == name; });
  };
  for (const auto& name : wanted)
    if (stream(name)) {
      component taker{{"test-" + name, {}}, "test", {}};
      taker.settings.set("from", {{}, std::vector<text_at>{{name, {}}}});
      d.sinks.push_back(std::move(taker));
    }
  return d;
}

std::vector<test_fault> run_test(const std::shared_ptr<const plan>& all, const test_case& test,
                                 bool crashes) {
  return run{all, test}.go(crashes);
}

} // namespace tidemill
