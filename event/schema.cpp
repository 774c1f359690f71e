#include "event/schema.hpp"

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

} // namespace tidemill
