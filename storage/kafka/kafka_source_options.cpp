// The settings of a source; those of the client, which sinks share, are in kafka_options.cpp.

#include "event/options.hpp"
#include "storage/kafka/kafka_options.hpp"
#include "storage/kafka/topic_name.hpp"

#include <algorithm>
#include <regex.h>

namespace tidemill {
namespace {

std::optional<kafka_start> parse_start(const std::string& text) {
  if (text == "earliest")
    return kafka_start{.kind = kafka_start::from::earliest, .time = {}};
  if (text == "latest")
    return kafka_start{.kind = kafka_start::from::latest, .time = {}};
  auto time = parse_rfc3339(text);
  if (!time)
    return std::nullopt;
  return kafka_start{.kind = kafka_start::from::time, .time = to_event_time(*time)};
}

// The library reads patterns as POSIX extended ones.
std::string pattern_fault(const std::string& text) {
  regex_t compiled;
  auto failed = ::regcomp(&compiled, text.c_str(), REG_EXTENDED | REG_NOSUB);
  if (failed == 0) {
    ::regfree(&compiled);
    return {};
  }
  char why[256];
  ::regerror(failed, &compiled, why, sizeof why);
  return why;
}

void lint_topics(const options& o, std::vector<diagnostic>& out) {
  auto all = o.texts("topics");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& text = all[i].text;
    const auto& at = all[i].at;
    auto complain = [&](std::string why, std::string hint) {
      out.push_back({severity::error, at, "topics", std::move(why), std::move(hint)});
    };
    if (text.starts_with('^')) {
      if (auto why = pattern_fault(text); !why.empty())
        complain("the pattern is not valid: " + why, "it is a POSIX extended regular expression");
    } else if (!is_topic_name(text)) {
      complain("a topic can't have this name", "letters, digits, point, - and _; a pattern begins with ^");
    }
    for (std::size_t j = 0; j < i; ++j)
      if (all[j].text == text)
        complain("the topic is named twice", "remove one");
  }
}

} // namespace

std::vector<field_spec> kafka_source_fields() {
  auto all = kafka_client_fields();
  std::vector<field_spec> own{
      {.name = "topics",
       .type = field_type::texts,
       .text = "Names; one that begins with `^` is a regular expression. Topics may be added, and may grow.",
       .required = true,
       .foreign = {"topic", "topic_pattern"}},
      {.name = "group",
       .type = field_type::text,
       .text = "The consumer group: of this pipeline alone. Standbys on the same data folder share it.",
       .required = true,
       .foreign = {"group_id", "group.id", "consumer_group", "groupId"}},
      {.name = "start",
       .type = field_type::text,
       .text = "Where a partition begins that has no checkpoint: `earliest`, `latest`, or a time, RFC 3339.",
       .fallback = "earliest",
       .foreign = {"auto_offset_reset", "offset_reset", "auto.offset.reset", "start_from", "from_beginning"}},
      {.name = "isolation",
       .type = field_type::choice,
       .text = "Whether records of open and aborted transactions are read.",
       .fallback = "read_committed",
       .choices = {"read_committed", "read_uncommitted"},
       .foreign = {"isolation_level", "isolation.level"}},
      {.name = "tombstones",
       .type = field_type::choice,
       .text = "What becomes of records without a value: `dead`: dead letters; `skip`: they are passed over; "
               "`delete`: they delete rows of latest views with `tombstones`.",
       .fallback = "dead",
       .choices = {"dead", "skip", "delete"}},
      {.name = "on_gap",
       .type = field_type::choice,
       .text = "Retention was faster than the pipeline: `fail` halts the partition, `continue` goes on with "
               "what is there; `/v1/pipeline` says how much is lost, and of which times.",
       .fallback = "fail",
       .choices = {"fail", "continue"}},
      {.name = "keep_meta",
       .type = field_type::boolean,
       .text = "Read keys and headers though no expression uses them, so that dead letters keep them.",
       .fallback = "false"},
      {.name = "read_ahead",
       .type = field_type::size,
       .text = "Records that may wait in the client, over all partitions: 1 MiB … 16 GiB.",
       .fallback = "64MiB",
       .foreign = {"buffer", "queued_max_messages_kbytes", "prefetch"}},
      {.name = "fetch",
       .type = field_type::choice,
       .text =
           "Who fetches records: librdkafka (`client`), or tidemill (`wire`; no TLS, no login). `automatic`: "
           "tidemill, where it can.",
       .fallback = "automatic",
       .choices = {"automatic", "client", "wire"}},
      {.name = "session",
       .type = field_type::duration,
       .text = "A process that is silent for this long loses its partitions; 45s if not given. Brokers have "
               "bounds for "
               "it, usually 6s … 30m.",
       .foreign = {"session_timeout", "session.timeout.ms"}}};
  all.insert(all.begin() + 1, own.begin(), own.begin() + 3); // brokers, topics, group, start
  all.insert(all.end(), own.begin() + 3, own.end());
  return all;
}

void lint_kafka_source(const options& o, std::vector<diagnostic>& out) {
  lint_kafka_client(o, kafka_role::source, out);
  lint_topics(o, out);
  auto complain = [&](std::string_view field, std::string text, std::string hint) {
    out.push_back({severity::error, o.where(field), std::string{field}, std::move(text), std::move(hint)});
  };
  if (!parse_start(o.text("start")))
    complain("start", "start is earliest, latest, or a time", "write a time like 2026-01-31T00:00:00Z");
  if (auto bytes = o.integer("read_ahead"); bytes < 1 << 20 || bytes > std::int64_t{16} << 30)
    complain("read_ahead", "read_ahead must be 1 MiB … 16 GiB", "");
  if (o.has("session") &&
      (o.time("session") < std::chrono::seconds{1} || o.time("session") > std::chrono::hours{1}))
    complain("session", "session must be 1s … 1h", "");
  auto secured = o.has("tls") || o.has("sasl");
  for (const auto& [name, value] : o.pairs("client"))
    secured = secured || (name.text == "security.protocol" && value.text != "plaintext");
  if (o.text("fetch") == "wire" && secured)
    complain("fetch", "fetch: wire speaks neither TLS nor SASL", "write fetch: automatic");
}

kafka_source_settings kafka_settings_of(const options& o) {
  kafka_source_settings s;
  s.client = kafka_client_of(o);
  for (const auto& topic : o.texts("topics"))
    s.topics.push_back(topic.text);
  s.group = o.text("group");
  s.start = parse_start(o.text("start", "earliest")).value_or(kafka_start{});
  s.read_committed = o.text("isolation", "read_committed") == "read_committed";
  s.meta = o.flag("keep_meta");
  using fetching = kafka_source_settings::fetching;
  auto fetch = o.text("fetch", "automatic");
  s.fetch = fetch == "client" ? fetching::client : fetch == "wire" ? fetching::wire : fetching::automatic;
  s.read_ahead = static_cast<std::size_t>(o.integer("read_ahead", 64 << 20));
  s.session = std::chrono::duration_cast<std::chrono::milliseconds>(o.time("session"));
  return s;
}

} // namespace tidemill
