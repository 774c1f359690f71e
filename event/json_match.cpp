#include "event/json_match.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace tidemill {
namespace {

std::string shown(const value& v) {
  std::string out;
  append_json(out, v);
  return out;
}

bool is_integer(const value& v) {
  return v.get_if<std::int64_t>() != nullptr || v.get_if<std::uint64_t>() != nullptr;
}

std::optional<double> number(const value& v) {
  if (const auto* i = v.get_if<std::int64_t>())
    return static_cast<double>(*i);
  if (const auto* u = v.get_if<std::uint64_t>())
    return static_cast<double>(*u);
  if (const auto* d = v.get_if<double>())
    return *d;
  return std::nullopt;
}

bool same_scalar(const value& expected, const value& actual) {
  auto e = number(expected), a = number(actual);
  if (!e || !a || (is_integer(expected) && is_integer(actual)))
    return expected == actual;
  return std::abs(*e - *a) <= 1e-9 * std::max(std::abs(*e), std::abs(*a));
}

const value* member(const value_map& m, const value& key) {
  auto found = std::ranges::find(m, key, &std::pair<value, value>::first);
  return found == m.end() ? nullptr : &found->second;
}

std::string compare(const value& expected, const value& actual, const std::string& at) {
  auto differ = [&] {
    return (at.empty() ? "it" : at) + " is " + shown(actual) + ", expected " + shown(expected);
  };
  if (const auto* e = expected.as_map()) {
    const auto* a = actual.as_map();
    if (a == nullptr)
      return differ();
    for (const auto& [key, wanted] : *e) {
      const auto* text = key.get_if<std::string>();
      auto where = (at.empty() ? "" : at + ".") + (text != nullptr ? *text : shown(key));
      const auto* there = member(*a, key);
      if (there == nullptr && !wanted.is_null())
        return where + " is not there, expected " + shown(wanted);
      if (there != nullptr)
        if (auto why = compare(wanted, *there, where); !why.empty())
          return why;
    }
    return {};
  }
  if (const auto* e = expected.as_list()) {
    const auto* a = actual.as_list();
    if (a == nullptr || a->size() != e->size())
      return differ();
    for (std::size_t i = 0; i < e->size(); ++i)
      if (auto why = compare((*e)[i], (*a)[i], at + '[' + std::to_string(i) + ']'); !why.empty())
        return why;
    return {};
  }
  return same_scalar(expected, actual) ? std::string{} : differ();
}

/// Looks for a partner for one expected value, and for new ones for those whose partner it takes.
class matcher {
public:
  matcher(const std::vector<value>& expected, const std::vector<value>& actual)
      : user_(actual.size(), pairing::none), expected_(expected), actual_(actual) {}

  bool place(std::size_t e) {
    seen_.assign(actual_.size(), false);
    return take(e);
  }
  std::vector<std::size_t> user_; ///< of each actual value

private:
  // As deep as there are values that can change places.
  bool take(std::size_t e) {
    for (std::size_t a = 0; a < actual_.size(); ++a) {
      if (seen_[a] || !mismatch(expected_[e], actual_[a]).empty())
        continue;
      seen_[a] = true;
      if (user_[a] == pairing::none || take(user_[a])) {
        user_[a] = e;
        return true;
      }
    }
    return false;
  }
  const std::vector<value>& expected_;
  const std::vector<value>& actual_;
  std::vector<bool> seen_;
};

} // namespace

std::string mismatch(const value& expected, const value& actual) {
  return compare(expected, actual, {});
}

pairing pair_up(const std::vector<value>& expected, const std::vector<value>& actual) {
  matcher m{expected, actual};
  for (std::size_t e = 0; e < expected.size(); ++e)
    (void)m.place(e);
  pairing out{std::vector<std::size_t>(expected.size(), pairing::none), {}};
  for (std::size_t a = 0; a < actual.size(); ++a)
    if (m.user_[a] == pairing::none)
      out.unused.push_back(a);
    else
      out.of[m.user_[a]] = a;
  return out;
}

} // namespace tidemill
