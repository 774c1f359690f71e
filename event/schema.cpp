#include "event/schema.hpp"

#include "event/options.hpp"
#include "event/time_pattern.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {
namespace {

struct named_type {
  std::string_view name;
  kind of;
  time_format time = time_format::rfc3339;
};

constexpr named_type names[] = {
    {"bool", kind::boolean},
    {"int", kind::integer},
    {"uint", kind::uinteger},
    {"double", kind::real},
    {"decimal", kind::decimal},
    {"string", kind::string},
    {"bytes", kind::bytes},
    {"timestamp", kind::timestamp},
    {"timestamp_s", kind::timestamp, time_format::epoch_s},
    {"timestamp_ms", kind::timestamp, time_format::epoch_ms},
    {"timestamp_us", kind::timestamp, time_format::epoch_us},
    {"timestamp_ns", kind::timestamp, time_format::epoch_ns},
    {"duration", kind::duration},
    {"dyn", kind::dyn},
};
constexpr int max_depth = 8;

std::optional<type> parse(std::string_view text, time_format& time, int depth) {
  bool nullable = text.ends_with('?');
  if (nullable)
    text.remove_suffix(1);
  if (text.starts_with('[') && text.ends_with(']')) {
    if (depth == max_depth)
      return std::nullopt;
    auto element = parse(text.substr(1, text.size() - 2), time, depth + 1);
    return element ? std::optional{type::list_of(*element).with_null(nullable)} : std::nullopt;
  }
  for (const auto& n : names)
    if (n.name == text) {
      time = n.time;
      return type{n.of, nullable};
    }
  return std::nullopt;
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> keys;
  for (std::size_t at = 0; !path.empty() && at <= path.size();) {
    auto dot = std::min(path.find('.', at), path.size());
    keys.emplace_back(path.substr(at, dot - at));
    at = dot + 1;
  }
  return keys;
}

/// Whether timestamps are what the type is made of.
bool holds_times(const type& t) {
  return t.is(kind::timestamp) || (t.is(kind::list) && holds_times(t.first()));
}

status read_format(std::string_view format, field& f) {
  constexpr std::pair<std::string_view, time_format> known[] = {{"rfc3339", time_format::rfc3339},
                                                                {"unix_s", time_format::epoch_s},
                                                                {"unix_ms", time_format::epoch_ms},
                                                                {"unix_us", time_format::epoch_us},
                                                                {"unix_ns", time_format::epoch_ns}};
  if (!holds_times(f.of))
    return error{errc::config_invalid, "only timestamps have a format"};
  if (f.time != time_format::rfc3339)
    return error{errc::config_invalid,
                 "the type says how the times are written; with a format it is timestamp"};
  for (auto [name, time] : known)
    if (name == format) {
      f.time = time;
      return {};
    }
  if (format.find('%') == format.npos)
    return error{errc::config_invalid,
                 "no such format of times; known are rfc3339, unix_s, unix_ms, unix_us, "
                 "unix_ns, and patterns such as '%Y-%m-%d %H:%M:%S'"};
  TIDEMILL_TRY(auto pattern, time_pattern::compile(format));
  f.time = time_format::pattern;
  f.pattern = std::make_shared<const time_pattern>(std::move(pattern));
  return {};
}

} // namespace

std::optional<std::size_t> schema::find(std::string_view name) const noexcept {
  auto at = std::find_if(fields_.begin(), fields_.end(), [name](const field& f) { return f.name == name; });
  if (at == fields_.end())
    return std::nullopt;
  return static_cast<std::size_t>(at - fields_.begin());
}

std::size_t schema::set(field f) {
  if (auto at = find(f.name)) {
    fields_[*at].of = std::move(f.of);
    return *at;
  }
  fields_.push_back(std::move(f));
  return fields_.size() - 1;
}

std::optional<type> parse_type(std::string_view text, time_format& time) {
  auto form = time_format::rfc3339;
  auto t = parse(text, form, 0);
  if (t)
    time = form;
  return t;
}

result<field> read_field(std::string_view name, const options& declared) {
  field f{std::string{name}, {}, split_path(declared.text("path")), time_format::rfc3339};
  auto of = parse_type(declared.text("type"), f.time);
  if (!of)
    return error{errc::config_invalid, "no such type \"" + declared.text("type") + '"'};
  f.of = std::move(*of);
  if (declared.has("format"))
    TIDEMILL_CHECK(read_format(declared.text("format"), f));
  return f;
}

} // namespace tidemill
