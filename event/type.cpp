#include "event/type.hpp"

#include <utility>

namespace tidemill {

struct type::parameters {
  type first, second;
};

type type::list_of(type element) {
  type t{kind::list};
  t.parameters_ = std::make_shared<const parameters>(parameters{std::move(element), {}});
  return t;
}

type type::map_of(type key, type mapped) {
  type t{kind::map};
  t.parameters_ = std::make_shared<const parameters>(parameters{std::move(key), std::move(mapped)});
  return t;
}

type type::optional_of(type held) {
  type t{kind::optional};
  t.parameters_ = std::make_shared<const parameters>(parameters{std::move(held), {}});
  return t;
}

type type::with_null(bool nullable) const {
  auto t = *this;
  t.nullable_ = nullable;
  return t;
}

type type::first() const {
  return parameters_ ? parameters_->first : type{};
}

type type::second() const {
  return parameters_ ? parameters_->second : type{};
}

bool operator==(const type& a, const type& b) {
  if (a.kind_ != b.kind_ || a.nullable_ != b.nullable_)
    return false;
  // A plain `kind::list` is a list of dyn, hence no comparison of "has parameters".
  return a.parameters_ == b.parameters_ || (a.first() == b.first() && a.second() == b.second());
}

bool can_be_field(const type& t) noexcept {
  return !t.is(kind::optional) && !t.is(kind::type) && !t.is(kind::ip) && !t.is(kind::cidr);
}

std::string_view field_hint(const type& t) noexcept {
  return t.is(kind::optional)                 ? "end it with .orValue(…)"
         : t.is(kind::ip) || t.is(kind::cidr) ? "write string(…)"
                                              : "";
}

std::string to_string(const type& t) {
  static constexpr const char* names[] = {"null_type", "bool",  "int",       "uint",     "double", "decimal",
                                          "string",    "bytes", "timestamp", "duration", "",       "",
                                          "",          "type",  "ip",        "cidr",     "dyn"};
  std::string text;
  switch (t.of()) {
  case kind::list:
    text = "[" + to_string(t.first()) + "]";
    break;
  case kind::map:
    text = "map(" + to_string(t.first()) + ", " + to_string(t.second()) + ")";
    break;
  case kind::optional:
    text = "optional(" + to_string(t.first()) + ")";
    break;
  default:
    text = names[static_cast<std::size_t>(t.of())];
  }
  if (t.nullable())
    text += '?';
  return text;
}

} // namespace tidemill
