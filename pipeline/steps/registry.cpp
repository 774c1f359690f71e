#include "pipeline/meta.hpp"
#include "pipeline/steps/steps.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace tidemill {

namespace {

std::vector<step_entry>& all_steps() {
  static std::vector<step_entry> all{filter_step(),     set_step(),    keep_step(),  drop_step(),
                                     dedup_step(),      lookup_step(), mask_step(),  parse_step(),
                                     rate_limit_step(), sample_step(), score_step(), unnest_step()};
  return all;
}

} // namespace

const std::vector<step_entry>& steps() {
  return all_steps();
}

void add_step(step_entry e) {
  all_steps().push_back(e);
}

void step::spread(const event_batch&, std::span<const std::uint32_t>, event_batch&,
                  std::vector<std::uint32_t>&, std::vector<cel::row_error>&) {
  throw std::logic_error{"this step makes no rows"};
}

void drop_failed(selection& rows, std::span<const cel::row_error> failed) {
  if (failed.empty())
    return;
  auto next = failed.begin();
  std::erase_if(rows, [&](std::uint32_t row) {
    while (next != failed.end() && next->row < row)
      ++next;
    return next != failed.end() && next->row == row;
  });
}

void keep_where(selection& rows, const column& holds) {
  const auto& bits = holds.as<std::uint8_t>(); // a null row holds a zero
  std::size_t kept = 0;
  for (auto row : rows) { // without a branch, which no processor could predict
    rows[kept] = row;
    kept += bits[row] != 0 ? 1 : 0;
  }
  rows.resize(kept);
}

cel::environment step_scope::environment() const {
  cel::environment names;
  for (std::size_t i = 0; i < fields.size(); ++i)
    names.variables.push_back({fields[i].name, fields[i].of, slots[i]});
  auto hides = [](const field& f) { return f.name == "meta" || f.name.starts_with("meta."); };
  if (!meta || std::ranges::any_of(fields.fields(), hides))
    return names;
  for (std::size_t i = 0; i < meta_columns; ++i)
    names.variables.push_back({std::string{meta_names()[i].name}, meta_names()[i].of, *meta + i, false});
  return names;
}

void step_scope::reads(std::size_t slot) {
  if (slot < read.size())
    read[slot] = true;
}

std::optional<cel::expression> compile_at(const text_at& text, const cel::environment& names,
                                          const std::string& path, std::vector<diagnostic>& out) {
  std::vector<cel::fault> faults;
  auto e = cel::expression::compile(text.text, names, faults);
  for (const auto& f : faults)
    out.push_back(fault_at(place_in(text, f), path, f.text, f.hint));
  return e;
}

position place_in(const text_at& text, const cel::fault& f) {
  if (text.at.line == 0)
    return text.at;
  auto line = static_cast<int>(f.line) - 1;
  auto column = static_cast<int>(f.column);
  return {text.at.line + line, line == 0 ? text.at.column + column - 1 : column};
}

diagnostic fault_at(position at, std::string path, std::string text, std::string hint) {
  return {severity::error, at, std::move(path), std::move(text), std::move(hint)};
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
  std::string_view nearest;
  for (const auto& candidate : known) {
    // Levenshtein, one row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < word.size(); ++i) {
      auto diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        auto above = row[j + 1];
        row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (word[i] == candidate[j] ? 0 : 1)});
        diagonal = above;
      }
    }
    if (row.back() < best) {
      best = row.back();
      nearest = candidate;
    }
  }
  return nearest.empty() ? std::string{} : "did you mean \"" + std::string{nearest} + "\"?";
}

} // namespace tidemill
