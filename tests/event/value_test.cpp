#include "event/value.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <random>

using namespace tidemill;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::string json(const value& v) {
  std::string out;
  append_json(out, v);
  return out;
}

std::string encoded(const value& v) {
  std::string out;
  append_encoded(out, v);
  return out;
}

value decoded(std::string_view bytes) {
  auto v = take_encoded(bytes);
  if (!v)
    FAIL(v.error().text());
  CHECK(bytes.empty());
  return *v;
}

value map_of(value_map entries) {
  return entries;
}

// Any finite value; scalars only at the bottom.
class generator {
public:
  explicit generator(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  std::int64_t integer() {
    switch (below(4)) {
    case 0:
      return static_cast<std::int64_t>(below(5)) - 2;
    case 1:
      return std::numeric_limits<std::int64_t>::min() + static_cast<std::int64_t>(below(3));
    case 2:
      return std::numeric_limits<std::int64_t>::max() - static_cast<std::int64_t>(below(3));
    default:
      return static_cast<std::int64_t>(random_());
    }
  }
  double real() {
    switch (below(5)) {
    case 0:
      return below(2) != 0 ? 0.0 : -0.0;
    case 1:
      return below(2) != 0 ? infinity : -infinity;
    case 2:
      return static_cast<double>(integer());
    case 3:
      return std::ldexp(static_cast<double>(integer()), static_cast<int>(below(200)) - 150);
    default:
      return static_cast<double>(static_cast<std::int64_t>(below(2000)) - 1000) / 8;
    }
  }
  decimal exact() {
    auto units = int128{integer()} * static_cast<std::int64_t>(below(1'000'000'007));
    return {below(2) != 0 ? units : int128{integer()}};
  }
  std::string text() {
    std::string s;
    for (auto n = below(6); n > 0; --n)
      s += std::string_view{"\0\1ab\xC3\xA9\xFF", 7}[below(7)];
    return s;
  }
  value scalar(kind k) {
    switch (k) {
    case kind::boolean:
      return below(2) != 0;
    case kind::integer:
      return integer();
    case kind::uinteger:
      return static_cast<std::uint64_t>(integer());
    case kind::real:
      return real();
    case kind::decimal:
      return exact();
    case kind::string:
      return text();
    case kind::bytes:
      return byte_string{text()};
    case kind::timestamp:
      return timestamp{integer(), static_cast<std::int32_t>(below(1'000'000'000))};
    case kind::duration:
      return duration{integer()};
    case kind::type:
      return type{static_cast<kind>(below(15))};
    default:
      return {};
    }
  }
  value any(int depth = 3) {
    switch (depth > 0 ? below(8) : 7) {
    case 0: {
      value_list all;
      for (auto n = below(4); n > 0; --n)
        all.push_back(any(depth - 1));
      return all;
    }
    case 1: {
      value_map all;
      for (auto n = below(4), i = n; n > 0; --n)
        all.emplace_back(std::to_string(i - n) + text(), any(depth - 1));
      return all;
    }
    case 2:
      return below(2) != 0 ? optional_value{} : optional_value{std::make_shared<const value>(any(depth - 1))};
    default:
      return scalar(static_cast<kind>(below(11)));
    }
  }

private:
  std::mt19937_64 random_;
};

constexpr kind scalars[] = {kind::null_type, kind::boolean, kind::integer, kind::uinteger,  kind::real,
                            kind::decimal,   kind::string,  kind::bytes,   kind::timestamp, kind::duration};

int sign(int x) {
  return (x > 0) - (x < 0);
}

} // namespace

TEST_CASE("a value knows its kind, and an error is dyn") {
  CHECK(value{}.of() == kind::null_type);
  CHECK(value{true}.of() == kind::boolean);
  CHECK(value{1}.of() == kind::integer);
  CHECK(value{std::uint64_t{1}}.of() == kind::uinteger);
  CHECK(value{1.0}.of() == kind::real);
  CHECK(value{decimal{}}.of() == kind::decimal);
  CHECK(value{"a"}.of() == kind::string);
  CHECK(value{byte_string{"a"}}.of() == kind::bytes);
  CHECK(value{timestamp{}}.of() == kind::timestamp);
  CHECK(value{duration{}}.of() == kind::duration);
  CHECK(value{value_list{}}.of() == kind::list);
  CHECK(value{value_map{}}.of() == kind::map);
  CHECK(value{optional_value{}}.of() == kind::optional);
  CHECK(value{type{kind::list}}.of() == kind::type);
  CHECK(value{error{errc::evaluation, "x"}}.of() == kind::dyn);
  CHECK(value{error{errc::evaluation, "x"}}.is_error());
}

TEST_CASE("equality never fails: values of different kinds are unequal") {
  CHECK(value{1} != value{"1"});
  CHECK(value{} != value{0});
  CHECK(value{} != value{false});
  CHECK(value{"a"} != value{byte_string{"a"}});
  CHECK(value{value_list{}} != value{value_map{}});
  CHECK(value{timestamp{}} != value{duration{}});
  CHECK(value{} == value{});
}

TEST_CASE("numbers compare across kinds as CEL says") {
  CHECK(value{1} == value{1.0});
  CHECK(value{1} == value{std::uint64_t{1}});
  CHECK(value{std::uint64_t{1}} == value{1.0});
  CHECK(value{-1} != value{std::numeric_limits<std::uint64_t>::max()});
  CHECK(value{1} != value{1.5});
  constexpr auto max = std::numeric_limits<std::int64_t>::max();
  constexpr auto umax = std::numeric_limits<std::uint64_t>::max();
  CHECK(value{max} == value{9223372036854775808.0});
  CHECK(value{umax} == value{18446744073709551616.0});
  CHECK(value{max} != value{9223372036854777856.0});
  CHECK(value{std::numeric_limits<std::int64_t>::min()} == value{-9223372036854775808.0});
  CHECK(value{max} != value{static_cast<std::uint64_t>(max) + 1});
  CHECK(value{0.0} == value{-0.0});
  CHECK(value{not_a_number} != value{not_a_number});
  CHECK(value{0} != value{not_a_number});
  CHECK(value{max} != value{infinity});
  CHECK(value{std::int64_t{9007199254740993}} == value{9007199254740992.0});
}

TEST_CASE("a decimal equals the numbers of its value") {
  CHECK(value{*parse_decimal("3")} == value{3});
  CHECK(value{*parse_decimal("3")} == value{std::uint64_t{3}});
  CHECK(value{*parse_decimal("0.1")} == value{0.1});
  CHECK(value{0.1} == value{*parse_decimal("0.1")});
  CHECK(value{*parse_decimal("3.5")} != value{3});
  CHECK(value{*parse_decimal("18446744073709551615")} == value{std::numeric_limits<std::uint64_t>::max()});
  CHECK(value{*parse_decimal("123456789012345.1")} == value{123456789012345.1});
  CHECK(value{decimal{}} != value{not_a_number});
}

TEST_CASE("NaN makes the list that holds it unequal to itself") {
  value v = value_list{not_a_number};
  CHECK(v != v);
}

TEST_CASE("maps are equal in any order, with keys across numeric kinds") {
  CHECK(map_of({{"a", 1}, {"b", 2}}) == map_of({{"b", 2.0}, {"a", 1}}));
  CHECK(map_of({{1, "x"}}) == map_of({{std::uint64_t{1}, "x"}}));
  CHECK(map_of({{"a", 1}, {"b", 2}}) != map_of({{"a", 1}, {"c", 2}}));
  CHECK(map_of({{"a", 1}, {"b", 2}}) != map_of({{"b", 1}, {"a", 2}}));
  CHECK(map_of({{"a", 1}}) != map_of({{"a", 1}, {"b", 2}}));
  CHECK(map_of({{"a", {}}}) != map_of({}));
}

TEST_CASE("at run time a list type has no parameter") {
  CHECK(value{type::list_of(kind::integer)} == value{type::list_of(kind::string)});
  CHECK(value{type{kind::integer}} != value{type{kind::uinteger}});
}

TEST_CASE("optionals are equal if both are empty or hold equal values") {
  auto some = [](value v) { return value{optional_value{std::make_shared<const value>(std::move(v))}}; };
  CHECK(value{optional_value{}} == value{optional_value{}});
  CHECK(some(1) == some(1.0));
  CHECK(some(1) != some(2));
  CHECK(some({}) != value{optional_value{}});
}

TEST_CASE("the order of rows puts null first, then kinds, and NaN behind all numbers") {
  const std::vector<value> ascending{{},
                                     false,
                                     true,
                                     -infinity,
                                     std::numeric_limits<std::int64_t>::min(),
                                     -1.5,
                                     0,
                                     0.5,
                                     1,
                                     9007199254740992.0,
                                     std::int64_t{9007199254740993},
                                     std::numeric_limits<std::uint64_t>::max(),
                                     infinity,
                                     not_a_number,
                                     "",
                                     "a",
                                     "a\x01",
                                     "b",
                                     byte_string{"a"},
                                     timestamp{1, 0},
                                     timestamp{1, 1},
                                     duration{-1},
                                     duration{0},
                                     value_list{},
                                     value_list{1},
                                     value_list{1, 2},
                                     value_list{2},
                                     value_map{},
                                     optional_value{}};
  for (std::size_t i = 0; i < ascending.size(); ++i)
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      INFO(i << " " << j);
      CHECK(sign(compare_for_order(ascending[i], ascending[j])) ==
            sign(static_cast<int>(i) - static_cast<int>(j)));
    }
  CHECK(compare_for_order(1, 1.0) == 0);
  CHECK(compare_for_order(0.0, -0.0) == 0);
  CHECK(compare_for_order(*parse_decimal("0.1"), 0.1) < 0); // the double is a little more
  CHECK(compare_for_order(*parse_decimal("0.5"), 0.5) == 0);
  CHECK(compare_for_order(*parse_decimal("-0.5"), -0.25) < 0);
  CHECK(compare_for_order(decimal{1}, 1e-300) > 0);
  CHECK(compare_for_order(decimal{0}, 1e-300) < 0);
  CHECK(compare_for_order(decimal{0}, -1e-300) > 0);
}

TEST_CASE("the order of numbers of all kinds is total") {
  generator random{7};
  constexpr kind numbers[] = {kind::integer, kind::uinteger, kind::real, kind::decimal};
  for (int i = 0; i < 20'000; ++i) {
    auto a = random.scalar(numbers[random.below(4)]), b = random.scalar(numbers[random.below(4)]),
         c = random.scalar(numbers[random.below(4)]);
    if (sign(compare_for_order(a, b)) != -sign(compare_for_order(b, a)))
      FAIL(json(a) << " and " << json(b));
    if (compare_for_order(a, b) <= 0 && compare_for_order(b, c) <= 0 && compare_for_order(a, c) > 0)
      FAIL(json(a) << ", " << json(b) << ", " << json(c));
  }
}

TEST_CASE("JSON has numbers with the fewest digits that read back") {
  CHECK(json(1.0) == "1");
  CHECK(json(0.1) == "0.1");
  CHECK(json(100000.0) == "100000");
  CHECK(json(1e20) == "100000000000000000000");
  CHECK(json(1e21) == "1e+21");
  CHECK(json(1e-7) == "1e-07");
  CHECK(json(-1.5) == "-1.5");
  CHECK(json(5e-324) == "5e-324");
  CHECK(json(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(json(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(json(*parse_decimal("-12.50")) == "-12.5");
}

TEST_CASE("JSON writes what it has no form for as strings or null") {
  CHECK(json(not_a_number) == R"("NaN")");
  CHECK(json(infinity) == R"("Infinity")");
  CHECK(json(-infinity) == R"("-Infinity")");
  CHECK(json(timestamp{0, 500'000'000}) == R"("1970-01-01T00:00:00.5Z")");
  CHECK(json(duration{1'500'000'000}) == R"("1.5s")");
  CHECK(json(byte_string{std::string{"\0\xFF", 2}}) == R"("AP8=")");
  CHECK(json(type::list_of(kind::integer)) == R"("[int]")");
  CHECK(json(optional_value{}) == "null");
  CHECK(json(error{errc::evaluation, "x"}) == "null");
}

TEST_CASE("JSON nests, and keys are strings") {
  CHECK(json(value_list{1, "a", value_list{}, {}}) == R"([1,"a",[],null])");
  CHECK(json(value_map{{"a", 1}, {2, true}, {false, value_map{}}}) == R"({"a":1,"2":true,"false":{}})");
}

TEST_CASE("JSON strings escape what they must and keep UTF-8") {
  CHECK(json("a\"b\\c\b\f\n\r\t\x01\x1f") == R"("a\"b\\c\b\f\n\r\t\u0001\u001f")");
  CHECK(json(std::string_view{"\0", 1}) == R"("\u0000")");
  CHECK(json("grün 😀") == R"("grün 😀")");
}

TEST_CASE("JSON strings escape a byte wherever it stands") {
  bool same = true;
  for (int b = 0; b < 256; ++b) {
    auto alone = json(std::string(1, static_cast<char>(b)));
    auto inner = alone.substr(1, alone.size() - 2);
    for (std::size_t before = 0; before < 20; ++before)
      for (std::size_t after : {0, 1, 9}) {
        auto text = std::string(before, 'a') + static_cast<char>(b) + std::string(after, '~');
        same = same && json(text) == '"' + std::string(before, 'a') + inner + std::string(after, '~') + '"';
      }
  }
  CHECK(same);
}

TEST_CASE("invalid UTF-8 becomes one U+FFFD for each spoiled prefix") {
  CHECK(json("\xFF") == "\"\uFFFD\"");
  CHECK(json("a\xE2\x82z") == "\"a\uFFFDz\"");
  CHECK(json("\xC0\x80") == "\"\uFFFD\uFFFD\"");
  CHECK(json("\xED\xA0\x80") == "\"\uFFFD\uFFFD\uFFFD\"");
  CHECK(json("\xF0\x9F\x98") == "\"\uFFFD\"");
}

TEST_CASE("UTF-8 is checked as Unicode defines it") {
  for (auto good : {"", "abc", "12345678", "1234567é", "é", "€", "😀", "\xF4\x8F\xBF\xBF", "\xEE\x80\x80"})
    CHECK(is_utf8(good));
  for (auto bad : {"\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88",
                   "12345678\xFF", "abcdefg\xC3", "\xE2\x82"})
    CHECK_FALSE(is_utf8(bad));
  CHECK(is_utf8(std::string_view{"\0", 1}));
}

TEST_CASE("base64 pads") {
  CHECK(base64_encode("") == "");
  CHECK(base64_encode("f") == "Zg==");
  CHECK(base64_encode("fo") == "Zm8=");
  CHECK(base64_encode("foo") == "Zm9v");
  CHECK(base64_encode("foobar") == "Zm9vYmFy");
  CHECK(base64_encode("\xFB\xFF") == "+/8=");
}

TEST_CASE("encoded scalars sort bytewise as their values") {
  generator random{42};
  for (auto k : scalars)
    for (int i = 0; i < 4'000; ++i) {
      auto a = random.scalar(k), b = random.scalar(k);
      if (sign(encoded(a).compare(encoded(b))) != sign(compare_for_order(a, b)))
        FAIL(json(a) << " and " << json(b));
    }
  CHECK(encoded(0.0) == encoded(-0.0));
  CHECK(encoded(not_a_number) == encoded(-not_a_number));
  CHECK(encoded(infinity) < encoded(not_a_number));
  for (auto k : scalars)
    CHECK(encoded({}) <= encoded(random.scalar(k)));
}

TEST_CASE("encoded tuples sort bytewise as their elements, also where one text begins another") {
  generator random{43};
  for (int i = 0; i < 20'000; ++i) {
    value_list a{random.text(), random.integer()}, b{random.text(), random.integer()};
    if (sign((encoded(a[0]) + encoded(a[1])).compare(encoded(b[0]) + encoded(b[1]))) !=
        sign(compare_for_order(a, b)))
      FAIL(json(a) << " and " << json(b));
  }
}

TEST_CASE("what is encoded is read back, and its bytes are canonical") {
  generator random{44};
  for (int i = 0; i < 20'000; ++i) {
    auto v = random.any();
    auto bytes = encoded(v);
    auto back = decoded(bytes);
    if (back != v || encoded(back) != bytes)
      FAIL(json(v));
  }
  CHECK(encoded(map_of({{"a", 1}, {"b", 2}})) == encoded(map_of({{"b", 2}, {"a", 1}})));
  auto back = decoded(encoded(error{errc::evaluation, "division by zero"}));
  REQUIRE(back.is_error());
  CHECK(back.as_error() == error{errc::evaluation, "division by zero"});
}

TEST_CASE("values are self-delimiting: one is taken, the rest stays") {
  auto bytes = encoded("a") + encoded(value_list{1, 2}) + "rest";
  std::string_view in = bytes;
  CHECK(*take_encoded(in) == value{"a"});
  CHECK(*take_encoded(in) == value{value_list{1, 2}});
  CHECK(in == "rest");
}

TEST_CASE("a stored map whose keys are not in order, or come twice, is corrupt") {
  std::string one, two, null_value;
  append_encoded(one, value{1});
  append_encoded(two, value{2});
  append_encoded(null_value, value{});
  auto stored = [&](const std::string& a, const std::string& b) {
    std::string out;
    append_encoded(out, value{value_map{}});
    out.pop_back(); // its end
    return out + a + null_value + b + null_value + std::string(1, '\0');
  };
  for (const auto& [bytes, good] :
       {std::pair{stored(one, two), true}, {stored(two, one), false}, {stored(one, one), false}}) {
    std::string_view in = bytes;
    CHECK(take_encoded(in).has_value() == good);
  }
}

TEST_CASE("a value has one stored form: bytes that would be a second one are corrupt") {
  const auto refused = [](std::string bytes) {
    std::string_view in{bytes};
    return !take_encoded(in).has_value();
  };
  auto truth = encoded(true), none = encoded(optional_value{}), zero = encoded(0.0),
       nan = encoded(std::numeric_limits<double>::quiet_NaN());
  truth.back() = '\2';
  none.back() = '\7';
  nan.back() = static_cast<char>(nan.back() ^ 1);
  CHECK(refused(truth));
  CHECK(refused(none));
  CHECK(refused(nan));
  CHECK_FALSE(refused(zero));
  zero.replace(1, 8, "\x7f\xff\xff\xff\xff\xff\xff\xff"); // -0
  CHECK(refused(zero));
}

TEST_CASE("a cut or spoiled encoding is corrupt, never a crash") {
  generator random{45};
  for (int i = 0; i < 5'000; ++i) {
    auto bytes = encoded(random.any());
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      std::string_view in{bytes.data(), n};
      auto v = take_encoded(in);
      if (v || v.error().code() != errc::corrupt)
        FAIL("a prefix of " << n << " bytes was taken");
    }
    bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    std::string_view in = bytes;
    (void)take_encoded(in);
  }
  std::string deep(5'000'000, '\x0b');
  std::string_view in = deep;
  CHECK(take_encoded(in).error().code() == errc::corrupt);
}

TEST_CASE("a decimal is read and written exactly") {
  for (auto same : {"0", "1", "-12.5", "0.000000001", "-0.1", "123456789.987654321",
                    "99999999999999999999999999999.999999999", "-99999999999999999999999999999.999999999"})
    CHECK(to_string(*parse_decimal(same)) == same);
  CHECK(to_string(*parse_decimal("+1.50")) == "1.5");
  CHECK(to_string(*parse_decimal("1.5e3")) == "1500");
  CHECK(to_string(*parse_decimal("15E-1")) == "1.5");
  CHECK(to_string(*parse_decimal("-0")) == "0");
  CHECK(to_string(*parse_decimal("0e999999999999")) == "0");
  CHECK(to_string(*parse_decimal("1.0000000000000")) == "1");
  CHECK(parse_decimal(".5")->units == decimal_one / 2);
  for (auto bad : {"", "-", ".", "1,5", "1.5.2", "1e", "1e+-5", "0x10", " 1", "1 ", "NaN", "0.0000000001",
                   "1e-10", "100000000000000000000000000000", "1e29", "1e999999999999", "1e-999999999999"}) {
    INFO(bad);
    auto d = parse_decimal(bad);
    CHECK(d.has_error());
    if (d.has_error())
      CHECK(d.error().code() == errc::event_type);
  }
}

TEST_CASE("every decimal survives its text") {
  generator random{46};
  for (int i = 0; i < 20'000; ++i) {
    auto d = random.exact();
    if (*parse_decimal(to_string(d)) != d)
      FAIL(to_string(d));
  }
}
