#include "pipeline/cel/expression.hpp"

#include <catch2/catch.hpp>

#include <thread>

namespace tidemill::cel {
namespace {

environment scope() {
  environment out;
  out.variables = {{"i", kind::integer, 0},   {"j", type{kind::integer, true}, 1},
                   {"s", kind::string, 2},    {"ok", type{kind::boolean, true}, 3},
                   {"doc", kind::dyn, 4},     {"l", type::list_of(kind::integer), 5},
                   {"t", kind::timestamp, 6}, {"big", type::list_of(kind::integer), 7}};
  return out;
}

value_list numbers(int n) {
  value_list out;
  for (int x = 0; x < n; ++x)
    out.emplace_back(x);
  return out;
}

std::vector<value> row() {
  return {7,
          {},
          "äb/c",
          {},
          value_map{{"a", value_map{{"b", 5}, {"n", {}}}}, {"list", value_list{1, "x"}}},
          value_list{1, 2, 3},
          timestamp{-1, 500'000'000},
          numbers(1000)};
}

/// The result as JSON, or the error's text.
std::string eval(std::string_view text) {
  std::vector<fault> faults;
  auto e = expression::compile(text, scope(), faults);
  if (!e)
    return "fault: " + faults.at(0).text;
  auto v = e->evaluate(row());
  if (v.is_error())
    return v.as_error().text();
  std::string out;
  append_json(out, v);
  return out;
}

} // namespace

TEST_CASE("integer arithmetic never wraps", "[cel]") {
  CHECK(eval("9223372036854775807 + 1") == "int overflow at column 21");
  CHECK(eval("-9223372036854775808 - 1") == "int overflow at column 22");
  CHECK(eval("-(-9223372036854775807 - 1)") == "int overflow at column 1");
  CHECK(eval("-9223372036854775808 / -1") == "int overflow at column 22");
  CHECK(eval("-9223372036854775808 % -1") == "int overflow at column 22");
  CHECK(eval("4611686018427387904 * 2") == "int overflow at column 21");
  CHECK(eval("0u - 1u") == "uint overflow at column 4");
  CHECK(eval("i / (i - 7)") == "division by zero at column 3");
  CHECK(eval("i % 0") == "modulus by zero at column 3");
  CHECK(eval("-5 / 3") == "-1");
  CHECK(eval("-5 % 3") == "-2");
  CHECK(eval("1.0 / 0.0 == double('Infinity')") == "true");
  CHECK(eval("0.0 / 0.0 == 0.0 / 0.0") == "false");
  CHECK(eval("double('1e-400') == 0.0 && double('-0.5e-999') == 0.0") == "true");
  CHECK(eval("double('1e400')").starts_with("not a double"));
}

TEST_CASE("&& and || absorb errors on either side", "[cel]") {
  const std::string error = "division by zero at column ";
  auto is_error = [&](std::string_view text) { return eval(text).starts_with(error); };
  for (std::string e : {"i / 0 > 0", "(i / 0 > 0)"}) {
    CHECK(eval("false && " + e) == "false");
    CHECK(eval(e + " && false") == "false");
    CHECK(is_error("true && " + e));
    CHECK(is_error(e + " && true"));
    CHECK(is_error(e + " && " + e));
    CHECK(eval("true || " + e) == "true");
    CHECK(eval(e + " || true") == "true");
    CHECK(is_error("false || " + e));
    CHECK(is_error(e + " || false"));
    CHECK(eval(e + " && true && i < 0") == "false");
  }
  CHECK(eval("i / 0 > 0 || j + 1 > 0") == "division by zero at column 3"); // the leftmost
}

TEST_CASE("only the chosen branch of ?: can fail", "[cel]") {
  CHECK(eval("i > 0 ? i : i / 0") == "7");
  CHECK(eval("i < 0 ? i : i / 0") == "division by zero at column 15");
  CHECK(eval("i / 0 > 0 ? 1 : 2") == "division by zero at column 3");
  CHECK(eval("true ? 1 : 1 / 0") == "1");
}

TEST_CASE("null is an error that names the field, except where one can ask", "[cel]") {
  CHECK(eval("j + 1") == "no such overload: null + int (field \"j\" is null) at column 3");
  CHECK(eval("j > 1") == "no such overload: null > int (field \"j\" is null) at column 3");
  CHECK(eval("ok && true").starts_with("no such overload: "));
  CHECK(eval("ok && false") == "false");
  CHECK(eval("ok ? 1 : 2").find("field \"ok\" is null") != std::string::npos);
  CHECK(eval("j == null") == "true");
  CHECK(eval("j == 1") == "false");
  CHECK(eval("j in [1, 2]") == "false");
  CHECK(eval("j") == "null");
  CHECK(eval("has(event.j)") == "false");
  CHECK(eval("has(event.i)") == "true");
  CHECK(eval("event.?j.orValue(3) + event.?i.orValue(0)") == "10");
  CHECK(eval("event.?j.hasValue()") == "false");
  CHECK(eval("event.?i.optMap(x, x * 2).orValue(0)") == "14");
  CHECK(eval("event.?i.orValue(1 / 0)") == "7");
}

TEST_CASE("documents are walked with and without certainty", "[cel]") {
  CHECK(eval("doc.a.b + 1") == "6");
  CHECK(eval("has(doc.a.n)") == "true");
  CHECK(eval("has(doc.a.x)") == "false");
  CHECK(eval("has(doc.x.y)") == "no such key: x at column 9");
  CHECK(eval("doc.?x.?y.orValue('none')") == "\"none\"");
  CHECK(eval("doc.list[?5].orValue(0)") == "0");
  CHECK(eval("doc.list[5]") == "index 5 out of range: the list has 2 elements at column 9");
  CHECK(eval("doc.a.b == '5' || doc.list[1] == 'x'") == "true");
  CHECK(eval("doc.a.b < '5'") == "no such overload: int < string at column 9");
}

TEST_CASE("texts are measured in code points", "[cel]") {
  CHECK(eval("size(s)") == "4");
  CHECK(eval("size(b'ä')") == "2");
  CHECK(eval("s.charAt(0)") == "\"ä\"");
  CHECK(eval("s.substring(1, 3)") == "\"b/\"");
  CHECK(eval("s.substring(1, 9)") == "index out of range at column 3");
  CHECK(eval("s.indexOf('/')") == "2");
  CHECK(eval("s.reverse()") == "\"c/bä\"");
  CHECK(eval("s.split('/')[?1].orValue('') + s.split('')[0]") == "\"cä\"");
  CHECK(eval("s.split('/')[2]") == "index 2 out of range: the list has 2 elements at column 13");
  CHECK(eval("'ÄB'.lowerAscii()") == "\"Äb\"");
  CHECK(eval("'a.b.c'.replace('.', '', 1)") == "\"ab.c\"");
  CHECK(eval("'ab'.replace('', '-')") == "\"-a-b-\"");
  CHECK(eval("s.matches('^ä.*c$')") == "true");
  CHECK(eval("s.matches(s + '(')").starts_with("not a regular expression"));
  CHECK(eval("string(1e6) + string(-0.0) + string(1.0)") == "\"1e+06-01\"");
}

TEST_CASE("times count from zero, backwards before 1970", "[cel]") {
  CHECK(eval("t.getSeconds()") == "59");
  CHECK(eval("t.getMilliseconds()") == "500");
  CHECK(eval("int(t)") == "-1");
  CHECK(eval("t.getDate('+00:01')") == "1");
  CHECK(eval("t.getMonth()") == "11");
  CHECK(eval("timestampMillis(1700000000123)") == "\"2023-11-14T22:13:20.123Z\"");
  CHECK(eval("t + duration('0.5s') == timestamp(0)") == "true");
  CHECK(eval("timestamp(253402300799) + duration('1s')").starts_with("timestamp out of range"));
}

TEST_CASE("addresses and blocks are values of their own", "[cel]") {
  CHECK(eval("ip('2001:DB8::1')") == "\"2001:db8::1\"");
  CHECK(eval("cidr('10.1.2.3/8').masked()") == "\"10.0.0.0/8\"");
  CHECK(eval("cidr('10.1.2.3/8').prefixLength() + ip('::1').family()") == "14");
  CHECK(eval("cidr('::ffff:10.0.0.0/104').prefixLength()") == "8");
  CHECK(eval("[ip('::1'), ip('127.0.0.1')].all(a, a.isLoopback())") == "true");
  CHECK(eval("ip('1.2.3.4') in [ip('::ffff:1.2.3.4')]") == "true");
  CHECK(eval("ip(ip('1.2.3.4')) == cidr('1.2.3.4/32').ip()") == "true");
  CHECK(eval("dyn(ip('1.2.3.4')) == '1.2.3.4'") == "false");
  CHECK(eval("'%s in %s'.format([ip('::1'), cidr('::/8')])") == "\"::1 in ::/8\"");
  CHECK(eval("type(ip('::1')) == net.IP && type(cidr('::/8')) == net.CIDR") == "true");
  CHECK(eval("isIP(s) || isCIDR('10.0.0.0/33') || isIP('10.0.0.0/8')") == "false");
  CHECK(eval("ip(s)") == "\"äb/c\" is no IP address at column 1");
  CHECK(eval("cidr('10.0.0.0/8').containsIP(s)") == "\"äb/c\" is no IP address at column 20");
  CHECK(eval("ip('10.0.0')") == "fault: \"10.0.0\" is no IP address");
  CHECK(eval("cidr('10.0.0.0')") == "fault: \"10.0.0.0\" is no block of IP addresses, as 10.0.0.0/8 is one");
  CHECK(eval("dyn('x').family()") == "no such overload: string.family() at column 10");
}

TEST_CASE("decimals are exact and round half away from zero", "[cel]") {
  CHECK(eval("decimal('0.1') + decimal('0.2') == decimal('0.3')") == "true");
  CHECK(eval("decimal('1') / 3") == "0.333333333");
  CHECK(eval("decimal('-2') / 3") == "-0.666666667");
  CHECK(eval("decimal('0.000000001') * decimal('0.5')") == "0.000000001");
  CHECK(eval("decimal('-0.000000001') * decimal('0.5')") == "-0.000000001");
  CHECK(eval("decimal('99999999999999999999') * 10000000000").starts_with("decimal out of range"));
  CHECK(eval("decimal('12345678901234.5') * decimal('98765.4321') ") == "1219326311248278615.92745");
  CHECK(eval("decimal(1) / 0").starts_with("division by zero"));
  CHECK(eval("decimal('1.5') > 1 && decimal('1.5') == 1.5 && decimal('2') == 2u") == "true");
  CHECK(eval("int(decimal('-2.9'))") == "-2");
  const std::string most = "decimal('99999999999999999999999999999.999999999')";
  CHECK(eval(most + " + " + most).starts_with("decimal out of range"));
  CHECK(eval("-" + most + " - " + most).starts_with("decimal out of range"));
  CHECK(eval(most + " * " + most).starts_with("decimal out of range"));
  CHECK(eval(most + " / " + most) == "1");
  CHECK(eval(most + " / decimal('0.1')").starts_with("decimal out of range"));
}

TEST_CASE("what comes from readers may cost less a row than what stands in the pipeline", "[cel]") {
  environment names;
  names.variables = {{"n", kind::integer, 0}};
  event_batch batch;
  batch.records.resize(1);
  batch.columns.emplace_back(kind::integer);
  batch.columns[0].resize(1);
  const std::string ten = "[0,1,2,3,4,5,6,7,8,9]";
  const auto text = ten + ".all(a, " + ten + ".all(b, " + ten + ".all(c, " + ten + ".all(d, n >= 0))))";
  for (auto [limits, holds] : {std::pair{row_limits{}, true}, {limits_of_readers, false}}) {
    std::vector<fault> faults;
    const auto e = expression::compile(text, names, faults, limits);
    REQUIRE(e);
    const std::vector<value> slots{value{std::int64_t{7}}};
    CHECK(e->evaluate(slots).is_error() != holds);
    column out;
    std::vector<row_error> failed;
    e->evaluate(batch, {0}, out, failed);
    CHECK(failed.empty() == holds);
  }
}

TEST_CASE("one row can't explode", "[cel]") {
  CHECK(eval("big.all(x, big.all(y, y >= 0))").starts_with("too much work"));
  CHECK(eval("big.map(x, big)").starts_with("too much work"));
  CHECK(eval("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.replace('', s + s + s).replace('', s + s + s + s + s + s)"
             ".replace('', s + s + s + s + s + s + s + s + s + s).replace('', s + s + s + s + s + s + s)")
            .starts_with("too much work"));
  std::string bomb = "[1, 1]";
  for (int n = 0; n < 60; ++n)
    bomb = "cel.bind(x" + std::to_string(n) + ", " + bomb + ", [x" + std::to_string(n) + ", x" +
           std::to_string(n) + "])";
  CHECK(eval(bomb).starts_with("too much work"));
  CHECK(eval("big.exists(x, x == 999) && big.filter(x, x % 2 == 0).size() == 500") == "true");
}

TEST_CASE("an expression is evaluated by many threads at once", "[cel]") {
  std::vector<fault> faults;
  auto e = expression::compile("s.split('/')[?1].orValue('') + string(i * 2) + string(s.matches(s))", scope(),
                               faults);
  REQUIRE(e);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (auto& w : wrong)
    threads.emplace_back([&] {
      for (int n = 0; n < 500; ++n)
        w += e->evaluate(row()) == value{"c14true"} ? 0 : 1;
    });
  for (auto& t : threads)
    t.join();
  CHECK(wrong == std::vector<int>(4));
}

TEST_CASE("a batch reports failed rows in order and leaves them null", "[cel]") {
  std::vector<fault> faults;
  environment names{{{"x", kind::integer, 0}, {"name", type{kind::string, true}, 1}}, true};
  event_batch batch;
  batch.records.resize(5);
  column x{kind::integer}, name{type{kind::string, true}};
  x.resize(5);
  name.resize(5);
  for (std::uint32_t r = 0; r < 5; ++r) {
    x.set(r, static_cast<std::int64_t>(r) - 2);
    name.set(r, r == 1 ? value{} : value{"n" + std::to_string(r)});
  }
  batch.columns = {x, name};
  auto e = expression::compile("name + string(10 / x)", names, faults);
  REQUIRE(e);
  column out;
  std::vector<row_error> errors;
  e->evaluate(batch, {0, 1, 2, 4}, out, errors);
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].row == 1);
  CHECK(errors[0].why.code() == errc::evaluation);
  CHECK(errors[0].why.text() == "no such overload: null + string (field \"name\" is null) at column 6");
  CHECK(errors[1].row == 2);
  CHECK(errors[1].why.text() == "division by zero at column 18");
  CHECK(out.size() == 5);
  CHECK(out.at(0) == value{"n0-5"});
  CHECK(out.is_null(1));
  CHECK(out.at(4) == value{"n45"});
}

} // namespace tidemill::cel
