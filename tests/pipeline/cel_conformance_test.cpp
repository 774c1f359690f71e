#include "tests/cel_conformance/conformance_run.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

/// A line of the cases' form; `more` begins with a comma.
std::string line(const std::string& expr, const std::string& expect, const std::string& more = "") {
  return R"({"file": "f", "section": "s", "name": "n", "expr": ")" + expr + R"(", "expect": {)" + expect +
         R"(}, "needs": [])" + more + "}";
}

conformance_outcome run(const std::string& expr, const std::string& expect, const std::string& more = "") {
  auto c = parse_conformance_case(line(expr, expect, more));
  if (!c)
    FAIL(c.error().text());
  return run_conformance_case(*c);
}

std::string fault(const std::string& expr, const std::string& expect, const std::string& more = "") {
  return run(expr, expect, more).fault;
}

std::string refusal(const std::string& text) {
  auto c = parse_conformance_case(text);
  return c ? "none" : c.error().text();
}

const std::string x_is_5 = R"(, "type_env": [{"name": "x", "type": "int"}], "bindings": {"x": {"int": "5"}})";

} // namespace

// All cases of the specification are run by the program `cel_conformance`; here it is asked whether a wrong
// answer would be noticed.

TEST_CASE("a conformance case passes with the wanted value, type or error only", "[cel]") {
  CHECK(fault("1 + 1", R"("value": {"int": "2"}, "type": "int")").empty());
  CHECK(fault("1 + 1", R"("value": {"int": "3"})") == "alone: gives int 2, not int 3");
  CHECK(fault("1 + 1", R"("value": {"uint": "2"})") == "alone: gives int 2, not uint 2");
  CHECK(fault("1 + 1", R"("value": {"double": "2"})") == "alone: gives int 2, not double 2");
  CHECK(fault("1 + 1", R"("type": "uint")") == "alone: its type is int, not uint");
  CHECK(fault("1 + 1", R"("error": ["no"])") == "alone: gives int 2, not an error");
  CHECK(fault("1 / 0", R"("error": ["no"])").empty());
  CHECK(fault("1 / 0", R"("value": {"int": "0"})") ==
        "alone: gives the error \"division by zero at column 3\", not int 0");
  CHECK(fault("1 +", R"("value": {"int": "0"})").starts_with("refused: "));
  CHECK(fault("1 +", R"("error": ["syntax"])").empty());
  CHECK(fault("[1, 2u]", R"("value": {"list": [{"int": "1"}, {"uint": "2"}]})").empty());
  CHECK_FALSE(fault("[1, 2u]", R"("value": {"list": [{"uint": "2"}, {"int": "1"}]})").empty());
  CHECK(fault("{1: 'a', 2: 'b'}", R"("value": {"map": [[{"int": "2"}, {"string": "b"}],
                                                        [{"int": "1"}, {"string": "a"}]]})")
            .empty());
  CHECK(fault("0.0 / 0.0", R"("value": {"double": "NaN"})").empty());
  CHECK(fault("optional.of(1)", R"("value": {"int": "1"})").empty());
  CHECK(fault("x * 2", R"("value": {"int": "10"})", x_is_5).empty());
  CHECK(fault("x * 2", R"("value": {"int": "11"})", x_is_5) == "alone: gives int 10, not int 11");
}

TEST_CASE("a conformance case without checks may use names that are not declared", "[cel]") {
  const std::string unchecked = R"(, "disable_check": true)";
  CHECK(fault("true || y", R"("value": {"bool": true})", unchecked).empty());
  CHECK(
      fault("y + 1", R"("value": {"int": "3"})", unchecked + R"(, "bindings": {"y": {"int": "2"}})").empty());
  CHECK(fault("true || y", R"("value": {"bool": true})").starts_with("refused: "));
  auto unbound =
      run("true || x", R"("value": {"bool": true})", R"(, "type_env": [{"name": "x", "type": "bool"}])");
  CHECK(unbound.fault.empty());
  CHECK(unbound.no_batches);
}

TEST_CASE("a conformance case that can't be run says why", "[cel]") {
  auto skip = [](const std::string& more) { return run("x", R"("type": "int")", more).skip; };
  CHECK(skip(R"(, "type_env": [{"name": "x", "type": {"message": "a.B"}}])") ==
        "a variable has a type that is not offered");
  CHECK(skip(R"(, "type_env": [{"name": "x", "overloads": []}])") == "functions declared by the case");
  auto c =
      parse_conformance_case(R"({"file": "f", "section": "s", "name": "n", "expr": "x", "needs": ["proto"],
                                      "expect": {"value": {"message": {}}}})");
  CHECK(c->skip == "protobuf messages are not offered");
}

TEST_CASE("a line that is no conformance case is refused with the reason", "[cel]") {
  CHECK(refusal("[]") == "it is no JSON object");
  CHECK(refusal("{") != "none");
  CHECK(refusal(R"({"file": "f", "section": "s"})") == "`name` is missing or has a wrong type");
  CHECK(refusal(R"({"file": "f", "section": "s", "name": "n", "expr": 1})") ==
        "`expr` is missing or has a wrong type");
  CHECK(refusal(line("1", "")) == "`expect` has none of `value`, `type`, `error`");
  for (auto wish : {R"("value": 1)", R"("value": {})", R"("value": {"int": 1})", R"("value": {"int": "x"})",
                    R"("value": {"int": "9223372036854775808"})", R"("value": {"list": {}})",
                    R"("value": {"map": [[1]]})", R"("value": {"bytes": "!"})", R"("value": {"type": "T"})",
                    R"("value": {"timestamp": "now"})", R"("value": {"list": [{"int": ""}]})"}) {
    INFO(wish);
    CHECK(refusal(line("1", wish)) != "none");
  }
  CHECK(refusal(line("1", R"("type": "int")", R"(, "bindings": {"x": {"int": "a"}})")) ==
        "x: \"a\" is no such number");
  CHECK(refusal(line("1", R"("type": "int")", R"(, "type_env": [{"name": "x"}])")) ==
        "a declaration of `type_env` has neither `type` nor `overloads`");
}
