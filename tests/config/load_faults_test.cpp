#include "load_fixture.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

TEST_CASE("unknown keys are answered with the nearest name, or the word of another system") {
  CHECK(faults(head + "views: {v: {from: g, group_by: [a], window: {size: 1m}, select: {n: count()}}}") ==
        "3:22: error: views.v: unknown key \"group_by\" (did you mean \"by\"?)\n");
  CHECK(faults(head + "views: {v: {from: g, retian: 1h, window: {size: 1m}, select: {n: count()}}}") ==
        "3:22: error: views.v: unknown key \"retian\" (did you mean \"retain\"?)\n");
  CHECK(faults(head + "views: {v: {from: g, window: {size: 1m, type: x}, select: {n: count()}}}") ==
        "3:41: error: views.v.window: unknown key \"type\" (known: size, slide, calendar, session, max, "
        "timezone, "
        "offset, lateness)\n");
  CHECK(faults(head + "outputs: {}") == "3:1: error: unknown key \"outputs\" (did you mean \"sinks\"?)\n");
  CHECK(faults(head + "engine: {checkpoint_interval: 5s}") ==
        "3:10: error: engine: unknown key \"checkpoint_interval\" (did you mean \"checkpoint\"?)\n");
}

TEST_CASE("what was meant by an unknown key is not missing too") {
  CHECK(faults("name: p\ninputs: {}\n") ==
        "1:1: error: unknown key \"name\" (did you mean \"pipeline\"?)\n"
        "2:1: error: unknown key \"inputs\" (did you mean \"sources\"?)\n");
}

TEST_CASE("missing keys are found at the component's name") {
  CHECK(faults("# nothing\nserve: {}\n") ==
        "1:1: error: missing key \"pipeline\" (pipeline: the name of this pipeline)\n"
        "1:1: error: missing key \"sources\" (without a source nothing happens)\n");
  CHECK(faults(head + "streams:\n  s: {}\nviews:\n  v: {from: g}\n") ==
        "4:3: error: streams.s: missing key \"from\" (from: a source or another stream)\n"
        "6:3: error: views.v: missing key \"window\" (window: The windows; `global`: none, one row per key "
        "over all events; `latest`: none, the latest event of each key.)\n"
        "6:3: error: views.v: missing key \"select\" (select: The columns: CEL over aggregates such as "
        "count(), sum(x), quantile(x, 0.99); of a latest view over fields of the event.)\n");
  CHECK(faults("pipeline: p\nsources:\n  a: {path: x}\n") ==
        "3:3: error: sources.a: missing key \"type\" (type: file | generate | http | kafka)\n");
}

TEST_CASE("unknown components are answered with those there are") {
  CHECK(faults("pipeline: p\nsources:\n  a: {type: flie}\n  b: {type: pulsar}\n") ==
        "3:13: error: sources.a.type: unknown type \"flie\" (did you mean \"file\"?)\n"
        "4:13: error: sources.b.type: unknown type \"pulsar\" (known: file, generate, http, kafka)\n");
  CHECK(faults(with_steps("      - where: x\n      - fliter: x\n")) ==
        "7:9: error: streams.s.steps[0]: unknown step \"where\" (did you mean \"filter\"?)\n"
        "8:9: error: streams.s.steps[1]: unknown step \"fliter\" (did you mean \"filter\"?)\n");
  CHECK(faults(head + "views: {v: {from: g, window: {size: 1m}, select: {n: count()}, score: {s: {model: "
                      "sesonal_profile, value: n}}}}") ==
        "3:83: error: views.v.score.s.model: unknown model \"sesonal_profile\" (did you mean "
        "\"seasonal_profile\"?)\n");
}

TEST_CASE("a score takes the settings of its model, and they are checked") {
  auto score = [](const std::string& settings) {
    return faults(head + "views: {v: {from: g, window: {size: 1m}, select: {n: count()}, score: {s: {" +
                  settings + "}}}}");
  };
  CHECK(score("model: seasonal_profile, value: n, tolerance: 0.1") == "");
  CHECK(score("model: seasonal_profile, value: n, tolerence: 0.1") ==
        "3:111: error: views.v.score.s: unknown key \"tolerence\" (did you mean \"tolerance\"?)\n");
  CHECK_THAT(score("model: seasonal_profile, value: n, rate: 7"),
             Catch::Contains("3:117: error: views.v.score.s.rate: "));
}

TEST_CASE("wrong types say what is expected, what is there, and how to write it") {
  CHECK(
      faults("pipeline: p\n"
             "sources:\n"
             "  g:\n"
             "    type: generate\n"
             "    partitions: four\n"
             "    rate: fast\n"
             "    seed: [1]\n"
             "    users: {}\n"
             "    max_record: 1000\n"
             "    csv: {header: yes, delimiter: [x]}\n"
             "    time: {field: ts, idle: 5, out_of_order: -1s, max_future: later}\n"
             "    format: jsn\n"
             "    schema: [a]\n"
             "    start:\n") ==
      "5:17: error: sources.g.partitions: expected a whole number, found \"four\" (write digits only, such "
      "as "
      "4)\n"
      "6:11: error: sources.g.rate: expected a number, found \"fast\" (write a number such as 0.5)\n"
      "7:11: error: sources.g.seed: expected a whole number, found a list\n"
      "8:12: error: sources.g.users: expected a whole number, found a map\n"
      "9:17: error: sources.g.max_record: expected a size, found \"1000\" (add a unit: 1000B, or KiB, MiB, "
      "GiB "
      "behind the right number)\n"
      "10:19: error: sources.g.csv.header: expected true or false, found \"yes\" (write true)\n"
      "10:35: error: sources.g.csv.delimiter: expected a text, found a list\n"
      "11:29: error: sources.g.time.idle: \"5\" has no unit: write one of w, d, h, m, s, ms, us behind it, "
      "such "
      "as \"5s\"\n"
      "11:46: error: sources.g.time.out_of_order: \"-1s\" is negative: a duration must not be\n"
      "11:63: error: sources.g.time.max_future: \"later\" is no duration: expected a number with a unit (w, "
      "d, h, "
      "m, s, ms, us), such as \"90s\", \"1h30m\", \"250ms\" or \"PT1H30M\"\n"
      "12:13: error: sources.g.format: expected json, ndjson, csv, combined_log, regex or logfmt, found "
      "\"jsn\" (did you "
      "mean "
      "\"json\"?)\n"
      "13:13: error: sources.g.schema: expected a map of fields to types, found a list (write it like {ts: "
      "timestamp, user: string, age: int?})\n"
      "14:5: error: sources.g.start: expected a text, found nothing (give it a value, or remove the key)\n");
}

TEST_CASE("sections, streams and steps must have their form") {
  CHECK(faults("pipeline: p\nsources: [a]\n") == "2:10: error: sources: expected a map of names to settings, "
                                                 "found something else (each entry has its name "
                                                 "as key: write \"name:\", not \"-\")\n");
  CHECK(faults("hello\n") == "1:1: error: expected a pipeline, found something else (a pipeline has the keys "
                             "pipeline, sources, streams, views, sinks, serve)\n");
  CHECK(faults(with_steps("      filter: x\n")) == "7:7: error: streams.s.steps: expected a list of steps "
                                                   "(steps have an order: write \"- \" before each)\n");
  CHECK(
      faults(with_steps("      - filter\n")) ==
      "7:9: error: streams.s.steps[0]: expected a step with its settings (write it like - filter: 'status != "
      "0')\n");
  CHECK(
      faults(with_steps("      - filter: x\n        set: {a: b}\n")) ==
      "8:9: error: streams.s.steps[0]: a step has one key, and \"filter\" stands here already (write \"- \" "
      "before \"set\")\n");
  CHECK(faults(head + "views: {v: {from: g, window: 5m, select: {n: count()}}}") ==
        "3:30: error: views.v.window: expected global or latest or settings such as {size: 1m, "
        "slide: 5s, lateness: 10s}, found \"5m\"\n");
  CHECK(faults(head + "views: {v: {from: g, window: {size: 1m}, emit: clos, select: {}}}") ==
        "3:48: error: views.v.emit: expected close or settings such as {every: 1s}, found \"clos\" (did you "
        "mean "
        "\"close\"?)\n"
        "3:62: error: views.v.select: the map is empty\n");
  CHECK(faults(head + "sinks: {o: {type: file, path: x, from: []}}") ==
        "3:40: error: sinks.o.from: the list is empty\n");
}

TEST_CASE("rules between settings run where the settings are sound") {
  CHECK(faults(head + "views: {v: {from: g, window: {size: 1m, slide: 2m}, select: {n: count()}}}") ==
        "3:48: error: views.v.window.slide: slide is longer than size: events between windows would be lost "
        "(use a "
        "slide of at most size)\n");
  auto window = [](const std::string& w) {
    return faults(head + "views: {v: {from: g, window: " + w + ", select: {n: count()}}}");
  };
  CHECK_THAT(window("{lateness: 1m}"),
             Catch::Contains("views.v.window: which windows? (write one of {size: 1m}"));
  CHECK_THAT(window("{size: 1m, calendar: day}"),
             Catch::Contains("size, calendar and session exclude each other"));
  CHECK_THAT(window("{calendar: day, slide: 1h}"), Catch::Contains("slide goes with size"));
  CHECK_THAT(window("{calendar: fortnight}"), Catch::Contains("expected day, week, month, quarter or year"));
  CHECK_THAT(window("{calendar: day, offset: 1d}"), Catch::Contains("offset must be shorter than 1d"));
  CHECK_THAT(window("{calendar: year, offset: 30d}"), Catch::Contains("offset must be shorter than 28d"));
  CHECK_THAT(window("{size: 1d, timezone: Europe/Berlin}"),
             Catch::Contains("timezone goes with calendar") &&
                 Catch::Contains("write {calendar: day, timezone: Europe/Berlin}"));
  CHECK_THAT(window("{size: 10s, slide: 2s, offset: 2s}"),
             Catch::Contains("offset must be shorter than slide"));
  CHECK_THAT(window("{session: 30m, slide: 1m}"), Catch::Contains("slide doesn't go with session"));
  CHECK_THAT(window("{session: 0s}"), Catch::Contains("the gap must be longer than zero"));
  CHECK_THAT(window("{session: 30m, max: 45m}"),
             Catch::Contains("max must be a multiple of the gap (with a gap of 30m take 1h)"));
  CHECK_THAT(window("{session: 30m, offset: 6h}"), Catch::Contains("must be shorter than max"));
  CHECK_THAT(window("{size: 1m, max: 1d}"), Catch::Contains("max goes with session"));
  CHECK(window("{session: 30m, max: 1d, offset: 6h, lateness: 1h}").empty());
  CHECK(window("{size: 1d, offset: 6h}").empty());
  CHECK(window("{calendar: week, offset: 6d, timezone: +02:00}").empty());
  CHECK_THAT(faults(head + "serve: {http: nowhere}"),
             Catch::Contains("3:15: error: serve.http: \"nowhere\" is"));
}

TEST_CASE("names that become identifiers must be ones") {
  CHECK(faults("pipeline: Click Stream\nsources: {My-Source: {type: generate, time: {field: ts}}}\n") ==
        "1:11: error: pipeline: \"Click Stream\" can't be a name: lower-case letters, digits, - and _ make "
        "one, no "
        "digit first (write click_stream)\n"
        "2:11: error: sources.My-Source: \"My-Source\" can't be a name: lower-case letters, digits and _ "
        "make one, "
        "at most 64, no digit first (write my_source)\n");
  CHECK(faults(with_steps("      - set: {in: x, topPages: y, 2nd: z}\n")) ==
        "7:15: error: streams.s.steps[0].set.in: \"in\" is a word of the expression language (choose another "
        "name, "
        "such as in_)\n"
        "7:22: error: streams.s.steps[0].set.topPages: \"topPages\" can't be a name: lower-case letters, "
        "digits and "
        "_ make one, at most 64, no digit first (write top_pages)\n"
        "7:35: error: streams.s.steps[0].set.2nd: \"2nd\" can't be a name: lower-case letters, digits and _ "
        "make "
        "one, at most 64, no digit first (write _2nd)\n");
  CHECK_THAT(faults(with_steps("      - unnest: {field: xs, as: theItem, index: in}\n")),
             Catch::Contains("steps[0].unnest.as: \"theItem\" can't be a name") &&
                 Catch::Contains("(write the_item)") &&
                 Catch::Contains("steps[0].unnest.index: \"in\" is a word of the expression language"));
  CHECK(faults("pipeline: p\nsources: {g: {type: generate, time: {field: ts}, schema: {userId: int}}}\n") ==
        "2:59: error: sources.g.schema.userId: \"userId\" can't be a name: lower-case letters, digits and _ "
        "make one, "
        "at most 64, no digit first (write user_id: {type: int, path: \"userId\"})\n");
  CHECK(faults("pipeline: click-stream\nsources: {g: {type: generate, time: {field: ts}}}\n") == "");
  CHECK(faults(head + "tables: {t: {type: csv, path: x, key: Id, columns: {Id: int}}}") == "");
}

TEST_CASE("types of a schema are checked, and words of other systems are known") {
  auto schema = [](const std::string& fields) {
    return faults("pipeline: p\nsources: {g: {type: generate, time: {field: ts}, schema: {" + fields +
                  "}}}\n");
  };
  CHECK(schema("a: int?, b: [string], c: '[int?]?', d: timestamp_ms") ==
        "2:71: error: sources.g.schema.b: expected a type, found a list of YAML (a type of lists stands in "
        "quotes: '[string]')\n");
  CHECK(schema("a: integer?") == "2:62: error: sources.g.schema.a: unknown type \"integer?\" (write int?)\n");
  CHECK(schema("a: duoble") ==
        "2:62: error: sources.g.schema.a: unknown type \"duoble\" (did you mean \"double\"?)\n");
  CHECK(schema("a: {type: datetime, path: x.y}") ==
        "2:69: error: sources.g.schema.a: unknown type \"datetime\" (write timestamp)\n");
  CHECK(schema("a: {path: x.y}") ==
        "2:59: error: sources.g.schema.a: missing key \"type\" (type: The type, `?` behind "
        "it allows null and absence.)\n");
}

TEST_CASE("duplicate keys are found, and the first one counts") {
  CHECK(faults(head + "streams:\n  s:\n    from: g\n    from: h\n  s: {from: g}\n") ==
        "6:5: error: streams.s: duplicate key \"from\" (the first one is in line 5)\n"
        "7:3: error: streams: duplicate key \"s\" (the first one is in line 4)\n");
}

TEST_CASE("an alert needs a condition") {
  CHECK_THAT(faults(head + "alerts:\n  burst: {from: v}\n"),
             Catch::Contains("4:3: error: alerts.burst: missing key \"when\""));
}

TEST_CASE("variables of the environment are replaced inside scalars only") {
  auto text = head + "sinks:\n"
                     "  a: {type: file, path: \"${DIR}/x\", from: ['${FROM:-v}', w]}\n"
                     "  b: {type: file, path: \"${NONE:-a:b}$${DIR} $5\", from: \"${EMPTY:-v}\"}\n"
                     "engine: {threads: \"${N}\"}\n";
  auto l = load(text, {{"DIR", "a: [b] ${N}"}, {"N", "3"}, {"EMPTY", ""}});
  CHECK(faults(l) == "");
  REQUIRE(l.pipeline.sinks.size() == 2);
  CHECK(l.pipeline.sinks[0].settings.text("path") == "a: [b] ${N}/x");
  CHECK(l.pipeline.sinks[0].settings.texts("from").front().text == "v");
  CHECK(l.pipeline.sinks[1].settings.text("path") == "a:b${DIR} $5");
  CHECK(l.pipeline.engine.integer("threads") == 3);
}

TEST_CASE("a variable that is not set is a fault at its scalar") {
  CHECK(
      faults(head + "sinks:\n  a: {type: file, path: \"${DIR}\", from: \"${FROM:?which view}\"}\n"
                    "  b: {type: file, path: \"${EMPTY:?}\", from: \"${5}\"}\n"
                    "  c: {type: file, path: \"${DIR\", from: \"${DIR:+x}\"}\n",
             {{"EMPTY", ""}}) ==
      "4:26: error: sinks.a.path: the environment variable DIR is not set: set it, or write ${DIR:-default}\n"
      "4:42: error: sinks.a.from: the environment variable FROM is not set: which view\n"
      "5:26: error: sinks.b.path: the environment variable EMPTY is not set\n"
      "5:46: error: sinks.b.from: \"${5}\" names no variable: write ${NAME}, ${NAME:-default} or "
      "${NAME:?message}\n"
      "6:26: error: sinks.c.path: \"${\" without \"}\": for the characters themselves write \"$${\"\n"
      "6:41: error: sinks.c.from: \"${DIR:+x}\": \":-default\" or \":?message\" may follow the name\n");
}

TEST_CASE("values of the environment are never shown") {
  std::map<std::string, std::string> secret{{"S", "hunter2"}};
  auto all =
      faults("pipeline: p\n"
             "sources:\n"
             "  g: {type: generate, rate: \"${S}\", seed: \"${S}\", format: \"${S}\", max_record: \"${S}\",\n"
             "      csv: {header: \"${S}\"}, time: {field: ts, idle: \"${S}\"}}\n",
             secret);
  CHECK_THAT(all, !Catch::Contains("hunter2"));
  CHECK_THAT(all,
             Catch::Contains("3:30: error: sources.g.rate: expected a number, found the value of \"${S}\""));
  CHECK_THAT(all, Catch::Contains("4:55: error: sources.g.time.idle: "));
}

TEST_CASE("variables can't blow a text up") {
  std::string many;
  for (int i = 0; i < 30; ++i)
    many += "${BIG}";
  CHECK_THAT(faults(head + "engine: {threads: \"" + many + "\"}", {{"BIG", std::string(100'000, 'x')}}),
             Catch::Contains("3:20: error: engine.threads: longer than 1 MiB"));
}

TEST_CASE("after a thousand faults there is an end") {
  std::string text = head + "streams:\n";
  for (int i = 0; i < 5000; ++i)
    text += "  s" + std::to_string(i) + ": {fro: g}\n";
  auto l = load(text);
  CHECK(l.diagnostics.size() == 1001);
  CHECK_THAT(l.diagnostics.back().text, Catch::Contains("there may be more"));
}

TEST_CASE("faults come in the order of the file") {
  auto l = load(head + "views: {v: {fro: g}}\nstreams: {s: {frm: g}}\nengine: {a: 1}\n");
  REQUIRE(l.diagnostics.size() > 3);
  for (std::size_t i = 1; i < l.diagnostics.size(); ++i)
    CHECK(l.diagnostics[i - 1].at <= l.diagnostics[i].at);
}
