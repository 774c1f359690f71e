#include "pipeline/aggregates/catalogue.hpp"

#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/parameters.hpp"
#include "pipeline/registry.hpp"

#include <algorithm>
#include <iterator>

namespace tidemill {
namespace {

using types = std::vector<type>;

// One entry of the catalogue. `make` gives null for columns that it doesn't take; `wrong` says what is wrong
// with a constant, if anything, and comes first.
struct family {
  aggregate_spec about;
  std::size_t fewest = 1, most = 1; // columns
  made_aggregate (*make)(const types& columns, const value& constant) = nullptr;
  std::string (*wrong)(const types& columns, const value& constant) = nullptr; // none: no constant

  [[nodiscard]] std::string_view name() const { return about.call.substr(0, about.call.find('(')); }
};

template <made_aggregate (*Make)(kind)>
made_aggregate over(const types& columns, const value&) {
  return Make(columns[0].of());
}
template <made_aggregate (*Make)(kind, bool), bool Flag>
made_aggregate over(const types& columns, const value&) {
  return Make(columns[0].of(), Flag);
}

constexpr std::string_view number = "one int, uint, double or decimal";
constexpr std::string_view summable = "one int, uint, double, decimal or duration";
constexpr std::string_view ordered =
    "one bool, int, uint, double, decimal, string, bytes, timestamp or duration";
constexpr std::string_view any = "any value";
constexpr std::string_view scalar =
    "one bool, int, uint, double, decimal, string, bytes, timestamp, duration or dyn";

const std::vector<family>& families() {
  static const std::vector<family> all{
      {.about = {"count()", "no argument", "int", "How many events.", "count()"},
       .fewest = 0,
       .most = 0,
       .make = [](const types&, const value&) { return make_count(); }},
      {.about = {"count_if(cond)", "one bool", "int", "Of how many events `cond` holds.",
                 "count_if(status >= 500)"},
       .make = over<make_count_if>},
      {.about = {"sum(x)", summable, "as x; of whole numbers, decimals and durations nullable",
                 "The sum; 0 of nothing. Exact but for doubles; null if it leaves the range of its type.",
                 "sum(bytes)"},
       .make = over<make_sum>},
      {.about = {"avg(x)", summable, "double?; of decimals decimal?, of durations duration?",
                 "The mean. Decimals and durations are rounded half away from zero.", "avg(took_ms)"},
       .make = over<make_avg>},
      {.about = {"min(x)", ordered, "as x, nullable", "The least value. NaN is passed over.", "min(took_ms)"},
       .make = over<make_min>},
      {.about = {"max(x)", ordered, "as x, nullable", "The greatest value. NaN is passed over.",
                 "max(took_ms)"},
       .make = over<make_max>},
      {.about = {"distinct(x)", scalar, "int",
                 "How many different values: nearly exact up to 384, from there an estimate with a standard "
                 "error of 1.6 %, in at most 4 KiB (HyperLogLog).",
                 "distinct(user)"},
       .make = over<make_distinct>},
      {.about = {"quantile(x, q)", "one int, uint or double, and a constant from 0 to 1", "double?",
                 "The value with a share `q` of the values below it, within 1 % of that value, in "
                 "0.9 KB a decade of values, at most 52 KB (DDSketch). Any number of quantiles of one `x` "
                 "share a sketch. NaN is "
                 "passed over.",
                 "quantile(took_ms, 0.99)"},
       .make = [](const types& c, const value& q) { return make_quantile(c[0].of(), *as_number(q)); },
       .wrong = no_fraction},
      {.about =
           {"distinct_exact(x, limit)",
            "one bool, int, uint, double, decimal, string, bytes, timestamp, duration or dyn, and a constant "
            "limit from 1 to 100000",
            "int?",
            "How many different values, exactly; null if there are more than `limit`. At most 43 bytes a "
            "value: "
            "fingerprints of 128 bits.",
            "distinct_exact(session, 5000)"},
       .make = [](const types& c,
                  const value& n) { return make_distinct_exact(c[0].of(), *as_count(n, 100'000)); },
       .wrong = no_count_to<100'000>},
      {.about =
           {"first(x)", any, "as x, nullable",
            "The value of the earliest event by event time; of equal times the first one in the order of "
            "partitions, then of offsets. NaN is passed over.",
            "first(page)"},
       .make = [](const types& c, const value&) { return make_first(c[0]); }},
      {.about = {"last(x)", any, "as x, nullable", "The value of the latest event, likewise.",
                 "last(status)"},
       .make = [](const types& c, const value&) { return make_last(c[0]); }},
      {.about =
           {"arg_min(x, by)",
            "any value, and one bool, int, uint, double, decimal, string, bytes, timestamp or duration",
            "as x, nullable",
            "The value of `x` where `by` is least; of several the earliest. Events where either is null are "
            "passed over.",
            "arg_min(page, took_ms)"},
       .fewest = 2,
       .most = 2,
       .make = [](const types& c, const value&) { return make_arg_min(c[0], c[1].of()); }},
      {.about = {"arg_max(x, by)",
                 "any value, and one bool, int, uint, double, decimal, string, bytes, timestamp or duration",
                 "as x, nullable", "The value of `x` where `by` is greatest, likewise.",
                 "arg_max(page, took_ms)"},
       .fewest = 2,
       .most = 2,
       .make = [](const types& c, const value&) { return make_arg_max(c[0], c[1].of()); }},
      {.about = {"collect(x, n)", "any value, and a constant count from 1 to 1000", "[x]",
                 "The values of the first `n` events by event time, in that order.", "collect(page, 5)"},
       .make = [](const types& c, const value& n) { return make_collect(c[0], *as_count(n, 1000), false); },
       .wrong = no_count_to<1000>},
      {.about = {"collect_last(x, n)", "any value, and a constant count from 1 to 1000", "[x]",
                 "The values of the last `n` events by event time, the latest at the end.",
                 "collect_last(page, 5)"},
       .make = [](const types& c, const value& n) { return make_collect(c[0], *as_count(n, 1000), true); },
       .wrong = no_count_to<1000>},
      {.about =
           {"histogram(x, bounds)",
            "one int, uint, double, decimal or duration, and a constant list of 1 to 200 ascending bounds",
            "[int]",
            "Counts: below the first bound, from each bound to below the next, from the last one on. NaN is "
            "passed over.",
            "histogram(took_ms, [10, 100, 1000])"},
       .make = [](const types& c, const value& bounds) { return make_histogram(c[0].of(), bounds); },
       .wrong = no_bounds},
      {.about =
           {"top(x, k)", "any value, and a constant count from 1 to 1000", "[map(string, dyn)]",
            "The `k` most frequent values, as {value, count, error}: `count` is at most `error` too high, "
            "and "
            "`error` at most n / m of n events with m = 10 k counters, 100 at least. Exact up to m different "
            "values (SpaceSaving). About 100 bytes a counter.",
            "top(page, 10)"},
       .make = [](const types& c, const value& k) { return make_top(c[0], *as_count(k, 1000)); },
       .wrong = no_count_to<1000>},
      {.about = {"ewma(x, half_life)", "one int, uint, double or decimal, and a constant duration above zero",
                 "double?",
                 "A mean that fades: an event weighs half as much as one that happened `half_life` later, in "
                 "event "
                 "time. Only events of the window count.",
                 "ewma(took_ms, duration('30s'))"},
       .make = [](const types& c, const value& h) { return make_ewma(c[0].of(), *h.get_if<duration>()); },
       .wrong = no_half_life},
      {.about = {"ratio(cond)", "one bool", "double?",
                 "The share of the events for which `cond` holds, 0 to 1.", "ratio(status >= 500)"},
       .make = over<make_ratio>},
      {.about = {"rate()", "no argument, or one int, uint, double, decimal or duration", "double?",
                 "Events each second of the window; `rate(x)`: the sum of `x` each second, of durations the "
                 "seconds. A window counts with its whole length, an open one too.",
                 "rate(bytes)"},
       .fewest = 0,
       .make = [](const types& c, const value&) { return c.empty() ? make_rate() : make_rate(c[0].of()); }},
      {.about = {"variance(x)", number, "double?",
                 "The variance of a sample (divided by n - 1); null of fewer than two values.",
                 "variance(took_ms)"},
       .make = over<make_variance, true>},
      {.about = {"variance_pop(x)", number, "double?", "The variance of a population (divided by n).",
                 "variance_pop(took_ms)"},
       .make = over<make_variance, false>},
      {.about = {"stddev(x)", summable, "double?; of durations duration?",
                 "The standard deviation of a sample; null of fewer than two values.", "stddev(took_ms)"},
       .make = over<make_deviation, true>},
      {.about = {"stddev_pop(x)", summable, "double?; of durations duration?",
                 "The standard deviation of a population.", "stddev_pop(took_ms)"},
       .make = over<make_deviation, false>},
  };
  return all;
}

const family* find(std::string_view function) {
  auto found = std::ranges::find(families(), function, &family::name);
  return found == families().end() ? nullptr : &*found;
}

// What to do about columns that a function doesn't take, where there is an obvious way.
std::string way_out(const family& f, const types& columns) {
  if (std::ranges::any_of(columns, [](const type& t) { return t.is(kind::dyn); }))
    return f.about.arguments == "one bool" ? ", not dyn: compare, as in x == true"
                                           : ", not dyn: convert, as in double(x)";
  std::string they;
  for (const auto& c : columns)
    they += (they.empty() ? "" : " and ") + to_string(c);
  auto text = (columns.size() == 1 ? "; here the argument is " : "; here they are ") + they;
  if (f.name().starts_with("variance") && columns[0].is(kind::duration))
    text += ", whose square has no type: use stddev, or x.getMilliseconds()";
  return text;
}

result<aggregate_ptr> make(const family& f, const std::vector<aggregate_argument>& arguments) {
  auto refuse = [&](const std::string& why) {
    return error{errc::expression_invalid,
                 std::string{f.name()} + "() takes " + std::string{f.about.arguments} + why};
  };
  types columns;
  std::vector<aggregate_argument> constants;
  for (const auto& a : arguments)
    if (columns.size() < f.most)
      columns.push_back(a.of);
    else
      constants.push_back(a);
  if (f.most == 0 && !arguments.empty())
    return refuse("; write count_if(x != null) to count values that are there");
  if (constants.size() > (f.wrong != nullptr ? 1u : 0u))
    return refuse(arguments.size() == 2 ? "; there is a second argument" : "; there are more arguments");
  if (columns.size() < f.fewest)
    return refuse("");
  value constant;
  if (f.wrong != nullptr) {
    if (constants.empty())
      return refuse("; the constant is missing");
    if (!constants[0].constant)
      return refuse("; the last argument must be a constant");
    constant = *constants[0].constant;
    if (auto why = f.wrong(columns, constant); !why.empty())
      return refuse("; " + why);
  }
  if (auto made = f.make(columns, constant))
    return aggregate_ptr{std::move(made)};
  return refuse(way_out(f, columns));
}

} // namespace

result<aggregate_ptr> make_aggregate(std::string_view function,
                                     const std::vector<aggregate_argument>& arguments) {
  if (const auto* f = find(function))
    return make(*f, arguments);
  std::string known;
  for (const auto& name : aggregate_names())
    known += (known.empty() ? "" : ", ") + name;
  return error{errc::expression_invalid,
               "unknown aggregate " + std::string{function} + "(); known are " + known};
}

result<aggregate_ptr> make_aggregate(std::string_view function, const std::optional<type>& argument,
                                     const std::vector<value>& parameters) {
  std::vector<aggregate_argument> arguments;
  if (argument)
    arguments.push_back({*argument, std::nullopt});
  for (const auto& p : parameters)
    arguments.push_back({type{p.of()}, p});
  return make_aggregate(function, arguments);
}

std::size_t aggregate_columns(std::string_view function) {
  const auto* f = find(function);
  return f != nullptr ? f->most : 0;
}

const std::vector<std::string>& aggregate_names() {
  static const auto all = [] {
    std::vector<std::string> names;
    for (const auto& f : families())
      names.emplace_back(f.name());
    return names;
  }();
  return all;
}

const std::vector<aggregate_spec>& aggregate_specs() {
  static const auto all = [] {
    std::vector<aggregate_spec> specs;
    for (const auto& f : families())
      specs.push_back(f.about);
    return specs;
  }();
  return all;
}

} // namespace tidemill
