#include "storage/kafka/kafka_options.hpp"

#include "event/options.hpp"
#include "storage/kafka/broker_address.hpp"

#include <algorithm>
#include <array>

namespace tidemill {
namespace {

using properties = std::map<std::string, std::string>;

const spec tls_spec{
    .name = "tls",
    .summary = "Encryption. `tls: {}` trusts the certificates that the system trusts.",
    .example = "{ca: /etc/kafka/ca.pem}",
    .fields = {
        {.name = "ca",
         .type = field_type::text,
         .text = "A file, or a folder, of certificates in PEM form that are trusted instead of the system's.",
         .foreign = {"ca_file", "cafile", "truststore", "ca_location"}},
        {.name = "certificate",
         .type = field_type::text,
         .text = "The file of our own certificate, in PEM form, if brokers ask for one.",
         .foreign = {"cert", "crt_file", "cert_file", "keystore"}},
        {.name = "key",
         .type = field_type::text,
         .text = "The file of its private key.",
         .foreign = {"key_file", "private_key"}},
        {.name = "key_password",
         .type = field_type::text,
         .text = "What the key is locked with; write a variable, `${KAFKA_KEY_PASSWORD}`.",
         .foreign = {"key_pass", "passphrase"}},
        {.name = "verify",
         .type = field_type::boolean,
         .text = "Whether a broker must prove that it is who it says; `true` if not given.",
         .foreign = {"verify_certificate", "verify_hostname", "skip_cert_verify", "insecure"}}}};

const spec sasl_spec{
    .name = "sasl",
    .summary = "Login.",
    .example = "{mechanism: OAUTHBEARER, token_command: /usr/local/bin/kafka-token}",
    .fields = {{.name = "mechanism",
                .type = field_type::choice,
                .text = "How.",
                .required = true,
                .choices = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"},
                .foreign = {"mechanisms", "sasl_mechanism"}},
               {.name = "username",
                .type = field_type::text,
                .text = "For PLAIN and SCRAM.",
                .foreign = {"user", "login"}},
               {.name = "password",
                .type = field_type::text,
                .text = "For PLAIN and SCRAM; write a variable, `${KAFKA_PASSWORD}`.",
                .foreign = {"pass", "secret"}},
               {.name = "token_command",
                .type = field_type::text,
                .text = "For OAUTHBEARER: run by /bin/sh when a token is needed; prints a JWT, or "
                        "`{\"access_token\": …, \"expires_in\": seconds}`.",
                .foreign = {"token_provider", "token"}}}};

const std::array paths{std::pair{"ca", "ssl.ca.location"},
                       std::pair{"certificate", "ssl.certificate.location"},
                       std::pair{"key", "ssl.key.location"}, std::pair{"key_password", "ssl.key.password"}};

// What the sections `tls` and `sasl` are for the library.
properties section_properties(const options& o) {
  properties out;
  auto tls = o.has("tls"), sasl = o.has("sasl");
  if (tls || sasl)
    out["security.protocol"] = sasl ? (tls ? "sasl_ssl" : "sasl_plaintext") : "ssl";
  const auto& t = o.section("tls");
  for (auto [ours, theirs] : paths)
    if (t.has(ours))
      out[theirs] = t.text(ours);
  if (tls) // the library checks no names unless told to
    out["ssl.endpoint.identification.algorithm"] = t.flag("verify", true) ? "https" : "none";
  if (!t.flag("verify", true))
    out["enable.ssl.certificate.verification"] = "false";
  const auto& s = o.section("sasl");
  if (sasl)
    out["sasl.mechanisms"] = s.text("mechanism");
  if (s.has("username"))
    out["sasl.username"] = s.text("username");
  if (s.has("password"))
    out["sasl.password"] = s.text("password");
  return out;
}

/// Complaints about single settings.
class complaints {
public:
  complaints(const options& o, std::string path, std::vector<diagnostic>& out)
      : options_(o), path_(std::move(path)), out_(out) {}
  void add(std::string_view field, std::string text, std::string hint = {}) {
    add(options_.where(field), field, std::move(text), std::move(hint));
  }
  void add(position at, std::string_view field, std::string text, std::string hint = {}) {
    out_.push_back({severity::error, at, path_ + std::string{field}, std::move(text), std::move(hint)});
  }

private:
  const options& options_;
  std::string path_;
  std::vector<diagnostic>& out_;
};

void lint_sasl(const options& s, std::vector<diagnostic>& out) {
  complaints c{s, "sasl.", out};
  auto bearer = s.text("mechanism") == "OAUTHBEARER";
  for (const auto* field : {"username", "password"}) {
    if (!bearer && s.text(field).empty())
      c.add("mechanism", s.text("mechanism") + " needs " + field, "add " + std::string{field});
    if (bearer && s.has(field))
      c.add(field, std::string{field} + " is for PLAIN and SCRAM", "OAUTHBEARER needs token_command");
  }
  if (bearer && s.text("token_command").empty())
    c.add("mechanism", "OAUTHBEARER needs token_command", "a command that prints a token");
  if (!bearer && s.has("token_command"))
    c.add("token_command", "token_command is for OAUTHBEARER", "");
}

void lint_tls(const options& t, std::vector<diagnostic>& out) {
  complaints c{t, "tls.", out};
  if (t.has("certificate") != t.has("key"))
    c.add(t.has("key") ? "key" : "certificate", "certificate and key belong together",
          std::string{"add "} + (t.has("key") ? "certificate" : "key"));
  if (t.has("key_password") && !t.has("key"))
    c.add("key_password", "there is no key to unlock", "add key");
}

} // namespace

std::vector<field_spec> kafka_client_fields() {
  return {
      {.name = "brokers",
       .type = field_type::texts,
       .text = "Addresses `host:port` of one or more brokers; they tell of the others.",
       .required = true,
       .foreign = {"bootstrap_servers", "bootstrap.servers", "servers", "seed_brokers", "addresses", "url"}},
      {.name = "tls",
       .type = field_type::section,
       .text = "Encryption; absent: none.",
       .inner = &tls_spec,
       .foreign = {"ssl"}},
      {.name = "sasl",
       .type = field_type::section,
       .text = "Login; absent: none.",
       .inner = &sasl_spec,
       .foreign = {"auth", "authentication"}},
      {.name = "client",
       .type = field_type::properties,
       .text =
           "Properties of librdkafka, such as `socket.timeout.ms: 30000`. Those that would break a promise "
           "are refused with the reason.",
       .foreign = {"properties", "librdkafka_options", "options", "extra"}}};
}

void lint_kafka_client(const options& o, kafka_role role, std::vector<diagnostic>& out) {
  complaints c{o, "", out};
  for (const auto& b : o.texts("brokers"))
    for (const auto& address : split_addresses(b.text))
      if (auto parsed = parse_broker_address(address); !parsed)
        c.add(b.at, "brokers", parsed.error().text(), "write host:port");
  if (o.has("tls"))
    lint_tls(o.section("tls"), out);
  if (o.has("sasl"))
    lint_sasl(o.section("sasl"), out);
  auto taken = section_properties(o);
  for (const auto& [name, value] : o.pairs("client")) {
    auto path = "client." + name.text;
    if (taken.contains(name.text) || (name.text == "sasl.mechanism" && taken.contains("sasl.mechanisms")))
      c.add(name.at, path, name.text + " follows from the sections tls and sasl already",
            "remove one of the two");
    else if (auto fault = check_client_property(role, name.text, value.text))
      c.add(name.at, path, std::move(fault->text), std::move(fault->hint));
  }
}

kafka_client_settings kafka_client_of(const options& o) {
  kafka_client_settings out;
  for (const auto& b : o.texts("brokers"))
    for (const auto& address : split_addresses(b.text))
      out.brokers.push_back(address);
  out.properties = section_properties(o);
  for (const auto& [name, value] : o.pairs("client"))
    out.properties[name.text] = value.text;
  out.token_command = o.section("sasl").text("token_command");
  return out;
}

} // namespace tidemill
