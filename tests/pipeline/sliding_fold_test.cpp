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

void push(sliding_fold& fold, const layout_ptr& layout, std::int64_t slice, const accumulator& a) {
  layout->merge(fold.push(slice), a.data());
}

// A window of the fold, or an empty text.
std::string window(sliding_fold& fold, const layout_ptr& layout, std::int64_t first, std::int64_t through) {
  accumulator a{layout};
  return fold.window(first, through, a) ? saved(a) : std::string{};
}

sliding_fold restored(const sliding_fold& fold, const layout_ptr& layout, std::int64_t length) {
  sliding_fold copy{layout, length};
  for (std::size_t i = 0; i < fold.slices().size(); ++i) {
    std::string bytes;
    byte_writer out{bytes};
    layout->save(fold.state(i), out);
    byte_reader in{bytes};
    REQUIRE(layout->load(copy.push(fold.slices()[i].slice), in));
  }
  REQUIRE(copy.set_joined(fold.joined()));
  return copy;
}

} // namespace

TEST_CASE("a window is the merge of its slices, whatever gaps, drops and provisional windows before") {
  auto layout = make_layout();
  std::mt19937_64 random{21};
  std::size_t compared = 0;
  for (int round = 0; round < 300; ++round) {
    const auto length = static_cast<std::int64_t>(random() % 12 + 1);
    const auto step = static_cast<std::int64_t>(random() % 3 + 1);
    sliding_fold fold{layout, length};
    std::map<std::int64_t, accumulator> slices;
    auto compare = [&](std::int64_t first, std::int64_t through) {
      accumulator naive{layout}, got{layout};
      auto any = false;
      for (auto it = slices.lower_bound(first); it != slices.end() && it->first < first + length; ++it) {
        naive.merge(it->second);
        any = true;
      }
      INFO("round " << round << ", length " << length << ", window " << first << " at " << through);
      REQUIRE(fold.any_within(first, first + length - 1) == any);
      REQUIRE(fold.window(first, through, got) == any);
      for (std::size_t part = 1; part < layout->parts(); ++part)
        REQUIRE(saved_part(layout, got, part) == saved_part(layout, naive, part));
      REQUIRE(std::abs(*got.finish()[0].get_if<double>() - *naive.finish()[0].get_if<double>()) < 1e-9);
      compared += any;
    };
    auto slice = static_cast<std::int64_t>(random() % 100) - 50;
    for (int turn = 0; turn < 60;
         ++turn, slice += random() % 12 == 0 ? 1 + static_cast<std::int64_t>(random() % 30) : 1) {
      if (random() % 4 > 0) {
        auto a = random_slice(layout, random);
        push(fold, layout, slice, a);
        slices.insert_or_assign(slice, std::move(a));
      }
      if (const auto first = slice - length + 1; slice % step == 0) {
        compare(first, slice);
        if (random() % 4 > 0) {
          fold.drop_below(first + 1);
          slices.erase(slices.begin(), slices.lower_bound(first + 1));
        }
      }
      for (auto provisional = random() % 4; provisional > 0; --provisional)
        compare(slice - length + 2 + static_cast<std::int64_t>(random() % (2 * 12)), slice);
      if (random() % 10 == 0)
        fold = restored(fold, layout, length);
      REQUIRE(fold.empty() == slices.empty());
      if (!slices.empty())
        REQUIRE(fold.newest() == slices.rbegin()->first);
    }
  }
  CHECK(compared > 5'000);
}

TEST_CASE("a restart, and provisional windows, change no bit of double sums") {
  auto layout = make_layout();
  std::mt19937_64 random{22};
  auto differ = 0; // from the plain order, to see that the bits do tell
  for (int round = 0; round < 200; ++round) {
    const auto length = static_cast<std::int64_t>(random() % 9 + 2);
    sliding_fold plain{layout, length}, fold{layout, length};
    std::map<std::int64_t, accumulator> slices;
    const auto start = static_cast<std::int64_t>(random() % 100) - 50;
    for (auto slice = start; slice < start + 40; ++slice) {
      if (random() % 5 > 0) {
        auto a = random_slice(layout, random);
        push(plain, layout, slice, a);
        push(fold, layout, slice, a);
        slices.insert_or_assign(slice, std::move(a));
      }
      const auto first = slice - length + 1;
      accumulator naive{layout};
      for (auto it = slices.lower_bound(first); it != slices.end(); ++it)
        naive.merge(it->second);
      const auto bits = window(plain, layout, first, slice);
      if (bits != window(fold, layout, first, slice))
        FAIL("round " << round << ", length " << length << ", window " << first);
      differ += !bits.empty() && bits != saved(naive) ? 1 : 0;
      plain.drop_below(first + 1);
      if (random() % 3 > 0)
        fold.drop_below(first + 1);
      if (random() % 2 == 0)
        (void)window(fold, layout, first + 1 + static_cast<std::int64_t>(random() % 12), slice);
      if (random() % 4 == 0)
        fold = restored(fold, layout, length);
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
      (void)fold.push(slice);
      accumulator result{layout};
      (void)fold.window(slice - length + 1, slice, result);
      fold.drop_below(slice - length + 2);
    }
    INFO("length " << length << ": " << counter->merges << " merges");
    CHECK(counter->merges <= 5 * slides);
  }
}
