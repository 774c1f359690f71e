#include "event/definition.hpp"
#include "event/options.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace std::chrono_literals;

namespace {

options sample(position at) {
  options inner;
  inner.set("x", {at, std::int64_t{1}});
  options o;
  o.at = {3, 1};
  o.set("flag", {at, true});
  o.set("count", {at, std::int64_t{7}});
  o.set("ratio", {at, 0.5});
  o.set("window", {at, microseconds{5s}});
  o.set("name", {at, std::string{"n"}});
  o.set("list", {at, std::vector<text_at>{{"a", at}, {"b", at}}});
  o.set("map", {at, std::vector<std::pair<text_at, text_at>>{{{"k", at}, {"v", at}}}});
  o.set("inner", {at, std::make_shared<const options>(inner)});
  o.set("many", {at, option::section_list{{{"s", at}, std::make_shared<const options>(inner)}}});
  return o;
}

} // namespace

TEST_CASE("options give each setting in its type") {
  auto o = sample({4, 2});
  CHECK(o.flag("flag"));
  CHECK(o.integer("count") == 7);
  CHECK(o.number("ratio") == 0.5);
  CHECK(o.time("window") == 5s);
  CHECK(o.text("name") == "n");
  CHECK(o.texts("list").size() == 2);
  CHECK(o.pairs("map").front().second.text == "v");
  CHECK(o.section("inner").integer("x") == 1);
  CHECK(o.sections("many").front().second->integer("x") == 1);
  CHECK(o.where("name") == position{4, 2});
}

TEST_CASE("absent settings answer with the fallback and the place of the component") {
  auto o = sample({4, 2});
  CHECK(o.find("none") == nullptr);
  CHECK_FALSE(o.has("none"));
  CHECK(o.flag("none", true));
  CHECK(o.integer("none", 3) == 3);
  CHECK(o.number("none", 1.5) == 1.5);
  CHECK(o.time("none", 1s) == 1s);
  CHECK(o.text("none", "x") == "x");
  CHECK(o.texts("none").empty());
  CHECK(o.pairs("none").empty());
  CHECK(o.section("none").all().empty());
  CHECK(o.sections("none").empty());
  CHECK(o.where("none") == position{3, 1});
}

TEST_CASE("one text counts as a list of one, with its place") {
  auto o = sample({4, 2});
  REQUIRE(o.texts("name").size() == 1);
  CHECK(o.texts("name").front().text == "n");
  CHECK(o.texts("name").front().at == position{4, 2});
}

TEST_CASE("a setting that is set again is replaced") {
  options o;
  o.set("a", {{}, std::int64_t{1}});
  o.set("a", {{}, std::int64_t{2}});
  CHECK(o.all().size() == 1);
  CHECK(o.integer("a") == 2);
}

TEST_CASE("canonical text knows neither places nor the order of settings") {
  CHECK(canonical(sample({1, 1})) == canonical(sample({9, 9})));
  options a, b;
  a.set("x", {{}, true});
  a.set("y", {{}, false});
  b.set("y", {{}, false});
  b.set("x", {{}, true});
  CHECK(canonical(a) == canonical(b));
}

TEST_CASE("canonical text tells apart all that differs") {
  auto of = [](auto data) {
    options o;
    o.set("a", {{}, data});
    return canonical(o);
  };
  using list = std::vector<text_at>;
  using map = std::vector<std::pair<text_at, text_at>>;
  const std::vector<std::string> all{of(std::int64_t{1}),
                                     of(1.0),
                                     of(microseconds{1}),
                                     of(std::string{"1"}),
                                     of(true),
                                     of(std::string{"true"}),
                                     of(list{{"a", {}}, {"b", {}}}),
                                     of(list{{"b", {}}, {"a", {}}}),
                                     of(list{{"a\",\"b", {}}}),
                                     of(list{}),
                                     of(map{}),
                                     of(map{{{"a", {}}, {"b", {}}}}),
                                     of(option::section_list{}),
                                     of(std::make_shared<const options>())};
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      INFO(all[i] << " " << all[j]);
      CHECK(all[i] != all[j]);
    }
}

TEST_CASE("a diagnostic is one line with place, path and hint") {
  diagnostic d{severity::error, {12, 5}, "views.traffic", "unknown key \"group_by\"", "did you mean \"by\"?"};
  CHECK(to_string(d, "p.yaml") ==
        "p.yaml:12:5: error: views.traffic: unknown key \"group_by\" (did you mean \"by\"?)");
  CHECK(to_string({severity::warning, {}, "", "odd", ""}, "p.yaml") == "p.yaml: warning: odd");
  CHECK(has_errors({d}));
  CHECK_FALSE(has_errors({{severity::warning, {}, "", "odd", ""}}));
}
