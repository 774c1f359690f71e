#include "pipeline/plan.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

using settings = std::vector<std::pair<std::string, option>>;

/// What is wrong with a dedup by `by` over such a source; empty if nothing is.
std::string refusal(const char* type, settings more, std::vector<std::string> by,
                    std::vector<component> before = {}) {
  settings all{
      {"format", text_option("json")},
      {"schema",
       schema_option({{"ts", "timestamp_s"}, {"user", "string"}, {"ip", "string"}, {"tags", "[string]"}})},
      {"time", section_option({{"field", text_option("ts")}})}};
  for (auto& m : more)
    all.push_back(std::move(m));
  definition d;
  d.sources.push_back({{"log", {}}, type, section(std::move(all))});
  before.push_back({{},
                    "dedup",
                    section({{"by", texts_option(std::move(by))},
                             {"within", time_option(std::chrono::minutes{1})},
                             {"max_keys", {{}, std::int64_t{1000}}}})});
  d.streams.push_back({{"once", {}}, {"log", {}}, std::move(before)});
  std::vector<diagnostic> faults;
  (void)compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  std::string said;
  for (const auto& f : faults)
    said += f.path + ": " + f.text + " | " + f.hint + '\n';
  return said;
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

option number(std::int64_t n) {
  return {{}, n};
}

component set(const char* field, const char* value) {
  return {{}, "set", section({{"set", pairs_option({{field, value}})}})};
}

} // namespace

TEST_CASE("a step with a key takes any key where there is one partition") {
  CHECK(refusal("file", {{"path", text_option("a.log")}}, {"user"}).empty());
  CHECK(refusal("http", {}, {"ip", "user"}).empty());
  CHECK(refusal("generate", {{"partitions", number(1)}}, {"ip"}).empty());
  CHECK(refusal(
            "file",
            {{"path", text_option("*.log")}, {"partition_by", text_option("ip")}, {"partitions", number(1)}},
            {"user"})
            .empty());
}

TEST_CASE(
    "where events of a key may be in several partitions a step with a key is refused, with three remedies") {
  for (const auto& said : {refusal("kafka", {}, {"user", "ip"}),
                           refusal("file", {{"path", text_option("logs/*.log")}}, {"user"}),
                           refusal("generate", {{"partitions", number(4)}}, {"ip"})}) {
    CHECK(says(said, "streams.once.steps[0] dedup.by: "));
    CHECK(says(said, "dedup sees each for itself"));
  }
  auto said = refusal("kafka", {}, {"user", "ip"});
  CHECK(says(said, "partitioned_by: [user, ip]"));
  CHECK(says(said, "partition_by"));
  CHECK(says(said, "key_by: [user, ip]"));
}

TEST_CASE("the key must contain what the source is partitioned by") {
  settings by_ip{{"partition_by", text_option("ip")}, {"partitions", number(4)}};
  CHECK(refusal("http", by_ip, {"ip"}).empty());
  CHECK(refusal("http", by_ip, {"user", "ip"}).empty());
  CHECK(says(refusal("http", by_ip, {"user"}), "\"log\" is partitioned by ip"));
  settings by_both{{"partition_by", text_option("user + ip.substring(0, 3)")}, {"partitions", number(4)}};
  CHECK(refusal("http", by_both, {"ip", "user"}).empty());
  CHECK_FALSE(refusal("http", by_both, {"user"}).empty());
  settings promised{{"partitioned_by", texts_option({"user"})}};
  CHECK(refusal("kafka", promised, {"ip", "user"}).empty());
  CHECK(says(refusal("kafka", promised, {"ip"}), "partitioned by user"));
  CHECK(refusal("generate", {{"partitions", number(4)}}, {"user"}).empty());
}

TEST_CASE("a field that a step has made is not what the source is partitioned by, whatever its name") {
  settings promised{{"partitioned_by", texts_option({"user"})}};
  CHECK(refusal("kafka", promised, {"user"}, {set("other", "user")}).empty());
  CHECK(says(refusal("kafka", promised, {"user"}, {set("user", "ip")}), "partitioned by user"));
}

TEST_CASE("keys and promises name fields that can be compared") {
  CHECK(says(refusal("file", {{"path", text_option("a")}}, {"usr"}), "did you mean \"user\"?"));
  CHECK(says(refusal("file", {{"path", text_option("a")}}, {"tags"}), "a key can't be"));
  CHECK(says(refusal("kafka", {{"partitioned_by", texts_option({"uer"})}}, {"user"}),
             "sources.log.partitioned_by: the schema has no field \"uer\""));
  CHECK(says(refusal("http",
                     {{"partitioned_by", texts_option({"user"})}, {"partition_by", text_option("user")}},
                     {"user"}),
             "partition_by decides the partition"));
}
