#include "load_fixture.hpp"

#include "config/suggest.hpp"
#include "config/traps.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <random>

using namespace tidemill;
using namespace tidemill::test;

TEST_CASE("the five expressions that YAML takes apart are answered with quotes") {
  CHECK(
      faults(with_steps("      - filter: !x && y\n"
                        "      - filter: a ? b : c\n"
                        "      - filter: \"x\" == y\n"
                        "      - set: {a: f(x, 1), b: 'x'}\n"
                        "      - filter: x == \" #\" && y\n")) ==
      "7:17: error: streams.s.steps[0].filter: YAML reads the \"!\" in \"!x && y\" as a tag, and there are "
      "none "
      "here (quote the expression: '!x && y')\n"
      "8:23: error: streams.s.steps[1]: \": \" is not allowed here (quote the expression: 'a ? b : c')\n"
      "9:21: error: streams.s.steps[2]: unexpected text, where the next key was expected (quote the "
      "expression: "
      "'\"x\" == y')\n"
      "10:18: error: streams.s.steps[3].set.a: YAML cuts this at the comma, after \"f(x\" (quote the "
      "expression: "
      "'f(x, 1)')\n"
      "11:17: error: streams.s.steps[4].filter: YAML cuts this at \" #\", which begins a comment (quote the "
      "expression: 'x == \" #\" && y')\n");
}

TEST_CASE("more expressions that YAML takes apart") {
  CHECK_THAT(faults(with_steps("      - filter: !has(event.x)\n")),
             Catch::Contains("7:17: ") && Catch::Contains("(quote the expression: '!has(event.x)')"));
  CHECK_THAT(faults(with_steps("      - set: {a: x == 'a, b', c: g(1, f(2, 3)), d: [1, 2]}\n")),
             Catch::Contains("7:18: ") && Catch::Contains("(quote the expression: 'x == ''a, b''')") &&
                 Catch::Contains("7:34: ") && Catch::Contains("(quote the expression: 'g(1, f(2, 3))')"));
  CHECK_THAT(faults(with_steps("      - set: {a: x ? y : z}\n")),
             Catch::Contains("(quote the expression: 'x ? y : z')"));
  CHECK_THAT(faults(with_steps("      - set: {a: x[1]}\n")),
             Catch::Contains("(quote the expression: 'x[1]')"));
  CHECK_THAT(faults(with_steps("      - filter: 'it''s' + x\n")),
             Catch::Contains("(quote the expression: '''it''''s'' + x')"));
  CHECK_THAT(faults(with_steps("      - filter: *x\n")),
             Catch::Contains("7:17: ") && Catch::Contains("there is no anchor for the alias \"*x\""));
  CHECK_THAT(faults(with_steps("      - filter: `x`\n")),
             Catch::Contains("7:17: ") && Catch::Contains("a value can't begin with this character"));
  CHECK_THAT(faults(head + "sinks: {s: {type: file, path: ${X}, from: v}}"),
             Catch::Contains("3:32: ") && Catch::Contains("quote values with ${…}: \"${NAME}\""));
}

TEST_CASE("expressions that YAML leaves alone are no faults") {
  auto l = load(with_steps("      - filter: x > 1 # a comment\n"
                           "      - filter: x ? y:z\n"
                           "      - filter: m['a'] == \"b\"\n"
                           "      - set: {a: x?y:z, b: f(x), c: \"it's\"}\n"));
  CHECK(faults(l) == "");
  const auto& steps = l.pipeline.streams.front().steps;
  CHECK(steps[0].settings.text("filter") == "x > 1");
  CHECK(steps[3].settings.pairs("set")[0].second.text == "x?y:z");
}

TEST_CASE("every line that is no YAML is found, and the rest is still checked") {
  CHECK(faults(head + "streams:\n"
                      "  s:\n"
                      "    from: \"a\" b\n"
                      "    stepz: []\n"
                      "  t: {from: g, steps: [{filter: 'x'}\n"
                      "  u: {fro: x}\n") ==
        "5:15: error: streams.s: unexpected text, where the next key was expected (quote the expression: "
        "'\"a\" b')\n"
        "6:5: error: streams.s: unknown key \"stepz\" (did you mean \"steps\"?)\n"
        "7:23: error: streams.t.steps[1]: this bracket is never closed (close it with ])\n"
        "8:7: error: streams.u: unknown key \"fro\" (did you mean \"from\"?)\n");
}

TEST_CASE("faults of form have a place and a hint") {
  CHECK(faults("pipeline: p\nsources:\n\tg:\n") ==
        "3:3: error: \": \" is not allowed here (indent with spaces, not with tabs)\n");
  CHECK(faults(head + "streams:\n  s:\n    from: g\n   steps: []\n") ==
        "6:4: error: streams: unexpected text, where the next key was expected (is it indented like the keys "
        "that it "
        "belongs to?)\n");
  CHECK(faults(head + "streams:\n  s:\n    from: \"g\n    steps: []\n") ==
        "5:11: error: streams.s.from: the quote is never closed (end the text with \")\n");
  CHECK(faults(head + "streams:\n  s:\n    from: 'g\n    steps: []\n") ==
        "5:11: error: streams.s.from: the quote is never closed (end the text with ')\n");
  CHECK_THAT(faults("pipeline: \"a\\q\"\n"),
             Catch::Contains("1:15: error: pipeline: unknown escape character: q"));
  CHECK_THAT(faults(head + "---\na: b\n"), Catch::Contains("error: a second document begins here"));
  CHECK_THAT(faults(head + "? [a]\n: b\n"), Catch::Contains("3:3: error: a key must be a word"));
  CHECK_THAT(faults(head + "streams: &a {s: *a}\n"),
             Catch::Contains("3:17: error: streams.s: this alias stands inside the value that it names"));
  CHECK_THAT(faults(head + "engine: {threads: !!python/object 4}\n"),
             Catch::Contains("3:19: error: engine.threads"));
  CHECK(faults(head + "engine: {threads: !!int 4}\n") == "");
}

TEST_CASE("bytes that are no text are refused with their place") {
  CHECK(faults(std::string{"a: b\nc: \0d", 10}) ==
        "2:4: error: the file holds a NUL byte (is it a text file in UTF-8?)\n");
  CHECK(faults("é: \xFF") == "1:4: error: the file is not valid UTF-8 (save it as UTF-8)\n");
  CHECK_THAT(faults("a: \x1b[31m"), Catch::Contains("1:4: error: the file holds a control character"));
  CHECK(faults("") == " error: the file is empty (a pipeline has at least a source)\n");
  CHECK(faults("# only\n") == " error: the file is empty (a pipeline has at least a source)\n");
}

TEST_CASE("messages show no control characters and no long texts") {
  auto all = faults("pipeline: \"\\e[31m" + std::string(1000, 'x') + "\"\n");
  CHECK_THAT(all, Catch::Contains("\"\\x1b[31mxxx") && !Catch::Contains("\x1b"));
  CHECK(all.size() < 400);
}

TEST_CASE("what is too large, too deep or multiplies by aliases is refused at once") {
  auto quickly = [](const std::string& text) {
    auto begin = std::chrono::steady_clock::now();
    auto all = faults(text);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{20});
    return all;
  };
  CHECK_THAT(quickly(std::string(5'000'000, ' ')), Catch::Contains("larger than 4 MiB"));
  constexpr std::size_t most = 4 * 1024 * 1024 - 100;
  CHECK_THAT(quickly("a: " + std::string(most, '[')), Catch::Contains("nested deeper than 64 levels"));
  CHECK_THAT(quickly("a: " + std::string(70, '[') + std::string(70, ']')),
             Catch::Contains("nested deeper than 64 levels"));
  std::string deep;
  for (int i = 0; i < 200; ++i)
    deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK_THAT(quickly(deep), Catch::Contains("nested deeper than 64 levels"));
  std::string many = "x: [";
  while (many.size() < most)
    many += "a,";
  CHECK_THAT(quickly(many + "]"), Catch::Contains("more than 100,000 values"));
  std::string laughs = "x-0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 12; ++i) {
    laughs += "x-" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j)
      laughs += "*a" + std::to_string(i - 1) + ", ";
    laughs += "]\n";
  }
  CHECK_THAT(quickly(laughs), Catch::Contains("more than 100,000 values, with aliases written out"));
  std::string broken;
  while (broken.size() < 200'000)
    broken += "- \"a\" b\n";
  CHECK_THAT(quickly(broken), Catch::Contains("1:7: error"));
}

TEST_CASE("bytes changed at random never break the reader, and a fault has a place") {
  const std::string valid = with_steps("      - filter: 'status != 0 && !path.startsWith(\"/x\")'\n"
                                       "      - set: {a: \"b[?1]\", c: &d 'e ? f : g', h: *d}\n"
                                       "      - lookup: {table: t, key: ip, set: {x: y}, on_miss: null}\n") +
                            "views:\n"
                            "  v:\n"
                            "    from: s\n"
                            "    by: [a, b]\n"
                            "    window: {size: 1m, slide: 5s}\n"
                            "    select: {n: count(), m: |\n"
                            "      sum(x)\n"
                            "      }\n"
                            "    retain: \"${R:-1h}\"\n"
                            "# end\n"
                            "serve: {http: \"127.0.0.1:8080\"}\n";
  constexpr std::string_view pieces = "\n :-[]{},#&*!|>'\"%@`?$\t\\é<<~0a";
  std::mt19937_64 random{1};
  for (int i = 0; i < 1500; ++i) {
    auto text = valid;
    for (auto n = 1 + random() % 6; n > 0; --n) {
      auto at = random() % text.size();
      switch (random() % 4) {
      case 0:
        text[at] = pieces[random() % pieces.size()];
        break;
      case 1:
        text.insert(at, 1, pieces[random() % pieces.size()]);
        break;
      case 2:
        text.erase(at, 1 + random() % 10);
        break;
      default:
        text.insert(at, text.substr(random() % text.size(), random() % 40));
      }
      if (text.empty())
        text = "x";
    }
    auto l = load(text);
    auto lines = 1 + std::count(text.begin(), text.end(), '\n');
    for (const auto& d : l.diagnostics)
      if (d.text.empty() || d.at.line < 0 || d.at.line > lines + 1 || (d.at.line > 0 && d.at.column < 1))
        FAIL(text << "\n" << to_string(d, "p.yaml"));
  }
}

TEST_CASE("random bytes never break the reader") {
  std::mt19937_64 random{2};
  for (int i = 0; i < 1500; ++i) {
    std::string text;
    for (auto n = random() % 60; n > 0; --n)
      text += static_cast<char>(random() % 5 == 0 ? random() : "\n :-[]{},#&*!|>'\"?a"[random() % 19]);
    CHECK(load(text).diagnostics.size() > 0);
  }
}

TEST_CASE("the nearest name is found by edits, swaps count as one") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("fliter", "filter") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(nearest("GroupBy", {"by", "groupby", "select"}) == "groupby");
  CHECK(nearest("out-of-order", {"idle", "out_of_order"}) == "out_of_order");
  CHECK(nearest("x", {"by", "to"}) == "");
  CHECK(nearest(std::string(100'000, 'a'), {"a"}) == "");
}

TEST_CASE("brackets and quotes are counted as the expression language has them") {
  CHECK(open_brackets("f(x[1], {") == 2);
  CHECK(open_brackets("'(' + \"[\"") == 0);
  CHECK(open_brackets(R"("\"(")") == 0);
  CHECK(open_quote("x == 'a"));
  CHECK_FALSE(open_quote("x == 'a'"));
}
