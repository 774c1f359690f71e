#include "storage/kafka/record_writer.hpp"

#include "tests/storage/kafka_fixture.hpp"
#include "tests/storage/kafka_sink_world.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;
using namespace tidemill::test;

namespace {

kafka_client_settings client_of(const std::string& brokers) {
  kafka_client_settings s;
  s.brokers = {brokers};
  return s;
}

} // namespace

TEST_CASE("records return to their partition with key, headers and value as they were", "[kafka]") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("returns", 3);
  auto w = make_record_writer(client_of(kafka_world::brokers()), topic);
  INFO((w ? "" : w.error().text()));
  REQUIRE(w.has_value());
  auto write = [&](returning_record r) { REQUIRE((*w)->write(r).has_value()); };
  write({"k", {{"static", "first"}, {"static", "v"}, {"null", std::nullopt}}, "value", 1});
  write({std::nullopt, {}, std::nullopt, 2});
  write({"", {}, "", 0});
  write({"k", {}, "nowhere", 3});
  std::vector<unwritten_record> unwritten;
  REQUIRE((*w)->flush(unwritten).has_value());
  REQUIRE(unwritten.size() == 1);
  CHECK(unwritten[0].number == 3);
  auto found = kafka_world::read(topic);
  REQUIRE(found.size() == 3);
  for (const auto& r : found)
    switch (r.partition) {
    case 0:
      CHECK(r.key == "");
      CHECK(r.value == "");
      break;
    case 1:
      CHECK(r.key == "k");
      CHECK(r.value == "value");
      CHECK(r.headers ==
            std::map<std::string, std::string>{{"static", "v"}}); // of those that `read` looks at
      break;
    default:
      CHECK(r.partition == 2);
      CHECK_FALSE(r.key);
      CHECK_FALSE(r.value);
    }
  kafka_world::delete_topic(topic);
}

TEST_CASE("a record that its topic refuses is unwritten, the others are written", "[kafka]") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("returns", 1, {{"max.message.bytes", "1000"}});
  auto w = make_record_writer(client_of(kafka_world::brokers()), topic);
  INFO((w ? "" : w.error().text()));
  REQUIRE(w.has_value());
  std::string large(2000, ' ');
  std::mt19937_64 random{1};
  for (auto& c : large)
    c = static_cast<char>(' ' + random() % 90); // doesn't shrink
  REQUIRE((*w)->write({std::nullopt, {}, "small", 0}).has_value());
  std::vector<unwritten_record> unwritten;
  REQUIRE((*w)->flush(unwritten).has_value());
  CHECK(unwritten.empty());
  REQUIRE((*w)->write({std::nullopt, {}, large, 0}).has_value());
  REQUIRE((*w)->flush(unwritten).has_value());
  REQUIRE(unwritten.size() == 1);
  CHECK(unwritten[0].number == 0);
  CHECK(kafka_world::read(topic).size() == 1);
  kafka_world::delete_topic(topic);
}

TEST_CASE("a topic or broker that isn't there is said, with its name", "[kafka]") {
  auto away = make_record_writer(client_of("127.0.0.1:1"), "events", std::chrono::milliseconds{1500});
  REQUIRE_FALSE(away.has_value());
  CHECK(away.error().code() == errc::unavailable);
  CHECK(away.error().text().find("127.0.0.1:1") != std::string::npos);
  if (!kafka_world::available())
    return;
  auto none = make_record_writer(client_of(kafka_world::brokers()), "no-such-topic-here",
                                 std::chrono::milliseconds{3000});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().text().find("no-such-topic-here") != std::string::npos);
}
