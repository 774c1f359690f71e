#include "event/codec.hpp"
#include "pipeline/steps/steps.hpp"

#include <algorithm>

namespace tidemill {
namespace {

struct parse_settings {
  std::size_t from = 0; ///< the column with the texts
  std::string field;
  format_options format;
  schema fields;                  ///< what is in them
  std::vector<type> types;        ///< of the new columns
  std::vector<std::size_t> slots; ///< where that goes
  bool null_on_error = false;
};

/// Reads texts as a source reads records, with the same codec.
class parse : public step, public step_plan {
public:
  explicit parse(parse_settings s)
      : s_(std::move(s)),
        codec_(*make_codec(s_.format, s_.fields, std::vector<bool>(s_.fields.size(), true))) {}

  std::unique_ptr<step> instance() const override { return std::make_unique<parse>(s_); }

  void apply(event_batch& batch, const step_context&, std::vector<cel::row_error>& failures) override {
    const auto& texts = batch.columns[s_.from];
    auto in = std::make_shared<record_batch>();
    null_.clear();
    for (auto row : batch.selected) // `at` says which row it is
      if (texts.is_null(row))
        null_.push_back(row);
      else
        in->records.push_back({texts.as<std::string_view>()[row], row, offset{row} + 1, std::nullopt});
    event_batch parsed;
    failed_.clear();
    codec_->decode(*in, parsed, failed_);
    if (parsed.rows() + failed_.size() < in->records.size())
      refuse_blank(*in, parsed);
    if (s_.null_on_error)
      for (const auto& f : failed_)
        null_.push_back(static_cast<std::uint32_t>(in->records[f.record].at));
    else
      report(batch, *in, failures);
    place(batch, parsed);
    // Texts of fields point into those that were parsed, or into what the codec has made of them.
    batch.memory.push_back(in);
    batch.memory.insert(batch.memory.end(), parsed.memory.begin(), parsed.memory.end());
    if (const auto& memory = texts.shared_memory())
      batch.memory.push_back(memory);
  }

private:
  /// A blank record is none to a codec, but a text in a field should have been one.
  void refuse_blank(const record_batch& in, const event_batch& parsed) {
    auto row = parsed.records.begin();
    auto known = failed_.begin();
    std::vector<decode_failure> all;
    for (std::size_t i = 0; i < in.records.size(); ++i)
      if (row != parsed.records.end() && row->at == in.records[i].at)
        ++row;
      else if (known != failed_.end() && known->record == i)
        all.push_back(std::move(*known++));
      else
        all.push_back({i, {errc::event_malformed, "the text is blank"}});
    failed_ = std::move(all);
  }

  /// Values to their rows; all others are null.
  void place(event_batch& batch, event_batch& parsed) {
    rows_.clear();
    from_.clear();
    for (std::uint32_t i = 0; i < parsed.rows(); ++i) {
      rows_.push_back(static_cast<std::uint32_t>(parsed.records[i].at));
      from_.push_back(i);
    }
    auto columns = batch.columns.size();
    for (auto slot : s_.slots)
      columns = std::max(columns, slot + 1);
    batch.columns.resize(columns);
    for (std::size_t i = 0; i < s_.slots.size(); ++i) {
      auto& out = batch.columns[s_.slots[i]];
      out = column{s_.types[i]};
      out.resize(batch.rows());
      out.gather(rows_, parsed.columns[i], from_);
      for (auto row : null_)
        out.set_null(row);
    }
  }

  void report(event_batch& batch, const record_batch& in, std::vector<cel::row_error>& failures) {
    const auto before = failures.size();
    for (auto& f : failed_)
      failures.push_back(
          {static_cast<std::uint32_t>(in.records[f.record].at), f.why.in("field " + s_.field)});
    drop_failed(batch.selected, std::span{failures}.subspan(before));
  }

  parse_settings s_;
  std::unique_ptr<codec> codec_;
  std::vector<decode_failure> failed_;
  std::vector<std::uint32_t> null_, rows_, from_;
};

std::unique_ptr<step_plan> compile(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  const auto before = out.size();
  parse_settings s;
  s.field = c.settings.text("field");
  s.null_on_error = c.settings.text("on_error", "dead") == "null";
  std::vector<std::string> known;
  for (const auto& f : scope.fields.fields())
    known.push_back(f.name);
  const auto at = scope.fields.find(s.field);
  if (!at)
    out.push_back(fault_at(c.settings.where("field"), "parse.field", "no field \"" + s.field + '"',
                           did_you_mean(s.field, known)));
  else if (!scope.fields[*at].of.is(kind::string))
    out.push_back(
        fault_at(c.settings.where("field"), "parse.field",
                 "what is parsed is a string, " + s.field + " is " + to_string(scope.fields[*at].of)));
  for (const auto& [name, settings] : c.settings.sections("schema")) {
    auto f = read_field(name.text, *settings);
    if (!f)
      out.push_back(fault_at(settings->where("type"), "parse.schema." + name.text, f.error().text()));
    else
      s.fields.set(std::move(*f));
  }
  const auto format = c.settings.text("format", "json");
  s.format.name = format == "key_value" ? "logfmt" : format;
  s.format.pattern = c.settings.text("pattern");
  if (s.format.name != "regex" && c.settings.has("pattern"))
    out.push_back(fault_at(c.settings.where("pattern"), "parse.pattern", "a pattern is for `format: regex`",
                           "add `format: regex`"));
  else if (auto made = make_codec(s.format, s.fields, std::vector<bool>(s.fields.size(), true)); !made)
    out.push_back(fault_at(c.settings.where("schema"), "parse.schema", made.error().text()));
  if (out.size() != before)
    return nullptr;
  s.from = scope.slots[*at];
  scope.reads(s.from);
  const auto may_be_null = s.null_on_error || scope.fields[*at].of.nullable();
  for (const auto& f : s.fields.fields()) {
    s.types.push_back(may_be_null ? f.of.with_null() : f.of);
    s.slots.push_back(scope.columns++);
    const auto field_at = scope.fields.set({f.name, s.types.back(), {}, time_format::rfc3339});
    scope.slots.resize(scope.fields.size());
    scope.slots[field_at] = s.slots.back();
  }
  return std::make_unique<parse>(std::move(s));
}

} // namespace

step_entry parse_step() {
  return {
      {.name = "parse",
       .summary = "Makes fields of what stands in a field of text.",
       .example = "parse: {field: agent, schema: {name: string, version: int?}, on_error: \"null\"}",
       .fields =
           {{.name = "field",
             .type = field_type::text,
             .text = "The field with the text.",
             .required = true,
             .foreign = {"source", "from", "path"}},
            {.name = "format",
             .type = field_type::choice,
             .text = "`json`: an object; `key_value`: pairs, as logfmt has them; `url`: the parts of a URL; "
                     "`query`: the parameters of a query string; `regex`: the groups of `pattern`.",
             .fallback = "json",
             .choices = {"json", "key_value", "url", "query", "regex"},
             .foreign = {"type", "parser", "codec"}},
            {.name = "schema",
             .type = field_type::types,
             .text = "The fields to be made, as in a source's `schema`.",
             .required = true,
             .foreign = {"fields", "columns"}},
            {.name = "pattern",
             .type = field_type::text,
             .text = "For `regex`: an expression (RE2) with a group `(?P<name>…)` for each field.",
             .foreign = {"regex", "expression"}},
            {.name = "on_error",
             .type = field_type::choice,
             .text = "Where the text is no such thing: `dead`: the event becomes a dead letter; `null`: the "
                     "fields are null, as they are where the text itself is null.",
             .fallback = "dead",
             .choices = {"dead", "null"}}}},
      compile};
}

} // namespace tidemill
