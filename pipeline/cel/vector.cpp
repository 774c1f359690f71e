#include "pipeline/cel/vector.hpp"

#include <cstring>

namespace tidemill::cel {
namespace {

/// Stores an unboxed value; false: another kind.
template <class T>
bool unbox(const value& v, kind k, T& out, arena& texts) {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    const auto* b = v.get_if<bool>();
    out = b && *b;
    return b;
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    const auto* s = k == kind::string ? v.get_if<std::string>() : nullptr;
    const auto* b = k == kind::bytes ? v.get_if<byte_string>() : nullptr;
    out = s ? texts.copy(*s) : b ? texts.copy(b->bytes) : std::string_view{};
    return s || b;
  } else {
    const auto* x = v.get_if<T>();
    out = x ? *x : T{};
    return x;
  }
}

} // namespace

budget& vector_evaluator::budget_of(std::uint32_t row) {
  if (budgets_.empty())
    budgets_.resize(batch_.rows(), budget{limits_});
  return budgets_[row];
}

lane vector_evaluator::eval(const code& c, const row_set& rows) {
  switch (c.what) {
  case op::constant:
    return constant(c.literal);
  case op::slot:
    return batch_.columns[c.slot].of().is(c.of.of()) ? slot(c) : interpret(c, rows);
  case op::present:
    return present(c, rows);
  case op::logic_and:
  case op::logic_or:
    return logic(c, rows);
  case op::ternary:
    return ternary(c, rows);
  case op::call:
    if (auto out = call(c, rows))
      return std::move(*out);
    return interpret(c, rows);
  default:
    return interpret(c, rows);
  }
}

lane vector_evaluator::constant(const value& v) {
  static constexpr std::uint8_t yes = 1;
  lane out;
  out.constant = true;
  if (v.is_error())
    out.errors = &yes;
  if (v.is_null())
    out.nulls = &yes;
  out.of = v.of();
  with_storage(v.is_error() || v.is_null() ? kind::decimal : v.of(), [&](auto zero) {
    using T = decltype(zero);
    auto* to = out.make<T>(out.of, 1);
    *to = T{};
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      *to = *v.get_if<bool>() ? 1 : 0;
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      // The text belongs to the program, which outlives the call.
      if (const auto* s = v.get_if<std::string>())
        *to = *s;
      else if (const auto* b = v.get_if<byte_string>())
        *to = b->bytes;
    } else if (const auto* x = v.get_if<T>()) {
      *to = *x;
    }
  });
  if (v.is_error()) { // any kind may be read from it: enough zero bytes for the largest
    out.own_data = buffer{64};
    std::memset(out.own_data.as<std::byte>(), 0, 64);
    out.data = out.own_data.as<std::byte>();
  }
  return out;
}

lane vector_evaluator::slot(const code& c) {
  const auto& column = batch_.columns[c.slot];
  lane out;
  out.of = c.of.of();
  out.nulls = column.has_nulls() ? column.nulls().data() : nullptr;
  with_storage(out.of, [&](auto zero) { out.data = column.as<decltype(zero)>().data(); });
  return out;
}

lane vector_evaluator::present(const code& c, const row_set& rows) {
  const auto& column = batch_.columns[c.slot];
  lane out;
  auto* to = out.make<std::uint8_t>(kind::boolean, batch_.rows());
  bool boxed = !has_lane(column.of().of());
  for_rows(rows,
           [&](std::uint32_t row) { to[row] = boxed ? !column.at(row).is_null() : !column.is_null(row); });
  return out;
}

/// Boxed, row by row, into a lane of the static type.
lane vector_evaluator::interpret(const code& c, const row_set& rows) {
  lane out;
  auto k = c.of.of();
  with_storage(k, [&](auto zero) {
    using T = decltype(zero);
    auto* to = out.make<T>(k, batch_.rows());
    std::uint8_t *errors = nullptr, *nulls = nullptr;
    for_rows(rows, [&](std::uint32_t row) {
      interpreter_.set_row(batch_, row);
      auto v = interpreter_.run(c, budget_of(row));
      to[row] = T{};
      if (v.is_null() && fits(v, c.of)) {
        nulls = nulls ? nulls : out.make_nulls(batch_.rows(), rows);
        nulls[row] = 1;
      } else if (!unbox(v, k, to[row], texts_of(c))) {
        errors = errors ? errors : out.make_errors(batch_.rows(), rows);
        errors[row] = 1;
      }
    });
  });
  return out;
}

std::uint8_t* vector_evaluator::strict_errors(lane& out, const row_set& rows,
                                              std::initializer_list<const lane*> args, bool can_fail) {
  for (const auto* a : args)
    can_fail |= !a->clean();
  if (!can_fail)
    return nullptr;
  auto* errors = out.make_errors(out.constant ? 1 : batch_.rows(), rows);
  for (const auto* a : args)
    for (const auto* bits : {a->errors, a->nulls})
      if (bits)
        for_rows(rows, [&, mask = a->mask()](std::uint32_t row) { errors[row] |= bits[row & mask]; });
  return errors;
}

std::optional<lane> vector_evaluator::call(const code& c, const row_set& rows) {
  switch (c.function) {
  case fn::add:
  case fn::sub:
  case fn::mul:
  case fn::div:
  case fn::mod:
  case fn::neg:
  case fn::not_:
    return arithmetic(c, rows);
  case fn::eq:
  case fn::ne:
    return equality(c, rows);
  case fn::lt:
  case fn::le:
  case fn::gt:
  case fn::ge:
    return comparison(c, rows);
  case fn::in:
    return membership(c, rows);
  case fn::or_value:
    return or_value(c, rows);
  case fn::index:
    return c.args[0]->function == fn::split && c.args[0]->what == op::call
               ? split_piece(*c.args[0], *c.args[1], nullptr, rows)
               : std::nullopt;
  default:
    break;
  }
  if (c.function == fn::size || (c.function >= fn::contains && c.function <= fn::quote))
    return string_function(c, rows);
  if (c.function >= fn::to_int && c.function <= fn::to_duration)
    return conversion(c, rows);
  if (c.function >= fn::full_year && c.function <= fn::milliseconds)
    return time_part(c, rows);
  if (c.function >= fn::to_ip)
    return network(c, rows);
  return c.function >= fn::abs && c.function <= fn::ratio ? math(c, rows) : std::nullopt;
}

} // namespace tidemill::cel
