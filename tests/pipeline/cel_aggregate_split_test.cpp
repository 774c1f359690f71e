#include "pipeline/cel/expression.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

namespace tidemill::cel {
namespace {

const environment events{{{"bytes", type{kind::integer, true}, 0},
                          {"took_ms", kind::real, 1},
                          {"country", kind::string, 2},
                          {"failed", kind::boolean, 3},
                          {"user.id", kind::string, 4}},
                         true};
const environment keys{{{"country", kind::string, 0}}, false};

bool is_aggregate(std::string_view name) {
  return name == "count" || name == "count_if" || name == "sum" || name == "quantile" || name == "max";
}

struct split {
  std::vector<aggregate_call> calls;
  std::vector<fault> faults;

  std::optional<expression> compile(std::string_view text) {
    return aggregate_split::compile(
        text, events, keys, 1, is_aggregate,
        [](const aggregate_call& call, fault& why) -> std::optional<type> {
          if (call.function == "quantile" && (call.arguments.size() != 2 || !call.arguments[1].constant())) {
            why.text = "quantile(x, q) takes a constant q";
            return {};
          }
          return call.function.starts_with("count") ? kind::integer
                                                    : call.arguments[0].result().with_null(false);
        },
        calls, faults);
  }
  std::string fault_of(std::string_view text) {
    faults.clear();
    if (compile(text))
      return "none";
    return std::to_string(faults.at(0).column) + ": " + faults[0].text + " (" + faults[0].hint + ")";
  }
};

} // namespace

TEST_CASE("a select is split into calls and an expression over their results", "[cel]") {
  split s;
  auto e = s.compile("100.0 * double(count_if(failed)) / double(count()) + double(count( ))");
  REQUIRE(e);
  REQUIRE(s.calls.size() == 2);
  CHECK(s.calls[0].function == "count_if");
  CHECK(s.calls[0].text == "count_if(failed)");
  CHECK(s.calls[0].arguments[0].text() == "failed");
  CHECK(s.calls[0].arguments[0].slots() == std::vector<std::size_t>{3});
  CHECK(s.calls[0].place.column == 16);
  CHECK(s.calls[1].text == "count()");
  CHECK(e->slots() == std::vector<std::size_t>{1, 2});
  CHECK(to_string(e->result()) == "double");
  CHECK(e->evaluate(std::vector<value>{"DE", 1, 4}) == value{29.0});
}

TEST_CASE("equal calls of several selects are computed once", "[cel]") {
  split s;
  REQUIRE(s.compile("sum(bytes + 1)"));
  auto e = s.compile("country + string(sum(bytes+1))");
  REQUIRE(e);
  CHECK(s.calls.size() == 1);
  CHECK(e->slots() == std::vector<std::size_t>{0, 1});
  auto q = s.compile("quantile(took_ms, 0.99)");
  REQUIRE(q);
  CHECK(s.calls.size() == 2);
  CHECK(s.calls[1].arguments[1].constant());
  CHECK(s.calls[1].arguments[1].evaluate({}) == value{0.99});
  CHECK(q->evaluate(std::vector<value>{"DE", 1, 2.5}) == value{2.5});
}

TEST_CASE("a select that can't be split says why", "[cel]") {
  split s;
  CHECK(
      s.fault_of("sum(max(bytes))") ==
      "5: aggregate max() inside of aggregate sum() (aggregates can't be nested: compute around them, as in "
      "sum(x) / count())");
  CHECK(s.fault_of("count() + bytes") ==
        "11: `bytes` is a field of single events (aggregate it, as in max(bytes), or add it to `by`)");
  CHECK(s.fault_of("event.bytes + count()").starts_with("7: `bytes` is a field of single events"));
  CHECK(s.fault_of("user.id == ''").starts_with("6: `user.id` is a field of single events"));
  CHECK(s.fault_of("sum(byte)") == "5: unknown name `byte` (did you mean `bytes`?)");
  CHECK(s.fault_of("quantile(took_ms, took_ms)").starts_with("1: quantile(x, q) takes a constant q"));
  CHECK(s.fault_of("[1].map(x, sum(x))").starts_with("16: an aggregate can't read `x`"));
  CHECK(s.fault_of("sum(").starts_with("5: unexpected end"));
  CHECK(s.fault_of("count() + 1.0").starts_with("9: no such overload: int + double"));
  CHECK(s.calls.empty());
}

TEST_CASE("keys and macros around aggregates are free", "[cel]") {
  split s;
  CHECK(s.fault_of("[1, 2].map(bytes, bytes * count())") == "none");
  CHECK(s.fault_of("country == 'DE' ? count() : 0") == "none");
}

} // namespace tidemill::cel
