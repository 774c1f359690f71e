#pragma once

#include "event/result.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemill {

/// An IPv4 or IPv6 address. An IPv4 address is held in its IPv6 form, ::ffff:a.b.c.d, and equals it.
struct ip_address {
  std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] bool is_v4() const noexcept;
  friend auto operator<=>(const ip_address&, const ip_address&) = default;
};

/// `192.168.0.1` (four numbers, no leading zeros) or the forms of RFC 4291; no zone. Errors: `event_type`.
[[nodiscard]] result<ip_address> parse_ip(std::string_view text);
/// IPv4 with dots; IPv6 as RFC 5952 has it: lower case, the longest run of zeros as `::`.
[[nodiscard]] std::string to_string(const ip_address& a);

[[nodiscard]] bool is_unspecified(const ip_address& a) noexcept; ///< `0.0.0.0`, `::`
[[nodiscard]] bool is_loopback(const ip_address& a) noexcept;    ///< 127.0.0.0/8, `::1`
[[nodiscard]] bool is_multicast(const ip_address& a) noexcept;   ///< 224.0.0.0/4, ff00::/8
/// 224.0.0.0/24, ff02::/16 with any flags.
[[nodiscard]] bool is_link_local_multicast(const ip_address& a) noexcept;
/// 169.254.0.0/16, fe80::/10.
[[nodiscard]] bool is_link_local_unicast(const ip_address& a) noexcept;
/// None of the above and not 255.255.255.255; private addresses are global, as in Go and Kubernetes.
[[nodiscard]] bool is_global_unicast(const ip_address& a) noexcept;

/// A block of addresses: an address, and how many of its leading bits they share. The other bits of the
/// address are kept, but don't matter for what is in it.
struct cidr_block {
  ip_address address;
  std::uint8_t shared = 0; ///< leading bits of the 128

  /// As it is written: of 32 bits for IPv4.
  [[nodiscard]] int prefix() const noexcept;
  [[nodiscard]] bool contains(const ip_address& a) const noexcept;
  [[nodiscard]] bool contains(const cidr_block& b) const noexcept;
  /// With all bits after the prefix zero.
  [[nodiscard]] cidr_block masked() const noexcept;
  friend auto operator<=>(const cidr_block&, const cidr_block&) = default;
};

/// `10.0.0.0/8`, `2001:db8::/32`. An IPv4 address in its IPv6 form needs a prefix of 96 or more, since it is
/// a block of IPv4. Errors: `event_type`.
[[nodiscard]] result<cidr_block> parse_cidr(std::string_view text);
[[nodiscard]] std::string to_string(const cidr_block& b);

} // namespace tidemill
