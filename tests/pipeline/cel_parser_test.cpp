#include "pipeline/cel/expression.hpp"
#include "pipeline/cel/lexer.hpp"
#include "pipeline/cel/parser.hpp"

#include <catch2/catch.hpp>

namespace tidemill::cel {
namespace {

/// The canonical text of what was parsed, or `line:column text`.
std::string parsed(std::string_view text) {
  std::vector<fault> faults;
  auto tree = parse(text, faults);
  if (tree && faults.empty())
    return to_text(*tree->root);
  if (faults.size() != 1)
    return std::to_string(faults.size()) + " faults";
  return std::to_string(faults[0].line) + ":" + std::to_string(faults[0].column) + " " + faults[0].text;
}

std::string times(int n, const std::string& text) {
  std::string out;
  for (int i = 0; i < n; ++i)
    out += text;
  return out;
}

} // namespace

TEST_CASE("operators bind as CEL's grammar says", "[cel]") {
  CHECK(parsed("1 + 2 * 3 - 4") == "((1 + (2 * 3)) - 4)");
  CHECK(parsed("a || b && c || d") == "(a || (b && c) || d)");
  CHECK(parsed("1 == 1 == true") == "((1 == 1) == true)");
  CHECK(parsed("a ? b : c ? d : e") == "(a ? b : (c ? d : e))");
  CHECK(parsed("a ? (b ? c : d) : e") == "(a ? (b ? c : d) : e)");
  CHECK(parsed("a ? b ? c : d : e") == "1:7 unexpected ?");
  CHECK(parsed("!a.b[0].c(1)") == "!(a.b[0].c(1))");
  CHECK(parsed("a - -1") == "(a - -1)");
  CHECK(parsed("1-1") == "(1 - 1)");
  CHECK(parsed("--1") == "-(-1)");
  CHECK(parsed("x in [1, 2,] && y") == "((x in [1, 2]) && y)");
  CHECK(parsed("-!x") == "1:2 ! and - can't follow each other");
}

TEST_CASE("numbers are read in full or refused", "[cel]") {
  CHECK(parsed("0xFF + 7u + .5 + 1e3") == "(((255 + 7u) + 0.5) + 1000.0)");
  CHECK(parsed("-9223372036854775808") == "-9223372036854775808");
  CHECK(parsed("9223372036854775808") == "1:1 this number is too large for int");
  CHECK(parsed("18446744073709551616u") == "1:1 this number is too large for 64 bits");
  CHECK(parsed("1e400") == "1:1 this number is too large for a double");
  CHECK(parsed("1.e5") == "1.e5");
  CHECK(parsed("1_000") == "1:1 malformed number");
  CHECK(parsed("1.") == "1:3 unexpected end of the expression");
}

TEST_CASE("strings know all prefixes and escapes", "[cel]") {
  CHECK(parsed(R"('a\n\x41\u00e9\101"')") == R"("a\nAéA\"")");
  CHECK(parsed(R"(r'\d')") == R"("\\d")");
  CHECK(parsed(R"(b'\xff\377')") == R"(b"\xff\xff")");
  CHECK(parsed("b'ÿ'") == R"(b"\xc3\xbf")");
  CHECK(parsed("'''a\n'b'''") == R"("a\n'b")");
  CHECK(parsed("\"a\nb\"") == "1:1 this string has no end on its line");
  CHECK(parsed("'abc") == "1:1 this string has no end");
  CHECK(parsed("'''abc''") == "1:1 this string has no end");
  CHECK(parsed(R"('ab\q')") == "1:4 unknown escape");
  CHECK(parsed(R"('\ud800')") == "1:2 no such character");
  CHECK(parsed(R"(b'\u0041')") == "1:3 no \\u and \\U in bytes");
  CHECK(parsed(R"('\400')") == "1:2 unknown escape");
  CHECK(parsed("'\xff'") == "1:1 the expression is not valid UTF-8");
  CHECK(parsed(std::string_view{"'a\0b' + 'c'", 11}) == std::string{"(\"a\0b\" + \"c\")", 13});
}

TEST_CASE("reserved words are names after a dot only", "[cel]") {
  CHECK(parsed("m.if + m.`content-type` + a.for()") == "((m.if + m.`content-type`) + a.for())");
  CHECK(parsed("if") == "1:1 `if` is a reserved word");
  CHECK(parsed("x.in") == "1:3 `in` can't be a field");
  CHECK(parsed("`a b`") == "1:1 unexpected a b");
}

TEST_CASE("macros are expanded by name and shape", "[cel]") {
  CHECK(parsed("l.exists(x, x > 1)") == "l.exists(x, (x > 1))");
  CHECK(parsed("l.map(x, x > 1, x * 2)") == "l.map(x, (x > 1), (x * 2))");
  CHECK(parsed("l.exists(1, true)") == "1:10 the variable of exists() must be a plain name");
  CHECK(parsed("l.exists(a.b, true)") == "1:12 the variable of exists() must be a plain name");
  CHECK(parsed("has(x)") == "1:5 has() takes the selection of a field");
  CHECK(parsed("has(m['a'])") == "1:6 has() takes the selection of a field");
  CHECK(parsed("has(a.b)") == "has(a.b)");
  CHECK(parsed("m.all(k, k, true)") == "1:10 both variables have the same name");
}

TEST_CASE("a fault names line and column in characters", "[cel]") {
  CHECK(parsed("") == "1:1 the expression is empty");
  CHECK(parsed("a +\n  'äöü' + # b") == "2:11 unexpected character");
  CHECK(parsed("a = b") == "1:3 unexpected character");
  CHECK(parsed("(a") == "1:3 unexpected end of the expression");
  CHECK(parsed("f(a,)") == "1:5 unexpected )");
  CHECK(parsed("a and b") == "1:3 unexpected and");
  CHECK(parsed("Foo{a: 1}") == "1:1 messages are not supported");
  CHECK(parsed("a // to the end\n + b // there") == "(a + b)");
}

TEST_CASE("depth and size are limited, long chains are flat", "[cel]") {
  CHECK(parsed(times(200, "(") + "1" + times(200, ")")) == "1");
  CHECK_THAT(parsed(times(300, "(") + "1" + times(300, ")")), Catch::Contains("nested deeper than 250"));
  CHECK_THAT(parsed(times(20'000, "[")), Catch::Contains("nested deeper than 250"));
  CHECK_THAT(parsed(times(20'000, "!") + "a"), Catch::Contains("nested deeper than 250"));
  CHECK_THAT(parsed("1" + times(400, "+1")), Catch::Contains("nested deeper than 250"));
  CHECK_THAT(parsed("a" + times(400, ".b")), Catch::Contains("nested deeper than 250"));
  CHECK_THAT(parsed(times(400, "a?b:") + "c"), Catch::Contains("nested deeper than 250"));
  CHECK(parsed("a" + times(5'000, " && a")).size() > 20'000);
  CHECK(parsed(times(70'000, " ")) == "1:1 the expression is longer than 64 KiB");
}

TEST_CASE("canonical text reads back as the same tree", "[cel]") {
  for (auto text :
       {"a ? b : c", "has(a.b) && m[?'x'].orValue(1) == 2", "[1, ?o, 2u]", "{?'a': o, 'b': -1.5}",
        "l.transformMap(k, v, v > 1, v + 1)", "cel.bind(x, 1, x + x)", "a.?b.`c-d`", "!(-(x))", "b'\\x00'"}) {
    auto once = parsed(text);
    CHECK(parsed(once) == once);
  }
}

} // namespace tidemill::cel
