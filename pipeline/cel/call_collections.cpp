#include "pipeline/cel/call.hpp"
#include "pipeline/cel/checked.hpp"
#include "pipeline/cel/strings.hpp"

#include <optional>

namespace tidemill::cel {
namespace {

value some(value v) {
  return optional_value{std::make_shared<const value>(std::move(v))};
}
value none() {
  return optional_value{};
}

value size_of(const value& v, budget& left) {
  if (const auto* s = v.get_if<std::string>())
    return left.read_bytes(s->size()) ? value{static_cast<std::int64_t>(code_points(*s))} : over_budget();
  if (const auto* b = v.get_if<byte_string>())
    return static_cast<std::int64_t>(b->bytes.size());
  if (const auto* l = v.as_list())
    return static_cast<std::int64_t>(l->size());
  const auto* m = v.as_map();
  return m ? value{static_cast<std::int64_t>(m->size())} : no_overload();
}

value contained(const value& what, const value& in, budget& left) {
  if (const auto* m = in.as_map()) {
    auto found = find_key(*m, what, left) != nullptr;
    return left.good() ? value{found} : over_budget();
  }
  const auto* l = in.as_list();
  if (!l)
    return no_overload();
  for (const auto& item : *l) {
    if (equals(what, item, left))
      return true;
    if (!left.good())
      return over_budget();
  }
  return false;
}

/// A list's index: an int, or a number that equals one. Nothing: no number; negative: none of the list.
std::optional<std::int64_t> list_index(const value& key) {
  if (const auto* i = key.get_if<std::int64_t>())
    return *i;
  if (const auto* u = key.get_if<std::uint64_t>())
    return *u <= INT64_MAX ? static_cast<std::int64_t>(*u) : -1;
  const auto* d = key.get_if<double>();
  std::int64_t out = 0;
  if (!d || to_int(*d, out) || static_cast<double>(out) != *d)
    return {};
  return out;
}

bool is_zero(const value& v) {
  return std::visit(
      []<class T>(const T& x) {
        if constexpr (std::is_same_v<T, null>)
          return true;
        else if constexpr (std::is_same_v<T, std::string>)
          return x.empty();
        else if constexpr (std::is_same_v<T, byte_string>)
          return x.bytes.empty();
        else if constexpr (std::is_same_v<T, value::list_ptr> || std::is_same_v<T, value::map_ptr>)
          return x->empty();
        else if constexpr (std::is_same_v<T, optional_value>)
          return !x.held;
        else if constexpr (std::is_same_v<T, type> || std::is_same_v<T, value::error_ptr>)
          return false;
        else
          return x == T{};
      },
      v.data());
}

value call_optional(fn f, arguments args) {
  const auto* o = args[0]->get_if<optional_value>();
  if (!o)
    return no_overload();
  switch (f) {
  case fn::has_value:
    return o->held != nullptr;
  default: // `or` and `orValue` are the interpreter's: they are lazy
    return o->held ? *o->held : failure("optional.none() has no value");
  }
}

} // namespace

value index_value(const value& target, const value& key, bool optional, budget& left) {
  if (const auto* o = target.get_if<optional_value>()) {
    if (!o->held)
      return none();
    return index_value(*o->held, key, true, left);
  }
  if (const auto* m = target.as_map()) {
    const auto* found = find_key(*m, key, left);
    if (!left.good())
      return over_budget();
    if (found)
      return optional ? some(*found) : *found;
    if (optional)
      return none();
    const auto* name = key.get_if<std::string>();
    return failure(name ? "no such key: " + std::string{shortened(*name, 100)} : "no such key");
  }
  const auto* l = target.as_list();
  if (!l)
    return no_overload();
  auto at = list_index(key);
  if (!at)
    return no_overload();
  if (*at < 0 || static_cast<std::size_t>(*at) >= l->size())
    return optional ? none()
                    : failure("index " + std::to_string(*at) + " out of range: the list has " +
                              std::to_string(l->size()) + " elements");
  const auto& found = (*l)[static_cast<std::size_t>(*at)];
  return optional ? some(found) : found;
}

value call_collection(fn f, arguments args, budget& left) {
  if (f == fn::optional_none)
    return args.empty() ? none() : no_overload();
  if (args.empty() || args.size() > 2)
    return no_overload();
  bool one = args.size() == 1;
  switch (f) {
  case fn::size:
    return one ? size_of(*args[0], left) : no_overload();
  case fn::in:
    return one ? no_overload() : contained(*args[0], *args[1], left);
  case fn::index:
  case fn::opt_index:
    return one ? no_overload() : index_value(*args[0], *args[1], f == fn::opt_index, left);
  case fn::optional_of:
    return one ? some(*args[0]) : no_overload();
  case fn::optional_of_non_zero:
    return !one ? no_overload() : is_zero(*args[0]) ? none() : some(*args[0]);
  default:
    return one ? call_optional(f, args) : no_overload();
  }
}

} // namespace tidemill::cel
