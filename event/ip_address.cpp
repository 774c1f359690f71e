#include "event/ip_address.hpp"

#include <algorithm>
#include <charconv>

namespace tidemill {
namespace {

constexpr std::size_t v4_at = 12; // in the bytes of an address
constexpr std::uint8_t v4_shared = 96;
constexpr int groups = 8;

error bad(std::string_view text, std::string_view what) {
  constexpr std::size_t longest = 60;
  return {errc::event_type, "\"" + std::string{text.substr(0, longest)} + "\" is no " + std::string{what}};
}

/// A number from the front of `text`, of 1 to `digits` digits and at most `most`.
bool take_number(std::string_view& text, int base, std::size_t digits, unsigned most, unsigned& out) {
  auto [end, code] = std::from_chars(text.data(), text.data() + std::min(text.size(), digits), out, base);
  auto n = static_cast<std::size_t>(end - text.data());
  // A leading zero means octal to some, decimal to others.
  if (code != std::errc{} || out > most || (base == 10 && n > 1 && text.front() == '0'))
    return false;
  text.remove_prefix(n);
  return true;
}

bool parse_v4(std::string_view text, std::uint8_t* out) {
  for (int i = 0; i < 4; ++i) {
    unsigned x = 0;
    if (i > 0 && (text.empty() || text.front() != '.'))
      return false;
    text.remove_prefix(i > 0 ? 1 : 0);
    if (!take_number(text, 10, 3, 255, x))
      return false;
    out[i] = static_cast<std::uint8_t>(x);
  }
  return text.empty();
}

/// Groups of four digits; `::` stands for one group of zeros or more.
bool parse_v6(std::string_view text, std::array<std::uint8_t, 16>& out) {
  std::size_t n = 0, gap = out.size() + 1; // bytes written, and of them before the gap
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    auto group = text.substr(0, text.find(':'));
    if (group.find('.') != std::string_view::npos) { // the last four bytes as IPv4
      if (n + 4 > out.size() || !parse_v4(text, out.data() + n))
        return false;
      n += 4;
      break;
    }
    unsigned x = 0;
    if (n + 2 > out.size() || !take_number(text, 16, 4, 0xFFFF, x))
      return false;
    out[n++] = static_cast<std::uint8_t>(x >> 8);
    out[n++] = static_cast<std::uint8_t>(x);
    if (text.empty())
      break;
    if (text.starts_with("::")) {
      if (gap <= out.size())
        return false;
      gap = n;
      text.remove_prefix(2);
    } else if (text.front() == ':' && text.size() > 1) {
      text.remove_prefix(1);
    } else {
      return false;
    }
  }
  if (gap > out.size())
    return n == out.size();
  if (n + 2 > out.size())
    return false;
  auto moved = n - gap;
  std::copy_backward(out.begin() + static_cast<std::ptrdiff_t>(gap),
                     out.begin() + static_cast<std::ptrdiff_t>(n), out.end());
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(gap), out.end() - static_cast<std::ptrdiff_t>(moved),
            std::uint8_t{0});
  return true;
}

unsigned group_of(const ip_address& a, int i) noexcept {
  auto at = static_cast<std::size_t>(i) * 2;
  return static_cast<unsigned>(a.bytes[at] << 8 | a.bytes[at + 1]);
}

/// The longest run of two groups of zeros or more, the first of several: begin and end.
std::pair<int, int> longest_zeros(const ip_address& a) {
  std::pair<int, int> best{groups, groups};
  for (int begin = 0; begin < groups; ++begin) {
    auto end = begin;
    while (end < groups && group_of(a, end) == 0)
      ++end;
    if (end - begin > 1 && end - begin > best.second - best.first)
      best = {begin, end};
    begin = std::max(begin, end - 1);
  }
  return best;
}

} // namespace

bool ip_address::is_v4() const noexcept {
  return std::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t b) { return b == 0; }) &&
         bytes[10] == 0xFF && bytes[11] == 0xFF;
}

result<ip_address> parse_ip(std::string_view text) {
  ip_address out;
  if (text.find(':') != std::string_view::npos) {
    if (!parse_v6(text, out.bytes))
      return bad(text, "IP address");
    return out;
  }
  out.bytes[10] = out.bytes[11] = 0xFF;
  if (!parse_v4(text, out.bytes.data() + v4_at))
    return bad(text, "IP address");
  return out;
}

std::string to_string(const ip_address& a) {
  std::string out;
  if (a.is_v4()) {
    for (auto i = v4_at; i < a.bytes.size(); ++i)
      out += (i > v4_at ? "." : "") + std::to_string(a.bytes[i]);
    return out;
  }
  auto [begin, end] = longest_zeros(a);
  for (int i = 0; i < groups; ++i) {
    if (i == begin) {
      out += "::";
      i = end - 1;
      continue;
    }
    char digits[4];
    auto last = std::to_chars(digits, digits + sizeof digits, group_of(a, i), 16).ptr;
    out += i > 0 && i != end ? ":" : "";
    out.append(digits, last);
  }
  return out;
}

bool is_unspecified(const ip_address& a) noexcept {
  auto from = a.is_v4() ? v4_at : 0;
  return std::all_of(a.bytes.begin() + static_cast<std::ptrdiff_t>(from), a.bytes.end(),
                     [](std::uint8_t b) { return b == 0; });
}

bool is_loopback(const ip_address& a) noexcept {
  constexpr ip_address one{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  return a.is_v4() ? a.bytes[v4_at] == 127 : a == one;
}

bool is_multicast(const ip_address& a) noexcept {
  return a.is_v4() ? a.bytes[v4_at] >> 4 == 0xE : a.bytes[0] == 0xFF;
}

bool is_link_local_multicast(const ip_address& a) noexcept {
  const auto* b = a.bytes.data();
  return a.is_v4() ? b[12] == 224 && b[13] == 0 && b[14] == 0 : b[0] == 0xFF && (b[1] & 0x0F) == 2;
}

bool is_link_local_unicast(const ip_address& a) noexcept {
  const auto* b = a.bytes.data();
  return a.is_v4() ? b[12] == 169 && b[13] == 254 : b[0] == 0xFE && (b[1] & 0xC0) == 0x80;
}

bool is_global_unicast(const ip_address& a) noexcept {
  bool broadcast = a.is_v4() && std::all_of(a.bytes.begin() + v4_at, a.bytes.end(),
                                            [](std::uint8_t b) { return b == 255; });
  return !broadcast && !is_unspecified(a) && !is_loopback(a) && !is_multicast(a) && !is_link_local_unicast(a);
}

int cidr_block::prefix() const noexcept {
  return address.is_v4() ? shared - v4_shared : shared;
}

cidr_block cidr_block::masked() const noexcept {
  auto out = *this;
  for (std::size_t i = 0; i < out.address.bytes.size(); ++i) {
    auto kept = std::clamp(shared - static_cast<int>(i) * 8, 0, 8);
    out.address.bytes[i] &= static_cast<std::uint8_t>(0xFF00 >> kept);
  }
  return out;
}

bool cidr_block::contains(const ip_address& a) const noexcept {
  // `::/0` has no IPv4 address in it.
  return a.is_v4() == address.is_v4() && cidr_block{a, shared}.masked().address == masked().address;
}

bool cidr_block::contains(const cidr_block& b) const noexcept {
  return b.shared >= shared && contains(b.address);
}

result<cidr_block> parse_cidr(std::string_view text) {
  auto slash = text.find('/');
  auto address = parse_ip(text.substr(0, slash));
  if (slash == std::string_view::npos || !address)
    return bad(text, "block of IP addresses, as 10.0.0.0/8 is one");
  bool v6_form = text.find(':') != std::string_view::npos;
  auto rest = text.substr(slash + 1);
  unsigned prefix = 0;
  if (!take_number(rest, 10, 3, v6_form ? 128 : 32, prefix) || !rest.empty())
    return bad(text, "block of IP addresses: its prefix is a number of bits");
  if (!v6_form)
    prefix += v4_shared;
  if (address->is_v4() && prefix < v4_shared)
    return bad(text, "block of IPv4 addresses: its prefix must be 96 or more");
  return cidr_block{*address, static_cast<std::uint8_t>(prefix)};
}

std::string to_string(const cidr_block& b) {
  return to_string(b.address) + "/" + std::to_string(b.prefix());
}

} // namespace tidemill
