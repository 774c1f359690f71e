#include "pipeline/cel/strings.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace tidemill::cel {
namespace {

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

constexpr std::array<std::string_view, 19> wide_spaces{
    "\u0085", "\u00A0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
    "\u2007", "\u2008", "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"};

bool is_space(std::string_view point) {
  if (point.size() == 1)
    return point[0] == ' ' || (point[0] >= '\t' && point[0] <= '\r');
  return std::find(wide_spaces.begin(), wide_spaces.end(), point) != wide_spaces.end();
}

/// Calls `piece(text)` for what is kept and `cut()` for each replaced or removed separator.
template <class Piece, class Cut>
void walk(std::string_view s, std::string_view separator, std::int64_t limit, Piece piece, Cut cut) {
  std::size_t begin = 0;
  for (std::int64_t n = 0; limit < 0 || n < limit; ++n) {
    std::size_t at = 0;
    if (separator.empty()) { // before the first code point, then after each
      at = n == 0 ? 0 : begin + (begin < s.size() ? point_size(s.substr(begin)) : s.size() + 1);
      if (at > s.size())
        break;
    } else if (at = s.find(separator, begin); at == std::string_view::npos) {
      break;
    }
    piece(s.substr(begin, at - begin));
    cut();
    begin = at + separator.size();
  }
  piece(s.substr(begin));
}

} // namespace

std::size_t code_points(std::string_view s) noexcept {
  std::size_t n = 0;
  for (auto c : s)
    n += !continues(c);
  return n;
}

std::size_t point_size(std::string_view s) noexcept {
  std::size_t n = 1;
  while (n < s.size() && continues(s[n]))
    ++n;
  return n;
}

std::string_view shortened(std::string_view s, std::size_t bytes) noexcept {
  if (s.size() <= bytes)
    return s;
  while (bytes > 0 && continues(s[bytes]))
    --bytes;
  return s.substr(0, bytes);
}

std::optional<std::size_t> byte_offset(std::string_view s, std::int64_t index) noexcept {
  if (index < 0)
    return {};
  std::size_t at = 0;
  for (; index > 0 && at < s.size(); --index)
    at += point_size(s.substr(at));
  return index == 0 ? std::optional{at} : std::nullopt;
}

problem char_at(std::string_view s, std::int64_t at, std::string_view& out) {
  auto from = byte_offset(s, at);
  if (!from)
    return index_out_of_range;
  out = s.substr(*from);
  if (!out.empty())
    out = out.substr(0, point_size(out));
  return nullptr;
}

problem substring(std::string_view s, std::int64_t from, std::int64_t to, std::string_view& out) {
  auto begin = byte_offset(s, from);
  if (!begin)
    return index_out_of_range;
  if (to < from)
    return "invalid substring range";
  auto length = byte_offset(s.substr(*begin), to - from);
  if (!length)
    return index_out_of_range;
  out = s.substr(*begin, *length);
  return nullptr;
}

problem substring(std::string_view s, std::int64_t from, std::string_view& out) {
  auto begin = byte_offset(s, from);
  if (!begin)
    return index_out_of_range;
  out = s.substr(*begin);
  return nullptr;
}

problem index_of(std::string_view s, std::string_view needle, std::int64_t from, std::int64_t& out) {
  auto begin = byte_offset(s, from);
  if (!begin)
    return index_out_of_range;
  auto at = s.find(needle, *begin);
  out = at == std::string_view::npos
            ? -1
            : from + static_cast<std::int64_t>(code_points(s.substr(*begin, at - *begin)));
  return nullptr;
}

problem last_index_of(std::string_view s, std::string_view needle, std::int64_t from, std::int64_t& out) {
  auto begin = byte_offset(s, from);
  if (!begin)
    return index_out_of_range;
  auto at = s.rfind(needle, *begin);
  out = at == std::string_view::npos ? -1 : static_cast<std::int64_t>(code_points(s.substr(0, at)));
  return nullptr;
}

std::int64_t last_index_of(std::string_view s, std::string_view needle) {
  auto at = s.rfind(needle);
  return at == std::string_view::npos ? -1 : static_cast<std::int64_t>(code_points(s.substr(0, at)));
}

std::string_view trim(std::string_view s) {
  while (!s.empty()) {
    auto n = point_size(s);
    if (!is_space(s.substr(0, n)))
      break;
    s.remove_prefix(n);
  }
  while (!s.empty()) {
    auto n = std::size_t{1};
    while (n < s.size() && continues(s[s.size() - n]))
      ++n;
    if (!is_space(s.substr(s.size() - n)))
      break;
    s.remove_suffix(n);
  }
  return s;
}

void reverse(std::string_view s, char* to) {
  to += s.size();
  while (!s.empty()) {
    auto n = point_size(s);
    to -= n;
    std::memcpy(to, s.data(), n);
    s.remove_prefix(n);
  }
}

std::size_t replaced_size(std::string_view s, std::string_view from, std::string_view to,
                          std::int64_t limit) {
  std::size_t kept = 0, cuts = 0;
  walk(
      s, from, limit, [&](std::string_view p) { kept += p.size(); }, [&] { ++cuts; });
  std::size_t out = 0;
  if (__builtin_mul_overflow(cuts, to.size(), &out) || __builtin_add_overflow(out, kept, &out))
    return std::numeric_limits<std::size_t>::max();
  return out;
}

void replace(std::string_view s, std::string_view from, std::string_view to, std::int64_t limit, char* out) {
  auto put = [&](std::string_view p) { out = std::copy(p.begin(), p.end(), out); };
  walk(s, from, limit, put, [&] { put(to); });
}

std::vector<std::string_view> split(std::string_view s, std::string_view separator, std::int64_t limit) {
  std::vector<std::string_view> out;
  if (limit == 0 || (s.empty() && separator.empty()))
    return out;
  if (!separator.empty()) {
    walk(
        s, separator, limit < 0 ? -1 : limit - 1, [&](std::string_view p) { out.push_back(p); }, [] {});
    return out;
  }
  while (!s.empty()) {
    auto last = limit > 0 && static_cast<std::int64_t>(out.size()) == limit - 1;
    auto n = last ? s.size() : point_size(s);
    out.push_back(s.substr(0, n));
    s.remove_prefix(n);
  }
  return out;
}

} // namespace tidemill::cel
