#include "pipeline/cel/columns.hpp"
#include "pipeline/cel/compiler.hpp"
#include "pipeline/cel/expression.hpp"

#include <catch2/catch.hpp>

#include <random>

namespace tidemill::cel {
namespace {

environment scope() {
  environment out;
  out.variables = {{"i", kind::integer, 0},
                   {"s", type{kind::string, true}, 1},
                   {"doc", kind::dyn, 2},
                   {"l", type::list_of(kind::integer), 3},
                   {"d", kind::real, 4}};
  return out;
}

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> all{
      "i > 5 && s.startsWith(\"/a\") || has(event.s)",
      "l.filter(x, x % 2 == 0).map(y, y * i).exists_one(z, z == 4)",
      "doc.?a[?0].orValue({'k': [1, 2.5, b'\\x00', null]})",
      "cel.bind(q, s + 'x', q.replace('a', q).split(\"/\")[?1].orValue('')) == \"\"\"a\n\"\"\"",
      "timestamp('2024-01-01T00:00:00Z') + duration(\"1h\") < timestamp(i) ? d : -1.5e3",
      "'%s %.3f'.format([i, d]) in ['a', s] && !(i / 0 > 0x1F)",
      "{'a': 1, ?'b': doc.?b}.transformMap(k, v, v)",
      "math.greatest(i, 2, d) >= 18446744073709551615u",
      "[[1], []].all(e, size(e) > 0) ? optional.of(1).optMap(v, v + 1).value() : int('7')"};
  return all;
}

event_batch batch_of(std::mt19937_64& random) {
  event_batch out;
  constexpr std::size_t rows = 4;
  out.records.resize(rows);
  for (const auto& v : scope().variables)
    out.columns.emplace_back(v.of).resize(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    out.columns[0].set(r, static_cast<std::int64_t>(random() % 9));
    out.columns[1].set(r, random() % 3 ? value{"/a/b"} : value{});
    out.columns[2].set(r, random() % 2 ? value{value_map{{"a", value_list{1, "x"}}}} : value{1.5});
    out.columns[3].set(r, value_list{1, 2, 4});
    out.columns[4].set(r, 0.5 * static_cast<double>(random() % 9));
  }
  return out;
}

/// Compiles and evaluates, checked and unchecked: nothing may crash, hang or contradict itself.
void exercise(const std::string& text, const event_batch& batch) {
  for (bool unchecked : {false, true}) {
    std::vector<fault> faults;
    check_options options;
    options.unchecked = unchecked;
    auto p = compile_program(text, scope(), options, faults);
    if (!p) {
      if (faults.empty())
        FAIL_CHECK("refused without a fault: " << text);
      continue;
    }
    column fast, slow;
    std::vector<row_error> fast_errors, slow_errors;
    evaluate_columns(*p, batch, {0, 1, 3}, fast, fast_errors);
    interpret_columns(*p, batch, {0, 1, 3}, slow, slow_errors);
    auto same = fast_errors.size() == slow_errors.size();
    for (std::size_t i = 0; same && i < fast_errors.size(); ++i)
      same = fast_errors[i].row == slow_errors[i].row && fast_errors[i].why == slow_errors[i].why;
    if (!same)
      FAIL_CHECK("kernels and interpreter fail differently: " << text);
  }
}

std::string mutate(std::mt19937_64& random, std::string text) {
  for (auto n = 1 + random() % 4; n > 0; --n) {
    const auto& other = seeds()[random() % seeds().size()];
    auto at = text.empty() ? 0 : random() % text.size();
    switch (random() % 5) {
    case 0:
      text.erase(at, 1 + random() % 4);
      break;
    case 1:
      text.insert(at, 1, static_cast<char>(random()));
      break;
    case 2:
      text.insert(at, other, random() % other.size(), 1 + random() % 12);
      break;
    case 3: {
      constexpr std::string_view marks = "()[]{}.?:!-+*/%<>=&|'\"`, \n";
      text.insert(at, 1, marks[random() % marks.size()]);
      break;
    }
    default:
      if (!text.empty())
        text[at] = static_cast<char>(random() % 128);
    }
  }
  return text;
}

} // namespace

TEST_CASE("no bytes at all break the compiler", "[cel][fuzz]") {
  std::mt19937_64 random{7};
  auto batch = batch_of(random);
  for (int n = 0; n < 10'000; ++n) {
    std::string text;
    for (auto size = random() % 40; size > 0; --size)
      text.push_back(static_cast<char>(n % 2 ? random() : 32 + random() % 95));
    exercise(text, batch);
  }
}

TEST_CASE("damaged expressions are refused or evaluated, alike by kernels and interpreter", "[cel][fuzz]") {
  std::mt19937_64 random{11};
  auto batch = batch_of(random);
  for (const auto& seed : seeds())
    exercise(seed, batch);
  for (int n = 0; n < 30'000; ++n)
    exercise(mutate(random, seeds()[random() % seeds().size()]), batch);
}

} // namespace tidemill::cel
