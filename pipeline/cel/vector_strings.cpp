#include "pipeline/cel/strings.hpp"
#include "pipeline/cel/vector_map.hpp"

#include <algorithm>

namespace tidemill::cel {
namespace {

using text_view = std::string_view;

template <class F>
auto test(F f) {
  return [f](text_view a, text_view b, std::uint32_t, std::uint8_t& out) -> problem {
    out = f(a, b);
    return nullptr;
  };
}

} // namespace

std::optional<lane> vector_evaluator::string_function(const code& c, const row_set& rows) {
  using enum kind;
  switch (c.function) {
  case fn::size:
    if (takes(c, string))
      return map1<std::int64_t, text_view>(c, integer, rows,
                                           [](text_view s, std::uint32_t, std::int64_t& out) -> problem {
                                             out = static_cast<std::int64_t>(code_points(s));
                                             return nullptr;
                                           });
    if (takes(c, bytes))
      return map1<std::int64_t, text_view>(c, integer, rows,
                                           [](text_view s, std::uint32_t, std::int64_t& out) -> problem {
                                             out = static_cast<std::int64_t>(s.size());
                                             return nullptr;
                                           });
    return {};
  case fn::contains:
  case fn::starts_with:
  case fn::ends_with:
  case fn::matches:
    return string_test(c, rows);
  case fn::char_at:
  case fn::substring:
    return string_part(c, rows);
  case fn::index_of:
  case fn::last_index_of:
    return string_position(c, rows);
  default:
    return string_change(c, rows);
  }
}

std::optional<lane> vector_evaluator::string_test(const code& c, const row_set& rows) {
  if (!takes(c, kind::string, kind::string))
    return {};
  auto run = [&](auto f) { return map2<std::uint8_t, text_view, text_view>(c, kind::boolean, rows, f); };
  switch (c.function) {
  case fn::contains:
    return run(test([](text_view a, text_view b) { return a.find(b) != text_view::npos; }));
  case fn::starts_with:
    return run(test([](text_view a, text_view b) { return a.starts_with(b); }));
  case fn::ends_with:
    return run(test([](text_view a, text_view b) { return a.ends_with(b); }));
  default:
    break;
  }
  if (c.regex)
    return run(test([&](text_view a, text_view) { return c.regex->find(a); }));
  return run([](text_view a, text_view b, std::uint32_t, std::uint8_t& out) -> problem {
    std::string why;
    auto p = pattern::cached(b, why);
    out = p && p->find(a);
    return p ? nullptr : "";
  });
}

std::optional<lane> vector_evaluator::string_part(const code& c, const row_set& rows) {
  using enum kind;
  if (takes(c, string, integer, integer))
    return map3<text_view, text_view, std::int64_t, std::int64_t>(
        c, string, rows, [](text_view s, std::int64_t from, std::int64_t to, std::uint32_t, text_view& out) {
          return substring(s, from, to, out);
        });
  if (!takes(c, string, integer))
    return {};
  bool one = c.function == fn::char_at;
  return map2<text_view, text_view, std::int64_t>(
      c, string, rows, [one](text_view s, std::int64_t at, std::uint32_t, text_view& out) {
        return one ? char_at(s, at, out) : substring(s, at, out);
      });
}

std::optional<lane> vector_evaluator::string_position(const code& c, const row_set& rows) {
  using enum kind;
  bool first = c.function == fn::index_of;
  if (takes(c, string, string))
    return map2<std::int64_t, text_view, text_view>(
        c, integer, rows,
        [first](text_view s, text_view needle, std::uint32_t, std::int64_t& out) -> problem {
          if (first)
            return index_of(s, needle, 0, out);
          out = last_index_of(s, needle);
          return nullptr;
        });
  if (!takes(c, string, string, integer))
    return {};
  return map3<std::int64_t, text_view, text_view, std::int64_t>(
      c, integer, rows,
      [first](text_view s, text_view needle, std::int64_t from, std::uint32_t, std::int64_t& out) {
        return first ? index_of(s, needle, from, out) : last_index_of(s, needle, from, out);
      });
}

std::optional<lane> vector_evaluator::string_change(const code& c, const row_set& rows) {
  using enum kind;
  if (c.function == fn::replace && takes(c, string, string, string))
    return map3<text_view, text_view, text_view, text_view>(
        c, string, rows,
        [this, &texts = texts_of(c)](text_view s, text_view from, text_view to, std::uint32_t row,
                                     text_view& out) -> problem {
          auto size = replaced_size(s, from, to, -1);
          if (size > static_cast<std::size_t>(budget::bytes_per_row) || !budget_of(row).bytes(size))
            return "";
          auto* room = size ? texts.reserve(size) : nullptr;
          replace(s, from, to, -1, room);
          out = {room, size};
          return nullptr;
        });
  if (!takes(c, string))
    return {};
  if (c.function == fn::trim)
    return map1<text_view, text_view>(c, string, rows,
                                      [](text_view s, std::uint32_t, text_view& out) -> problem {
                                        out = trim(s);
                                        return nullptr;
                                      });
  if (c.function != fn::lower_ascii && c.function != fn::upper_ascii && c.function != fn::reverse)
    return {};
  return map1<text_view, text_view>(c, string, rows,
                                    [this, f = c.function, &texts = texts_of(c)](
                                        text_view s, std::uint32_t row, text_view& out) -> problem {
                                      if (!budget_of(row).bytes(s.size()))
                                        return "";
                                      if (s.empty())
                                        return nullptr;
                                      auto* to = texts.reserve(s.size());
                                      if (f == fn::reverse)
                                        reverse(s, to);
                                      else
                                        std::transform(s.begin(), s.end(), to,
                                                       f == fn::lower_ascii ? lower : upper);
                                      out = {to, s.size()};
                                      return nullptr;
                                    });
}

/// One piece of `s.split(separator)`, without making the others; `otherwise` stands for a missing one, which
/// else is an error. Separator and number are constant.
std::optional<lane> vector_evaluator::split_piece(const code& split, const code& index, const code* otherwise,
                                                  const row_set& rows) {
  const auto* number = index.what == op::constant ? index.literal.get_if<std::int64_t>() : nullptr;
  if (!number || !takes(split, kind::string, kind::string) || split.args[1]->what != op::constant)
    return {};
  const auto* separator = split.args[1]->literal.get_if<std::string>();
  const auto* fallback =
      otherwise && otherwise->what == op::constant ? otherwise->literal.get_if<std::string>() : nullptr;
  if (!separator || separator->empty() || (otherwise && !fallback))
    return {};
  return map1<text_view, text_view>(
      split, kind::string, rows, [=, this](text_view s, std::uint32_t row, text_view& out) -> problem {
        auto next = [&](std::size_t from) {
          return separator->size() == 1 ? s.find(separator->front(), from) : s.find(*separator, from);
        };
        std::size_t pieces = 0, begin = 0;
        bool found = false;
        for (auto rest = text_view::npos; begin != text_view::npos; begin = rest, ++pieces) {
          auto end = next(begin);
          rest = end == text_view::npos ? end : end + separator->size();
          if (static_cast<std::int64_t>(pieces) == *number) {
            out = s.substr(begin, end == text_view::npos ? end : end - begin);
            found = true;
          }
        }
        // Charged like the list that the interpreter makes.
        auto& left = budget_of(row);
        if (!left.elements(pieces + 1) || !left.bytes(s.size()))
          return "";
        if (!found && !fallback)
          return "";
        out = found ? out : *fallback;
        return nullptr;
      });
}

} // namespace tidemill::cel
