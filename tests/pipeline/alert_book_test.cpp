#include "pipeline/alert_book.hpp"

#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;

namespace {

/// One view of tumbling windows of 10 s by host, with one rule.
struct ruled_view {
  std::shared_ptr<const plan> all;
  std::vector<diagnostic> faults;

  explicit ruled_view(const std::string& when, microseconds retain = 1h, const std::string& from = "tens",
                      const std::string& message = "") {
    definition d;
    d.sources.push_back({{"log", {}},
                         "test",
                         section({{"schema", schema_option({{"ts", "timestamp_s"}, {"host", "string"}})},
                                  {"time", section_option({{"field", text_option("ts")}})}})});
    d.views.push_back({{"tens", {}},
                       section({{"from", text_option("log")},
                                {"by", texts_option({"host"})},
                                {"window", section_option({{"size", time_option(10s)}})},
                                {"select", pairs_option({{"n", "count()"}})}})});
    auto rule = section({{"from", text_option(from)},
                         {"when", text_option(when)},
                         {"rows", text_option("sealed")},
                         {"severity", text_option("warning")},
                         {"retain", time_option(retain)}});
    if (!message.empty())
      rule.set("message", text_option(message));
    d.alerts.push_back({{"rule", {}}, std::move(rule)});
    all = compile_plan(
        d, [](const component&) { return result<schema>{schema{}}; }, faults);
  }
  const view_plan& view() const { return all->sources[0].views[0]; }
  alert_book book(std::uint64_t epoch = 1) const { return {view(), view().alerts[0], epoch}; }
};

constexpr event_time at(std::int64_t seconds) {
  return event_time{std::chrono::seconds{seconds}};
}

row_ptr counted(std::int64_t end, const std::string& host, std::int64_t n) {
  auto r = std::make_shared<row>();
  r->window_start = at(end - 10);
  r->window_end = at(end);
  r->columns = {value{host}, value{n}};
  append_encoded(r->key, r->columns[0]);
  r->state = row_state::sealed;
  return r;
}

void look(alert_book& book, std::int64_t end, std::vector<row_ptr> rows) {
  book.look_at(at(end - 10), at(end), rows);
}

std::string read_back(alert_book& book, const std::vector<std::string>& records) {
  for (const auto& r : records)
    if (auto read = book.recover(r); !read)
      return read.error().text();
  return {};
}

} // namespace

TEST_CASE("what rules may not say is told with its place and a remedy") {
  struct {
    const char *when, *from, *message, *fault;
  } const table[] = {
      {"n > 1", "nowhere", "", "no view \"nowhere\""},
      {"n > 1", "log", "", "an alert watches the rows of a view"},
      {"n", "tens", "", "when is a bool, this is int"},
      {"count() > 1", "tens", "", "count"},
      {"prev() > 1", "tens", "", "prev() takes one value"},
      {"ratio(n, host) > 0.5", "tens", "", "ratio() takes two numbers, this is string"},
      {"ratio(prev(n), n) > 0.5", "tens", "", "don't go into each other"},
      {"n > 1", "tens", "n", "message is a string, this is int"},
  };
  for (const auto& t : table) {
    INFO(t.when << " from " << t.from);
    ruled_view made{t.when, 1h, t.from, t.message};
    REQUIRE(made.faults.size() == 1);
    CHECK(made.faults[0].text.find(t.fault) != std::string::npos);
  }
}

TEST_CASE("a rule's state comes back from its records, in whole or from a head") {
  ruled_view made{"n >= 5 || prev(n) >= 5"};
  REQUIRE(made.all);
  std::mt19937_64 random{7};
  auto book = made.book(99);
  std::vector<std::string> records{book.head_record()};
  for (std::int64_t end = 10; end < 3000; end += 10) {
    std::vector<row_ptr> rows, before;
    for (const char* host : {"a", "b", "c", "d"})
      if (random() % 3 != 0)
        rows.push_back(counted(end, host, static_cast<std::int64_t>(random() % 8)));
    look(book, end, rows);
    auto entries = false;
    if (auto record = book.take_record(entries); !record.empty())
      records.push_back(record);
    if (random() % 10 == 0) { // a new segment; the old ones may still be there, and be read once more
      if (random() % 2 == 0)
        records.clear();
      records.push_back(book.head_record());
    }
    auto again = made.book();
    REQUIRE(read_back(again, records).empty());
    CHECK(again.through() == at(end));
    CHECK(again.head_record() == book.head_record());
  }
  CHECK(book.snapshot()->end() > 100);
  CHECK(book.snapshot()->epoch == 99);
}

TEST_CASE("records of a rule with another condition are passed over: it begins anew") {
  ruled_view old{"n >= 5"}, changed{"n >= 4"};
  auto book = old.book(1), fresh = changed.book(2);
  look(book, 10, {counted(10, "a", 9)});
  CHECK(read_back(fresh, {book.head_record()}).empty());
  CHECK(fresh.through() == time_min);
  CHECK(fresh.snapshot()->epoch == 2);
  CHECK(fresh.snapshot()->end() == 0);
}

TEST_CASE("damaged records of a rule are refused, never believed and never fatal") {
  ruled_view made{"n >= 5"};
  auto book = made.book();
  for (std::int64_t end = 10; end < 200; end += 10)
    look(book, end, {counted(end, "a", end % 30), counted(end, "b", end % 20)});
  const auto sound = book.head_record();
  std::mt19937_64 random{3};
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = sound;
    for (auto n = random() % 3 + 1; n > 0; --n)
      bytes[6 + random() % (bytes.size() - 6)] = static_cast<char>(random());
    if (random() % 4 == 0)
      bytes.resize(random() % bytes.size());
    auto other = made.book();
    (void)other.recover(bytes);
    look(other, 10'000, {counted(10'000, "a", 9)});
    (void)other.head_record();
  }
  for (std::size_t n = 6; n < sound.size(); ++n) {
    auto other = made.book();
    CHECK_FALSE(other.recover(std::string_view{sound}.substr(0, n)).has_value());
  }
}

TEST_CASE("the log of a rule is bounded by its time and by its number of entries") {
  ruled_view made{"n >= 5", 100s};
  auto book = made.book();
  auto entries = false;
  for (std::int64_t end = 10; end <= 2000; end += 10) {
    look(book, end, {counted(end, "a", end % 20 == 0 ? 9 : 1)});
    (void)book.take_record(entries);
  }
  auto log = book.snapshot();
  CHECK(log->end() == 199);
  CHECK(log->log.size() <= 11);
  CHECK(log->log.front()->data->window_end > at(2000 - 110));

  ruled_view wide{"n >= 5", 10'000h};
  auto many = wide.book();
  for (std::int64_t end = 10; end <= 40; end += 10) {
    std::vector<row_ptr> rows;
    for (int host = 0; host < 9000; ++host)
      rows.push_back(counted(end, std::to_string(10'000 + host), end % 20 == 0 ? 9 : 1));
    look(many, end, rows);
    (void)many.take_record(entries);
  }
  CHECK(many.snapshot()->end() == 4 * 9000 - 9000);
  CHECK(many.snapshot()->log.size() == alert_book::most_entries);
}

TEST_CASE("entries that a sink lacks stay in the log of a rule") {
  ruled_view made{"n >= 5", 100s};
  auto book = made.book();
  auto entries = false;
  book.keep_from(0);
  for (std::int64_t end = 10; end <= 2000; end += 10) {
    look(book, end, {counted(end, "a", end % 20 == 0 ? 9 : 1)});
    (void)book.take_record(entries);
  }
  CHECK(book.snapshot()->begin == 0);
  CHECK(book.snapshot()->log.size() == 199);
  book.keep_from(100);
  look(book, 2010, {counted(2010, "a", 1)});
  CHECK(book.snapshot()->begin == 100);
  book.keep_from(200);
  look(book, 2020, {counted(2020, "a", 1)});
  CHECK(book.snapshot()->log.size() <= 11);
}

TEST_CASE("keys that neither fire nor have rows take no memory") {
  ruled_view made{"n >= 5"};
  auto book = made.book();
  look(book, 10, {counted(10, "a", 1)});
  CHECK(book.waiting());
  look(book, 20, {});
  CHECK_FALSE(book.waiting());
  look(book, 30, {counted(30, "a", 9)});
  look(book, 40, {});
  CHECK_FALSE(book.waiting());
  CHECK(book.snapshot()->active.empty());
  CHECK(book.snapshot()->end() == 2);
}
