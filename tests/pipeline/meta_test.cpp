#include "pipeline/meta.hpp"

#include "pipeline/partition.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <deque>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

using fields = std::vector<std::pair<std::string, std::string>>;

/// A source, one stream over it with one step, and a sink that takes the stream.
definition definition_with(const char* step, option setting, fields extra = {},
                           std::vector<std::pair<std::string, option>> settings = {}) {
  fields all{{"t", "timestamp_s"}};
  all.insert(all.end(), extra.begin(), extra.end());
  definition d;
  auto source = section({{"format", text_option("json")},
                         {"schema", schema_option(std::move(all))},
                         {"time", section_option({{"field", text_option("t")}})}});
  for (auto& [name, value] : settings)
    source.set(name, std::move(value));
  d.sources.push_back({{"log", {}}, "test", std::move(source)});
  d.streams.push_back({{"hits", {}}, {"log", {}}, {{{}, step, section({{step, std::move(setting)}})}}});
  d.sinks.push_back(
      {{"out", {}}, "file", section({{"from", texts_option({"hits"})}, {"path", text_option("x")}})});
  return d;
}

std::shared_ptr<const plan> compiled(const definition& d, std::string* told = nullptr) {
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    if (told != nullptr)
      *told += f.path + ": " + f.text + " | " + f.hint + "\n";
  return made;
}

std::string faults_of(const definition& d) {
  std::string told;
  compiled(d, &told);
  return told;
}

/// A batch with records at 7, 8, …; `metas` stay where they are.
record_batch_ptr batch_of(std::deque<record_meta>& metas, std::optional<event_time> arrival) {
  auto b = std::make_shared<record_batch>();
  b->partition = partition_id{3};
  b->begin = 7;
  b->end = 7 + metas.size();
  for (std::size_t i = 0; i < metas.size(); ++i)
    b->records.push_back({R"({"t":1000,"meta":{"key":"inner"}})", 7 + i, 8 + i, arrival, &metas[i]});
  return b;
}

std::vector<std::string> emitted(const std::shared_ptr<const plan>& p, const record_batch_ptr& b) {
  partition worker{p, 0, partition_id{3}, false, {}};
  std::vector<emission> out;
  worker.apply(b, out);
  worker.enter({worker.entry_offset(journal_entry::what::end), journal_entry::what::end, {}, 0, {}}, out);
  std::vector<std::string> texts;
  for (const auto& e : out)
    texts.push_back(e.json);
  return texts;
}

const option reads_all = pairs_option({{"k", "meta.key"},
                                       {"b", "meta.key_bytes"},
                                       {"x", "meta.headers[?\"x\"].orValue(\"none\")"},
                                       {"n", "size(meta.headers)"},
                                       {"at", "meta.time"},
                                       {"p", "meta.partition"},
                                       {"o", "meta.offset"},
                                       {"h", "has(meta.key)"},
                                       {"e", "meta.?key.orValue(\"-\")"}});

} // namespace

TEST_CASE("a step reads key, headers, time, partition and offset of the record", "[meta]") {
  auto p = compiled(definition_with("set", reads_all));
  REQUIRE(p);
  CHECK(p->sources[0].wants_meta());
  std::deque<record_meta> metas(2);
  metas[0].key = "user-1";
  metas[0].headers = {{"x", "first"}, {"x", "last"}, {"y", std::nullopt}, {"z", "\xff"}, {"\xff", "z"}};
  auto got = emitted(p, batch_of(metas, event_time{seconds{2000}}));
  REQUIRE(got.size() == 2);
  CHECK(got[0] == R"({"t":"1970-01-01T00:16:40Z","k":"user-1","b":"dXNlci0x","x":"last","n":2,)"
                  R"("at":"1970-01-01T00:33:20Z","p":3,"o":7,"h":true,"e":"user-1"})");
  CHECK(got[1] == R"({"t":"1970-01-01T00:16:40Z","k":null,"b":null,"x":"none","n":0,)"
                  R"("at":"1970-01-01T00:33:20Z","p":3,"o":8,"h":false,"e":"-"})");
}

TEST_CASE("a record may have as many headers as its bytes allow", "[meta]") {
  auto p = compiled(definition_with("set", pairs_option({{"n", "size(meta.headers)"}})));
  REQUIRE(p);
  std::vector<std::string> names;
  for (int i = 0; i < 200'000; ++i)
    names.push_back("h" + std::to_string(i % 150'000));
  std::deque<record_meta> metas(1);
  for (const auto& name : names)
    metas[0].headers.push_back({name, "x"});
  auto got = emitted(p, batch_of(metas, event_time{seconds{2000}}));
  REQUIRE(got.size() == 1);
  CHECK_THAT(got[0], Catch::Contains("\"n\":150000"));
}

TEST_CASE("a key that isn't UTF-8 is null as text and there as bytes", "[meta]") {
  auto p = compiled(definition_with("set", pairs_option({{"k", "meta.key"}, {"b", "meta.key_bytes"}})));
  REQUIRE(p);
  std::deque<record_meta> metas(1);
  metas[0].key = std::string_view{"\x00\xff", 2};
  CHECK(emitted(p, batch_of(metas, {})) ==
        std::vector<std::string>{R"({"t":"1970-01-01T00:16:40Z","k":null,"b":"AP8="})"});
}

TEST_CASE("a source without metadata gives no key, no headers and no time", "[meta]") {
  auto p = compiled(definition_with("set", reads_all));
  REQUIRE(p);
  auto b = std::make_shared<record_batch>();
  b->partition = partition_id{3};
  b->begin = 7;
  b->end = 8;
  b->records.push_back({R"({"t":1000})", 7, 8, std::nullopt});
  auto got = emitted(p, b);
  REQUIRE(got.size() == 1);
  CHECK(got[0] == R"({"t":"1970-01-01T00:16:40Z","k":null,"b":null,"x":"none","n":0,)"
                  R"("at":null,"p":3,"o":7,"h":false,"e":"-"})");
}

TEST_CASE("key and headers are wanted only where an expression reads them, or to keep them", "[meta]") {
  auto wants = [](const char* filter, bool keep = false) {
    auto d = definition_with("filter", text_option(filter), {}, {{"keep_meta", {{}, keep}}});
    return compiled(d)->sources[0].wants_meta();
  };
  CHECK(wants("meta.key == \"a\""));
  CHECK(wants("size(meta.key_bytes) > 0"));
  CHECK(wants("\"x\" in meta.headers"));
  CHECK_FALSE(wants("meta.offset > 5 && meta.partition == 0 && has(meta.time)"));
  CHECK(wants("meta.offset > 5", true));
}

TEST_CASE("views read metadata too", "[meta]") {
  auto d = definition_with("filter", text_option("true"));
  auto view = section({{"from", text_option("hits")},
                       {"where", text_option("has(meta.key)")},
                       {"window", section_option({{"size", time_option(seconds{10})}})},
                       {"select", pairs_option({{"n", "distinct(meta.headers.x)"}})}});
  d.views.push_back({{"v", {}}, std::move(view)});
  auto p = compiled(d);
  REQUIRE(p);
  CHECK(p->sources[0].wants_meta());
  CHECK(p->sources[0].meta[0]);
  CHECK(p->sources[0].meta[2]);
  CHECK_FALSE(p->sources[0].meta[3]);
}

TEST_CASE("a field called meta hides the metadata, before and after a step makes one", "[meta]") {
  auto d = definition_with("set", pairs_option({{"k", "meta.key"}}), {{"meta", "dyn"}});
  auto p = compiled(d);
  REQUIRE(p);
  CHECK_FALSE(p->sources[0].wants_meta());
  std::deque<record_meta> metas(1);
  metas[0].key = "outer";
  CHECK(emitted(p, batch_of(metas, {})) ==
        std::vector<std::string>{R"({"t":"1970-01-01T00:16:40Z","meta":{"key":"inner"},"k":"inner"})"});
  CHECK(compiled(definition_with("set", pairs_option({{"k", "meta.offset"}, {"meta", "1"}}))));
  CHECK(faults_of(definition_with("set", pairs_option({{"meta", "1"}, {"k", "meta.offset"}}))) ==
        "streams.hits.steps[0] set.k: int has no field `offset` | \n");
}

TEST_CASE("a wrong name of metadata is told with the right ones", "[meta]") {
  auto filter = [](const char* text) { return faults_of(definition_with("filter", text_option(text))); };
  CHECK(filter("meta.ofset > 1") ==
        "streams.hits.steps[0] filter: `meta` is no value by itself | there is meta.key, meta.key_bytes, "
        "meta.headers, meta.time, meta.partition, meta.offset\n");
  CHECK(filter("event.meta.offset > 1") ==
        "streams.hits.steps[0] filter: the event has no field `meta` | \n");
  auto d = definition_with("filter", text_option("true"));
  d.views.push_back({{"v", {}},
                     section({{"from", text_option("hits")},
                              {"by", texts_option({"meta.key"})},
                              {"window", section_option({{"size", time_option(seconds{10})}})},
                              {"select", pairs_option({{"n", "count()"}})}})});
  CHECK(faults_of(d) ==
        "views.v.by: no field \"meta.key\" in hits | make a field of it: `set: {…: 'meta.key'}`\n");
  auto routed = definition_with("filter", text_option("true"), {},
                                {{"partition_by", text_option("string(meta.offset)")}});
  CHECK(faults_of(routed).starts_with("sources.log.partition_by: unknown name `meta`"));
}
