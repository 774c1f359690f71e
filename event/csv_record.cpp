#include "event/csv_record.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

namespace tidemill {
namespace {

constexpr std::uint64_t every_byte(unsigned char c) noexcept {
  return 0x0101010101010101u * c;
}

// High bits of the bytes that are zero; exact up to the lowest one, which is all that is looked at.
constexpr std::uint64_t zero_bytes(std::uint64_t x) noexcept {
  return (x - every_byte(0x01)) & ~x & every_byte(0x80);
}

// The first delimiter or quote at or behind `at`, eight bytes a step.
std::size_t find_special(std::string_view text, std::size_t at, char delimiter) noexcept {
  auto delimiters = every_byte(static_cast<unsigned char>(delimiter)), quotes = every_byte('"');
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + at, 8);
    if (auto found = zero_bytes(eight ^ delimiters) | zero_bytes(eight ^ quotes); found != 0)
      return at + static_cast<std::size_t>(std::countr_zero(found)) / 8;
  }
  while (at < text.size() && text[at] != delimiter && text[at] != '"')
    ++at;
  return at;
}

error malformed(std::string_view what, std::size_t at) {
  return {errc::event_malformed, std::string{what} + " at byte " + std::to_string(at)};
}

// The end of a cell whose opening quote is at `begin`: behind its closing one; 0 if there is none.
std::size_t read_quoted(std::string_view record, std::size_t begin, csv_cell& cell) noexcept {
  cell.quoted = true;
  for (auto at = begin + 1;;) {
    at = record.find('"', at);
    if (at == std::string_view::npos)
      return 0;
    if (at + 1 < record.size() && record[at + 1] == '"') {
      cell.doubled = true;
      at += 2;
      continue;
    }
    cell.text = record.substr(begin + 1, at - begin - 1);
    return at + 1;
  }
}

} // namespace

std::size_t split_csv(std::string_view record, char delimiter, std::size_t keep, std::vector<csv_cell>& cells,
                      error& why) {
  cells.clear();
  for (std::size_t at = 0, count = 1;; ++count) {
    csv_cell cell;
    auto end = at;
    if (at < record.size() && record[at] == '"') {
      end = read_quoted(record, at, cell);
      if (end == 0) {
        why = malformed("unclosed quote", at);
        return 0;
      }
      if (end < record.size() && record[end] != delimiter) {
        why = malformed("text behind a closing quote", end);
        return 0;
      }
    } else {
      end = find_special(record, at, delimiter);
      if (end < record.size() && record[end] != delimiter) {
        why = malformed("quote inside of an unquoted cell (quote the cell and double it)", end);
        return 0;
      }
      cell.text = record.substr(at, end - at);
    }
    if (count <= keep)
      cells.push_back(cell);
    if (end == record.size())
      return count;
    at = end + 1;
  }
}

std::size_t undouble_quotes(std::string_view text, char* to) noexcept {
  auto* begin = to;
  while (!text.empty()) {
    auto n = text.find('"');
    n = n == std::string_view::npos ? text.size() : n + 1;
    std::memcpy(to, text.data(), n);
    to += n;
    text.remove_prefix(n);
    if (text.starts_with('"'))
      text.remove_prefix(1);
  }
  return static_cast<std::size_t>(to - begin);
}

} // namespace tidemill
