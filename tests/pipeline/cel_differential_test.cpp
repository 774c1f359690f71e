#include "pipeline/cel/columns.hpp"
#include "pipeline/cel/compiler.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <random>

namespace tidemill::cel {
namespace {

using rng = std::mt19937_64;

template <class T>
const T& one_of(rng& random, const std::vector<T>& all) {
  return all[random() % all.size()];
}

struct named_column {
  std::string name;
  type of;
};

const std::vector<named_column>& fields() {
  static const std::vector<named_column> all{{"i", kind::integer},
                                             {"j", type{kind::integer, true}},
                                             {"u", kind::uinteger},
                                             {"d", kind::real},
                                             {"e", type{kind::real, true}},
                                             {"b", kind::boolean},
                                             {"c", type{kind::boolean, true}},
                                             {"s", kind::string},
                                             {"t", type{kind::string, true}},
                                             {"x", kind::timestamp},
                                             {"y", type{kind::duration, true}},
                                             {"m", kind::decimal},
                                             {"n", type{kind::decimal, true}},
                                             {"l", type::list_of(kind::integer)},
                                             {"z", kind::dyn}};
  return all;
}

value random_value(rng& random, kind k) {
  constexpr auto min = std::numeric_limits<std::int64_t>::min();
  constexpr auto max = std::numeric_limits<std::int64_t>::max();
  constexpr auto inf = std::numeric_limits<double>::infinity();
  switch (k) {
  case kind::integer:
    return one_of<std::int64_t>(
        random, {0, 1, -1, 2, 3, 7, 100, min, max, min + 1, static_cast<std::int64_t>(random())});
  case kind::uinteger:
    return one_of<std::uint64_t>(random, {0, 1, 2, 5, ~std::uint64_t{0}, std::uint64_t{1} << 63, random()});
  case kind::real:
    return one_of<double>(
        random, {0, -0.0, 1, -1.5, 2.5, 1e18, -0x1p63, 0x1p63, 0x1p64, inf, -inf, std::nan(""), 1e-300});
  case kind::boolean:
    return (random() & 1) != 0;
  case kind::string:
    return one_of<std::string>(random, {"", "a", "abc", "/a/b/c", "ÿα", "12", "-5", "1.5", "🐱x🐱", " pad ",
                                        "true", "b", "a/", "10.1.2.3", "::1", "2001:db8::/32", "+05:45"});
  case kind::timestamp:
    return one_of<timestamp>(random, {{0, 0},
                                      {-1, 500'000'000},
                                      {timestamp_min_seconds, 0},
                                      {timestamp_max_seconds, 999'999'999},
                                      {1'700'000'000, 123'456'789}});
  case kind::duration:
    return one_of<duration>(random, {{0}, {1}, {-1'000'000'000}, {min}, {max}, {90'000'000'000}});
  case kind::decimal:
    return one_of<decimal>(random, {{0},
                                    {1},
                                    {-1'500'000'000},
                                    {int128{max} * 1'000'000'000},
                                    {decimal_one},
                                    {int128{max} * int128{max}}});
  case kind::list: {
    value_list out;
    for (auto n = random() % 4; n > 0; --n)
      out.push_back(random_value(random, kind::integer));
    return out;
  }
  default:
    return random() % 5 == 0
               ? value{}
               : random_value(random, one_of<kind>(random, {kind::integer, kind::real, kind::boolean,
                                                            kind::string, kind::list}));
  }
}

event_batch random_batch(rng& random, std::size_t rows) {
  event_batch out;
  out.records.resize(rows);
  for (const auto& f : fields()) {
    column c{f.of};
    c.resize(rows);
    for (std::size_t r = 0; r < rows; ++r)
      if (f.of.nullable() && random() % 4 == 0)
        c.set_null(r);
      else
        c.set(r, random_value(random, f.of.of()));
    out.columns.push_back(std::move(c));
  }
  return out;
}

environment names() {
  environment out;
  for (std::size_t i = 0; i < fields().size(); ++i)
    out.variables.push_back({fields()[i].name, fields()[i].of, i});
  return out;
}

/// Writes well-typed expressions.
class writer {
public:
  explicit writer(rng& random) : random_(random) {}

  std::string write(kind k, int depth) {
    if (depth <= 0 || random_() % 6 == 0)
      return leaf(k);
    switch (random_() % 8) {
    case 0:
      return "(" + write(kind::boolean, depth - 1) + " ? " + write(k, depth - 1) + " : " +
             write(k, depth - 1) + ")";
    default:
      return compound(k, depth - 1);
    }
  }

private:
  std::string pick(std::initializer_list<std::string> all) { return all.begin()[random_() % all.size()]; }

  std::string leaf(kind k) {
    switch (k) {
    case kind::integer:
      return pick({"i", "j", "i", "0", "1", "-7", "3", "9223372036854775807", "-9223372036854775808",
                   "event.?j.orValue(4)"});
    case kind::uinteger:
      return pick({"u", "1u", "0u", "18446744073709551615u"});
    case kind::real:
      return pick({"d", "e", "0.0", "1.5", "-2.0", "1e300", "event.?e.orValue(0.5)"});
    case kind::boolean:
      return pick({"b", "c", "true", "false", "has(event.t)", "has(event.i)", "t == null", "j != null",
                   "has(event.z)"});
    case kind::string:
      return pick({"s", "t", "'a'", "''", "'ÿ'", "'/'", "event.?t.orValue(s)",
                   "s.split('/')[?1].orValue('none')", "t.split('/')[1]"});
    case kind::timestamp:
      return pick({"x", "timestamp('1969-12-31T23:59:59.5Z')", "timestamp(0)"});
    case kind::duration:
      return pick({"y", "duration('1s')", "duration('-90m')"});
    default:
      return pick({"m", "n", "decimal('1.5')", "decimal(3)"});
    }
  }

  std::string binary(kind k, std::initializer_list<std::string> ops, int depth) {
    return "(" + write(k, depth) + " " + pick(ops) + " " + write(k, depth) + ")";
  }

  std::string boolean(int depth) {
    auto any = [&] {
      return one_of<kind>(random_, {kind::integer, kind::uinteger, kind::real, kind::boolean, kind::string,
                                    kind::timestamp, kind::duration, kind::decimal});
    };
    auto number = [&] {
      return one_of<kind>(random_, {kind::integer, kind::uinteger, kind::real, kind::decimal});
    };
    switch (random_() % 12) {
    case 0:
    case 1:
      return "(" + write(kind::boolean, depth) + " && " + write(kind::boolean, depth) + " && " +
             write(kind::boolean, depth) + ")";
    case 2:
    case 3:
      return "(" + write(kind::boolean, depth) + " || " + write(kind::boolean, depth) + ")";
    case 4:
      return "!" + write(kind::boolean, depth);
    case 5:
      return binary(any(), {"==", "!="}, depth);
    case 6:
      return binary(any(), {"<", "<=", ">", ">="}, depth);
    case 7:
      return "(" + write(number(), depth) + pick({" < ", " >= "}) + write(number(), depth) + ")";
    case 8:
      return write(kind::string, depth) + pick({".contains(", ".startsWith(", ".endsWith("}) +
             write(kind::string, depth) + ")";
    case 9:
      return write(kind::string, depth) + pick({".matches('^[a-c]+$')", ".matches('ÿ.')", ".matches(s)"});
    case 10:
      return pick({"(" + write(kind::integer, depth) + " in [1, 2, -7, 0])",
                   "(" + write(kind::string, depth) + " in ['a', '', 'b', 'c', 'd', 'e', 'f', 'g', 'abc'])",
                   "(" + write(kind::real, depth) + " in [0.0, 1.5, 2.5])",
                   "(" + write(kind::integer, depth) + " in l)", "isIP(" + write(kind::string, depth) + ")",
                   "isCIDR(s)", "cidr('10.0.0.0/8').containsIP(" + pick({"s", "t", "s + t"}) + ")",
                   pick({"ip(s)", "ip(t)"}) + ".isLoopback()",
                   "l.exists(q, q > " + write(kind::integer, depth) + ")", "l.all(q, 7 / q > j)", "(z == 1)",
                   "(z || b)"});
    default:
      return "(" + write(kind::decimal, depth) + pick({" == ", " < "}) + write(number(), depth) + ")";
    }
  }

  std::string integer(int depth) {
    switch (random_() % 6) {
    case 0:
      return "size(" + write(kind::string, depth) + ")";
    case 1:
      return "int(" +
             write(one_of<kind>(random_,
                                {kind::real, kind::uinteger, kind::string, kind::timestamp, kind::decimal}),
                   depth) +
             ")";
    case 2:
      return write(kind::timestamp, depth) + pick({".getHours()", ".getDayOfYear('+02:00')", ".getHours(s)",
                                                   ".getMinutes(t)", ".getMilliseconds()", ".getFullYear()"});
    case 3:
      return write(kind::string, depth) + pick({".indexOf(", ".lastIndexOf("}) + write(kind::string, depth) +
             pick({")", ", 1)"});
    case 4:
      return "-" + leaf_in_parentheses(kind::integer);
    default:
      return binary(kind::integer, {"+", "-", "*", "/", "%"}, depth);
    }
  }
  std::string leaf_in_parentheses(kind k) { return "(" + leaf(k) + ")"; }

  std::string string(int depth) {
    switch (random_() % 7) {
    case 0:
      return write(kind::string, depth) + pick({".lowerAscii()", ".upperAscii()", ".reverse()", ".trim()"});
    case 1:
      return write(kind::string, depth) + ".substring(" + pick({"0, 1)", "1)", "0, 2)"});
    case 2:
      return write(kind::string, depth) + ".charAt(" + write(kind::integer, 0) + ")";
    case 3:
      return "string(" +
             write(one_of<kind>(random_, {kind::integer, kind::uinteger, kind::real, kind::boolean,
                                          kind::timestamp, kind::decimal, kind::duration}),
                   depth) +
             ")";
    case 4:
      return write(kind::string, depth) + ".replace(" + write(kind::string, 0) + ", " +
             write(kind::string, 0) + ")";
    case 5:
      return write(kind::string, depth) + ".split('/')[" + pick({"0", "1", "-1"}) + "]";
    default:
      return binary(kind::string, {"+"}, depth);
    }
  }

  std::string compound(kind k, int depth) {
    switch (k) {
    case kind::boolean:
      return boolean(depth);
    case kind::integer:
      return integer(depth);
    case kind::uinteger:
      return random_() % 4 ? binary(k, {"+", "-", "*", "/", "%"}, depth)
                           : "uint(" + write(kind::integer, depth) + ")";
    case kind::real:
      return random_() % 3
                 ? binary(k, {"+", "-", "*", "/"}, depth)
                 : pick({"double(" + write(kind::integer, depth) + ")",
                         "double(" + write(kind::string, depth) + ")",
                         "ratio(" + write(kind::integer, depth) + ", " + write(kind::integer, depth) + ")",
                         "math.floor(" + write(kind::real, depth) + ")",
                         "double(" + write(kind::decimal, depth) + ")"});
    case kind::string:
      return string(depth);
    case kind::timestamp:
      return "(" + write(kind::timestamp, depth) + pick({" + ", " - "}) + write(kind::duration, depth) + ")";
    case kind::duration:
      return random_() % 2 ? binary(k, {"+", "-"}, depth) : binary(kind::timestamp, {"-"}, depth);
    default:
      return random_() % 2 ? binary(k, {"+", "-", "*", "/"}, depth)
                           : "(" + write(kind::decimal, depth) + pick({" * ", " / ", " - "}) +
                                 write(kind::integer, depth) + ")";
    }
  }

  rng& random_;
};

bool same_cell(const value& a, const value& b) {
  const auto *x = a.get_if<double>(), *y = b.get_if<double>();
  if (x && y)
    return (std::isnan(*x) && std::isnan(*y)) || (*x == *y && std::signbit(*x) == std::signbit(*y));
  return a.of() == b.of() && a == b;
}

/// What differs between the two ways to evaluate; empty if nothing does.
std::string difference(const program& p, const event_batch& batch, const selection& rows) {
  column fast, slow;
  std::vector<row_error> fast_errors, slow_errors;
  evaluate_columns(p, batch, rows, fast, fast_errors);
  interpret_columns(p, batch, rows, slow, slow_errors);
  if (!(fast.of() == slow.of()) || fast.size() != slow.size())
    return "shape";
  for (std::size_t i = 0; i < std::max(fast_errors.size(), slow_errors.size()); ++i) {
    if (i >= fast_errors.size() || i >= slow_errors.size() || fast_errors[i].row != slow_errors[i].row ||
        !(fast_errors[i].why == slow_errors[i].why))
      return "error " + std::to_string(i) + ": " +
             (i < fast_errors.size() ? std::to_string(fast_errors[i].row) + " " + fast_errors[i].why.text()
                                     : "none") +
             " / " +
             (i < slow_errors.size() ? std::to_string(slow_errors[i].row) + " " + slow_errors[i].why.text()
                                     : "none");
  }
  for (auto row : rows) {
    auto a = fast.at(row), b = slow.at(row);
    if (!same_cell(a, b)) {
      std::string text = "row " + std::to_string(row) + ": ";
      append_json(text, a);
      text += " / ";
      append_json(text, b);
      return text;
    }
  }
  return {};
}

} // namespace

TEST_CASE("kernels and the interpreter give the same values, nulls and errors", "[cel]") {
  rng random{20240607};
  auto scope = names();
  auto batch = random_batch(random, 60);
  std::size_t compiled_count = 0, refused = 0;
  for (int round = 0; round < 4000; ++round) {
    if (round % 50 == 0)
      batch = random_batch(random, 1 + random() % 120);
    selection rows;
    auto keep = round % 3;
    for (std::uint32_t r = 0; r < batch.rows(); ++r)
      if (keep == 0 || random() % 3 < static_cast<unsigned>(keep))
        rows.push_back(r);
    auto k = one_of<kind>(random, {kind::boolean, kind::boolean, kind::integer, kind::uinteger, kind::real,
                                   kind::string, kind::timestamp, kind::duration, kind::decimal});
    auto text = writer{random}.write(k, 1 + static_cast<int>(random() % 4));
    std::vector<fault> faults;
    auto p = compile_program(text, scope, {}, faults);
    if (!p) {
      ++refused;
      INFO(text << ": " << faults.at(0).text << " (" << faults.at(0).hint << ")");
      CHECK(faults.at(0).text.starts_with("no such overload")); // decimal * decimal literal and the like
      continue;
    }
    ++compiled_count;
    if (auto why = difference(*p, batch, rows); !why.empty())
      FAIL_CHECK(text << "\n" << why);
  }
  CHECK(compiled_count > 3500);
}

} // namespace tidemill::cel
