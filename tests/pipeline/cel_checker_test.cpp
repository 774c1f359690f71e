#include "pipeline/cel/expression.hpp"

#include <catch2/catch.hpp>

namespace tidemill::cel {
namespace {

environment scope() {
  environment out;
  std::size_t slot = 0;
  auto add = [&](const char* name, type of) { out.variables.push_back({name, of, slot++}); };
  add("i", kind::integer);
  add("u", kind::uinteger);
  add("took_ms", kind::real);
  add("s", kind::string);
  add("b", kind::boolean);
  add("bytes_sent", type{kind::integer, true});
  add("t", kind::timestamp);
  add("du", kind::duration);
  add("l", type::list_of(kind::integer));
  add("price", kind::decimal);
  add("doc", kind::dyn);
  add("user.id", kind::string);
  add("m", type::map_of(kind::string, kind::integer));
  return out;
}

/// The result's type, or `column: text (hint)` of all faults.
std::string checked(std::string_view text) {
  std::vector<fault> faults;
  if (auto e = expression::compile(text, scope(), faults); e && faults.empty())
    return to_string(e->result());
  std::string out;
  for (const auto& f : faults)
    out += (out.empty() ? "" : "; ") + std::to_string(f.column) + ": " + f.text +
           (f.hint.empty() ? "" : " (" + f.hint + ")");
  return out.empty() ? "no fault" : out;
}

} // namespace

TEST_CASE("types are inferred", "[cel]") {
  CHECK(checked("i + 1") == "int");
  CHECK(checked("took_ms > 5") == "bool");
  CHECK(checked("i < 1u && i >= 2.5 && u > -1") == "bool");
  CHECK(checked("bytes_sent") == "int?");
  CHECK(checked("bytes_sent + 1") == "int");
  CHECK(checked("b ? bytes_sent : 0") == "int?");
  CHECK(checked("b ? null : bytes_sent") == "int?");
  CHECK(checked("bytes_sent == null || null != bytes_sent") == "bool");
  CHECK(checked("price * 2 + 1 > 3.5 && price == 1") == "bool");
  CHECK(checked("price / 3") == "decimal");
  CHECK(checked("[1, 'a']") == "[dyn]");
  CHECK(checked("[[], [1]]") == "[[int]]");
  CHECK(checked("true ? 1 : dyn('a')") == "dyn");
  CHECK(checked("doc.a.b[0] + 1") == "dyn");
  CHECK(checked("s.split('/')[?1].orValue('')") == "string");
  CHECK(checked("l.map(x, x > 1)") == "[bool]");
  CHECK(checked("l.exists(x, x == bytes_sent)") == "bool");
  CHECK(checked("m.total + m['n']") == "int");
  CHECK(checked("ip(s)") == "ip");
  CHECK(checked("string(cidr(s).ip())") == "string");
  CHECK(checked("isIP(ip(s))") == "1: no such overload: isIP(ip) (it takes isIP(string))");
  CHECK(checked("ip(s) < ip(s)").find("no such overload: ip < ip") != std::string::npos);
  CHECK(checked("event.?bytes_sent.orValue(0)") == "int");
  CHECK(checked("event.bytes_sent") == "int?");
  CHECK(checked("has(event.bytes_sent) && has(event.doc.x)") == "bool");
  CHECK(checked("user.id + event.user.id") == "string");
  CHECK(checked("[1].exists(i, i > 0) && l.all(s, s > 0)") == "bool");
  CHECK(checked("t - t + du") == "duration");
  CHECK(checked("t == null") == "bool");
  CHECK(checked("type(i) == int") == "bool");
}

TEST_CASE("what CEL refuses is refused at its place, with what to write instead", "[cel]") {
  CHECK(checked("i + took_ms") == "3: no such overload: int + double (write double(i))");
  CHECK(checked("took_ms * 2") == "9: no such overload: double * int (write 2.0)");
  CHECK(checked("i == took_ms") == "3: no such overload: int == double (write double(i))");
  CHECK(checked("i != 1u") == "3: no such overload: int != uint (write int(1u))");
  CHECK(checked("u + 1") == "3: no such overload: uint + int (write 1u)");
  CHECK(checked("i in [1.0]") == "3: no such overload: int in [double] (the elements have another type)");
  CHECK(checked("price * took_ms") == "7: no such overload: decimal * double (write decimal(took_ms))");
  CHECK(checked("true ? 1 : 'a'") ==
        "6: the branches of ?: have different types: int and string (convert one of them, or use dyn(…))");
  CHECK_THAT(checked("true ? null : 1"), Catch::StartsWith("6: the branches of ?:"));
  CHECK(checked("s && b") == "1: operand of && must be bool, not string (compare it: s != \"\")");
  CHECK(checked("b || i") == "6: operand of || must be bool, not int (compare it: i != 0)");
  CHECK(checked("!i") == "1: no such overload: !int");
  CHECK(checked("i ? 1 : 2") == "1: the condition of ?: must be bool, not int (compare it: i != 0)");
  CHECK(checked("-u") == "1: no such overload: -uint (write -int(u))");
  CHECK(checked("took_ms % 2.0") ==
        "9: no such overload: double % double (% takes int or uint: convert with int(…))");
  CHECK(checked("s[0]") == "2: no such overload: string[int] (write s.charAt(0))");
  CHECK(checked("l[0u]") == "2: no such overload: [int][uint] (write int(0u))");
  CHECK(checked("l['a']") == "2: no such overload: [int][string] (a list is indexed by int)");
  CHECK(checked("m[1]") ==
        "2: no such overload: map(string, int)[int] (the keys of this map have another type)");
  CHECK_THAT(checked("1 in ['a']"), Catch::StartsWith("3: no such overload: int in [string]"));
  CHECK(checked("'a' in s") == "5: no such overload: string in string (write s.contains(\"a\"))");
  CHECK_THAT(checked("i.f"), Catch::StartsWith("3: int has no field `f`"));
  CHECK_THAT(checked("l.f"), Catch::StartsWith("3: [int] has no field `f`"));
  CHECK_THAT(checked("{1: 2}.f"), Catch::StartsWith("8: this map has no field `f`"));
  CHECK_THAT(checked("{'a':1} == {'a':1.0}"), Catch::StartsWith("9: no such overload"));
  CHECK_THAT(checked("null == 1"), Catch::Contains("it is never null"));
  CHECK(checked("s == null") ==
        "3: no such overload: string == null (it is never null; a field that may be is "
        "declared with ?)");
  CHECK(checked("t + 1") == "3: no such overload: timestamp + int (write duration(\"1s\"))");
  CHECK_THAT(checked("du * 2"), Catch::StartsWith("4: no such overload: duration * int"));
  CHECK_THAT(checked("t < du"), Catch::StartsWith("3: no such overload: timestamp < duration"));
  CHECK_THAT(checked("t > '2024-01-01T00:00:00Z'"),
             Catch::Contains("write timestamp(\"2024-01-01T00:00:00Z\")"));
  CHECK(checked("bool(1)") == "1: no such overload: bool(int) (write 1 != 0)");
  CHECK(checked("duration(60)") == "1: no such overload: duration(int) (write duration(\"60s\"))");
  CHECK(checked("s.all(x, true)") ==
        "3: all() can't walk over string (write .split(\"\").all(…) for its characters)");
  CHECK_THAT(checked("optional.of(1) == 1"), Catch::Contains("write .orValue(…)"));
  CHECK(checked("s + i") == "3: no such overload: string + int (write string(i))");
  CHECK(checked("{1.5: 2}") == "2: a map key can't be double (keys are int, uint, bool or string)");
  CHECK(checked("l.filter(x, x)") ==
        "13: the condition of filter() must be bool, not int (compare it: x != 0)");
}

TEST_CASE("unknown names get the nearest one", "[cel]") {
  CHECK(checked("tok_ms > 1.0") == "1: unknown name `tok_ms` (did you mean `took_ms`?)");
  CHECK(checked("event.tok_ms") == "7: the event has no field `tok_ms` (did you mean `took_ms`?)");
  CHECK(checked("s.startswith('a')") == "3: unknown function `startswith` (did you mean `startsWith`?)");
  CHECK(checked("s.length()") == "3: unknown function `length` (write size())");
  CHECK(checked("startsWith(s, 'a')") ==
        "1: unknown function `startsWith` (it is a method: write x.startsWith(…))");
  CHECK(checked("s.int()") == "3: unknown function `int` (write int(s))");
  CHECK(checked("math.flor(1.0)") == "6: unknown function `math.flor` (did you mean `math.floor`?)");
  CHECK_THAT(checked("now()"), Catch::Contains("expressions read no clock"));
  CHECK(checked("completely_different") == "1: unknown name `completely_different`");
  CHECK(checked("nope + also") == "1: unknown name `nope`; 8: unknown name `also`");
  CHECK_THAT(checked("l.exists(x)"), Catch::Contains("list.exists(x, …)"));
  CHECK_THAT(checked("s.charAt('a')"), Catch::Contains("it takes string.charAt(int)"));
  CHECK_THAT(checked("i.orValue(1)"), Catch::Contains("it takes optional(dyn).orValue(dyn)"));
  CHECK_THAT(checked("size(i)"), Catch::Contains("it takes size(string), size(bytes), size([dyn])"));
}

TEST_CASE("the whole row is only good for its fields", "[cel]") {
  CHECK_THAT(checked("event"), Catch::StartsWith("1: `event` is the whole row"));
  CHECK_THAT(checked("size(event)"), Catch::StartsWith("6: `event` is the whole row"));
  CHECK(checked("event['i']") == "1: `event` is the whole row: only its fields can be used (write event.i)");
  CHECK(checked("[1].exists(event, event > 0)") == "bool");
}

TEST_CASE("literals that can never work are faults at compile time", "[cel]") {
  CHECK_THAT(checked("s.matches('a(')"), Catch::StartsWith("11: not a regular expression"));
  CHECK_THAT(checked("t > timestamp('2024-13-01T00:00:00Z')"), Catch::StartsWith("15: not a timestamp"));
  CHECK_THAT(checked("du > duration('1d')"), Catch::StartsWith("15: not a duration"));
  CHECK_THAT(checked("t.getHours('Mars/Olympus')"), Catch::Contains("write UTC or an offset like +02:00"));
}

TEST_CASE("an expression knows the slots that it reads", "[cel]") {
  std::vector<fault> faults;
  auto e = expression::compile("s + event.user.id + (has(event.u) ? 'x' : s)", scope(), faults);
  REQUIRE(e);
  CHECK(e->slots() == std::vector<std::size_t>{1, 3, 11});
  CHECK_FALSE(e->constant());
  CHECK(expression::compile("1 + 2", scope(), faults)->constant());
}

} // namespace tidemill::cel
