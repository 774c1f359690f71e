#include "config/load.hpp"
#include "event/options.hpp"
#include "load_fixture.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

// The source begins at line 3, column 8; `more` follows what is required.
std::string kafka(const std::string& more, const std::string& brokers = "'localhost:9092'") {
  return "pipeline: p\nsources:\n  k: {type: kafka, brokers: [" + brokers +
         "], topics: [clicks], group: g, time: {field: ts}" + (more.empty() ? "" : ", " + more) + "}\n";
}

std::string said(const std::string& more, const std::map<std::string, std::string>& environment = {}) {
  auto all = faults(kafka(more), environment);
  auto place = all.find("sources.k");
  return place == std::string::npos ? all : all.substr(place);
}

} // namespace

TEST_CASE("a Kafka source needs brokers, topics and a group, the rest has defaults") {
  auto l = load(kafka(""));
  REQUIRE(faults(l).empty());
  const auto& o = l.pipeline.sources.at(0).settings;
  CHECK(o.text("start") == "earliest");
  CHECK(o.text("isolation") == "read_committed");
  CHECK(o.integer("read_ahead") == 64 << 20);
  CHECK_FALSE(o.has("tls"));
  CHECK_FALSE(o.has("sasl"));
}

TEST_CASE("names of other systems lead to ours") {
  CHECK_THAT(said("group_id: x"), Catch::Contains("did you mean \"group\"?"));
  CHECK_THAT(said("auto_offset_reset: latest"), Catch::Contains("did you mean \"start\"?"));
}

TEST_CASE("properties keep their free names, and their values may be empty") {
  auto l = load(kafka("client: {client.rack: 'a b', socket.timeout.ms: 30000, sasl.kerberos.keytab: ''}"));
  REQUIRE(faults(l).empty());
  auto client = l.pipeline.sources.at(0).settings.pairs("client");
  REQUIRE(client.size() == 3);
  CHECK(client[0].first.text == "client.rack");
  CHECK(client[0].second.text == "a b");
  CHECK(client[1].second.text == "30000");
  CHECK(client[2].second.text.empty());
}

TEST_CASE("properties are a map of texts and nothing else") {
  CHECK_THAT(said("client: [a]"), Catch::Contains("expected a map of names to texts, found a list"));
  CHECK_THAT(said("client: {client.rack: [a]}"), Catch::Contains("expected a text, found a list"));
}

TEST_CASE("a property that would break a promise is refused at its place, with the reason") {
  CHECK(faults(kafka("client: {enable.auto.commit: true}")) ==
        "3:105: error: sources.k.client.enable.auto.commit: enable.auto.commit can't be set: offsets are "
        "committed when a checkpoint is stored, and only then\n");
  CHECK_THAT(said("client: {auto.offset.reset: latest}"), Catch::Contains("write start: earliest"));
  CHECK_THAT(said("client: {queued.max.messages.kbytes: 5}"), Catch::Contains("write read_ahead: 128MiB"));
}

TEST_CASE("a property that the library doesn't know is said, and a value that it doesn't take") {
  CHECK_THAT(said("client: {socket.timeout: 3}"), Catch::Contains("knows no property socket.timeout"));
  CHECK_THAT(said("client: {socket.timeout.ms: ages}"),
             Catch::Contains("socket.timeout.ms doesn't take this value"));
}

TEST_CASE("what a variable holds is never shown") {
  std::map<std::string, std::string> environment{{"SECRET", "hunter2"}};
  for (const auto* more :
       {"client: {socket.timeout.ms: '${SECRET}'}", "client: {security.protocol: '${SECRET}'}",
        "sasl: {mechanism: PLAIN, password: '${SECRET}'}",
        "sasl: {mechanism: OAUTHBEARER, password: '${SECRET}'}"}) {
    auto text = said(more, environment);
    CHECK_FALSE(text.empty());
    CHECK_THAT(text, !Catch::Contains("hunter2"));
  }
}

TEST_CASE("a mechanism says what it needs") {
  CHECK_THAT(said("sasl: {mechanism: PLAIN, username: u}"), Catch::Contains("PLAIN needs password"));
  CHECK_THAT(said("sasl: {mechanism: OAUTHBEARER}"), Catch::Contains("OAUTHBEARER needs token_command"));
  CHECK_THAT(said("sasl: {mechanism: GSSAPI}"), Catch::Contains("expected PLAIN, SCRAM-SHA-256"));
  CHECK(said("sasl: {mechanism: SCRAM-SHA-256, username: u, password: p}, tls: {}").empty());
}

TEST_CASE("tls and sasl in sections and in properties contradict each other") {
  CHECK_THAT(said("tls: {}, client: {security.protocol: plaintext}"),
             Catch::Contains("security.protocol follows from the sections tls and sasl already"));
  CHECK(said("client: {security.protocol: sasl_plaintext, sasl.mechanisms: GSSAPI}").empty());
  CHECK_THAT(said("tls: {key: k.pem}"), Catch::Contains("certificate and key belong together"));
  CHECK_THAT(said("tls: {}, fetch: wire"), Catch::Contains("fetch: wire speaks neither TLS nor SASL"));
}

TEST_CASE("addresses, topics, patterns and times are checked") {
  CHECK(faults(kafka("", "'${B:-a:1,b:2}', '[::1]:9092', broker")).empty());
  CHECK_THAT(faults(kafka("", "'kafka://a:1'")), Catch::Contains("there is a scheme"));
  CHECK_THAT(faults(kafka("", "'a:b'")), Catch::Contains("a port is 1 … 65535"));
  CHECK_THAT(faults(kafka("", "'::1'")), Catch::Contains("stands in brackets"));
  CHECK_THAT(said("start: yesterday"), Catch::Contains("write a time like"));
  CHECK(said("start: '2026-01-31T00:00:00Z'").empty());
  auto topics = [](const std::string& list) {
    return faults("pipeline: p\nsources:\n  k: {type: kafka, brokers: b, topics: " + list +
                  ", group: g, time: {field: ts}}\n");
  };
  CHECK(topics("['^clicks-.*', a.b_c-1]").empty());
  CHECK_THAT(topics("['^clicks-(']"), Catch::Contains("the pattern is not valid"));
  CHECK_THAT(topics("['a b']"), Catch::Contains("a topic can't have this name"));
  CHECK_THAT(topics("[a, a]"), Catch::Contains("named twice"));
}

namespace {

std::string sink(const std::string& more) {
  auto all = faults("pipeline: p\nsources:\n  k: {type: generate, time: {field: ts}}\nsinks:\n"
                    "  s: {type: kafka, brokers: 'localhost:9092', from: k, " +
                    more + "}\n");
  auto place = all.find("sinks.s");
  return place == std::string::npos ? all : all.substr(place);
}

} // namespace

TEST_CASE("a Kafka sink needs a topic, the rest has defaults") {
  CHECK_THAT(sink("key: user"), Catch::Contains("topic"));
  CHECK(sink("topic: out") == "");
  CHECK(sink("topic: out, delivery: at_least_once, headers: {origin: shop}, linger: 0s, compression: none") ==
        "");
}

TEST_CASE("what a Kafka sink can't keep is refused") {
  CHECK_THAT(sink("topic: 'a b'"), Catch::Contains("a topic can't have this name"));
  CHECK_THAT(sink("topic: '^a'"), Catch::Contains("a topic can't have this name"));
  CHECK_THAT(sink("topic: out, linger: 2s"), Catch::Contains("linger must be 0s … 1s"));
  CHECK_THAT(sink("topic: out, buffer: 10KiB"), Catch::Contains("buffer must be 1 MiB … 1 GiB"));
  CHECK_THAT(sink("topic: out, headers: {tidemill-id: x}"), Catch::Contains("choose another name"));
  CHECK_THAT(sink("topic: out, client: {acks: 1}"),
             Catch::Contains("records could be lost, doubled or reordered"));
  CHECK_THAT(sink("topic: out, partitioner: round_robin"), Catch::Contains("murmur2_random"));
  CHECK_THAT(sink("topic: out, bootstrap_servers: x"), Catch::Contains("did you mean \"brokers\"?"));
}
