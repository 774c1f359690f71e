#include "config/docs.hpp"
#include "load_fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tidemill;
using namespace tidemill::test;

namespace {

// Specs write their examples with or without the component's name in front.
std::string settings_of(const spec& s, std::string_view key) {
  std::string example{s.example};
  auto prefix = std::string{key} + ": ";
  return example.starts_with(prefix) ? example.substr(prefix.size()) : example;
}

std::string check(const std::string& text) {
  auto all = faults(text);
  if (!all.empty())
    all += "in\n" + text;
  return all;
}

constexpr const char* window = "window: {size: 1m}";

} // namespace

TEST_CASE("every example of a component is free of faults") {
  const auto& known = components();
  for (const auto* s : known.sources)
    CHECK(check("pipeline: p\nsources:\n  s: " + settings_of(*s, "s")) == "");
  for (const auto* s : known.tables)
    CHECK(check(head + "tables:\n  t: " + settings_of(*s, "t")) == "");
  for (const auto* s : known.sinks)
    CHECK(check(head + "sinks:\n  s: " + settings_of(*s, "s")) == "");
  for (const auto* s : known.steps)
    CHECK(check(with_steps("      - " + std::string{s->name} + ": " + settings_of(*s, s->name))) == "");
  for (const auto* s : known.models) {
    auto example = settings_of(*s, "surprise");
    CHECK(check(head + "views: {v: {from: g, " + window + ", select: {n: count()}, score: {s: " + example +
                "}}}") == "");
  }
  CHECK(check(head + "views:\n  v: " + settings_of(*known.view, "v")) == "");
  CHECK(check(head + "views: {v: {from: g, " + window +
              ", select: {n: count()}, score: {s: " + settings_of(*known.score, "s") + "}}}") == "");
  CHECK(check(head + "serve: " + settings_of(*known.serve, "serve")) == "");
  CHECK(check(head + "engine: " + settings_of(*known.engine, "engine")) == "");
}

TEST_CASE("every example of nested settings is free of faults where it belongs") {
  std::vector<const spec*> open = components().sources;
  std::vector<std::string> missing;
  auto add = [&](const std::vector<const spec*>& more) { open.insert(open.end(), more.begin(), more.end()); };
  add(components().tables);
  add(components().steps);
  add(components().sinks);
  add({components().view, components().serve, components().engine});
  for (std::size_t i = 0; i < open.size(); ++i) {
    // A pipeline of one component: its settings are those of the nested spec.
    catalogue alone = components();
    alone.engine = open[i];
    auto engine = "engine: " + settings_of(*open[i], open[i]->name);
    auto l = load_text(
        "pipeline: p\nsources: {g: {type: generate, time: {field: ts}}}\n" + engine, "p.yaml",
        [](std::string_view) -> std::optional<std::string> { return std::nullopt; }, alone);
    for (const auto& d : l.diagnostics)
      if (d.text.find("\"type\"") == std::string::npos) // the example of a component names its type
        missing.push_back(to_string(d, engine));
    for (const auto& f : open[i]->fields)
      if (f.inner != nullptr && std::find(open.begin(), open.end(), f.inner) == open.end())
        open.push_back(f.inner);
  }
  CHECK(missing == std::vector<std::string>{});
}

TEST_CASE("specs are complete: texts, examples, sections, and fallbacks that their own rules allow") {
  std::vector<const spec*> open = components().sources;
  for (const auto* more :
       {&components().tables, &components().steps, &components().models, &components().sinks})
    open.insert(open.end(), more->begin(), more->end());
  for (const auto* s : {components().view, components().serve, components().engine})
    open.push_back(s);
  for (std::size_t i = 0; i < open.size(); ++i) {
    INFO(open[i]->name);
    CHECK_FALSE(open[i]->summary.empty());
    CHECK_FALSE(open[i]->example.empty());
    for (const auto& f : open[i]->fields) {
      INFO(f.name);
      CHECK_FALSE(f.text.empty());
      CHECK_FALSE((f.required && f.fallback));
      CHECK((f.inner != nullptr) == (f.type == field_type::section || f.type == field_type::sections));
      if (f.type == field_type::choice)
        CHECK_FALSE(f.choices.empty());
      if (f.fallback && !f.choices.empty())
        CHECK(std::find(f.choices.begin(), f.choices.end(), *f.fallback) != f.choices.end());
      if (f.inner != nullptr && std::find(open.begin(), open.end(), f.inner) == open.end())
        open.push_back(f.inner);
    }
  }
}

TEST_CASE("the reference names every component and every setting") {
  std::string page;
  for (const auto& p : reference_pages())
    page += p.text;
  const auto& known = components();
  for (const auto* group : {&known.sources, &known.tables, &known.steps, &known.models, &known.sinks})
    for (const auto* s : *group) {
      CHECK_THAT(page, Catch::Contains("# `" + std::string{s->name} + "`\n"));
      CHECK_THAT(page, Catch::Contains(std::string{s->example}));
      for (const auto& f : s->fields)
        CHECK_THAT(page, Catch::Contains("| `" + std::string{f.name} + "` | "));
    }
  CHECK_THAT(page, Catch::Contains("**`view.window`** — ") && Catch::Contains("**`engine.restart`** — "));
  CHECK_THAT(page, Catch::Contains("`http.time`: as `file.time`."));
  std::string again;
  for (const auto& p : reference_pages())
    again += p.text;
  CHECK(page == again);
}
