// Links: tidemill_pipeline
// The source text of an expression: refused with a fault, or evaluated alike by kernels and interpreter.

#include "pipeline/cel/columns.hpp"
#include "pipeline/cel/compiler.hpp"
#include "pipeline/cel/expression.hpp"
#include "tests/fuzz/cel_compare.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace tidemill::test {
namespace {

using namespace tidemill::cel;

const environment& scope() {
  static const environment out{{{"i", kind::integer, 0},
                                {"s", type{kind::string, true}, 1},
                                {"doc", kind::dyn, 2},
                                {"l", type::list_of(kind::integer), 3},
                                {"d", kind::real, 4},
                                {"t", kind::timestamp, 5},
                                {"m", kind::decimal, 6},
                                {"u", kind::uinteger, 7},
                                {"b", type{kind::boolean, true}, 8},
                                {"raw", kind::bytes, 9}},
                               true};
  return out;
}

event_batch make_batch() {
  const std::vector<value_list> rows{
      {0, value{}, value_map{{"a", value_list{1, "x"}}, {"b", 2.5}}, value_list{1, 2, 4}, 0.5,
       timestamp{1'700'000'000, 5}, decimal{decimal_one}, std::uint64_t{7}, true, byte_string{"\xFF"}},
      {INT64_MIN, "/a/b", 1.5, value_list{}, -0.0, timestamp{-1, 0}, decimal{-1}, UINT64_MAX, value{},
       byte_string{}},
      {INT64_MAX, "10.0.0.1", value{}, value_list{INT64_MAX}, 1e308,
       timestamp{timestamp_max_seconds, 999'999'999}, decimal{}, std::uint64_t{0}, false, byte_string{"abc"}},
      {-1, "\xC3\xA9", value_list{value{}, "k"}, value_list{3, 3}, 1.0 / 3, timestamp{}, decimal{7},
       std::uint64_t{1}, true, byte_string{"0"}}};
  event_batch out;
  out.records.resize(rows.size());
  for (const auto& v : scope().variables)
    out.columns.emplace_back(v.of).resize(rows.size());
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t c = 0; c < rows[r].size(); ++c)
      out.columns[c].set(r, rows[r][c]);
  return out;
}

} // namespace

void fuzz_one(std::string_view input) {
  static const auto batch = make_batch();
  for (bool unchecked : {false, true}) {
    std::vector<fault> faults;
    check_options options;
    options.unchecked = unchecked;
    auto p = compile_program(input, scope(), options, faults);
    if (!p && faults.empty())
      finding("refused without a fault");
    if (p)
      compare_evaluators(*p, batch, {0, 1, 3});
  }
}

} // namespace tidemill::test
