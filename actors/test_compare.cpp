#include "actors/test_compare.hpp"

#include "event/json_match.hpp"
#include "event/json_parse.hpp"
#include "pipeline/steps/steps.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace tidemill {
namespace {

constexpr std::size_t most_shown = 5; // values of one list in a fault's text

/// The one with the most members that match.
std::optional<std::size_t> nearest_to(const value& expected, const std::vector<value>& actual,
                                      const std::set<std::size_t>& among) {
  std::optional<std::size_t> best;
  std::size_t most = 0;
  for (auto a : among) {
    std::size_t same = 0;
    for (const auto& member : *expected.as_map())
      same += mismatch(value{value_map{member}}, actual[a]).empty() ? 1 : 0;
    if (same > most) {
      most = same;
      best = a;
    }
  }
  return best;
}

std::string not_expected(const std::string& what, const std::set<std::size_t>& unused,
                         const std::vector<std::string>& actual) {
  auto text = what + ": not expected:";
  std::size_t shown = 0;
  for (auto a : unused)
    if (++shown <= most_shown)
      text += "\n  " + actual[a];
  if (shown > most_shown)
    text += "\n  and " + std::to_string(shown - most_shown) + " more";
  return text;
}

} // namespace

std::vector<value> parsed(const std::vector<json_at>& texts) {
  std::vector<value> out;
  for (const auto& t : texts)
    out.push_back(parse_json(t.json).value());
  return out;
}

void compare(const test_expect::list& l, const std::vector<std::string>& actual, const std::string& what,
             std::vector<test_fault>& faults) {
  auto expected = parsed(l.items);
  std::vector<value> there;
  for (const auto& a : actual)
    there.push_back(parse_json(a).value());
  auto pairs = pair_up(expected, there);
  auto unused = std::set<std::size_t>(pairs.unused.begin(), pairs.unused.end());
  std::size_t told = 0;
  for (std::size_t e = 0; e < expected.size(); ++e) {
    if (pairs.of[e] != pairing::none || ++told > most_shown)
      continue;
    auto text = what + ": expected " + l.items[e].json;
    if (auto nearest = nearest_to(expected[e], there, unused)) {
      text += "\n  nearest:  " + actual[*nearest] + "\n  there " + mismatch(expected[e], there[*nearest]);
      unused.erase(*nearest); // said already
    } else {
      text += actual.empty() ? "\n  there are none" : "\n  nothing like it is there";
    }
    faults.push_back({l.items[e].at, std::move(text)});
  }
  if (told > most_shown)
    faults.push_back({l.of.at, what + ": " + std::to_string(told - most_shown) + " more are missing"});
  if (!l.some && !unused.empty())
    faults.push_back({l.of.at, not_expected(what, unused, actual)});
}

void check_columns(const test_expect::list& l, const view_schema& view, std::vector<test_fault>& faults) {
  std::vector<std::string> known{"window_start", "window_end", "state", "revision"};
  for (const auto& c : view.columns)
    known.push_back(c.name);
  auto expected = parsed(l.items);
  for (std::size_t e = 0; e < expected.size(); ++e)
    for (const auto& [key, unused] : *expected[e].as_map())
      if (const auto& name = *key.get_if<std::string>(); std::ranges::find(known, name) == known.end()) {
        auto text = "rows of " + view.name + " have no column \"" + name + '"';
        auto hint = did_you_mean(name, known);
        faults.push_back({l.items[e].at, hint.empty() ? text : text + "; " + hint});
      }
}

} // namespace tidemill
