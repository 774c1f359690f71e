#include "config/test_section.hpp"

#include "config/scalar.hpp"
#include "event/json_parse.hpp"
#include "event/value.hpp"

#include <algorithm>
#include <charconv>

namespace tidemill {
namespace {

using kind = yaml_node::kind;

const std::vector<field_spec>& test_fields() {
  static const std::vector<field_spec> all{
      {.name = "clock", .type = field_type::text, .text = "", .foreign = {"now", "start", "time"}},
      {.name = "steps", .type = field_type::texts, .text = "", .foreign = {"do", "script"}},
      {.name = "send",
       .type = field_type::sections,
       .text = "",
       .foreign = {"input", "inputs", "given", "events"}},
      {.name = "expect",
       .type = field_type::sections,
       .text = "",
       .foreign = {"output", "outputs", "then", "assert", "expected"}}};
  return all;
}

const std::vector<field_spec>& step_fields() {
  static const std::vector<field_spec> all{
      {.name = "send", .type = field_type::sections, .text = "", .foreign = {"input", "given", "events"}},
      {.name = "advance",
       .type = field_type::duration,
       .text = "",
       .foreign = {"wait", "sleep", "clock", "after"}},
      {.name = "crash", .type = field_type::choice, .text = "", .foreign = {"kill", "restart"}},
      {.name = "table", .type = field_type::sections, .text = "", .foreign = {"tables", "update"}},
      {.name = "end", .type = field_type::boolean, .text = "", .foreign = {"finish", "close", "eof"}},
      {.name = "expect", .type = field_type::sections, .text = "", .foreign = {"then", "assert", "output"}}};
  return all;
}

const std::vector<field_spec>& expect_fields() {
  static const std::vector<field_spec> all{
      {.name = "rows", .type = field_type::sections, .text = "", .foreign = {"views", "view"}},
      {.name = "some_rows", .type = field_type::sections, .text = ""},
      {.name = "events", .type = field_type::sections, .text = "", .foreign = {"streams", "dead", "late"}},
      {.name = "some_events", .type = field_type::sections, .text = ""},
      {.name = "alerts", .type = field_type::sections, .text = "", .foreign = {"alarms", "alert"}},
      {.name = "some_alerts", .type = field_type::sections, .text = ""}};
  return all;
}

/// As it is written: what JSON would take for a number, true, false or null is that.
void append_yaml(std::string& out, const yaml_node& node) {
  switch (node.of) {
  case kind::map:
    out += '{';
    for (std::size_t i = 0; i < node.entries.size(); ++i) {
      out += i > 0 ? "," : "";
      append_json_string(out, node.entries[i].first->text);
      out += ':';
      append_yaml(out, *node.entries[i].second);
    }
    out += '}';
    return;
  case kind::sequence:
    out += '[';
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      out += i > 0 ? "," : "";
      append_yaml(out, *node.items[i]);
    }
    out += ']';
    return;
  case kind::scalar:
    if (auto plain = parse_json(node.text); !node.quoted && plain && !plain->get_if<std::string>())
      out += node.text;
    else
      append_json_string(out, node.text);
    return;
  case kind::null:
  case kind::spoiled:
    out += "null";
  }
}

class tests_reader {
public:
  tests_reader(settings_reader& reader, std::vector<test_case>& out) : reader_(reader), out_(out) {}

  void read(const yaml_node& node) {
    if (node.of == kind::null || node.of == kind::spoiled)
      return;
    if (node.of != kind::map)
      return reader_.fault(node.at, "tests", "expected a map of names to tests",
                           "write \"a name:\" before each");
    for (const auto& [key, child] : node.entries)
      test(*key, *child, "tests." + key->text);
  }

private:
  void test(const yaml_node& key, const yaml_node& node, const std::string& path) {
    if (node.of != kind::map)
      return reader_.fault(node.at, path, "expected a test",
                           "write it like {send: {clicks: […]}, expect: {…}}");
    test_case t{{key.text, key.at}, {}, {}};
    const yaml_node *steps = nullptr, *send = nullptr, *expect = nullptr;
    for (const auto& [name, child] : node.entries) {
      if (name->text == "clock")
        clock(*child, path + ".clock", t);
      else if (name->text == "steps")
        steps = child.get();
      else if (name->text == "send")
        send = child.get();
      else if (name->text == "expect")
        expect = child.get();
      else
        (void)reader_.unknown_key(*name, path, test_fields());
    }
    if (steps != nullptr && (send != nullptr || expect != nullptr))
      reader_.fault(steps->at, path, "a test has steps, or send and expect",
                    "put send and expect into the steps");
    if (steps != nullptr)
      read_steps(*steps, path + ".steps", t);
    if (send != nullptr) {
      read_send(*send, path + ".send", t.steps);
      t.steps.push_back({test_end{}, send->at});
    }
    if (expect != nullptr)
      read_expect(*expect, path + ".expect", t.steps);
    if (std::ranges::none_of(t.steps,
                             [](const test_step& s) { return std::holds_alternative<test_expect>(s.of); }))
      reader_.fault(key.at, path, "the test expects nothing", "add expect: {rows: {view: […]}}");
    out_.push_back(std::move(t));
  }

  void clock(const yaml_node& node, const std::string& path, test_case& t) {
    auto time = parse_rfc3339(node.text);
    if (!time)
      return reader_.fault(node.at, path, "expected a time", "write it like 2026-01-31T00:00:00Z");
    t.clock = to_event_time(*time);
  }

  void read_steps(const yaml_node& node, const std::string& path, test_case& t) {
    if (node.of != kind::sequence)
      return reader_.fault(node.at, path, "expected a list of steps", "write \"- \" before each");
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const auto& item = *node.items[i];
      auto where = path + '[' + std::to_string(i) + ']';
      if (item.of != kind::map || item.entries.empty()) {
        reader_.fault(item.at, where, "expected a step", "write it like - advance: 30s");
        continue;
      }
      if (item.entries.size() > 1)
        reader_.fault(item.entries[1].first->at, where, "a step has one key",
                      "write \"- \" before the second");
      step(*item.entries[0].first, *item.entries[0].second, where, t.steps);
    }
  }

  void step(const yaml_node& key, const yaml_node& node, const std::string& path,
            std::vector<test_step>& out) {
    if (key.text == "send") {
      read_send(node, path + ".send", out);
    } else if (key.text == "expect") {
      read_expect(node, path + ".expect", out);
    } else if (key.text == "end") {
      if (node.text == "true")
        out.push_back({test_end{}, key.at});
      else
        reader_.fault(node.at, path + ".end", "an end is true, or not there", "write end: true");
    } else if (key.text == "advance") {
      auto by = parse_config_duration(node.text);
      if (by && by->count() >= 0)
        out.push_back({test_advance{*by}, key.at});
      else
        reader_.fault(node.at, path + ".advance", "expected a duration", "write it like 30s or 1m30s");
    } else if (key.text == "crash") {
      crash(node, path + ".crash", out);
    } else if (key.text == "table") {
      for (const auto& [name, rows] : entries_of(node, path + ".table", "tables"))
        out.push_back(
            {test_table{{name->text, name->at}, values(*rows, path + ".table." + name->text)}, name->at});
    } else {
      (void)reader_.unknown_key(key, path, step_fields());
    }
  }

  void crash(const yaml_node& node, const std::string& path, std::vector<test_step>& out) {
    using what = test_crash::what;
    for (auto [word, of] : {std::pair{"worker", what::worker}, std::pair{"view", what::view},
                            std::pair{"process", what::process}})
      if (node.text == word)
        return out.push_back({test_crash{of}, node.at});
    reader_.fault(node.at, path, "no such thing can crash", "worker, view or process");
  }

  void read_send(const yaml_node& node, const std::string& path, std::vector<test_step>& out) {
    for (const auto& [name, records] : entries_of(node, path, "sources")) {
      test_send s;
      s.source = {name->text, name->at};
      if (auto slash = name->text.find('/'); slash != std::string::npos) {
        s.source.text.resize(slash);
        auto number = std::string_view{name->text}.substr(slash + 1);
        auto [end, bad] = std::from_chars(number.data(), number.data() + number.size(), s.partition);
        if (bad != std::errc{} || end != number.data() + number.size() || s.partition >= 1024)
          reader_.fault(name->at, path, "no partition has this number", "write it like clicks/3; 0 … 1023");
      }
      if (records->of == kind::map && records->find("file") != nullptr)
        s.file = records->find("file")->text;
      else
        read_records(*records, path + '.' + name->text, s);
      out.push_back({std::move(s), name->at});
    }
  }

  /// An event with what stands beside its record: `{$key: ann, $headers: {trace: 7}, ts: 1}`; with `$value`
  /// that is the record, null or a text, and there are no fields.
  void read_record(const yaml_node& node, const std::string& path, test_send::record& out) {
    auto fields = node;
    std::erase_if(fields.entries, [](const auto& entry) { return entry.first->text.starts_with('$'); });
    append_yaml(out.text, fields);
    for (const auto& [name, child] : node.entries)
      if (name->text == "$key" && child->of == kind::scalar)
        out.key = child->text;
      else if (name->text == "$headers" && child->of == kind::map)
        read_headers(*child, path, out);
      else if (name->text == "$value" && fields.entries.empty() && child->of <= kind::scalar) {
        out.raw = true;
        out.tombstone = child->of == kind::null;
        out.text = out.tombstone ? "" : child->text;
      } else if (name->text == "$value")
        reader_.fault(child->at, path, "$value is null or a text, and stands instead of fields",
                      "write it like {$key: ann, $value: null}");
      else if (name->text.starts_with('$'))
        reader_.fault(name->at, path, "a record has $key (a text), $headers (a map) and $value",
                      "write it like {$key: ann, $headers: {trace: 7}, ts: 1}");
  }

  void read_headers(const yaml_node& node, const std::string& path, test_send::record& out) {
    for (const auto& [name, child] : node.entries)
      if (child->of == kind::scalar || child->of == kind::null)
        out.headers.emplace_back(name->text,
                                 child->of == kind::null ? std::nullopt : std::optional{child->text});
      else
        reader_.fault(child->at, path, "a header is a text or null");
  }

  void read_records(const yaml_node& node, const std::string& path, test_send& out) {
    auto add = [&](const yaml_node& n) {
      test_send::record r{{}, n.of == kind::scalar, n.at};
      const auto is_meta = [](const auto& entry) { return entry.first->text.starts_with('$'); };
      if (r.raw)
        r.text = n.text;
      else if (n.of == kind::map && std::ranges::any_of(n.entries, is_meta))
        read_record(n, path, r);
      else
        append_yaml(r.text, n);
      out.records.push_back(std::move(r));
    };
    if (node.of == kind::sequence)
      for (const auto& item : node.items)
        add(*item);
    else if (node.of == kind::map)
      add(node);
    else
      reader_.fault(node.at, path, "expected a list of events",
                    "write it like [{user: a}], or {file: events.ndjson}");
  }

  void read_expect(const yaml_node& node, const std::string& path, std::vector<test_step>& out) {
    test_expect e;
    for (const auto& [key, child] : entries_of(node, path, "expectations")) {
      auto some = key->text.starts_with("some_");
      auto what = some ? key->text.substr(5) : key->text;
      if (what != "rows" && what != "events" && what != "alerts") {
        (void)reader_.unknown_key(*key, path, expect_fields());
        continue;
      }
      auto& lists = what == "rows" ? e.rows : what == "events" ? e.events : e.alerts;
      for (const auto& [name, items] : entries_of(*child, path + '.' + key->text, "names")) {
        const auto list_path = path + '.' + key->text + '.' + name->text;
        lists.push_back({{name->text, name->at}, values(*items, list_path), some});
        if (some && lists.back().items.empty() && items->of != kind::spoiled)
          reader_.fault(name->at, list_path, "some of nothing: this can't fail",
                        "say which there are; " + what + " with [] says that there are none");
      }
    }
    if (node.of == kind::map && node.entries.empty())
      reader_.fault(node.at, path, "nothing is expected", "{rows: {view: […]}}");
    out.push_back({std::move(e), node.at});
  }

  using entry_list = std::vector<std::pair<yaml_node::pointer, yaml_node::pointer>>;
  entry_list entries_of(const yaml_node& node, const std::string& path, const std::string& what) {
    if (node.of == kind::map)
      return node.entries;
    if (node.of != kind::spoiled)
      reader_.fault(node.at, path, "expected a map of " + what, "");
    return {};
  }

  std::vector<json_at> values(const yaml_node& node, const std::string& path) {
    std::vector<json_at> out;
    if (node.of == kind::sequence) {
      for (const auto& item : node.items) {
        if (item->of != kind::map)
          reader_.fault(item->at, path, "expected an object", "write it like {user: a, n: 3}");
        out.push_back({{}, item->at});
        append_yaml(out.back().json, *item);
      }
    } else if (node.of != kind::null) {
      reader_.fault(node.at, path, "expected a list of objects", "[] for none");
    }
    return out;
  }

  settings_reader& reader_;
  std::vector<test_case>& out_;
};

} // namespace

void read_tests(const yaml_node& node, settings_reader& reader, std::vector<test_case>& out) {
  tests_reader{reader, out}.read(node);
}

} // namespace tidemill
