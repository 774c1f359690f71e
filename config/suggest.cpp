#include "config/suggest.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::size_t longest_word = 64; // beyond, nobody made a typing error

std::string lower(std::string_view text) {
  std::string out{text};
  for (auto& c : out)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '-' ? '_' : c;
  return out;
}

} // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Optimal string alignment, three rows.
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& names) {
  if (word.empty() || word.size() > longest_word)
    return {};
  auto wanted = lower(word);
  std::string_view best;
  auto least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (auto name : names)
    if (auto d = edit_distance(wanted, lower(name)); d < least && d < name.size()) {
      least = d;
      best = name;
    }
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& names) {
  if (auto name = nearest(word, names); !name.empty())
    return "did you mean \"" + std::string{name} + "\"?";
  std::string out = "known: ";
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : ", ") + std::string{names[i]};
  return out;
}

} // namespace tidemill
