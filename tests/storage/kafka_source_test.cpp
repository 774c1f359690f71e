#include "event/hash.hpp"
#include "kafka_fixture.hpp"
#include "storage/kafka/commit_metadata.hpp"
#include "storage/kafka/kafka_errors.hpp"
#include "storage/kafka/partition_numbers.hpp"
#include "storage/kafka/token_command.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

TEST_CASE("a partition's number is given once, in the order of appearance, and survives a restart") {
  temporary_folder folder;
  auto file = folder.path() / "sub" / "clicks.partitions";
  {
    auto n = partition_numbers::open(file);
    REQUIRE(n);
    CHECK(n->size() == 0);
    REQUIRE(n->add({{"b", 0}, {"b", 1}}));
    REQUIRE(n->add({{"a", 0}, {"b", 1}, {"b", 2}, {"a", 0}}));
  }
  auto n = partition_numbers::open(file);
  REQUIRE(n);
  REQUIRE(n->size() == 4);
  CHECK(n->find({"b", 1}) == partition_id{1});
  CHECK(n->find({"a", 0}) == partition_id{2});
  CHECK(n->find({"b", 2}) == partition_id{3});
  CHECK((*n)[partition_id{3}] == topic_partition{"b", 2});
  CHECK_FALSE(n->find({"c", 0}));
}

TEST_CASE("a damaged file of numbers is told with its line, never guessed at") {
  temporary_folder folder;
  auto file = folder.path() / "clicks.partitions";
  for (const auto* text :
       {"rubbish\n", "tidemill partitions 1\na 0\na 0\n", "tidemill partitions 1\na x\n",
        "tidemill partitions 1\na 0", "tidemill partitions 1\n 0\n", "tidemill partitions 1\na -1\n"}) {
    spill(file, text);
    auto n = partition_numbers::open(file);
    REQUIRE_FALSE(n);
    CHECK(n.error().code() == errc::corrupt);
    CHECK_THAT(n.error().text(), Catch::Contains("clicks.partitions: line"));
  }
}

TEST_CASE("the holder of a checkpoint travels with committed offsets") {
  auto text = to_metadata({"0123", "host.example:/var/lib/tide mill"});
  CHECK(text == "tidemill store=0123 at=host.example:/var/lib/tide mill");
  auto holder = parse_metadata(text);
  REQUIRE(holder);
  CHECK(holder->store == "0123");
  CHECK(holder->name == "host.example:/var/lib/tide mill");
  CHECK_FALSE(parse_metadata(""));
  CHECK_FALSE(parse_metadata("of another program"));
  CHECK(to_metadata({"1", std::string(9000, 'x')}).size() == 2048);
}

TEST_CASE("the library's reasons are shown without address and state") {
  CHECK(
      plain_reason(
          "sasl_plaintext://h:9092/bootstrap: SASL authentication error: no (after 5ms in state AUTH_REQ)") ==
      "SASL authentication error: no");
  CHECK(plain_reason(
            "h:1/1: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)") ==
        "Connect to ipv4#127.0.0.1:1 failed: Connection refused");
  CHECK(plain_reason("GroupCoordinator: h:1: Connect failed (after 0ms in state CONNECT)") ==
        "Connect failed");
  CHECK(plain_reason("Subscribed topic not available: a") == "Subscribed topic not available: a");
  CHECK(is_tls_refusal("SSL handshake failed: certificate verify failed"));
  CHECK_FALSE(
      is_tls_refusal("SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?"));
}

TEST_CASE("a token is a JWT, or JSON as OAuth servers answer") {
  using namespace std::chrono_literals;
  std::chrono::sys_time<std::chrono::milliseconds> now{1'000'000s};
  // {"alg":"none"} . {"sub":"alice","exp":2000000}
  const std::string jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6MjAwMDAwMH0.";
  auto token = parse_token(jwt + "\n", now);
  REQUIRE(token);
  CHECK(token->text == jwt);
  CHECK(token->principal == "alice");
  CHECK(token->expires.time_since_epoch() == 2'000'000s);
  token = parse_token(R"({"access_token": "abc", "expires_in": 60, "token_type": "Bearer"})", now);
  REQUIRE(token);
  CHECK(token->text == "abc");
  CHECK(token->expires - now == 60s);
  CHECK(token->principal == "tidemill");
  token = parse_token(R"({"token": "abc", "expires_at": 1000001, "principal": "bob"})", now);
  REQUIRE(token);
  CHECK(token->principal == "bob");
  for (const auto* text :
       {"", "  \n", "abc", "{", "[1]", R"({"expires_in": 3})", R"({"token": "a b", "expires_in": 3})",
        R"({"token": "abc", "expires_in": 0})", R"({"token": "abc", "expires_in": -5})",
        R"({"token": "abc", "expires_at": 1e300})", "a.!!.c", "a.e30.c"}) {
    auto none = parse_token(text, now);
    REQUIRE_FALSE(none);
    CHECK(none.error().code() == errc::refused);
    CHECK_THAT(none.error().text(), !Catch::Contains("abc"));
  }
}

TEST_CASE("a token command that fails, hangs or prints without end is an error, and leaves nobody behind") {
  using namespace std::chrono_literals;
  auto token = fetch_token(R"(printf '{"token": "abc", "expires_in": 60}')");
  REQUIRE(token);
  CHECK(token->text == "abc");
  CHECK_THAT(fetch_token("exit 3").error().text(), Catch::Contains("failed with status 3"));
  CHECK_THAT(fetch_token("sleep 100 & sleep 100", 50ms).error().text(),
             Catch::Contains("took longer than 50 ms"));
  CHECK_FALSE(fetch_token("yes"));
  CHECK_FALSE(fetch_token("no-such-command-at-all 2>/dev/null"));
}
