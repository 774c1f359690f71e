#include "pipeline/cel/vector.hpp"

namespace tidemill::cel {
namespace {

/// Rows picked from a set, in order.
struct picked {
  buffer own;
  row_set set;
};

template <class Want>
picked pick(const row_set& rows, Want want) {
  picked out;
  out.own = buffer{rows.size * sizeof(std::uint32_t) + sizeof(std::uint32_t)};
  auto* to = out.own.as<std::uint32_t>();
  for_rows(rows, [&](std::uint32_t row) {
    *to = row;
    to += want(row) ? 1 : 0; // no branch: selections are seldom predictable
  });
  out.set.rows = out.own.as<std::uint32_t>();
  out.set.size = static_cast<std::size_t>(to - out.own.as<std::uint32_t>());
  out.set.dense = rows.dense && out.set.size == rows.size;
  return out;
}

} // namespace

lane vector_evaluator::logic(const code& c, const row_set& rows) {
  for (const auto* arg : c.args)
    if (!arg->of.is(kind::boolean))
      return interpret(c, rows);
  const std::uint8_t decisive = c.what == op::logic_or;
  lane out;
  auto* values = out.make<std::uint8_t>(kind::boolean, batch_.rows());
  for_rows(rows, [&](std::uint32_t row) { values[row] = !decisive; });
  std::uint8_t* errors = nullptr;
  picked open; // rows that no operand has decided yet
  auto todo = rows;
  for (std::size_t i = 0; i < c.args.size() && todo.size > 0; ++i) {
    auto a = eval(*c.args[i], todo);
    const auto* x = a.values<std::uint8_t>();
    auto mask = a.mask();
    if (a.clean()) {
      for_rows(todo, [&](std::uint32_t row) { values[row] = x[row & mask]; });
    } else {
      errors = errors ? errors : out.make_errors(batch_.rows(), rows);
      for_rows(todo, [&](std::uint32_t row) {
        auto bad = a.is_error(row) || a.is_null(row);
        errors[row] |= bad;
        values[row] = bad ? !decisive : x[row & mask];
      });
    }
    if (i + 1 == c.args.size())
      break;
    auto next = pick(todo, [&](std::uint32_t row) { return values[row] != decisive; });
    if (next.set.size < todo.size) {
      open = std::move(next);
      todo = open.set;
    }
  }
  // A decisive operand absorbs the errors of all others.
  if (errors)
    for_rows(rows, [&](std::uint32_t row) { errors[row] &= values[row] != decisive; });
  return out;
}

lane vector_evaluator::merge(const code& c, const row_set& rows, const lane* a, const row_set& of_a,
                             const lane* b, const row_set& of_b) {
  lane out;
  with_storage(c.of.of(), [&](auto zero) {
    using T = decltype(zero);
    auto* to = out.make<T>(c.of.of(), batch_.rows());
    auto* errors = out.make_errors(batch_.rows(), rows);
    std::uint8_t* nulls = nullptr;
    if ((a && a->nulls) || (b && b->nulls))
      nulls = out.make_nulls(batch_.rows(), rows);
    if (of_a.size + of_b.size < rows.size)
      for_rows(rows, [&](std::uint32_t row) {
        to[row] = T{};
        errors[row] = 1;
      });
    auto take = [&](const lane& from, const row_set& set) {
      const auto* x = from.values<T>();
      auto mask = from.mask();
      bool typed = from.of == c.of.of(); // else the literal null, or an error
      for_rows(set, [&](std::uint32_t row) {
        to[row] = typed ? x[row & mask] : T{};
        errors[row] = from.is_error(row);
        if (nulls)
          nulls[row] = from.is_null(row);
      });
    };
    if (a)
      take(*a, of_a);
    if (b)
      take(*b, of_b);
  });
  return out;
}

lane vector_evaluator::ternary(const code& c, const row_set& rows) {
  bool kernel = has_lane(c.of.of()) && !c.of.is(kind::null_type) && c.args[0]->of.is(kind::boolean);
  for (std::size_t i : {1u, 2u})
    kernel &= c.args[i]->of.of() == c.of.of() || c.args[i]->of.is(kind::null_type) ||
              (c.args[i]->what == op::constant && c.args[i]->literal.is_error());
  if (!kernel)
    return interpret(c, rows);
  auto condition = eval(*c.args[0], rows);
  const auto* x = condition.values<std::uint8_t>();
  auto mask = condition.mask();
  auto good = [&](std::uint32_t row) { return !condition.is_error(row) && !condition.is_null(row); };
  auto yes = pick(rows, [&](std::uint32_t row) { return x[row & mask] && good(row); });
  auto no = pick(rows, [&](std::uint32_t row) { return !x[row & mask] && good(row); });
  std::optional<lane> a, b;
  if (yes.set.size > 0)
    a = eval(*c.args[1], yes.set);
  if (no.set.size > 0)
    b = eval(*c.args[2], no.set);
  return merge(c, rows, a ? &*a : nullptr, yes.set, b ? &*b : nullptr, no.set);
}

/// `event.?x.orValue(0)` and `s.split("/")[?1].orValue("")`, both without boxes.
std::optional<lane> vector_evaluator::or_value(const code& c, const row_set& rows) {
  const auto& held = *c.args[0];
  if (held.what == op::call && held.function == fn::opt_index && held.args[0]->what == op::call &&
      held.args[0]->function == fn::split)
    return split_piece(*held.args[0], *held.args[1], c.args[1], rows);
  if (held.what != op::optional_slot || !has_lane(c.of.of()) || c.of.is(kind::null_type) || c.of.nullable() ||
      c.args[1]->of.of() != c.of.of() || batch_.columns[held.slot].of().of() != c.of.of())
    return {};
  const auto& column = batch_.columns[held.slot];
  lane present;
  present.of = c.of.of();
  with_storage(present.of, [&](auto zero) { present.data = column.as<decltype(zero)>().data(); });
  if (!column.has_nulls())
    return present;
  auto some = pick(rows, [&](std::uint32_t row) { return !column.is_null(row); });
  auto none = pick(rows, [&](std::uint32_t row) { return column.is_null(row); });
  if (none.set.size == 0)
    return present;
  auto otherwise = eval(*c.args[1], none.set);
  return merge(c, rows, &present, some.set, &otherwise, none.set);
}

} // namespace tidemill::cel
