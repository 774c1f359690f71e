#include "storage/registry.hpp"

#include "event/options.hpp"
#include "storage/kafka/kafka_options.hpp"
#include "storage/redis_url.hpp"

namespace tidemill {
namespace {

const spec csv_spec{.name = "csv",
                    .summary = "How CSV records are written (RFC 4180).",
                    .example = "{delimiter: ';', header: false, columns: [ts, user]}",
                    .fields = {{.name = "delimiter",
                                .type = field_type::text,
                                .text = "One character between cells.",
                                .fallback = ","},
                               {.name = "header",
                                .type = field_type::boolean,
                                .text = "Whether the first record of each file names the columns.",
                                .fallback = "true"},
                               {.name = "columns",
                                .type = field_type::texts,
                                .text = "The names of the columns in order, where there is no header."}}};

const spec regex_spec{.name = "regex",
                      .summary = "How a line is taken apart.",
                      .example = "{pattern: '^(?P<ip>\\S+) (?P<status>[0-9]+)$'}",
                      .fields = {{.name = "pattern",
                                  .type = field_type::text,
                                  .text = "A regular expression (RE2) with a named group for each field.",
                                  .required = true,
                                  .foreign = {"expression", "regex"}}}};

const spec time_spec{
    .name = "time",
    .summary = "Which field is the event time, and how orderly it comes.",
    .example = "{field: ts, out_of_order: 5s, idle: 30s, max_future: 1m}",
    .fields = {
        {.name = "field",
         .type = field_type::text,
         .text = "The timestamp field that is the event time.",
         .required = true,
         .foreign = {"column", "event_time", "timestamp_field"}},
        {.name = "out_of_order",
         .type = field_type::duration,
         .text = "How far an event may lie behind the newest of its partition; the watermark stays "
                 "this far behind.",
         .fallback = "5s",
         .foreign = {"max_out_of_orderness", "delay", "bounded_out_of_orderness", "watermark"}},
        {.name = "idle",
         .type = field_type::duration,
         .text =
             "A partition without records for this long no longer holds the watermark. Off for files that "
             "are read to their end; 30s for all else.",
         .foreign = {"idle_timeout", "idleness"}},
        {.name = "max_future",
         .type = field_type::duration,
         .text = "An event further ahead of its arrival than this goes to `<source>.future`.",
         .fallback = "1h",
         .foreign = {"max_future_skew"}},
        {.name = "max_lead",
         .type = field_type::duration,
         .text = "A partition this far ahead of the slowest is not read until that one follows.",
         .fallback = "1h"}}};

std::vector<field_spec> with_common(std::vector<field_spec> own, std::string_view format) {
  std::vector<field_spec> common{
      {.name = "format",
       .type = field_type::choice,
       .text = "How the bytes of an event are written.",
       .fallback = format,
       .choices = {"json", "ndjson", "csv", "combined_log", "regex", "logfmt"},
       .foreign = {"codec", "decoding", "encoding"}},
      {.name = "csv", .type = field_type::section, .text = "Details of `format: csv`.", .inner = &csv_spec},
      {.name = "regex",
       .type = field_type::section,
       .text = "Details of `format: regex`.",
       .inner = &regex_spec},
      {.name = "schema",
       .type = field_type::types,
       .text =
           "The fields that the pipeline may use, with their types; a trailing `?` allows null and absence.",
       .foreign = {"fields", "columns"}},
      {.name = "time",
       .type = field_type::section,
       .text = "Event time.",
       .required = true,
       .inner = &time_spec,
       .foreign = {"event_time", "watermark"}},
      {.name = "max_record",
       .type = field_type::size,
       .text = "A longer record becomes a dead letter.",
       .fallback = "1MiB"},
      {.name = "partitioned_by",
       .type = field_type::texts,
       .text =
           "Fields that the producer keeps in one partition: events equal in them never come in two. Steps "
           "with a key rely on it; it is sampled while running, and `/v1/pipeline` tells a breach."}};
  own.insert(own.end(), common.begin(), common.end());
  return own;
}

const std::vector<field_spec> partition_fields{
    {.name = "partition_by",
     .type = field_type::expression,
     .text = "Events with equal values go to one partition. Without it every file is a partition of its own.",
     .foreign = {"key", "shard_by"}},
    {.name = "partitions",
     .type = field_type::integer,
     .text = "Into how many partitions `partition_by` hashes: 1 … 1024.",
     .fallback = "1"}};

void lint_file(const options& o, std::vector<diagnostic>& out) {
  auto complain = [&](std::string_view field, std::string text, std::string hint) {
    out.push_back({severity::error, o.where(field), std::string{field}, std::move(text), std::move(hint)});
  };
  if (o.has("partitions") && o.integer("partitions") != 1 && !o.has("partition_by"))
    complain("partitions", "partitions needs partition_by",
             "say which expression decides: partition_by: 'ip'");
  if (o.flag("follow") && o.has("pace"))
    complain("pace", "pace and follow exclude each other", "a growing file has its own pace");
  if (o.flag("follow") && o.has("partition_by"))
    complain("partition_by", "partition_by is not available with follow",
             "each followed path is a partition");
  if (o.number("pace") < 0)
    complain("pace", "pace must not be negative", "1 is the recorded pace, 100 a hundred times faster");
}

void lint_partitions(const options& o, std::vector<diagnostic>& out) {
  auto n = o.integer("partitions", 1);
  if (n < 1 || n > 1024)
    out.push_back({severity::error, o.where("partitions"), "partitions", "partitions must be 1 … 1024", ""});
}

std::vector<field_spec> with_from(std::vector<field_spec> all, const field_spec& from) {
  all.insert(all.begin() + 2, from);
  return all;
}

void lint_file_source(const options& o, std::vector<diagnostic>& out) {
  lint_partitions(o, out);
  lint_file(o, out);
}

void lint_redis_sink(const options& o, std::vector<diagnostic>& out) {
  if (!o.has("url"))
    return;
  if (auto address = parse_redis_url(o.text("url")); !address)
    out.push_back({severity::error, o.where("url"), "url", address.error().text(), ""});
}

} // namespace

const std::vector<spec>& source_specs() {
  static const std::vector<spec> all = [] {
    std::vector<field_spec> file{
        {.name = "path",
         .type = field_type::text,
         .text = "A file, or a pattern with `*`, `?`, `[…]`; relative to the folder of the pipeline's file.",
         .required = true,
         .foreign = {"paths", "include", "glob", "filename"}},
        {.name = "pace",
         .type = field_type::number,
         .text = "Replay at the recorded pace times this; absent: as fast as possible.",
         .foreign = {"speed", "rate"}},
        {.name = "follow",
         .type = field_type::boolean,
         .text = "Go on with what is appended, through rotation, as `tail -F`; the source never ends.",
         .fallback = "false",
         .foreign = {"tail", "watch"}}};
    file.insert(file.end(), partition_fields.begin(), partition_fields.end());
    std::vector<field_spec> generate{
        {.name = "seed", .type = field_type::integer, .text = "Same seed, same events.", .fallback = "1"},
        {.name = "partitions", .type = field_type::integer, .text = "1 … 1024.", .fallback = "4"},
        {.name = "rate",
         .type = field_type::number,
         .text = "Events per second over all partitions; 0: as fast as possible.",
         .fallback = "1000"},
        {.name = "events",
         .type = field_type::integer,
         .text = "Stop after this many; 0: never.",
         .fallback = "0",
         .foreign = {"count", "limit"}},
        {.name = "users", .type = field_type::integer, .text = "Size of the audience.", .fallback = "5000"},
        {.name = "start",
         .type = field_type::text,
         .text = "Event time of the first event, RFC 3339. Absent: the time of the first start, kept with "
                 "the data."}};
    std::vector<field_spec> http = partition_fields;
    http.push_back({.name = "max_body",
                    .type = field_type::size,
                    .text = "A larger request is refused with 413.",
                    .fallback = "16MiB"});
    http.push_back({.name = "max_backlog",
                    .type = field_type::size,
                    .text = "With more bytes accepted but not yet processed, requests are refused with 429.",
                    .fallback = "1GiB"});
    return std::vector<spec>{
        {.name = "file",
         .summary = "Reads files: to their end, at their recorded pace, or for ever.",
         .example =
             "{type: file, path: 'logs/*.log', format: combined_log, partition_by: ip, partitions: 4,\n"
             " time: {field: ts, out_of_order: 60s}}",
         .fields = with_common(std::move(file), "json"),
         .lint = lint_file_source},
        {.name = "generate",
         .summary =
             "A seeded clickstream with sessions, bots, bursts, an outage, late, duplicate, future and "
             "malformed events.",
         .example = "{type: generate, rate: 500, time: {field: ts, out_of_order: 5s}}",
         .fields = with_common(std::move(generate), "json"),
         .lint = lint_partitions},
        {.name = "http",
         .summary = "Takes events by POST /v1/sources/{source}/events; durable before the answer 202.",
         .example = "{type: http, schema: {ts: timestamp, user: string}, time: {field: ts}}",
         .fields = with_common(std::move(http), "json"),
         .lint = lint_partitions},
        {.name = "kafka",
         .summary =
             "Reads topics as a member of a consumer group; each partition is a partition of the source.",
         .example =
             "{type: kafka, brokers: ['${KAFKA:-localhost:9092}'], topics: [clicks], group: clickstream,\n"
             " schema: {ts: timestamp, user: string}, time: {field: ts, out_of_order: 5s}}",
         .fields = with_common(kafka_source_fields(), "json"),
         .lint = lint_kafka_source}};
  }();
  return all;
}

namespace {

const spec range_spec{
    .name = "range",
    .summary = "The two columns that a looked-up value lies between.",
    .example = "{from: first, to: last, of: ip}",
    .fields = {{.name = "from",
                .type = field_type::text,
                .text = "The column of the lower end, which belongs to the range.",
                .required = true,
                .foreign = {"start", "begin", "lower", "min"}},
               {.name = "to",
                .type = field_type::text,
                .text = "The column of the upper end, which belongs to the range.",
                .required = true,
                .foreign = {"end", "upper", "max"}},
               {.name = "of",
                .type = field_type::choice,
                .text = "`value`: as the columns are typed; `ip`: texts of addresses, v4 or v6.",
                .fallback = "value",
                .choices = {"value", "ip"}}}};

const spec valid_spec{
    .name = "valid",
    .summary = "The columns that say when a row is valid.",
    .example = "{from: since, to: until}",
    .fields = {{.name = "from",
                .type = field_type::text,
                .text = "The column of the first moment, a timestamp; null: since ever.",
                .required = true,
                .foreign = {"start", "since", "begin"}},
               {.name = "to",
                .type = field_type::text,
                .text = "The column of the first moment when it no longer is; null or absent: for ever.",
                .foreign = {"end", "until"}}}};

const field_spec row_key[] = {
    {.name = "key",
     .type = field_type::text,
     .text = "The column that is looked up; values are unique.",
     .foreign = {"id", "primary_key"}},
    {.name = "range",
     .type = field_type::section,
     .text = "Instead of `key`: rows for ranges of values, which don't overlap.",
     .inner = &range_spec},
    {.name = "network",
     .type = field_type::text,
     .text = "Instead of `key`: the column with a network, `10.0.0.0/8`; none within another.",
     .foreign = {"cidr", "prefix"}},
    {.name = "valid",
     .type = field_type::section,
     .text = "With `key`: a key has a row for each time; a lookup says which with `at`.",
     .inner = &valid_spec}};

void lint_row_table(const options& o, std::vector<diagnostic>& out) {
  const auto ways = (o.has("key") ? 1 : 0) + (o.has("range") ? 1 : 0) + (o.has("network") ? 1 : 0);
  if (ways != 1)
    out.push_back({severity::error, o.at, "key",
                   ways == 0 ? "what is looked up?" : "a table is looked up in one way",
                   "key: a column; or range: {from, to}; or network: a column"});
  if (o.has("valid") && !o.has("key"))
    out.push_back({severity::error, o.where("valid"), "valid", "rows are valid for a time by `key` only",
                   "remove `valid`, or give the table a key"});
}

} // namespace

const std::vector<spec>& table_specs() {
  static const field_spec path{.name = "path",
                               .type = field_type::text,
                               .text = "The file; relative to the folder of the pipeline's file.",
                               .required = true,
                               .foreign = {"file", "filename"}};
  static const field_spec refresh{.name = "refresh",
                                  .type = field_type::duration,
                                  .text =
                                      "How often the file is looked at; a changed one becomes a new version.",
                                  .fallback = "10s",
                                  .foreign = {"reload", "ttl", "refresh_interval"}};
  static const field_spec columns{
      .name = "columns",
      .type = field_type::types,
      .text = "Types of the columns. Of CSV those not named are strings; of NDJSON all "
              "are named.",
      .foreign = {"schema", "fields"}};
  static const std::vector<spec> all{
      {.name = "csv",
       .summary = "Rows of a CSV file with a header, by a key.",
       .example = "{type: csv, path: users.csv, key: id, columns: {id: int, name: string}, refresh: 1m}",
       .fields = {path,
                  row_key[0],
                  row_key[1],
                  row_key[2],
                  row_key[3],
                  columns,
                  {.name = "delimiter",
                   .type = field_type::text,
                   .text = "One character between cells.",
                   .fallback = ","},
                  refresh},
       .lint = lint_row_table},
      {.name = "ndjson",
       .summary = "Rows of a file with a JSON object a line, by a key.",
       .example = "{type: ndjson, path: users.ndjson, key: id, columns: {id: int, name: string, city: {type: "
                  "string?, path: home.city}}}",
       .fields = {path, row_key[0], row_key[1], row_key[2], row_key[3], columns, refresh},
       .lint = lint_row_table},
      {.name = "view",
       .summary = "The rows of a view of this pipeline that has one row per key: `latest` or `global`.",
       .example = "{type: view, from: customers, key: id, columns: {id: string, name: string?}, refresh: 5s}",
       .fields = {{.name = "from",
                   .type = field_type::text,
                   .text = "The view.",
                   .required = true,
                   .foreign = {"view", "of"}},
                  {.name = "key",
                   .type = field_type::text,
                   .text = "What the view is by; it is by that alone.",
                   .required = true,
                   .foreign = {"id", "by", "primary_key"}},
                  {.name = "columns",
                   .type = field_type::types,
                   .text = "The columns of the view that can be taken, with their types; the key, too.",
                   .required = true,
                   .foreign = {"schema", "fields", "select"}},
                  {.name = "refresh",
                   .type = field_type::duration,
                   .text =
                       "How often the rows are looked at; changed ones become a new version, of which the "
                       "data folder holds a copy for a while.",
                   .fallback = "10s",
                   .foreign = {"every", "refresh_interval"}}}},
      {.name = "mmdb",
       .summary = "A MaxMind DB: networks to records. The key is an IP address as text.",
       .example = "{type: mmdb, path: country.mmdb, refresh: 1h}",
       .fields = {path,
                  {.name = "columns",
                   .type = field_type::types,
                   .text =
                       "Columns and their types, with `path` for nested ones; absent: every scalar of the "
                       "first record."},
                  refresh}}};
  return all;
}

const std::vector<spec>& sink_specs() {
  static const field_spec from{.name = "from",
                               .type = field_type::texts,
                               .text = "Views, streams, or `<name>.dead`, `<name>.late`, `<name>.future`.",
                               .required = true,
                               .foreign = {"input", "inputs"}};
  static const std::vector<spec> all{
      {.name = "file",
       .summary = "Sealed rows of a view, or events of a stream, appended to a file: each exactly once.",
       .example = "{type: file, path: out/hourly.ndjson, format: ndjson, from: hourly}",
       .fields =
           {{.name = "path",
             .type = field_type::text,
             .text =
                 "The file; relative to the folder of the pipeline's file. `OUT.cursor` is kept beside it.",
             .required = true,
             .foreign = {"file", "filename"}},
            {.name = "format",
             .type = field_type::choice,
             .text = "How lines are written.",
             .fallback = "ndjson",
             .choices = {"ndjson", "csv"}},
            from}},
      {.name = "redis",
       .summary = "Keeps Redis equal to views: fenced, idempotent, repaired after an outage.",
       .example = "{type: redis, url: 'redis://localhost:6379', from: [traffic], ttl: 1d}",
       .fields =
           {{.name = "url",
             .type = field_type::text,
             .text = "redis://[:password@]host[:port][/db]",
             .required = true,
             .foreign = {"address", "host"}},
            from,
            {.name = "ttl",
             .type = field_type::duration,
             .text = "Keys not written for this long vanish.",
             .fallback = "1d",
             .foreign = {"expire", "expiry"}},
            {.name = "prefix", .type = field_type::text, .text = "Put before every key.", .fallback = "tm"},
            {.name = "series",
             .type = field_type::boolean,
             .text = "Keep all retained windows of a key, not only the newest.",
             .fallback = "false"}},
       .lint = lint_redis_sink},
      {.name = "kafka",
       .summary = "Writes to a topic: events of streams, every change of a view's rows, or its sealed rows.",
       .example = "{type: kafka, brokers: ['${KAFKA:-localhost:9092}'], topic: hits, from: hits, key: user}",
       .fields = with_from(kafka_sink_fields(), from),
       .lint = lint_kafka_sink}};
  return all;
}

} // namespace tidemill
