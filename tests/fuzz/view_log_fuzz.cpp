// Links: tidemill_pipeline
// The logs of all kinds of views, with scores and alerts, and journals: true records with damages, left out,
// twice or out of order, or any bytes, are refused or taken; a view that has taken some says the same state
// again in its head. (In the program checksums stand before them.)

#include "pipeline/partition.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/view.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/make_definition.hpp"

namespace tidemill::test {
namespace {

using std::chrono::seconds;
using settings = std::vector<std::pair<std::string, option>>;

void add_view(definition& d, const std::string& name, option window, settings more) {
  settings all{{"from", text_option("log")}, {"by", texts_option({"k"})}, {"window", std::move(window)}};
  for (auto& s : more)
    all.push_back(std::move(s));
  d.views.push_back({{name, {}}, section(std::move(all))});
}

std::shared_ptr<const plan> make_plan() {
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section(
           {{"format", text_option("csv")},
            {"csv", section_option({{"header", {{}, false}}, {"columns", texts_option({"t", "k", "v"})}})},
            {"schema", schema_option({{"t", "timestamp_s"}, {"k", "string"}, {"v", "int"}})},
            {"time",
             section_option({{"field", text_option("t")}, {"out_of_order", time_option(seconds{5})}})}})});
  const auto select =
      pairs_option({{"n", "count()"}, {"total", "sum(v)"}, {"most", "top(v, 2)"}, {"head", "first(v)"}});
  const std::pair<std::string, option> retain{"retain", time_option(seconds{60})};
  const settings usual{{"select", select}, retain};
  auto scored = usual;
  scored.emplace_back("score", sections_option({{"odd", section({{"model", text_option("seasonal_profile")},
                                                                 {"value", text_option("n")}})}}));
  auto sized = [](std::int64_t size, std::int64_t slide) {
    return section_option({{"size", time_option(seconds{size})}, {"slide", time_option(seconds{slide})}});
  };
  add_view(d, "tumbling", sized(10, 10), scored);
  add_view(d, "sliding", sized(20, 5), scored);
  add_view(d, "days", section_option({{"calendar", text_option("day")}}), usual);
  add_view(d, "sessions", section_option({{"session", time_option(seconds{8})}}), usual);
  add_view(d, "all", text_option("global"), usual);
  add_view(d, "newest", text_option("latest"),
           {{"select", pairs_option({{"v", "v"}})}, {"delete", text_option("v % 7 == 0")}, retain});
  d.alerts.push_back(
      {{"many", {}}, section({{"from", text_option("tumbling")}, {"when", text_option("n > 2")}})});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    finding(to_string(f, "plan"));
  return made;
}

record_batch_ptr make_batch(offset from, int n) {
  auto lines = std::make_shared<std::vector<std::string>>();
  for (auto i = static_cast<int>(from); i < static_cast<int>(from) + n; ++i)
    lines->push_back(std::to_string(100 + i) + ",key" + std::to_string(i % 3) + "," + std::to_string(i));
  auto batch = std::make_shared<record_batch>();
  batch->begin = batch->end = from;
  for (const auto& line : *lines) {
    batch->records.push_back({line, batch->end, batch->end + 1, {}});
    ++batch->end;
  }
  batch->memory = lines;
  return batch;
}

/// What a view would have written: a head, and what followed.
std::vector<std::string> make_log(const std::shared_ptr<const plan>& all, std::size_t number) {
  view v{all, 0, number, 1, 1};
  auto log = v.head();
  partition p{all, 0, partition_id{}, false, {}};
  p.start(0);
  for (std::size_t i = 0; i < all->sources[0].views.size(); ++i)
    p.open(i, i == number ? v.open(partition_id{}, 1) : link_hello{{1, 2}, {}, 0, nothing_sealed});
  std::vector<emission> out;
  for (int round = 0; round < 6; ++round) {
    p.apply(make_batch(static_cast<offset>(round) * 15, 15), out);
    for (const auto& piece : p.flush(number))
      (void)v.receive(piece);
    auto t = v.tick(false);
    log.insert(log.end(), t.log.begin(), t.log.end());
    for (const auto& [partition, ack] : t.acks)
      p.acked(number, ack);
    if (round == 3)
      for (auto& r : v.head())
        log.push_back(std::move(r));
  }
  return log;
}

void damage(fuzz_input& in, std::string& bytes) {
  auto at = in.number<std::uint16_t>() % (bytes.size() + 1);
  bytes.replace(at, in.byte() % 6, in.take(in.byte() % 8));
}

void recover(const std::shared_ptr<const plan>& all, std::size_t number,
             const std::vector<std::string>& log) {
  view v{all, 0, number, 1, 1};
  for (const auto& record : log)
    if (!v.recover(record))
      return;
  (void)v.sealed_after(time_min);
  (void)v.rows();
  const auto head = v.head();
  view again{all, 0, number, 1, 1};
  for (const auto& record : head)
    if (auto taken = again.recover(record); !taken)
      finding("view " + all->sources[0].views[number].name +
              " doesn't take its own head: " + taken.error().text());
  if (again.head() != head)
    finding("view " + all->sources[0].views[number].name + " says its state in two ways");
}

void journal(std::string_view bytes) {
  auto e = decode_journal_entry(bytes);
  if (!e)
    return;
  auto again = decode_journal_entry(encode(*e));
  if (!again || !(*again == *e))
    finding("a journal entry is not stored as it is");
}

} // namespace

void fuzz_one(std::string_view input) {
  static const auto all = make_plan();
  static const auto logs = [] {
    std::vector<std::vector<std::string>> out;
    for (std::size_t v = 0; v < all->sources[0].views.size(); ++v)
      out.push_back(make_log(all, v));
    return out;
  }();
  fuzz_input in{input};
  const auto number = in.byte() % logs.size();
  auto log = logs[number];
  switch (in.byte() % 4) {
  case 0:
    return journal(in.rest());
  case 1: { // any bytes
    log.assign(1, logs[number].front());
    while (!in.rest().empty())
      log.emplace_back(in.take(in.byte()));
    return recover(all, number, log);
  }
  case 2: // other records, in another order
    for (auto n = in.byte() % 6; n > 0; --n)
      if (auto at = in.byte() % log.size(); in.byte() % 2 == 0)
        log.push_back(log[at]);
      else if (log.size() > 1)
        log.erase(log.begin() + static_cast<std::ptrdiff_t>(at));
    return recover(all, number, log);
  default:
    for (auto n = 1 + in.byte() % 3; n > 0; --n)
      damage(in, log[in.byte() % log.size()]);
    return recover(all, number, log);
  }
}

} // namespace tidemill::test
