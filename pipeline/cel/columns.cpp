#include "pipeline/cel/columns.hpp"

#include "pipeline/cel/vector.hpp"

namespace tidemill::cel {
namespace {

/// Where a column stores a lane's values; texts are copied unless they are there already.
template <class T>
void store(const lane& from, const row_set& rows, column& out, bool copy) {
  auto& to = out.as<T>();
  const auto* x = from.values<T>();
  auto mask = from.mask();
  if constexpr (std::is_same_v<T, std::string_view>) {
    if (from.constant && !from.errors && !from.nulls) {
      auto text = out.memory().copy(x[0]);
      for_rows(rows, [&](std::uint32_t row) { to[row] = text; });
    } else if (copy) {
      auto& memory = out.memory();
      for_rows(rows, [&](std::uint32_t row) { to[row] = memory.copy(x[row & mask]); });
    } else {
      for_rows(rows, [&](std::uint32_t row) { to[row] = x[row & mask]; });
    }
  } else {
    for_rows(rows, [&](std::uint32_t row) { to[row] = x[row & mask]; });
  }
}

/// A value that the declared type of a column doesn't allow has slipped in.
error misfit(const program& p, const value& v) {
  return {errc::evaluation, "expected " + to_string(p.root->of) + ", got " + to_string(type{v.of()})};
}

/// The error of a row that a kernel refused: made by the interpreter, only now that somebody wants it.
error explain(const program& p, const event_batch& batch, std::uint32_t row, interpreter& run) {
  run.set_row(batch, row);
  budget left{p.limits};
  auto v = run.run(*p.root, left);
  return v.is_error() ? v.as_error() : misfit(p, v);
}

/// Rows of zeros; the room of a column of this type is used again.
void prepare(column& out, const type& of, std::size_t rows) {
  if (out.of() == of)
    out.clear();
  else
    out = column{of};
  out.resize(rows);
}

/// Whether the root makes new texts, which a kernel puts into the result's memory itself.
bool makes_text(const code& c) {
  if (c.what != op::call)
    return false;
  return c.function == fn::add || c.function == fn::replace || c.function == fn::lower_ascii ||
         c.function == fn::upper_ascii || c.function == fn::reverse || c.function == fn::to_string;
}

} // namespace

void interpret_columns(const program& p, const event_batch& batch, const selection& rows, column& out,
                       std::vector<row_error>& errors) {
  prepare(out, p.root->of, batch.rows());
  interpreter run{p.locals};
  for (auto row : rows) {
    run.set_row(batch, row);
    budget left{p.limits};
    auto v = run.run(*p.root, left);
    bool good = !v.is_error() && fits(v, p.root->of);
    if (!good)
      errors.push_back({row, v.is_error() ? v.as_error() : misfit(p, v)});
    if (!good)
      out.set_null(row);
    else
      out.set(row, v);
  }
}

void evaluate_columns(const program& p, const event_batch& batch, const selection& rows, column& out,
                      std::vector<row_error>& errors) {
  auto k = p.root->of.of();
  if (!has_lane(k) || k == kind::null_type)
    return interpret_columns(p, batch, rows, out, errors);
  prepare(out, p.root->of, batch.rows());
  if (rows.empty())
    return;
  row_set set{rows.data(), rows.size(), rows.size() == batch.rows()};
  vector_evaluator run{p, batch, out.memory()};
  auto made = run.eval(*p.root, set);
  if (made.of == k)
    with_storage(k, [&](auto zero) { store<decltype(zero)>(made, set, out, !makes_text(*p.root)); });
  if (made.clean())
    return;
  std::optional<interpreter> slow;
  for (auto row : rows) {
    if (made.is_error(row) || (made.is_null(row) && !p.root->of.nullable())) {
      if (!slow)
        slow.emplace(p.locals);
      errors.push_back({row, explain(p, batch, row, *slow)});
    }
    if (made.is_error(row) || made.is_null(row))
      out.set_null(row);
  }
}

} // namespace tidemill::cel
