// Links: tidemill_event
// Records of every format: decoded or refused one by one, whatever lies beside them. The first byte chooses
// the format, the rest are the records, one a line.

#include "event/codec.hpp"
#include "tests/fuzz/fuzz_target.hpp"

#include <algorithm>
#include <span>

namespace tidemill::test {
namespace {

struct form {
  format_options options;
  schema fields;
  std::unique_ptr<codec> all, part; ///< part: of every second field
};

schema fields_of(std::vector<std::pair<const char*, const char*>> written) {
  std::vector<field> out;
  for (const auto& [name, text] : written) {
    field f{name, {}, {}, time_format::rfc3339};
    f.of = *parse_type(text, f.time);
    out.push_back(std::move(f));
  }
  return schema{std::move(out)};
}

form make(format_options options, schema fields) {
  form out{std::move(options), std::move(fields), nullptr, nullptr};
  std::vector<bool> needed(out.fields.size(), true);
  out.all = make_codec(out.options, out.fields, needed).value();
  for (std::size_t i = 0; i < needed.size(); i += 2)
    needed[i] = false;
  out.part = make_codec(out.options, out.fields, needed).value();
  return out;
}

std::vector<form>& forms() {
  static auto all = [] {
    std::vector<form> out;
    auto wide = fields_of({{"t", "timestamp"},
                           {"ms", "timestamp_ms?"},
                           {"i", "int?"},
                           {"u", "uint?"},
                           {"x", "double?"},
                           {"m", "decimal?"},
                           {"s", "string?"},
                           {"b", "bool?"},
                           {"raw", "bytes?"},
                           {"d", "duration?"}});
    format_options json, csv, log;
    csv.name = "csv";
    csv.header = false;
    for (const auto& f : wide.fields())
      csv.columns.push_back(f.name);
    log.name = "combined_log";
    auto nested = fields_of({{"t", "timestamp"}, {"a", "[int]?"}, {"any", "dyn"}, {"i", "int"}});
    auto of_log = builtin_schema(log).value();
    out.push_back(make(json, wide));
    out.push_back(make(json, nested));
    out.push_back(make(csv, wide));
    csv.delimiter = ';';
    out.push_back(make(csv, wide));
    out.push_back(make(log, of_log));
    format_options pairs, groups, query, url;
    pairs.name = "logfmt";
    out.push_back(make(pairs, wide));
    groups.name = "regex";
    groups.pattern = R"((?P<t>\S+) (?P<i>-?[0-9]*)(?: (?P<s>.*))?)";
    out.push_back(make(groups, fields_of({{"t", "timestamp?"}, {"i", "int?"}, {"s", "string?"}})));
    query.name = "query";
    out.push_back(
        make(query, fields_of({{"i", "int?"}, {"s", "string?"}, {"a", "[string]"}, {"b", "[int?]?"}})));
    url.name = "url";
    auto parts = fields_of({{"scheme", "string?"},
                            {"user", "string?"},
                            {"host", "string?"},
                            {"port", "int?"},
                            {"path", "string"},
                            {"query", "string?"}});
    parts.set({"a", type::list_of(kind::string), {"query", "a"}, time_format::rfc3339});
    parts.set({"b", type{kind::integer, true}, {"query", "b"}, time_format::rfc3339});
    out.push_back(make(url, parts));
    return out;
  }();
  return all;
}

/// Rows and faults of records as one text.
std::string decoded(codec& with, const std::vector<std::string_view>& records) {
  record_batch in;
  for (auto r : records) {
    in.records.push_back({r, in.end, in.end + 1, {}});
    in.end = in.end + 1;
  }
  event_batch rows;
  std::vector<decode_failure> failures;
  with.decode(in, rows, failures);
  if (rows.rows() + failures.size() > records.size()) // blank ones give neither
    finding("more rows and faults than records");
  std::string out;
  for (std::size_t r = 0; r < rows.rows(); ++r)
    for (const auto& c : rows.columns)
      if (c.size() > r) {
        append_json(out, c.at(r));
        out += '\t';
        const auto* s = c.of().is(kind::string) && !c.is_null(r) ? &c.as<std::string_view>()[r] : nullptr;
        if (s && !is_utf8(*s))
          finding("a text that is no UTF-8");
      }
  for (const auto& f : failures)
    out += f.why.text();
  return out;
}

} // namespace

void fuzz_one(std::string_view input) {
  fuzz_input in{input};
  auto& f = forms()[in.byte() % forms().size()];
  framer frames{f.options};
  auto rest = in.rest();
  std::vector<std::string_view> records;
  while (auto cut = frames.next(rest, true)) {
    if (cut->total == 0 || cut->content > cut->total)
      finding("a record of no bytes");
    records.push_back(rest.substr(0, cut->content));
    rest.remove_prefix(cut->total);
  }
  // Alone, which costs the most, not each of very many.
  const auto some = std::span{records}.first(std::min<std::size_t>(records.size(), 16));
  for (auto* with : {f.all.get(), f.part.get()}) {
    decoded(*with, records);
    for (auto r : some) // the codec's caches remember nothing that matters
      if (decoded(*with, {r}) != decoded(*with, {r}))
        finding("the same record twice is not the same");
  }
}

} // namespace tidemill::test
