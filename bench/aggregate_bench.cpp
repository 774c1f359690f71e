// ns per update and per merge of each accumulator, and the cost of a sliding window per key and slide.
#include "pipeline/aggregates/catalogue.hpp"
#include "pipeline/window/sliding_fold.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using namespace tidemill;

namespace {

constexpr std::size_t batch_rows = 2048;
constexpr std::size_t keys = 1000;
constexpr int rounds = 7;

struct call {
  std::string function;
  std::optional<type> argument;
  std::vector<value> parameters;
};

const std::vector<call> calls{{"count", std::nullopt, {}},
                              {"count_if", type{kind::boolean}, {}},
                              {"sum", type{kind::integer}, {}},
                              {"sum", type{kind::real}, {}},
                              {"sum", type{kind::decimal}, {}},
                              {"avg", type{kind::integer}, {}},
                              {"avg", type{kind::real}, {}},
                              {"min", type{kind::integer}, {}},
                              {"max", type{kind::real}, {}},
                              {"max", type{kind::string}, {}},
                              {"distinct", type{kind::integer}, {}},
                              {"distinct", type{kind::string}, {}},
                              {"quantile", type{kind::real}, {value{0.99}}},
                              {"ratio", type{kind::boolean}, {}},
                              {"variance", type{kind::real}, {}},
                              {"first", type{kind::integer}, {}},
                              {"last", type{kind::string}, {}},
                              {"arg_max", type{kind::string}, {}},
                              {"collect", type{kind::string}, {value{10}}},
                              {"collect_last", type{kind::string}, {value{10}}},
                              {"distinct_exact", type{kind::string}, {value{1000}}},
                              {"histogram", type{kind::real}, {value{value_list{1, 3, 10, 30, 100, 300}}}},
                              {"top", type{kind::string}, {value{10}}},
                              {"ewma", type{kind::real}, {value{duration{1'000'000'000}}}}};

layout_ptr layout_of(const call& c) {
  // What reads two columns gets the same one twice.
  auto made = c.function.starts_with("arg_")
                  ? make_aggregate(c.function, {{*c.argument, std::nullopt}, {*c.argument, std::nullopt}})
                  : make_aggregate(c.function, c.argument, c.parameters);
  return std::make_shared<const accumulator_layout>(std::vector<aggregate_ptr>{std::move(made.value())});
}

// Events 1 ms apart, every tenth 50 ms late.
const std::vector<event_time>& times() {
  static const auto all = [] {
    std::vector<event_time> at;
    for (std::size_t i = 0; i < batch_rows; ++i)
      at.push_back(event_time{std::chrono::milliseconds{i % 10 == 9 ? i - std::min<std::size_t>(i, 50) : i}});
    return at;
  }();
  return all;
}

// Latencies around 20 ms, text as of IP addresses.
column random_column(const std::optional<type>& of, std::mt19937_64& random) {
  column c{of.value_or(type{kind::integer})};
  c.resize(batch_rows);
  for (std::size_t i = 0; i < batch_rows; ++i) {
    auto x = std::lognormal_distribution<double>{3, 1}(random);
    switch (c.of().of()) {
    case kind::boolean:
      c.set(i, x > 20);
      break;
    case kind::real:
      c.set(i, x);
      break;
    case kind::decimal:
      c.set(i, decimal{static_cast<int128>(x * 100) * (decimal_one / 100)});
      break;
    case kind::string:
      c.set(i, "10.0." + std::to_string(random() % 256) + "." + std::to_string(random() % 256));
      break;
    default:
      c.set(i, static_cast<std::int64_t>(x * 1000));
    }
  }
  return c;
}

// CPU time of this thread: the machine may be shared.
double cpu_now() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

template <class Run>
double nanoseconds(Run run) {
  auto start = cpu_now();
  run();
  return cpu_now() - start;
}

double median(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

void update_and_merge(const call& c) {
  std::mt19937_64 random{1};
  auto layout = layout_of(c);
  std::vector<column> batches;
  for (int i = 0; i < 50; ++i)
    batches.push_back(random_column(c.argument, random));
  std::vector<std::uint32_t> rows(batch_rows);
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<std::byte*> states(batch_rows);

  std::vector<double> update, merge;
  std::size_t heap = 0, saved = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<accumulator> groups;
    for (std::size_t i = 0; i < keys; ++i)
      groups.emplace_back(layout);
    double spent = 0;
    for (const auto& b : batches) {
      for (auto& s : states)
        s = groups[random() % keys].data();
      spent += nanoseconds([&] { layout->part(0).update(states, {&b, &b, times().data()}, rows); });
    }
    update.push_back(spent / static_cast<double>(batches.size() * batch_rows));
    accumulator sum{layout};
    merge.push_back(nanoseconds([&] {
                      for (const auto& g : groups)
                        sum.merge(g);
                    }) /
                    keys);
    std::string bytes;
    byte_writer out{bytes};
    groups[0].save(out);
    saved = bytes.size();
    heap = layout->part(0).heap_bytes(groups[0].data());
  }
  std::printf("%-36s update %6.1f ns   merge %7.1f ns   size %3zu B, heap %5zu B, saved %5zu B\n",
              std::string{layout->part(0).name()}.c_str(), median(update), median(merge), layout->size(),
              heap, saved);
}

// Slices of 20 events each, pushed, asked and dropped in order.
void slide(const call& c, std::int64_t length) {
  std::mt19937_64 random{2};
  auto layout = layout_of(c);
  auto values = random_column(c.argument, random);
  auto slides = length * 20;
  std::vector<accumulator> slices;
  for (std::int64_t i = 0; i < slides; ++i) {
    slices.emplace_back(layout);
    std::vector<std::uint32_t> rows(20);
    for (auto& r : rows)
      r = static_cast<std::uint32_t>(random() % batch_rows);
    layout->part(0).update(std::vector<std::byte*>(20, slices.back().data()),
                           {&values, &values, times().data()}, rows);
  }
  std::vector<double> fold, naive;
  for (int round = 0; round < rounds; ++round) {
    sliding_fold f{layout, length};
    fold.push_back(nanoseconds([&] {
                     for (std::int64_t i = 0; i < slides; ++i) {
                       layout->merge(f.push(i), slices[static_cast<std::size_t>(i)].data());
                       accumulator result{layout};
                       (void)f.window(i - length + 1, i, result);
                       f.drop_below(i - length + 2);
                     }
                   }) /
                   static_cast<double>(slides));
    naive.push_back(nanoseconds([&] {
                      for (std::int64_t i = length; i < slides; ++i) {
                        accumulator result{layout};
                        for (auto s = i - length + 1; s <= i; ++s)
                          result.merge(slices[static_cast<std::size_t>(s)]);
                      }
                    }) /
                    static_cast<double>(slides - length));
  }
  std::printf("%-18s %4lld slices   fold %8.1f ns   merging all %9.1f ns   per key and slide\n",
              std::string{layout->part(0).name()}.c_str(), static_cast<long long>(length), median(fold),
              median(naive));
}

} // namespace

int main() {
  std::printf("%zu keys, batches of %zu rows, median of %d rounds\n", keys, batch_rows, rounds);
  for (const auto& c : calls)
    update_and_merge(c);
  for (const auto& c : {calls[2], calls[3], calls[8], calls[10], calls[12]})
    for (std::int64_t length : {10, 100, 1000})
      slide(c, length);
}
