#pragma once

#include "pipeline/aggregates/catalogue.hpp"

#include <catch2/catch.hpp>

#include <numeric>
#include <string>
#include <vector>

namespace tidemill::test {

/// One aggregate alone, over columns of these types and a constant.
inline layout_ptr layout_of(std::string_view function, const std::vector<type>& columns,
                            const std::vector<value>& constants = {}) {
  std::vector<aggregate_argument> arguments;
  for (const auto& c : columns)
    arguments.push_back({c, std::nullopt});
  for (const auto& c : constants)
    arguments.push_back({type{c.of()}, c});
  auto made = make_aggregate(function, arguments);
  if (!made)
    FAIL(made.error().text());
  return std::make_shared<const accumulator_layout>(std::vector<aggregate_ptr>{std::move(*made)});
}

inline column column_of(const type& of, const std::vector<value>& values) {
  column c{of.with_null()};
  c.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i].is_null())
      c.set_null(i);
    else
      c.set(i, values[i]);
  return c;
}

/// Adds rows [from, to) of the columns; without times, row i happens at i seconds.
inline void update(const layout_ptr& layout, accumulator& a, const std::vector<column>& columns,
                   std::uint32_t from, std::uint32_t to, std::vector<event_time> times = {}) {
  std::vector<std::uint32_t> rows(to - from);
  std::iota(rows.begin(), rows.end(), from);
  for (auto i = times.size(); i < to; ++i)
    times.push_back(event_time{std::chrono::seconds{i}});
  layout->part(0).update(
      std::vector<std::byte*>(rows.size(), a.data()),
      {columns.empty() ? nullptr : &columns[0], columns.size() > 1 ? &columns[1] : nullptr, times.data()},
      rows);
}

inline accumulator accumulate(const layout_ptr& layout, const std::vector<column>& columns,
                              const std::vector<event_time>& times = {}) {
  accumulator a{layout};
  update(layout, a, columns, 0, static_cast<std::uint32_t>(columns.at(0).size()), times);
  return a;
}

inline value result_of(std::string_view function, const type& of, const std::vector<value>& values,
                       const std::vector<value>& constants = {}) {
  return accumulate(layout_of(function, {of}, constants), {column_of(of, values)})
      .finish(std::chrono::minutes{1})
      .at(0);
}

inline std::string saved(const accumulator& a) {
  std::string bytes;
  byte_writer out{bytes};
  a.save(out);
  return bytes;
}

inline std::string hex(const std::string& bytes) {
  std::string text;
  for (auto c : bytes)
    for (auto nibble : {static_cast<unsigned char>(c) >> 4, c & 15})
      text.push_back("0123456789abcdef"[nibble]);
  return text;
}

/// Kind and JSON, so that 1 and 1.0 differ.
inline std::string shown(const value& v) {
  auto text = std::to_string(static_cast<int>(v.of())) + ":";
  append_json(text, v);
  return text;
}

} // namespace tidemill::test
