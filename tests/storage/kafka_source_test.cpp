#include "event/hash.hpp"
#include "kafka_fixture.hpp"
#include "storage/kafka/commit_metadata.hpp"
#include "storage/kafka/kafka_errors.hpp"
#include "storage/kafka/partition_numbers.hpp"
#include "storage/kafka/resumed_reading.hpp"
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

namespace {

/// Offsets and values, from `begin` to behind the last one, or `end`.
record_batch_ptr batch_of(offset begin, const std::map<offset, std::string_view>& records, offset end = 0) {
  auto b = std::make_shared<record_batch>();
  b->begin = begin;
  b->end = std::max(end, records.empty() ? begin : records.rbegin()->first + 1);
  for (const auto& [at, value] : records) {
    b->records.push_back({.bytes = value, .at = at, .end = at + 1, .arrival = {}});
    b->bytes += value.size();
  }
  return b;
}

} // namespace

TEST_CASE(
    "after a checkpoint the record before it is compared, what follows is handed on, whatever is missing") {
  using verdict = resumed_reading::verdict;
  const record_mark mark{49, hash64("x")};
  resumed_reading r{50, mark};
  CHECK(r.from() == 49);

  auto same = batch_of(49, {{49, "x"}, {50, "y"}, {51, "z"}});
  CHECK(r.check(same) == verdict::pass);
  CHECK_FALSE(r.open());
  CHECK(same->begin == 50);
  CHECK(same->bytes == 2);
  REQUIRE(same->records.size() == 2);
  CHECK(same->records[0].at == 50);

  r = {50, mark};
  auto other = batch_of(49, {{49, "?"}, {50, "y"}});
  CHECK(r.check(other) == verdict::exchanged);

  r = {50, mark};
  auto compacted = batch_of(49, {{50, "y"}});
  CHECK(r.check(compacted) == verdict::pass);
  CHECK(compacted->records.size() == 1);

  r = {50, mark};
  auto alone = batch_of(49, {{49, "x"}});
  CHECK(r.check(alone) == verdict::drop);
  auto next = batch_of(50, {{50, "y"}});
  CHECK(r.check(next) == verdict::pass);
  CHECK(next->records.size() == 1);

  r = {60, mark}; // a hole up to what is wanted
  auto hole = batch_of(40, {}, 49);
  CHECK(r.check(hole) == verdict::drop);
  CHECK(r.open());
  hole = batch_of(49, {{49, "x"}}, 70);
  CHECK(r.check(hole) == verdict::pass);
  CHECK(hole->records.empty());
  CHECK(hole->begin == 60);
  CHECK(hole->end == 70);
}

TEST_CASE("a gap before a checkpoint is none if it ends there") {
  const record_mark mark{49, 1};
  CHECK(resumed_reading(50, mark).check_gap(50));
  CHECK_FALSE(resumed_reading(50, mark).check_gap(51));
  CHECK_FALSE(resumed_reading(50, std::nullopt).check_gap(60));
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
  CHECK(plain_reason(
            "h:1/bootstrap: Disconnected: verify that security.protocol is correctly configured, broker "
            "might require SASL authentication (after 5ms in state UP)") ==
        "Disconnected; if it stays so, check `tls` and `sasl`");
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
