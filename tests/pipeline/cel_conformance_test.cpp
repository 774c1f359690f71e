#include "pipeline/cel/columns.hpp"
#include "pipeline/cel/compiler.hpp"
#include "pipeline/cel/interpreter.hpp"
#include "pipeline/cel/lexer.hpp"

#include <catch2/catch.hpp>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace tidemill::cel {
namespace {

/// A reader of JSON that is known to be well formed; numbers become doubles.
class json_reader {
public:
  explicit json_reader(std::string_view text) : text_(text) {}

  value read() {
    skip();
    switch (text_[at_]) {
    case '{':
      return object();
    case '[':
      return array();
    case '"':
      return string();
    case 't':
      at_ += 4;
      return true;
    case 'f':
      at_ += 5;
      return false;
    case 'n':
      at_ += 4;
      return {};
    default: {
      double x = 0;
      at_ = static_cast<std::size_t>(std::from_chars(text_.data() + at_, text_.data() + text_.size(), x).ptr -
                                     text_.data());
      return x;
    }
    }
  }

private:
  void skip() {
    while (at_ < text_.size() && std::string_view{" \t\r\n,:"}.find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  value object() {
    value_map out;
    for (++at_, skip(); text_[at_] != '}'; skip()) {
      auto key = string();
      out.emplace_back(std::move(key), read());
    }
    ++at_;
    return out;
  }
  value array() {
    value_list out;
    for (++at_, skip(); text_[at_] != ']'; skip())
      out.push_back(read());
    ++at_;
    return out;
  }
  char32_t hex() {
    unsigned x = 0;
    std::from_chars(text_.data() + at_ + 1, text_.data() + at_ + 5, x, 16);
    at_ += 4;
    return x;
  }
  std::string string() {
    std::string out;
    for (++at_; text_[at_] != '"'; ++at_) {
      if (text_[at_] != '\\') {
        out.push_back(text_[at_]);
        continue;
      }
      auto c = text_[++at_];
      if (c == 'u') {
        auto point = hex();
        if (point >= 0xD800 && point < 0xDC00) {
          at_ += 2;
          point = 0x10000 + ((point - 0xD800) << 10) + (hex() - 0xDC00);
        }
        append_utf8(out, point);
      } else {
        constexpr std::string_view from = "bfnrt", to = "\b\f\n\r\t";
        auto i = from.find(c);
        out.push_back(i == std::string_view::npos ? c : to[i]);
      }
    }
    ++at_;
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

const value* find(const value& object, std::string_view key) {
  if (const auto* m = object.as_map())
    for (const auto& [k, v] : *m)
      if (*k.get_if<std::string>() == key)
        return &v;
  return nullptr;
}

std::string text(const value* v) {
  return v ? *v->get_if<std::string>() : "";
}

template <class T>
T number(const value& v) {
  T out{};
  auto s = *v.get_if<std::string>();
  return parse_number(s, out) ? out : T{};
}

value type_value(const std::string& name) {
  static const std::map<std::string, kind> names{{"bool", kind::boolean},
                                                 {"int", kind::integer},
                                                 {"uint", kind::uinteger},
                                                 {"double", kind::real},
                                                 {"string", kind::string},
                                                 {"bytes", kind::bytes},
                                                 {"list", kind::list},
                                                 {"map", kind::map},
                                                 {"null_type", kind::null_type},
                                                 {"type", kind::type},
                                                 {"optional_type", kind::optional},
                                                 {"google.protobuf.Timestamp", kind::timestamp},
                                                 {"google.protobuf.Duration", kind::duration}};
  auto at = names.find(name);
  return at == names.end() ? value{} : value{type{at->second}};
}

/// A value in the form of the cases: an object with one key.
value decode(const value& v) {
  const auto& [key, x] = v.as_map()->front();
  const auto& what = *key.get_if<std::string>();
  if (what == "int")
    return number<std::int64_t>(x);
  if (what == "uint")
    return number<std::uint64_t>(x);
  if (what == "double")
    return number<double>(x);
  if (what == "bytes") {
    budget left;
    const value* args[] = {&x};
    return call(fn::base64_decode, args, left);
  }
  if (what == "timestamp")
    return parse_rfc3339(*x.get_if<std::string>()).value();
  if (what == "duration")
    return parse_cel_duration(*x.get_if<std::string>()).value();
  if (what == "type")
    return type_value(*x.get_if<std::string>());
  if (what == "list") {
    value_list out;
    for (const auto& item : *x.as_list())
      out.push_back(decode(item));
    return out;
  }
  if (what == "map") {
    value_map out;
    for (const auto& entry : *x.as_list())
      out.emplace_back(decode((*entry.as_list())[0]), decode((*entry.as_list())[1]));
    return out;
  }
  return x; // bool, string, null
}

/// Same type and value; NaN is NaN, and an optional is what it holds.
bool same(const value& a, const value& b) {
  if (const auto* o = a.get_if<optional_value>(); o && o->held && b.of() != kind::optional)
    return same(*o->held, b);
  if (a.of() != b.of())
    return false;
  if (const auto* x = a.get_if<double>())
    return *x == *b.get_if<double>() || (*x != *x && *b.get_if<double>() != *b.get_if<double>());
  if (const auto* l = a.as_list())
    return std::equal(l->begin(), l->end(), b.as_list()->begin(), b.as_list()->end(), same);
  if (const auto* m = a.as_map()) {
    if (m->size() != b.as_map()->size())
      return false;
    for (const auto& [k, v] : *m) {
      auto at = std::find_if(b.as_map()->begin(), b.as_map()->end(),
                             [&, &key = k](const auto& e) { return same(key, e.first); });
      if (at == b.as_map()->end() || !same(v, at->second))
        return false;
    }
    return true;
  }
  budget left;
  return equals(a, b, left);
}

/// Nothing: a type that we don't have.
std::optional<type> decode_type(const value& t) {
  static const std::map<std::string, kind> names{
      {"bool", kind::boolean},        {"int", kind::integer},      {"uint", kind::uinteger},
      {"double", kind::real},         {"string", kind::string},    {"bytes", kind::bytes},
      {"null", kind::null_type},      {"dyn", kind::dyn},          {"any", kind::dyn},
      {"timestamp", kind::timestamp}, {"duration", kind::duration}};
  if (const auto* s = t.get_if<std::string>()) {
    auto at = names.find(*s);
    return at == names.end() ? std::nullopt : std::optional<type>{at->second};
  }
  if (const auto* l = find(t, "list")) {
    auto e = decode_type(*l);
    return e ? std::optional{type::list_of(*e)} : std::nullopt;
  }
  if (const auto* m = find(t, "map")) {
    auto k = decode_type((*m->as_list())[0]), v = decode_type((*m->as_list())[1]);
    return k && v ? std::optional{type::map_of(*k, *v)} : std::nullopt;
  }
  if (const auto* w = find(t, "wrapper")) {
    auto inner = decode_type(*w);
    return inner ? std::optional{inner->with_null()} : std::nullopt;
  }
  if (text(find(t, "abstract")) == "optional_type") {
    auto held = decode_type((*find(t, "params")->as_list())[0]);
    return held ? std::optional{type::optional_of(*held)} : std::nullopt;
  }
  return find(t, "type") ? std::optional<type>{kind::type} : std::nullopt;
}

enum class verdict { passed, failed, skipped };

struct outcome {
  verdict what;
  std::string why;
};

/// Whether batches of copies, all selected and one among others, give what the single row gave.
bool same_in_batches(const program& p, const environment& names, const std::vector<value>& slots,
                     const value& wanted) {
  event_batch batch;
  batch.records.resize(3);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].is_error())
      return true; // a column can't be unbound
    auto& c = batch.columns.emplace_back(names.variables[i].of);
    c.resize(3);
    for (std::size_t row = 0; row < 3; ++row)
      c.set(row, slots[i]);
  }
  for (const auto& rows : {selection{0, 1, 2}, selection{1}}) {
    column out;
    std::vector<row_error> errors;
    evaluate_columns(p, batch, rows, out, errors);
    if (errors.size() != (wanted.is_error() ? rows.size() : 0))
      return false;
    if (!wanted.is_error() && !same(out.at(1), wanted))
      return false;
  }
  return true;
}

bool named_zone(const std::string& expr) {
  for (auto zone : {"Australia/", "America/", "US/", "Asia/", "Europe/"})
    if (expr.find(zone) != std::string::npos)
      return true;
  return false;
}

outcome run(const value& c) {
  static const std::map<std::string, std::string> unsupported{
      {"proto", "protobuf messages are not offered"},
      {"proto_ext", "protobuf messages are not offered"},
      {"strong_enums", "enums are not offered"},
      {"block", "the form of an optimiser, no user's language"},
      {"network", "no network library yet"},
      {"custom_functions", "functions declared by the case"}};
  for (const auto& need : *find(c, "needs")->as_list())
    if (auto at = unsupported.find(*need.get_if<std::string>()); at != unsupported.end())
      return {verdict::skipped, at->second};
  auto expr = text(find(c, "expr"));
  if (named_zone(expr))
    return {verdict::skipped, "named time zones need files, which expressions don't read"};

  environment names;
  names.event = false;
  std::vector<value> slots;
  auto bind = [&](const std::string& name, type of, const value* v) {
    names.variables.push_back({name, of, slots.size()});
    slots.push_back(v ? decode(*v) : value{error{errc::evaluation, "unbound"}});
  };
  const auto* bindings = find(c, "bindings");
  if (const auto* declared = find(c, "type_env"))
    for (const auto& d : *declared->as_list()) {
      if (find(d, "overloads"))
        return {verdict::skipped, "functions declared by the case"};
      auto of = decode_type(*find(d, "type"));
      if (!of)
        return {verdict::skipped, "a type that is not offered"};
      bind(text(find(d, "name")), *of, bindings ? find(*bindings, text(find(d, "name"))) : nullptr);
    }
  check_options options;
  options.unchecked = find(c, "disable_check") != nullptr;
  options.container = text(find(c, "container"));
  std::vector<fault> faults;
  auto compiled = compile_program(expr, names, options, faults);
  const auto& expect = *find(c, "expect");
  if (!compiled)
    return {find(expect, "error") ? verdict::passed : verdict::failed,
            faults.empty() ? "no fault" : faults[0].text};
  if (const auto* t = find(expect, "type"); t && !options.unchecked)
    if (auto wanted = decode_type(*t); wanted && !(compiled->root->of == *wanted))
      return {verdict::failed, "type " + to_string(compiled->root->of)};
  if (find(c, "check_only"))
    return {verdict::passed, {}};

  interpreter interpret{compiled->locals};
  interpret.set_row(slots);
  budget left;
  auto got = interpret.run(*compiled->root, left);
  if (!same_in_batches(*compiled, names, slots, got))
    return {verdict::failed, "a batch gives something else"};
  if (find(expect, "error"))
    return {got.is_error() ? verdict::passed : verdict::failed, "no error"};
  if (got.is_error())
    return {verdict::failed, got.as_error().text()};
  const auto* wanted = find(expect, "value");
  std::string shown;
  append_json(shown, got);
  return {!wanted || same(got, decode(*wanted)) ? verdict::passed : verdict::failed, shown};
}

} // namespace

TEST_CASE("expressions agree with the conformance cases of the CEL specification", "[cel]") {
  std::filesystem::path folder = TIDEMILL_SOURCE_DIR "/../shared/data/cel_spec";
  if (!std::filesystem::exists(folder)) {
    WARN("no conformance cases at " << folder.string());
    return;
  }
  struct count {
    int passed = 0, failed = 0, skipped = 0;
  };
  std::map<std::string, count> files;
  std::map<std::string, int> reasons;
  count core, all;
  for (const auto& file : std::set<std::filesystem::path>{std::filesystem::directory_iterator{folder}, {}}) {
    if (file.extension() != ".jsonl")
      continue;
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) {
      auto c = json_reader{line}.read();
      auto got = run(c);
      std::vector<count*> tallies{&files[file.stem().string()], &all};
      if (find(c, "needs")->as_list()->empty())
        tallies.push_back(&core);
      for (auto* n : tallies)
        (got.what == verdict::passed ? n->passed : got.what == verdict::failed ? n->failed : n->skipped) += 1;
      if (got.what == verdict::skipped)
        ++reasons[got.why];
      if (got.what == verdict::failed)
        UNSCOPED_INFO(text(find(c, "file"))
                      << "/" << text(find(c, "name")) << ": " << text(find(c, "expr")) << " → " << got.why);
    }
  }
  for (const auto& [name, n] : files)
    UNSCOPED_INFO(name << ": " << n.passed << " passed, " << n.failed << " failed, " << n.skipped
                       << " skipped");
  for (const auto& [why, n] : reasons)
    UNSCOPED_INFO(n << " skipped: " << why);
  CHECK(core.passed >= 759);
  CHECK(all.failed == 0);
}

} // namespace tidemill::cel
