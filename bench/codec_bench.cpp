// Nanoseconds of processor time per event and MB/s of the codecs: generated JSON, CSV and logfmt, and an
// access log given as an argument (generated without one), by the codec for it and by a regex; decoding only.
// Median and best of 15 runs over batches of 2048 records.
//
//     codec_bench [access.log]

#include "event/codec.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <random>

namespace {

using namespace tidemill;

constexpr std::size_t events = 200'000;
constexpr std::size_t batch_rows = 2048;
constexpr int runs = 15;

std::string json_lines(std::mt19937_64& random) {
  std::string out;
  for (std::size_t i = 0; i < events; ++i)
    out += R"({"ts":)" + std::to_string(1'431'857'103'000 + i) + R"(,"ip":"10.1.)" +
           std::to_string(random() % 256) + "." + std::to_string(random() % 256) +
           R"(","path":"/shop/items/)" + std::to_string(random() % 100'000) + R"(","status":200,"bytes":)" +
           std::to_string(random() % 1'000'000) + R"(,"took_ms":)" +
           std::to_string(static_cast<double>(random() % 10'000) / 8) +
           R"(,"agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) )" +
           R"(Chrome/120.0.0.0 Safari/537.36"})" + "\n";
  return out;
}

std::string csv_lines(std::mt19937_64& random) {
  std::string out;
  for (std::size_t i = 0; i < events; ++i)
    out += std::to_string(536'365 + i) + ",85123A,\"WHITE HANGING, HEART T-LIGHT HOLDER\"," +
           std::to_string(random() % 100) + ",2010-12-01T08:26:00Z," +
           std::to_string(static_cast<double>(random() % 10'000) / 100) + ",17850,United Kingdom\n";
  return out;
}

std::string log_lines(std::mt19937_64& random) {
  std::string out;
  for (std::size_t i = 0; i < events; ++i)
    out += "83.149.9." + std::to_string(random() % 256) +
           " - - [17/May/2015:10:05:03 +0000] \"GET /presentations/images/kibana-" +
           std::to_string(random() % 1000) + ".png HTTP/1.1\" 200 " + std::to_string(random() % 1'000'000) +
           " \"http://semicomplete.com/presentations/\" \"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) "
           "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36\"\n";
  return out;
}

std::string pair_lines(std::mt19937_64& random) {
  std::string out;
  for (std::size_t i = 0; i < events; ++i)
    out += "ts=2026-01-05T10:00:03.125Z level=info msg=\"request \\\"items\\\" done\" method=GET "
           "path=/shop/items/" +
           std::to_string(random() % 100'000) + " status=200 bytes=" + std::to_string(random() % 1'000'000) +
           " took_ms=" + std::to_string(static_cast<double>(random() % 10'000) / 8) + " cached\n";
  return out;
}

std::vector<record_batch> batches_of(const format_options& options, std::string_view text,
                                     std::shared_ptr<const std::string> header) {
  framer frames{options};
  std::vector<record_batch> all;
  while (auto cut = frames.next(text, true)) {
    if (all.empty() || all.back().records.size() == batch_rows)
      all.push_back({.records = {}, .header = header, .memory = {}});
    all.back().records.push_back({text.substr(0, cut->content), 0, 1, {}});
    text.remove_prefix(cut->total);
  }
  return all;
}

struct timing {
  double median, best;
};

timing time_ns(const std::function<void()>& work) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    auto begin = std::clock(); // of the processor, not of the wall: others may be using it
    work();
    times.push_back(static_cast<double>(std::clock() - begin) * 1e9 / CLOCKS_PER_SEC);
  }
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times.front()};
}

void measure(const char* name, const format_options& options, const schema& fields, std::vector<bool> needed,
             const std::string& text, std::shared_ptr<const std::string> header = nullptr) {
  auto with = make_codec(options, fields, std::move(needed));
  if (!with) {
    std::printf("%s: %s\n", name, with.error().text().c_str());
    return;
  }
  auto batches = batches_of(options, text, std::move(header));
  std::size_t rows = 0, failures = 0, records = 0;
  for (const auto& b : batches)
    records += b.records.size();
  auto ns = time_ns([&] {
    rows = failures = 0;
    for (const auto& b : batches) {
      event_batch out;
      std::vector<decode_failure> failed;
      (*with)->decode(b, out, failed);
      rows += out.rows();
      failures += failed.size();
    }
  });
  auto framing = time_ns([&] { batches_of(options, text, nullptr); });
  auto n = static_cast<double>(std::max<std::size_t>(records, 1)), bytes = static_cast<double>(text.size());
  std::printf(
      "%-34s %4.0f B  %6.1f (best %6.1f) ns/event  %6.0f MB/s  framing %5.1f ns  rows %zu  failures %zu\n",
      name, bytes / n, ns.median / n, ns.best / n, bytes / ns.median * 1000, framing.best / n, rows,
      failures);
}

schema fields_of(const std::vector<std::pair<const char*, const char*>>& names) {
  std::vector<field> all;
  for (auto [name, text] : names) {
    field f{name, {}, {}, time_format::rfc3339};
    f.of = parse_type(text, f.time).value_or(type{});
    all.push_back(std::move(f));
  }
  return schema{std::move(all)};
}

} // namespace

int main(int argc, char** argv) {
  std::mt19937_64 random{1};
  auto events_json = json_lines(random);
  auto json = fields_of({{"ts", "timestamp_ms"},
                         {"ip", "string"},
                         {"path", "string"},
                         {"status", "int"},
                         {"bytes", "int?"},
                         {"took_ms", "double"},
                         {"agent", "string"}});
  std::vector<bool> none(7, false), three{true, false, true, true, false, false, false}, seven(7, true);
  measure("json, no field of 7", {}, json, none, events_json);
  measure("json, 3 fields of 7", {}, json, three, events_json);
  measure("json, 7 fields of 7", {}, json, seven, events_json);

  format_options csv;
  csv.name = "csv";
  auto header = std::make_shared<const std::string>("invoice,stock,text,quantity,ts,price,customer,country");
  auto invoices = fields_of({{"invoice", "string"},
                             {"stock", "string"},
                             {"text", "string"},
                             {"quantity", "int"},
                             {"ts", "timestamp"},
                             {"price", "double"},
                             {"customer", "int?"},
                             {"country", "string"}});
  auto events_csv = csv_lines(random);
  measure("csv, 3 fields of 8", csv, invoices, {true, false, false, true, false, true, false, false},
          events_csv, header);
  measure("csv, 8 fields of 8", csv, invoices, std::vector<bool>(8, true), events_csv, header);

  format_options log;
  log.name = "combined_log";
  std::string events_log;
  if (argc > 1) {
    std::ifstream in{argv[1], std::ios::binary};
    events_log.assign(std::istreambuf_iterator<char>{in}, {});
  } else {
    events_log = log_lines(random);
  }
  auto parts = *builtin_schema(log);
  std::vector<bool> some(parts.size(), false);
  some[0] = some[3] = some[7] = true;
  measure("combined_log, ip ts status", log, parts, some, events_log);
  measure("combined_log, all 11 fields", log, parts, std::vector<bool>(parts.size(), true), events_log);

  format_options regex;
  regex.name = "regex";
  regex.pattern =
      R"~(^(?P<ip>\S+) \S+ \S+ \[[^\]]*\] "(?P<method>[A-Z]+) (?P<path>\S+)[^"]*" (?P<status>\d+) )~";
  auto groups = fields_of({{"ip", "string"}, {"method", "string"}, {"path", "string"}, {"status", "int"}});
  measure("regex, 2 groups of 4", regex, groups, {true, false, false, true}, events_log);
  measure("regex, 4 groups of 4", regex, groups, std::vector<bool>(4, true), events_log);

  format_options logfmt;
  logfmt.name = "logfmt";
  auto pairs = fields_of({{"ts", "timestamp"},
                          {"level", "string"},
                          {"msg", "string"},
                          {"path", "string"},
                          {"status", "int"},
                          {"bytes", "int"},
                          {"took_ms", "double"},
                          {"cached", "bool"}});
  auto events_pairs = pair_lines(random);
  measure("logfmt, 3 fields of 8", logfmt, pairs, {true, false, false, false, true, true, false, false},
          events_pairs);
  measure("logfmt, 8 fields of 8", logfmt, pairs, std::vector<bool>(8, true), events_pairs);
}
