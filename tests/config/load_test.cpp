#include "load_fixture.hpp"

#include "actors/spec.hpp"
#include "event/value.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view whole = R"(pipeline: clickstream
sources:
  clicks:
    type: file
    path: "logs/*.log"
    partition_by: ip
    partitions: 4
    max_record: 64KiB
    schema:
      ts: timestamp
      ip: string
      bytes: int?
      user: {type: string?, path: user.id}
    time: {field: ts, out_of_order: 5s, idle: 30s}
tables:
  geo: {type: mmdb, path: country.mmdb, refresh: 1h}
streams:
  hits:
    from: clicks
    steps:
      - filter: 'status != 0 && !path.startsWith("/health")'
      - set:
          section: 'path.split("/")[?1].orValue("")'
          failed: status >= 500
      - lookup: {table: geo, key: ip, set: {country: country_code}, on_miss: null}
      - drop: [bytes]
views:
  traffic:
    from: hits
    by: country
    window: {size: 1m, slide: 5s, lateness: 10s}
    emit: {every: 1s}
    select:
      requests: 'count()'
      p99: quantile(took_ms, 0.99)
    score:
      surprise: {model: seasonal_profile, value: p99, threshold: 0.9}
    retain: 6h
sinks:
  serving: {type: redis, url: "redis://localhost:6379", from: [traffic], ttl: 1d}
engine: {shutdown: 3s}
)";

} // namespace

TEST_CASE("a whole pipeline becomes a definition") {
  auto l = load(whole);
  CHECK(faults(l) == "");
  const auto& p = l.pipeline;
  CHECK(p.file == "p.yaml");
  CHECK(p.name == "clickstream");
  REQUIRE(p.sources.size() == 1);
  const auto& source = p.sources.front();
  CHECK(source.name.text == "clicks");
  CHECK(source.name.at == position{3, 3});
  CHECK(source.type == "file");
  CHECK(source.settings.at == position{3, 3});
  CHECK(source.settings.text("path") == "logs/*.log");
  CHECK(source.settings.integer("partitions") == 4);
  CHECK(source.settings.integer("max_record") == 65536);
  CHECK_FALSE(source.settings.has("type"));
  const auto& schema = source.settings.sections("schema");
  REQUIRE(schema.size() == 4);
  CHECK(schema[2].first.text == "bytes");
  CHECK(schema[2].second->text("type") == "int?");
  CHECK_FALSE(schema[2].second->has("path"));
  CHECK(schema[3].second->text("type") == "string?");
  CHECK(schema[3].second->text("path") == "user.id");
  CHECK(source.settings.section("time").time("idle") == 30s);

  REQUIRE(p.tables.size() == 1);
  CHECK(p.tables.front().settings.time("refresh") == 1h);

  REQUIRE(p.streams.size() == 1);
  const auto& steps = p.streams.front().steps;
  CHECK(p.streams.front().from.text == "clicks");
  REQUIRE(steps.size() == 4);
  CHECK(steps[0].type == "filter");
  CHECK(steps[0].settings.text("filter") == "status != 0 && !path.startsWith(\"/health\")");
  auto set = steps[1].settings.pairs("set");
  REQUIRE(set.size() == 2);
  CHECK(set[0].first.text == "section");
  CHECK(set[1].second.text == "status >= 500");
  CHECK(steps[2].settings.text("table") == "geo");
  CHECK(steps[2].settings.text("on_miss") == "null");
  CHECK(steps[3].settings.texts("drop").front().text == "bytes");

  REQUIRE(p.views.size() == 1);
  const auto& view = p.views.front().settings;
  CHECK(view.texts("by").front().text == "country");
  CHECK(view.section("window").time("slide") == 5s);
  CHECK(view.section("emit").time("every") == 1s);
  CHECK(view.pairs("select").size() == 2);
  REQUIRE(view.sections("score").size() == 1);
  CHECK(view.sections("score").front().second->text("model") == "seasonal_profile");
  CHECK(view.sections("score").front().second->number("threshold") == 0.9);

  REQUIRE(p.sinks.size() == 1);
  CHECK(p.sinks.front().settings.texts("from").front().text == "traffic");
  CHECK(p.engine.time("shutdown") == 3s);
}

TEST_CASE("fallbacks are filled in, also of sections that are absent") {
  auto l = load(head);
  CHECK(faults(l) == "");
  CHECK(l.pipeline.sources.front().settings.integer("partitions") == 4);
  CHECK(l.pipeline.sources.front().settings.text("format") == "json");
  CHECK(l.pipeline.serve.text("http") == "127.0.0.1:8080");
  CHECK(l.pipeline.engine.time("checkpoint") == 5s);
  CHECK(l.pipeline.engine.section("restart").time("initial") == 100ms);
  CHECK(canonical(l.pipeline.engine) ==
        canonical(load(head + "engine: {restart: {max: 30s}}").pipeline.engine));
}

TEST_CASE("a choice instead of settings is the word") {
  auto view = [](const std::string& emit) {
    return load(head + "views: {v: {from: g, window: {size: 1m}, select: {n: count()}" + emit + "}}");
  };
  CHECK(faults(view("")) == "");
  CHECK(view("").pipeline.views.front().settings.text("emit") == "close");
  CHECK(view(", emit: close").pipeline.views.front().settings.text("emit") == "close");
}

TEST_CASE("expressions know where they begin, so that a fault inside them has a place") {
  auto l = load(with_steps("      - filter: a\n"
                           "      - filter: 'b'\n"
                           "      - filter: \"c\"\n"
                           "      - filter:  &anchor  'd'\n"
                           "      - filter: *anchor\n"
                           "      - filter: |\n"
                           "            e\n"
                           "      - filter: >-\n"
                           "          f\n"
                           "          && g\n"
                           "      - set: {é: 1, b: 'x', c: y} # not a name, but counted in characters\n"));
  REQUIRE(l.pipeline.streams.size() == 1);
  const auto& steps = l.pipeline.streams.front().steps;
  REQUIRE(steps.size() == 8);
  CHECK(steps[0].settings.where("filter") == position{7, 17});
  CHECK(steps[1].settings.where("filter") == position{8, 18});
  CHECK(steps[2].settings.where("filter") == position{9, 18});
  CHECK(steps[3].settings.where("filter") == position{10, 28});
  CHECK(steps[4].settings.where("filter") == position{10, 28});
  CHECK(steps[5].settings.where("filter") == position{13, 13});
  CHECK(steps[5].settings.text("filter") == "e");
  CHECK(steps[6].settings.where("filter").line == 15);
  CHECK(steps[6].settings.text("filter") == "f && g");
  auto set = steps[7].settings.pairs("set");
  REQUIRE(set.size() == 2);
  CHECK(set[0].second.at == position{17, 25});
  CHECK(set[1].first.at == position{17, 29});
  CHECK(set[1].second.at == position{17, 32});
}

TEST_CASE("anchors, merge keys and a home for them at the top") {
  auto l = load("x-window: &w {size: 1m}\n" + head +
                "views:\n"
                "  a: &a {from: g, window: *w, select: {n: count()}}\n"
                "  b: {<<: *a, select: {m: 'sum(x)'}}\n"
                "  c: {<<: [*a, {retain: 2h}]}\n");
  CHECK(faults(l) == "");
  REQUIRE(l.pipeline.views.size() == 3);
  CHECK(l.pipeline.views[1].settings.section("window").time("size") == 1min);
  CHECK(l.pipeline.views[1].settings.pairs("select").front().first.text == "m");
  CHECK(l.pipeline.views[2].settings.time("retain") == 2h);
}

TEST_CASE("sections that are left empty are none") {
  CHECK(faults(head + "tables:\nstreams:\nviews:\nsinks:\nserve:\nengine:\n") == "");
}

TEST_CASE("a BOM, carriage returns and comments are no faults") {
  auto l =
      load("\xEF\xBB\xBF# comment\r\npipeline: p\r\nsources:\r\n  g: {type: generate, time: {field: ts}}\r\n"
           "streams:\r\n  s:\r\n    from: 'g'\r\n");
  CHECK(faults(l) == "");
  CHECK(l.pipeline.streams.front().from.at == position{7, 12});
  CHECK(l.pipeline.sources.front().name.at == position{4, 3});
}

TEST_CASE("a file is read, and one that can't be is a fault") {
  auto none = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  auto path = (std::filesystem::temp_directory_path() /
               ("tidemill_load_test_" + std::to_string(::getpid()) + ".yaml"))
                  .string();
  std::ofstream{path} << whole;
  auto l = load_file(path, none);
  CHECK(l.diagnostics.empty());
  CHECK(l.pipeline.file == path);
  std::remove(path.c_str());
  auto missing = load_file(path, none);
  REQUIRE(missing.diagnostics.size() == 1);
  CHECK_THAT(to_string(missing.diagnostics.front(), "f"), Catch::Contains("can't be read: No such file"));
  auto folder = load_file(std::filesystem::temp_directory_path().string(), none);
  REQUIRE(folder.diagnostics.size() == 1);
  CHECK_THAT(folder.diagnostics.front().text, Catch::Contains("can't be read"));
}
