#include "pipeline/window/sliding_fold.hpp"

#include "pipeline/aggregates/catalogue.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <string>
#include <vector>

using namespace tidemill;

namespace {

// sum(double), whose bits tell the order of merging; count, max, quantile and distinct, which must be exact.
layout_ptr make_layout() {
  std::vector<std::shared_ptr<const aggregate>> parts;
  auto add = [&](std::string_view function, std::optional<type> argument,
                 std::vector<value> parameters = {}) {
    parts.push_back(std::move(make_aggregate(function, argument, parameters).value()));
  };
  add("sum", type{kind::real});
  add("count", std::nullopt);
  add("max", type{kind::real});
  add("quantile", type{kind::real}, {value{0.5}});
  add("distinct", type{kind::real});
  return std::make_shared<const accumulator_layout>(std::move(parts));
}

accumulator random_slice(const layout_ptr& layout, std::mt19937_64& random) {
  auto n = random() % 4 + 1;
  column values{type{kind::real}};
  values.resize(n);
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < n; ++i) {
    values.as<double>()[i] = std::normal_distribution<double>{0, 1000}(random);
    rows.push_back(i);
  }
  accumulator a{layout};
  for (std::size_t p = 0; p < layout->parts(); ++p) {
    std::vector<std::byte*> states(n, a.data() + layout->offset(p));
    layout->part(p).update(states, &values, rows);
  }
  return a;
}

std::string saved(const accumulator& a) {
  std::string bytes;
  byte_writer out{bytes};
  a.save(out);
  return bytes;
}

std::string saved_part(const layout_ptr& layout, const accumulator& a, std::size_t part) {
  std::string bytes;
  byte_writer out{bytes};
  layout->part(part).save(a.data() + layout->offset(part), out);
  return bytes;
}

// A window of the fold, or an empty text.
std::string window(sliding_fold& fold, const layout_ptr& layout, std::int64_t first) {
  accumulator a{layout};
  return fold.window(first, a) ? saved(a) : std::string{};
}

sliding_fold restored(const sliding_fold& fold, const layout_ptr& layout, std::int64_t length) {
  sliding_fold copy{layout, length};
  for (const auto& [slice, a] : fold.slices()) {
    auto bytes = saved(a);
    byte_reader in{bytes};
    copy.push(slice, std::move(*accumulator::load(layout, in)));
  }
  return copy;
}

} // namespace

TEST_CASE("a window is the merge of its slices, whatever gaps, drops and earlier questions") {
  auto layout = make_layout();
  std::mt19937_64 random{21};
  for (int round = 0; round < 200; ++round) {
    auto length = static_cast<std::int64_t>(random() % 12 + 1);
    sliding_fold fold{layout, length};
    std::map<std::int64_t, accumulator> slices;
    auto next = static_cast<std::int64_t>(random() % 100) - 50;
    for (int turn = 0; turn < 60; ++turn) {
      auto dice = random() % 10;
      if (dice < 5) {
        auto a = random_slice(layout, random);
        slices.insert_or_assign(next, a.clone());
        fold.push(next, std::move(a));
        next += static_cast<std::int64_t>(random() % 5 == 0 ? random() % (3 * 12) + 1 : 1);
      } else if (dice == 5) {
        auto first = next - static_cast<std::int64_t>(random() % 40);
        fold.drop_below(first);
        slices.erase(slices.begin(), slices.lower_bound(first));
      } else {
        auto first = next - static_cast<std::int64_t>(random() % (2 * 12));
        accumulator naive{layout}, got{layout};
        auto any = false;
        for (auto it = slices.lower_bound(first); it != slices.end() && it->first < first + length; ++it) {
          naive.merge(it->second);
          any = true;
        }
        if (fold.window(first, got) != any)
          FAIL("round " << round << ", turn " << turn << ": presence");
        for (std::size_t part = 1; part < layout->parts(); ++part)
          if (saved_part(layout, got, part) != saved_part(layout, naive, part))
            FAIL("round " << round << ", turn " << turn << ": " << layout->part(part).name());
        auto sum = *got.finish()[0].get_if<double>(), expected = *naive.finish()[0].get_if<double>();
        if (std::abs(sum - expected) > 1e-9)
          FAIL("round " << round << ", turn " << turn << ": sum");
      }
    }
    CHECK(fold.empty() == slices.empty());
    if (!slices.empty())
      CHECK(fold.newest() == slices.rbegin()->first);
  }
}

TEST_CASE("a restart from the slices gives the same bits of double sums") {
  auto layout = make_layout();
  std::mt19937_64 random{22};
  auto differ = 0; // from the plain order, to see that the bits do tell
  for (int round = 0; round < 100; ++round) {
    auto length = static_cast<std::int64_t>(random() % 9 + 2);
    sliding_fold fold{layout, length};
    auto start = static_cast<std::int64_t>(random() % 100) - 50;
    for (auto slice = start; slice < start + 40; ++slice) {
      if (random() % 5 == 0)
        continue;
      fold.push(slice, random_slice(layout, random));
      auto first = slice - length + 1;
      if (random() % 3 > 0)
        (void)window(fold, layout, first - static_cast<std::int64_t>(random() % 3));
      fold.drop_below(first - 2);
      auto again = restored(fold, layout, length);
      for (auto asked : {first, first - 1, first + 1, first}) {
        auto bits = window(fold, layout, asked);
        if (bits != window(again, layout, asked) || bits != window(fold, layout, asked))
          FAIL("round " << round << ", length " << length << ", window " << asked);
        accumulator naive{layout};
        for (const auto& [at, a] : fold.slices())
          if (at >= asked && at < asked + length)
            naive.merge(a);
        differ += !bits.empty() && bits != saved(naive) ? 1 : 0;
      }
    }
  }
  CHECK(differ > 100);
}

TEST_CASE("windows asked in order cost a constant number of merges, however long they are") {
  // An aggregate that counts merges, as `sum` would be merged.
  class counting final : public aggregate {
  public:
    mutable std::size_t merges = 0;
    [[nodiscard]] std::string_view name() const noexcept override { return "counting"; }
    [[nodiscard]] std::size_t size() const noexcept override { return 8; }
    void construct(std::byte*) const noexcept override {}
    void destroy(std::byte*) const noexcept override {}
    void update(std::span<std::byte* const>, const aggregate_input&,
                std::span<const std::uint32_t>) const override {}
    void merge(std::byte*, const std::byte*) const override { ++merges; }
    [[nodiscard]] type result() const override { return kind::integer; }
    [[nodiscard]] value finish(const std::byte*, microseconds) const override { return {}; }
    void save(const std::byte*, byte_writer&) const override {}
    [[nodiscard]] bool load(std::byte*, byte_reader&) const override { return true; }
  };
  for (std::int64_t length : {2, 10, 1000}) {
    auto counter = std::make_shared<const counting>();
    auto layout =
        std::make_shared<const accumulator_layout>(std::vector<std::shared_ptr<const aggregate>>{counter});
    sliding_fold fold{layout, length};
    constexpr std::int64_t slides = 10'000;
    for (std::int64_t slice = 0; slice < slides; ++slice) {
      fold.push(slice, accumulator{layout});
      accumulator result{layout};
      (void)fold.window(slice - length + 1, result);
      fold.drop_below(slice - length + 2);
    }
    INFO("length " << length << ": " << counter->merges << " merges");
    CHECK(counter->merges <= 5 * slides);
  }
}

TEST_CASE("a slice that comes again replaces the old one") {
  auto layout = make_layout();
  std::mt19937_64 random{23};
  sliding_fold fold{layout, 4};
  for (std::int64_t slice = 0; slice < 8; ++slice)
    fold.push(slice, random_slice(layout, random));
  (void)window(fold, layout, 2);
  for (std::int64_t slice : {3, 5}) {
    fold.push(slice, random_slice(layout, random));
    auto again = restored(fold, layout, 4);
    CHECK(window(fold, layout, 2) == window(again, layout, 2));
  }
}
