#include "event/hash.hpp"
#include "event/value.hpp"
#include "storage/generate/clickstream.hpp"
#include "storage/generate/generate_source.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <unistd.h>

using namespace tidemill;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<record_source> open(generate_settings s) {
  s.name = "clicks";
  auto made = make_generate_source(std::move(s));
  if (!made)
    FAIL(made.error().text());
  return std::move(*made);
}

void ok(const status& s) {
  if (!s)
    FAIL(s.error().text());
}

/// The text of a member of a flat object that our own generator wrote.
std::string member(const std::string& json, const std::string& name) {
  auto at = json.find("\"" + name + "\":");
  if (at == std::string::npos)
    return {};
  at += name.size() + 3;
  auto quoted = json[at] == '"';
  auto end = json.find_first_of(quoted ? "\"" : ",}", at + 1);
  return quoted ? json.substr(at + 1, end - at - 1) : json.substr(at, end - at);
}

std::vector<std::string> drain(record_source& s, partition_id p, std::size_t max_bytes) {
  std::vector<std::string> out;
  for (;;) {
    std::vector<polled> got;
    ok(s.poll({p}, max_bytes, 0ms, got));
    for (const auto& one : got) {
      if (std::holds_alternative<polled_end>(one))
        return out;
      for (const auto& r : std::get<record_batch_ptr>(one)->records)
        out.emplace_back(r.bytes);
    }
  }
}

} // namespace

TEST_CASE("a finite stream has so many events, ends once, and every tail is the same") {
  auto s = open({.seed = 3, .partitions = 3, .rate = 0, .events = 10'000});
  std::vector<std::vector<std::string>> all;
  for (std::uint32_t p = 0; p < 3; ++p)
    all.push_back(drain(*s, partition_id{p}, 50'000));
  CHECK(all[0].size() == 3334);
  CHECK(all[1].size() == 3333);
  CHECK(s->lag(partition_id{0}) == 0);
  std::mt19937_64 random{1};
  for (int i = 0; i < 50; ++i) {
    auto p = static_cast<std::uint32_t>(random() % 3);
    auto from = random() % (all[p].size() + 1);
    auto again = open({.seed = 3, .partitions = 3, .rate = 0, .events = 10'000});
    ok(again->seek(partition_id{p}, from));
    CHECK(again->lag(partition_id{p}) == all[p].size() - from);
    auto tail = drain(*again, partition_id{p}, 1 + random() % 10'000);
    if (!std::equal(tail.begin(), tail.end(), all[p].begin() + static_cast<std::ptrdiff_t>(from),
                    all[p].end()))
      FAIL("from " << from);
  }
  std::vector<polled> got;
  ok(s->poll({partition_id{0}}, 100, 0ms, got));
  CHECK(got.empty());
  CHECK(s->seek(partition_id{0}, 3335).error().code() == errc::out_of_range);
}

TEST_CASE("the shares of what is wrong are as described") {
  clickstream made{
      {.seed = 5, .partitions = 2, .rate = 1000, .users = 500, .start = event_time{1'700'000'000s}}};
  std::map<std::string, int> count;
  std::set<std::string> agents;
  std::map<std::string, std::set<std::uint32_t>> partitions_of_user;
  const int n = 100'000;
  std::vector<std::string> last;
  for (std::uint32_t p = 0; p < 2; ++p)
    for (std::uint64_t i = 0; i < n / 2; ++i) {
      std::string text;
      made.append(text, partition_id{p}, i);
      if (std::find(last.begin(), last.end(), text) != last.end())
        ++count["copy"];
      last.push_back(text);
      if (last.size() > 20)
        last.erase(last.begin());
      if (text.find('\n') != std::string::npos)
        FAIL("a line end within a record");
      if (text.back() != '}') {
        ++count["cut"];
        continue;
      }
      if (!is_utf8(text))
        ++count["encoding"];
      auto status = member(text, "status");
      ++count["status " + status];
      partitions_of_user[member(text, "user")].insert(p);
      auto agent = member(text, "agent");
      if (agent.find("bot") != std::string::npos || agent.find("python") != std::string::npos)
        ++count["bot"];
      if (member(text, "page") == "/product/1")
        ++count["first product"];
      auto t = parse_rfc3339(member(text, "ts"));
      if (!t)
        FAIL(text);
      auto behind = made.due(partition_id{p}, i) - to_event_time(*t);
      if (behind < 0s)
        ++count["ahead"];
      else if (behind > 60s)
        ++count["minutes late"];
      else if (behind > 1500ms)
        ++count["late"];
    }
  auto share = [&](const std::string& what, double low, double high) {
    INFO(what << ": " << count[what]);
    CHECK(count[what] >= low * n);
    CHECK(count[what] <= high * n);
  };
  share("copy", 0.0035, 0.0065);
  share("cut", 0.0002, 0.0006);
  share("encoding", 0.0002, 0.0006);
  share("status ok", 0.0002, 0.0006);
  share("ahead", 0.0006, 0.0014);
  share("minutes late", 0.0006, 0.0014);
  share("late", 0.008, 0.014);
  share("bot", 0.02, 0.04);
  share("first product", 0.04, 0.06);
  share("status 200", 0.8, 0.9);
  CHECK(partitions_of_user.size() > 400);
  for (const auto& [user, in] : partitions_of_user)
    if (in.size() != 1)
      FAIL(user << " is in two partitions");
}

TEST_CASE("due times grow, keep the average rate, and burst") {
  clickstream made{{.seed = 1, .partitions = 4, .rate = 100, .users = 10, .start = event_time{0s}}};
  auto last = event_time{-1s};
  int in_burst = 0;
  for (std::uint64_t i = 0; i < 90'000; ++i) { // an hour
    auto due = made.due(partition_id{1}, i);
    if (due < last)
      FAIL("due times go back at " << i);
    last = due;
  }
  CHECK(std::abs((made.due(partition_id{0}, 90'000) - event_time{3600s}) / 1s) <= 1);
  auto at = made.due(partition_id{0}, 200 * 25 + 10);
  for (std::uint64_t i = 5000; made.due(partition_id{0}, i) < at + 10s; ++i)
    ++in_burst;
  CHECK(in_burst > 2 * 250);
  for (auto now : {0s, 1s, 77s, 5000s}) {
    auto n = made.due_by(partition_id{2}, event_time{now});
    CHECK(made.due(partition_id{2}, n) > event_time{now});
    CHECK((n == 0 || made.due(partition_id{2}, n - 1) <= event_time{now}));
  }
}

TEST_CASE("a live source follows the clock and goes on where it was after a restart") {
  auto folder = std::filesystem::temp_directory_path() / ("tidemill_generate_" + std::to_string(::getpid()));
  auto now = event_time{1'800'000'000s};
  std::chrono::milliseconds slept{};
  generate_settings s{.partitions = 2, .rate = 100, .state_folder = folder};
  s.clock.wall = [&] { return now; };
  s.clock.sleep = [&](auto d) { slept = d; };
  auto source = open(s);
  CHECK(source->has_arrival_times());
  std::vector<polled> got;
  ok(source->poll({partition_id{0}}, 1000, 1s, got));
  REQUIRE(got.size() == 1);
  CHECK(std::get<record_batch_ptr>(got[0])->records.size() == 1);
  CHECK(*std::get<record_batch_ptr>(got[0])->records[0].arrival == now);
  got.clear();
  ok(source->poll({partition_id{0}}, 1000, 1s, got));
  CHECK(got.empty());
  CHECK(slept > 10ms);
  CHECK(slept < 100ms);
  now += 10s;
  CHECK(source->lag(partition_id{0}) > 300);
  auto identity = source->identity();
  now += 1h;
  auto again = open(s);
  CHECK(again->identity() == identity);
  ok(again->poll({partition_id{0}}, 1 << 20, 1s, got));
  CHECK(std::get<record_batch_ptr>(got[0])->records.size() > 1000);
  std::ofstream{folder / "clicks.start"} << "tidemill generate 1 5 7\n";
  s.name = "clicks";
  CHECK(make_generate_source(s).error().code() == errc::corrupt);
  std::filesystem::remove_all(folder);
}

TEST_CASE("the bytes of a seed never change") {
  clickstream made{
      {.seed = 42, .partitions = 4, .rate = 1000, .users = 5000, .start = event_time{1'767'225'600s}}};
  std::string all;
  for (std::uint32_t p = 0; p < 4; ++p)
    for (std::uint64_t i = 0; i < 5000; ++i) {
      made.append(all, partition_id{p}, i * 97);
      all += '\n';
    }
  CHECK(content_id(all) == "47dd47eecb40492037172785c19e3179");
}

TEST_CASE("wrong settings of the generator are refused") {
  for (auto s :
       {generate_settings{.partitions = 0}, generate_settings{.rate = -1}, generate_settings{.users = 0},
        generate_settings{.rate = 1e300}, generate_settings{.start = event_time{-5s}}})
    CHECK(make_generate_source(s).error().code() == errc::config_invalid);
}
