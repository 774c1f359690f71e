#include "pipeline/view_log_pieces.hpp"

#include "pipeline/view_log_frame.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr char first_mark = '(', next_mark = '+', last_mark = ')';

} // namespace

std::vector<std::string_view> cut_records(std::span<const std::string> records, std::deque<std::string>& cut,
                                          std::size_t most) {
  std::vector<std::string_view> out;
  out.reserve(records.size());
  for (std::string_view rest : records) {
    if (rest.size() <= most) {
      out.push_back(rest);
      continue;
    }
    for (auto mark = first_mark; mark != last_mark;) {
      const auto piece = rest.substr(0, most);
      rest.remove_prefix(piece.size());
      if (rest.empty())
        mark = last_mark;
      auto& bytes = cut.emplace_back();
      bytes.reserve(piece.size() + 1);
      bytes += mark;
      bytes += piece;
      out.push_back(bytes);
      if (mark == first_mark)
        mark = next_mark;
    }
  }
  return out;
}

result<std::optional<std::string_view>> record_joiner::take(std::string_view record) {
  const auto mark = record.empty() ? '\0' : record.front();
  if (mark != first_mark && mark != next_mark && mark != last_mark) {
    open_ = false;
    return std::optional{record};
  }
  if (mark == first_mark)
    whole_.clear();
  else if (!open_)
    return damaged_view_log();
  whole_ += record.substr(1);
  open_ = mark != last_mark;
  return open_ ? std::optional<std::string_view>{} : std::optional<std::string_view>{whole_};
}

} // namespace tidemill
