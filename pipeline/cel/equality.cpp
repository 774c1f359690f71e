#include "pipeline/cel/call.hpp"
#include "pipeline/cel/checked.hpp"

#include <type_traits>
#include <unordered_set>

namespace tidemill::cel {
namespace {

template <class T>
constexpr bool is_number = std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t> ||
                           std::is_same_v<T, double> || std::is_same_v<T, decimal>;

bool equal_lists(const value_list& a, const value_list& b, budget& left) {
  if (a.size() != b.size())
    return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!equals(a[i], b[i], left) || !left.good())
      return false;
  return true;
}

bool equal_maps(const value_map& a, const value_map& b, budget& left) {
  if (a.size() != b.size())
    return false;
  for (const auto& [key, mapped] : a) {
    const auto* other = find_key(b, key, left);
    if (!other || !equals(mapped, *other, left) || !left.good())
      return false;
  }
  return true;
}

/// One spelling for keys that are equal, `1` and `1u` among them.
std::string canonical_key(const value& key) {
  std::string out;
  if (const auto* u = key.get_if<std::uint64_t>(); u && *u <= INT64_MAX)
    append_encoded(out, static_cast<std::int64_t>(*u));
  else
    append_encoded(out, key);
  return out;
}

} // namespace

bool equals(const value& a, const value& b, budget& left) {
  if (!left.read_elements(1))
    return false;
  return std::visit(
      [&]<class A, class B>(const A& x, const B& y) {
        if constexpr (is_number<A> && is_number<B>)
          return order(x, y) == 0;
        else if constexpr (!std::is_same_v<A, B>)
          return false;
        else if constexpr (std::is_same_v<A, value::list_ptr>)
          return equal_lists(*x, *y, left);
        else if constexpr (std::is_same_v<A, value::map_ptr>)
          return equal_maps(*x, *y, left);
        else if constexpr (std::is_same_v<A, optional_value>)
          return !x.held || !y.held ? !x.held && !y.held : equals(*x.held, *y.held, left);
        else if constexpr (std::is_same_v<A, value::error_ptr>)
          return false;
        else if constexpr (std::is_same_v<A, std::string>)
          return x.size() == y.size() && left.read_bytes(x.size()) && x == y;
        else
          return x == y;
      },
      a.data(), b.data());
}

bool is_key(const value& v) noexcept {
  auto k = v.of();
  return k == kind::integer || k == kind::uinteger || k == kind::boolean || k == kind::string;
}

const value* find_key(const value_map& m, const value& key, budget& left) {
  for (const auto& [k, mapped] : m)
    if (equals(k, key, left))
      return &mapped;
  return nullptr;
}

value make_map(value_map entries, budget& left) {
  std::unordered_set<std::string> seen;
  for (const auto& [key, mapped] : entries) {
    if (!is_key(key))
      return failure("unsupported key type: " + to_string(type{key.of()}));
    if (entries.size() > 1 && !seen.insert(canonical_key(key)).second)
      return failure("the map has a repeated key");
  }
  value made{std::move(entries)};
  return left.contents(made) ? made : over_budget();
}

value over_budget() {
  return failure("too much work for one row (more than " + std::to_string(budget::elements_per_row) +
                 " elements or " + std::to_string(budget::bytes_per_row >> 20) + " MiB)");
}

bool budget::contents(const value& v) {
  if (!elements(1))
    return false;
  if (const auto* list = v.as_list()) {
    for (const auto& item : *list)
      if (!contents(item))
        return false;
  } else if (const auto* map = v.as_map()) {
    for (const auto& [key, mapped] : *map)
      if (!contents(key) || !contents(mapped))
        return false;
  } else if (const auto* o = v.get_if<optional_value>(); o && o->held) {
    return contents(*o->held);
  } else if (const auto* s = v.get_if<std::string>()) {
    return bytes(s->size());
  } else if (const auto* b = v.get_if<byte_string>()) {
    return bytes(b->bytes.size());
  }
  return true;
}

} // namespace tidemill::cel
