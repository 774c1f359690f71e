// Logins and encryption, on a broker with listeners for them: its plain address at TIDEMILL_KAFKA_BROKERS,
// the others at TIDEMILL_KAFKA_SASL (user `alice`) and TIDEMILL_KAFKA_TLS, the authority's certificate in
// TIDEMILL_KAFKA_CA. tests/end_to_end/kafka_storage_test.py runs one.

#include "event/options.hpp"
#include "kafka_fixture.hpp"
#include "storage/kafka/kafka_options.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr partition_id p0{0};

std::string variable(const char* name) {
  const auto* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool no_broker() {
  if (!variable("TIDEMILL_KAFKA_SASL").empty())
    return false;
  WARN("skipped: TIDEMILL_KAFKA_SASL is not set");
  return true;
}

using section = std::map<std::string, std::string>;

/// As the configuration gives them.
std::shared_ptr<const options> to_options(const section& s) {
  auto out = std::make_shared<options>();
  for (const auto& [name, value] : s)
    out->set(name, {{}, value == "false" ? option{{}, false}.data : option{{}, value}.data});
  return out;
}

/// A source of one topic with a record in it, over a secured listener.
struct secured {
  test_cluster cluster;
  temporary_folder folder;
  kafka_source_settings settings;

  secured(const std::string& brokers, const section& tls, const section& sasl) {
    options o;
    o.set("brokers", {{}, brokers});
    if (!tls.empty())
      o.set("tls", {{}, to_options(tls)});
    if (!sasl.empty())
      o.set("sasl", {{}, to_options(sasl)});
    settings = kafka_settings_of(o);
    auto topic = cluster.create(1);
    cluster.produce(topic, 0, {{.value = "secret"}});
    settings.name = "clicks";
    settings.topics = {topic};
    settings.group = test_cluster::unique("group");
    settings.state_folder = folder.path();
    settings.store_id = "store-a";
  }

  /// The first error of open that isn't a wait, or success.
  [[nodiscard]] status open(record_source& source, seconds limit = seconds{20}) const {
    auto until = std::chrono::steady_clock::now() + limit;
    for (;;) {
      auto ok = source.open(milliseconds{1'000});
      if (ok || ok.error().code() != errc::unavailable || std::chrono::steady_clock::now() > until)
        return ok;
    }
  }
  void check_it_reads() const {
    auto source = std::move(*make_kafka_source(settings));
    REQUIRE(open(*source));
    heard h;
    REQUIRE(poll_until(*source, {}, h, [&] { return h.assigned.size() == 1; }));
    REQUIRE(source->seek(p0, 0));
    REQUIRE(poll_until(*source, {p0}, h, [&] { return h.records() == 1; }));
    CHECK(h.values[0][0] == "secret");
  }
  [[nodiscard]] std::string refusal() const {
    auto source = std::move(*make_kafka_source(settings));
    auto start = std::chrono::steady_clock::now();
    auto said = open(*source);
    CHECK(std::chrono::steady_clock::now() - start < seconds{5}); // at once
    REQUIRE_FALSE(said);
    CHECK(said.error().code() == errc::refused);
    CHECK_THAT(said.error().text(), !Catch::Contains("Secret"));
    return said.error().text();
  }
};

std::string sasl() {
  return variable("TIDEMILL_KAFKA_SASL");
}
std::string tls() {
  return variable("TIDEMILL_KAFKA_TLS");
}

const section plain{{"mechanism", "PLAIN"}, {"username", "alice"}, {"password", "Secret of alice"}};

} // namespace

TEST_CASE("PLAIN: the right password reads, a wrong one is refused at once", "[kafka_broker]") {
  if (no_broker())
    return;
  secured{sasl(), {}, plain}.check_it_reads();
  auto wrong = plain;
  wrong["password"] = "Secret of bob";
  CHECK_THAT(secured(sasl(), {}, wrong).refusal(),
             Catch::Contains("broker " + sasl() + " refuses us: ") && Catch::Contains("uthentication"));
}

TEST_CASE("OAUTHBEARER: tokens come from a command", "[kafka_broker]") {
  if (no_broker())
    return;
  // {"alg":"none"} . {"sub":"alice","exp":4102444800}
  const std::string token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMH0.";
  secured{sasl(), {}, {{"mechanism", "OAUTHBEARER"}, {"token_command", "echo " + token}}}.check_it_reads();
  secured broken{sasl(), {}, {{"mechanism", "OAUTHBEARER"}, {"token_command", "exit 7"}}};
  CHECK_THAT(broken.refusal(), Catch::Contains("token_command failed with status 7"));
}

TEST_CASE("a mechanism that the broker doesn't have is refused", "[kafka_broker]") {
  if (no_broker())
    return;
  secured w{sasl(), {}, {}};
  w.settings.client.properties = {{"security.protocol", "sasl_plaintext"},
                                  {"sasl.mechanisms", "GSSAPI"},
                                  {"sasl.kerberos.kinit.cmd", "true"}};
  CHECK_THAT(w.refusal(), Catch::Contains("refuses us"));
}

TEST_CASE("TLS: a trusted broker is read, an unknown certificate is refused at once", "[kafka_broker]") {
  if (no_broker())
    return;
  secured{tls(), {{"ca", variable("TIDEMILL_KAFKA_CA")}}, {}}.check_it_reads();
  secured{tls(), {{"verify", "false"}}, {}}.check_it_reads();
  CHECK_THAT(secured(tls(), {{"verify", "true"}}, {}).refusal(), Catch::Contains("certificate"));
}

TEST_CASE("the wrong kind of listener is told, and tried again", "[kafka_broker]") {
  if (no_broker())
    return;
  secured w{tls(), {}, {}};
  auto source = std::move(*make_kafka_source(w.settings));
  auto said = source->open(milliseconds{2'000});
  REQUIRE_FALSE(said);
  CHECK(said.error().code() == errc::unavailable);
  CHECK_THAT(said.error().text(), Catch::Contains("check `tls` and `sasl`"));
}
