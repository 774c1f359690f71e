#include "pipeline/cel/call.hpp"
#include "pipeline/cel/parser.hpp"
#include "pipeline/cel/pattern.hpp"
#include "pipeline/cel/strings.hpp"

#include <algorithm>
#include <optional>

namespace tidemill::cel {
namespace {

/// The text at `i`, or null: absent, or of another kind.
const std::string* text_at(arguments args, std::size_t i) {
  return i < args.size() ? args[i]->get_if<std::string>() : nullptr;
}
const std::int64_t* int_at(arguments args, std::size_t i) {
  return i < args.size() ? args[i]->get_if<std::int64_t>() : nullptr;
}

template <class T>
value outcome(problem why, const T& out) {
  return why ? failure(why) : value{out};
}

value test(fn f, const std::string& s, const std::string& with) {
  switch (f) {
  case fn::contains:
    return s.find(with) != std::string::npos;
  case fn::starts_with:
    return s.starts_with(with);
  case fn::ends_with:
    return s.ends_with(with);
  default: {
    std::string why;
    auto p = pattern::cached(with, why);
    return p ? value{p->find(s)} : failure("not a regular expression: " + why);
  }
  }
}

value position(fn f, arguments args, const std::string& s) {
  const auto* needle = text_at(args, 1);
  const auto* from = int_at(args, 2);
  if (!needle || args.size() > 3 || (args.size() == 3 && !from))
    return no_overload();
  std::int64_t out = 0;
  if (f == fn::index_of)
    return outcome(index_of(s, *needle, from ? *from : 0, out), out);
  if (!from)
    return last_index_of(s, *needle);
  return outcome(last_index_of(s, *needle, *from, out), out);
}

value part(fn f, arguments args, const std::string& s) {
  const auto *from = int_at(args, 1), *to = int_at(args, 2);
  if (!from || args.size() > (f == fn::char_at ? 2u : 3u) || (args.size() == 3 && !to))
    return no_overload();
  std::string_view out;
  auto why = f == fn::char_at ? char_at(s, *from, out)
             : to             ? substring(s, *from, *to, out)
                              : substring(s, *from, out);
  return outcome(why, out);
}

value replaced(arguments args, const std::string& s, budget& left) {
  const auto *from = text_at(args, 1), *to = text_at(args, 2);
  const auto* limit = int_at(args, 3);
  if (!from || !to || args.size() > 4 || (args.size() == 4 && !limit))
    return no_overload();
  auto n = limit ? *limit : -1;
  auto size = replaced_size(s, *from, *to, n);
  if (size > static_cast<std::size_t>(budget::bytes_per_row) || !left.bytes(size))
    return over_budget();
  std::string out(size, '\0');
  replace(s, *from, *to, n, out.data());
  return out;
}

value pieces(arguments args, const std::string& s, budget& left) {
  const auto* separator = text_at(args, 1);
  const auto* limit = int_at(args, 2);
  if (!separator || args.size() > 3 || (args.size() == 3 && !limit))
    return no_overload();
  auto cut = split(s, *separator, limit ? *limit : -1);
  if (!left.elements(cut.size() + 1) || !left.bytes(s.size()))
    return over_budget();
  return value_list(cut.begin(), cut.end());
}

value joined(arguments args, budget& left) {
  const auto* list = args[0]->as_list();
  const auto* separator = text_at(args, 1);
  if (!list || args.size() > 2 || (args.size() == 2 && !separator))
    return no_overload();
  std::string out;
  for (const auto& item : *list) {
    const auto* s = item.get_if<std::string>();
    if (!s)
      return no_overload();
    if (&item != list->data() && separator)
      out += *separator;
    out += *s;
    if (!left.bytes(s->size() + (separator ? separator->size() : 0)))
      return over_budget();
  }
  return out;
}

value changed(fn f, const std::string& s, budget& left) {
  if (f == fn::trim)
    return trim(s);
  if (!left.bytes(s.size()))
    return over_budget();
  if (f == fn::quote)
    return quote(s);
  std::string out(s.size(), '\0');
  if (f == fn::reverse)
    reverse(s, out.data());
  else
    std::transform(s.begin(), s.end(), out.begin(), f == fn::lower_ascii ? lower : upper);
  return out;
}

} // namespace

value call_string(fn f, arguments args, budget& left) {
  if (f == fn::join)
    return args.empty() ? no_overload() : joined(args, left);
  const auto* s = text_at(args, 0);
  if (!s)
    return no_overload();
  if (!left.read_bytes(s->size()))
    return over_budget();
  switch (f) {
  case fn::contains:
  case fn::starts_with:
  case fn::ends_with:
  case fn::matches:
    return args.size() == 2 && text_at(args, 1) ? test(f, *s, *text_at(args, 1)) : no_overload();
  case fn::index_of:
  case fn::last_index_of:
    return position(f, args, *s);
  case fn::char_at:
  case fn::substring:
    return part(f, args, *s);
  case fn::replace:
    return replaced(args, *s, left);
  case fn::split:
    return pieces(args, *s, left);
  case fn::format:
    return args.size() == 2 && args[1]->as_list() ? format_text(*s, *args[1]->as_list(), left)
                                                  : no_overload();
  default:
    return args.size() == 1 ? changed(f, *s, left) : no_overload();
  }
}

} // namespace tidemill::cel
