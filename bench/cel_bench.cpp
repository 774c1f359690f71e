// Nanoseconds per row of typical expressions, by kernels and by the interpreter, over batches of 1,000 rows.
#include "pipeline/cel/columns.hpp"
#include "pipeline/cel/compiler.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string_view>

namespace {

using namespace tidemill;

constexpr std::size_t batch_rows = 1000;

event_batch make_batch(cel::environment& names) {
  std::mt19937_64 random{1};
  event_batch out;
  out.records.resize(batch_rows);
  auto add = [&](std::string name, type of, auto make) {
    column c{of};
    c.resize(batch_rows);
    for (std::size_t row = 0; row < batch_rows; ++row)
      c.set(row, make());
    names.variables.push_back({std::move(name), of, out.columns.size()});
    out.columns.push_back(std::move(c));
  };
  add("status", kind::integer,
      [&] { return value{std::int64_t{200} + static_cast<std::int64_t>(random() % 4) * 100}; });
  add("bytes", type{kind::integer, true},
      [&] { return random() % 10 == 0 ? value{} : value{static_cast<std::int64_t>(random() % 100'000)}; });
  add("took_ms", kind::real, [&] { return value{static_cast<double>(random() % 1000) / 3}; });
  add("path", kind::string, [&] {
    constexpr std::string_view paths[] = {"/index.html", "/api/v1/users/42", "/health/live",
                                          "/static/app.js"};
    return value{paths[random() % 4]};
  });
  add("country", kind::string, [&] {
    constexpr std::string_view countries[] = {"DE", "FR", "US", "JP"};
    return value{countries[random() % 4]};
  });
  add("ts", kind::timestamp, [&] {
    return value{timestamp{1'700'000'000 + static_cast<std::int64_t>(random() % 86'400), 0}};
  });
  return out;
}

using evaluate = void (*)(const cel::program&, const event_batch&, const selection&, column&,
                          std::vector<cel::row_error>&);

/// The best of several runs, so that other work on the machine counts little.
double nanoseconds(evaluate how, const cel::program& p, const event_batch& batch, const selection& rows,
                   int batches) {
  using clock = std::chrono::steady_clock;
  column out;
  std::vector<cel::row_error> errors;
  auto best = 1e18;
  for (int run = 0; run < 7; ++run) {
    auto start = clock::now();
    for (int i = 0; i < batches; ++i) {
      errors.clear();
      how(p, batch, rows, out, errors);
    }
    auto spent = std::chrono::duration<double, std::nano>(clock::now() - start).count();
    best = std::min(best, spent / batches / static_cast<double>(rows.size()));
  }
  return best;
}

} // namespace

int main() {
  cel::environment names;
  auto batch = make_batch(names);
  selection rows(batch_rows);
  for (std::uint32_t row = 0; row < batch_rows; ++row)
    rows[row] = row;
  std::printf("%-62s %10s %12s\n", "expression", "kernels", "interpreter");
  for (std::string_view text :
       {"status >= 500",
        "took_ms > 100",
        "status != 0 && !path.startsWith(\"/health\")",
        "event.?bytes.orValue(0) * 8",
        "double(status) * took_ms / 1000.0",
        "path.split(\"/\")[?1].orValue(\"\")",
        "country in [\"DE\", \"FR\", \"IT\"]",
        "path.matches(\"^/api/v[0-9]+/\")",
        "status >= 500 ? \"error\" : country + \":\" + path",
        "ts.getHours() < 6 || ts + duration(\"1h\") > timestamp(\"2023-11-15T00:00:00Z\")",
        "bytes > 1000",
        "path.split(\"/\").exists(x, x == \"users\")",
        "status / 100 == 5",
        "!(status == 404 || status == 410)",
        "size(path) > 12 && path.endsWith(\".js\")",
        "country.lowerAscii() + \"-\" + string(status)",
        "path.contains(\"users\") ? 1 : 0",
        "math.greatest(took_ms, 1.0)",
        "ts.getDayOfWeek(\"+01:00\")",
        "bytes == null ? 0 : bytes / 1024"}) {
    std::vector<cel::fault> faults;
    auto p = cel::compile_program(text, names, {}, faults);
    if (!p) {
      std::printf("%s: %s\n", text.data(), faults[0].text.c_str());
      return 1;
    }
    std::printf("%-62s %7.1f ns %9.1f ns\n", text.data(),
                nanoseconds(cel::evaluate_columns, *p, batch, rows, 200),
                nanoseconds(cel::interpret_columns, *p, batch, rows, 20));
  }
}
