#include "event/codec.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr auto none = std::string_view::npos;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// The first line end of a CSV record that lies outside of quotes. As the codec reads it: a quote opens only
// at the start of a cell, anywhere else it is a fault of that cell alone.
std::size_t unquoted_line_end(std::string_view bytes, char delimiter) {
  bool cell_start = true, quoted = false;
  for (std::size_t i = bytes.starts_with(byte_order_mark) ? byte_order_mark.size() : 0; i < bytes.size();
       ++i) {
    auto c = bytes[i];
    if (quoted) {
      if (c != '"')
        continue;
      if (i + 1 < bytes.size() && bytes[i + 1] == '"')
        ++i;
      else
        quoted = false;
    } else if (c == '\n') {
      return i;
    } else {
      quoted = cell_start && c == '"';
      cell_start = c == delimiter;
    }
  }
  return none;
}

} // namespace

framer::framer(const format_options& options)
    : quotes_(options.name == "csv"), delimiter_(options.delimiter),
      limit_(std::min(options.max_record, none - 2) + 2) {}

std::optional<framer::cut> framer::next(std::string_view bytes, bool at_end) const {
  auto end = find_end(bytes, at_end);
  auto total = end + 1;
  if (end == none) {
    if (!at_end || bytes.empty())
      return std::nullopt;
    end = total = bytes.size();
  }
  if (end > 0 && bytes[end - 1] == '\r')
    --end;
  return cut{end, total};
}

std::size_t framer::find_end(std::string_view bytes, bool at_end) const {
  auto line = bytes.find('\n');
  if (!quotes_ || bytes.substr(0, line).find('"') == none)
    return line;
  // What follows the limit doesn't matter: the decision is the same wherever a read cut the bytes.
  auto window = bytes.substr(0, limit_);
  if (auto end = unquoted_line_end(window, delimiter_); end != none)
    return end;
  return at_end || bytes.size() > window.size() ? line : none;
}

} // namespace tidemill
