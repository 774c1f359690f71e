#include "pipeline/partition.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

using settings = std::vector<std::pair<std::string, option>>;

/// Two streams, a view, and the given sinks.
definition definition_with(std::vector<settings> sinks) {
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section({{"format", text_option("json")},
                {"schema",
                 schema_option({{"t", "timestamp_s"}, {"k", "string?"}, {"n", "int"}, {"unused", "int?"}})},
                {"time", section_option({{"field", text_option("t")}})}})});
  d.streams.push_back(
      {{"hits", {}}, {"log", {}}, {{{}, "keep", section({{"keep", texts_option({"k", "n"})}})}}});
  d.streams.push_back({{"others", {}}, {"log", {}}, {}});
  d.views.push_back({{"v", {}},
                     section({{"from", text_option("hits")},
                              {"window", section_option({{"size", time_option(seconds{10})}})},
                              {"select", pairs_option({{"c", "count()"}})}})});
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    auto s = section(std::move(sinks[i]));
    d.sinks.push_back({{"out" + std::to_string(i), {}}, "test", std::move(s)});
  }
  return d;
}

std::shared_ptr<const plan> compiled(const definition& d, std::string& told) {
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    told += f.path + ": " + f.text + " | " + f.hint + "\n";
  return made;
}

std::string faults_of(settings sink) {
  std::string told;
  compiled(definition_with({std::move(sink)}), told);
  return told;
}

struct outcome {
  std::vector<emission> out;
  partition_counts counts;
};

outcome run(const std::shared_ptr<const plan>& p, const std::vector<std::string>& lines,
            const record_meta* meta = nullptr) {
  auto b = std::make_shared<record_batch>();
  for (const auto& line : lines) {
    auto at = b->end++;
    b->records.push_back({line, at, at + 1, event_time{seconds{1000}}, meta});
  }
  partition worker{p, 0, partition_id{0}, true, {}};
  outcome o;
  worker.apply(b, o.out);
  o.counts = worker.counts();
  return o;
}

} // namespace

TEST_CASE("each sink gets its own key with an event, text as it is, all else as JSON, null as no key") {
  std::string told;
  auto p = compiled(definition_with({{{"from", texts_option({"hits"})}, {"key", text_option("k")}},
                                     {{"from", texts_option({"hits"})}},
                                     {{"from", texts_option({"hits"})}, {"key", text_option("{'n': n}")}},
                                     {{"from", texts_option({"hits"})},
                                      {"key", text_option("b'\\xff' + bytes(string(n))")}}}),
                    told);
  REQUIRE(told == "");
  const auto& outputs = p->sources[0].outputs;
  auto [out, counts] = run(p, {R"({"t":1000,"k":"a\"b","n":1})", R"({"t":1000,"n":2})"});
  REQUIRE(out.size() == 2);
  const auto& keys = outputs[out[0].output].keys;
  REQUIRE(keys.size() == 3);
  CHECK(keys[0].sink == 0);
  CHECK(keys[1].sink == 2);
  CHECK(keys[2].sink == 3);
  using all = std::vector<std::optional<std::string>>;
  CHECK(out[0].keys == all{"a\"b", R"({"n":1})",
                           "\xff"
                           "1"});
  CHECK(out[1].keys == all{std::nullopt, R"({"n":2})",
                           "\xff"
                           "2"});
  CHECK(counts.unkeyed == 0);
}

TEST_CASE("an event whose key can't be computed goes out without one, and is counted") {
  std::string told;
  auto p = compiled(
      definition_with({{{"from", texts_option({"hits"})}, {"key", text_option("string(10 / n)")}}}), told);
  REQUIRE(told == "");
  auto [out, counts] = run(p, {R"({"t":1000,"n":0})", R"({"t":1000,"n":5})"});
  REQUIRE(out.size() == 2);
  CHECK(out[0].json == R"({"k":null,"n":0})");
  CHECK(out[0].keys == std::vector<std::optional<std::string>>{std::nullopt});
  CHECK(out[1].keys == std::vector<std::optional<std::string>>{"2"});
  CHECK(counts.unkeyed == 1);
  CHECK(counts.dead == 0);
}

TEST_CASE("a key may be made of the record's own, and of fields that nobody else reads") {
  std::string told;
  auto p = compiled(definition_with({{{"from", texts_option({"others"})},
                                      {"key", text_option("meta.key + string(unused)")}}}),
                    told);
  REQUIRE(told == "");
  CHECK(p->sources[0].wants_meta());
  record_meta meta{"user-", {}, false};
  auto got = run(p, {R"({"t":1000,"n":0,"unused":7})"}, &meta);
  REQUIRE(got.out.size() == 1);
  CHECK(got.out[0].keys == std::vector<std::optional<std::string>>{"user-7"});
}

TEST_CASE("a key is compiled for each stream, views and side outputs have none") {
  CHECK(faults_of({{"from", texts_option({"hits", "others"})}, {"key", text_option("string(t)")}})
            .starts_with("sinks.out0.key: in hits: unknown name `t`"));
  CHECK(faults_of({{"from", texts_option({"others", "hits"})}, {"key", text_option("k")}}) == "");
  CHECK(faults_of({{"from", texts_option({"hits"})}, {"key", text_option("n + ")}})
            .starts_with("sinks.out0.key: in hits: "));
  CHECK(faults_of({{"from", texts_option({"others"})}, {"key", text_option("meta.?key")}}) ==
        "sinks.out0.key: in others: a key can't be optional(string) | end it with .orValue(…)\n");
  CHECK(
      faults_of({{"from", texts_option({"v"})}, {"key", text_option("k")}}) ==
      "sinks.out0.key: \"v\" is a view: its rows have their `by` columns as key | remove `key`, or give the "
      "view a sink of its own\n");
  CHECK(
      faults_of({{"from", texts_option({"hits.dead"})}, {"key", text_option("k")}}) ==
      "sinks.out0.key: the events of \"hits.dead\" have no fields that a key could be made of | give them a "
      "sink of their own, without `key`\n");
}

TEST_CASE("a sink is fed by what it is and what it names") {
  auto fed = [](const std::string& type, std::vector<std::string> from, const char* mode,
                std::string* why = nullptr) {
    auto d = definition_with({{{"from", texts_option(std::move(from))}, {"mode", text_option(mode)}}});
    d.sinks.front().type = type;
    std::string told;
    auto p = compiled(d, told);
    if (why != nullptr)
      *why = told;
    return p ? std::optional{p->sinks.front().feed} : std::nullopt;
  };
  CHECK(fed("file", {"hits", "v.late"}, "changelog") == sink_feed::events);
  CHECK(fed("kafka", {"hits", "others"}, "changelog") == sink_feed::events);
  CHECK(fed("file", {"v"}, "changelog") == sink_feed::sealed_rows);
  CHECK(fed("kafka", {"v"}, "append") == sink_feed::sealed_rows);
  CHECK(fed("kafka", {"v"}, "changelog") == sink_feed::changes);
  CHECK(fed("redis", {"v"}, "changelog") == sink_feed::changes);
  std::string why;
  CHECK_FALSE(fed("redis", {"hits"}, "changelog", &why));
  CHECK(why == "sinks.out0.from: redis takes views, \"hits\" is a stream | \n");
  CHECK_FALSE(fed("kafka", {"v", "hits"}, "changelog", &why));
  CHECK(why == "sinks.out0.from: a topic takes one view, or streams and alerts | give each view a topic and "
               "a sink of its own\n");
  CHECK_FALSE(fed("kafka", {"hits"}, "append", &why));
  CHECK(why == "sinks.out0.mode: mode is for views; streams are always appended | remove `mode`\n");
}

TEST_CASE("a dead letter keeps key, headers, arrival and bytes of its record") {
  std::string told;
  auto p = compiled(definition_with({}), told);
  REQUIRE(told == "");
  record_meta meta{"\xff\x01", {{"trace", "a\"b"}, {"none", std::nullopt}, {"\xfe", "\xfd"}}, false};
  auto got = run(p, {"not json"}, &meta);
  REQUIRE(got.out.size() == 1);
  CHECK(
      got.out[0].json.find(
          R"("received":"1970-01-01T00:16:40Z","key_base64":"/wE=","headers":[{"name":"trace","value":"a\"b"},)"
          R"({"name":"none","value":null},{"name_base64":"/g==","value_base64":"/Q=="}],"raw":"not json"})") !=
      std::string::npos);
  meta = {std::nullopt, {}, true};
  got = run(p, {""}, &meta);
  REQUIRE(got.out.size() == 1);
  CHECK(got.out[0].json.ends_with(R"("key":null,"headers":[],"raw":null})"));
  got = run(p, {"\xff"});
  REQUIRE(got.out.size() == 1);
  CHECK(got.out[0].json.ends_with(R"("received":"1970-01-01T00:16:40Z","raw_base64":"/w=="})"));
}
