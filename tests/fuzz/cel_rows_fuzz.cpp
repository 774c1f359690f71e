// Links: tidemill_pipeline
// Rows of any values, nulls among them, for expressions that use every kernel: kernels and interpreter agree.

#include "pipeline/cel/compiler.hpp"
#include "tests/fuzz/cel_compare.hpp"
#include "tests/fuzz/fuzz_target.hpp"

#include <array>
#include <bit>

namespace tidemill::test {
namespace {

using namespace tidemill::cel;

constexpr std::array<const char*, 52> texts{
    "i + j * 2 - i / j % 7",
    "-i < j && i != j || i >= 3",
    "u + v * 3u / v % 5u",
    "x * y + x / y - double(i)",
    "m * n + m / n - 1",
    "t + d > o && t - o < d",
    "t - d == o || d + d >= d",
    "i < u && u < x && x < m",
    "i in [1, 2, 3] || s in ['a', 'b', '']",
    "i in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
    "s + r == r + s",
    "s.contains(r) || s.startsWith(r) || s.endsWith(r)",
    "s.size() + r.size()",
    "s.charAt(i)",
    "s.substring(i) + r.substring(i, j)",
    "s.indexOf(r) + s.indexOf(r, i) + s.lastIndexOf(r) + s.lastIndexOf(r, i)",
    "s.replace(r, 'xy') + s.replace('', r, i)",
    "s.split(r)[?i].orValue('none')",
    "s.split('/')[i]",
    "s.trim() + s.lowerAscii() + s.upperAscii() + s.reverse()",
    "s.matches(r)",
    "s.matches('^[a-z/]+[0-9]*$')",
    "int(x) + int(u) + int(m)",
    "int(s)",
    "uint(x) + uint(i)",
    "uint(s)",
    "double(s)",
    "double(i) + double(u) + double(m)",
    "decimal(x) + decimal(i)",
    "decimal(s)",
    "bool(s)",
    "timestamp(s)",
    "timestamp(i) < t || timestampMillis(i) > t",
    "duration(s)",
    "string(i) + string(u) + string(x) + string(m) + string(b) + string(t) + string(d)",
    "string(raw)",
    "bytes(s) == raw",
    "t.getFullYear() * 400 + t.getDayOfYear() + t.getDayOfWeek() + t.getHours('+05:45')",
    "t.getHours(s) + t.getMinutes(r)",
    "d.getHours() + d.getMilliseconds()",
    "b ? i : j / 0",
    "b && i / j > 0 || s == null",
    "has(event.s) && has(event.b)",
    "event.?s.orValue(r) + event.?r.orValue('-')",
    "math.abs(x) + math.ceil(y) + math.floor(x) + math.round(y) + math.trunc(x) + math.sqrt(y)",
    "math.greatest(i, x, m) == math.least(j, y, n)",
    "ratio(i, j) + ratio(x, y) + ratio(m, n)",
    "list.exists(e, e == i) || list.all(e, e > j)",
    "list.map(e, e + i).filter(e, e > j).size() + list[i]",
    "doc.?a.orValue(i) == doc || doc == x",
    "cidr('10.0.0.0/8').containsIP(s) || isIP(r)",
    "'%s %d %.2f'.format([s, i, x])"};

const environment& scope() {
  static const environment out{{{"i", kind::integer, 0},
                                {"j", type{kind::integer, true}, 1},
                                {"u", kind::uinteger, 2},
                                {"v", type{kind::uinteger, true}, 3},
                                {"x", kind::real, 4},
                                {"y", type{kind::real, true}, 5},
                                {"m", kind::decimal, 6},
                                {"n", type{kind::decimal, true}, 7},
                                {"s", type{kind::string, true}, 8},
                                {"r", kind::string, 9},
                                {"raw", type{kind::bytes, true}, 10},
                                {"t", kind::timestamp, 11},
                                {"o", type{kind::timestamp, true}, 12},
                                {"d", type{kind::duration, true}, 13},
                                {"b", type{kind::boolean, true}, 14},
                                {"list", type::list_of(kind::integer), 15},
                                {"doc", kind::dyn, 16}},
                               true};
  return out;
}

const std::vector<std::shared_ptr<const program>>& programs() {
  static const auto all = [] {
    std::vector<std::shared_ptr<const program>> out;
    for (const auto* text : texts) {
      std::vector<fault> faults;
      out.push_back(compile_program(text, scope(), {}, faults));
      if (!out.back())
        finding(std::string{text} + ": " + faults.front().text);
    }
    return out;
  }();
  return all;
}

/// Of a few bytes, so that equal and special ones are common.
std::int64_t number(fuzz_input& in) {
  constexpr std::array<std::int64_t, 8> special{0, 1, -1, 2, INT64_MAX, INT64_MIN, 1'700'000'000, 1 << 20};
  auto how = in.byte();
  return how < 64 ? special[how % special.size()] : how < 160 ? how - 110 : in.number<std::int64_t>();
}

std::string text(fuzz_input& in) {
  auto bytes = in.take(in.byte() % 24);
  std::string out;
  for (auto rest = bytes; !rest.empty();) { // a codec lets only valid UTF-8 through
    std::size_t n = 1;
    while (n < 5 && n <= rest.size() && !is_utf8(rest.substr(0, n)))
      ++n;
    if (n <= rest.size() && n < 5)
      out += rest.substr(0, n);
    rest.remove_prefix(n < 5 ? std::min(n, rest.size()) : 1);
  }
  return out;
}

constexpr int128 most_units = [] {
  int128 out = 1;
  for (int i = 0; i < 38; ++i)
    out *= 10;
  return out - 1;
}();

value of_kind(fuzz_input& in, kind k) {
  switch (k) {
  case kind::integer:
    return number(in);
  case kind::uinteger:
    return static_cast<std::uint64_t>(number(in));
  case kind::real: {
    auto how = in.byte();
    return how < 128 ? static_cast<double>(number(in)) / 4
                     : std::bit_cast<double>(in.number<std::uint64_t>());
  }
  case kind::decimal: {
    auto units = in.byte() < 128 ? int128{number(in)} : (int128{number(in)} << 62) + number(in);
    return decimal{units > most_units ? most_units : units < -most_units ? -most_units : units};
  }
  case kind::string:
    return text(in);
  case kind::bytes:
    return byte_string{std::string{in.take(in.byte() % 8)}};
  case kind::timestamp: {
    constexpr auto span = timestamp_max_seconds - timestamp_min_seconds + 1;
    auto seconds = ((number(in) % span) + span) % span + timestamp_min_seconds;
    return timestamp{seconds, static_cast<std::int32_t>(in.number<std::uint32_t>() % 1'000'000'000)};
  }
  case kind::duration:
    return duration{number(in)};
  case kind::boolean:
    return in.byte() % 2 == 0;
  case kind::list: {
    value_list out;
    for (auto n = in.byte() % 4; n > 0; --n)
      out.emplace_back(number(in));
    return out;
  }
  default: {
    constexpr std::array<kind, 6> kinds{kind::integer, kind::real, kind::string,
                                        kind::boolean, kind::list, kind::uinteger};
    auto how = in.byte();
    if (how < 40)
      return value_map{{"a", number(in)}};
    return of_kind(in, kinds[how % kinds.size()]);
  }
  }
}

} // namespace

void fuzz_one(std::string_view input) {
  fuzz_input in{input};
  const auto& p = *programs()[in.byte() % texts.size()];
  const std::uint32_t rows = 1 + in.byte() % 5;
  event_batch batch;
  batch.records.resize(rows);
  for (const auto& v : scope().variables)
    batch.columns.emplace_back(v.of).resize(rows);
  selection chosen;
  for (std::uint32_t row = 0; row < rows; ++row) {
    if (in.byte() % 4)
      chosen.push_back(row);
    for (auto slot : p.slots) {
      const auto& of = scope().variables[slot].of;
      bool null = (of.nullable() || of.is(kind::dyn)) && in.byte() % 6 == 0;
      batch.columns[slot].set(row, null ? value{} : of_kind(in, of.of()));
    }
  }
  compare_evaluators(p, batch, chosen);
}

} // namespace tidemill::test
