#include "event/time_zone.hpp"

#include <algorithm>
#include <array>

namespace tidemill {
namespace {

// An offset is less than 26 hours (RFC 9636, 3.2): only changes that near can matter to a local time.
constexpr std::int64_t widest_offset = 26 * 3600;

bool two_digits(std::string_view text, std::int32_t most, std::int32_t& out) {
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 2 || !digit(text[0]) || !digit(text[1]))
    return false;
  out = (text[0] - '0') * 10 + (text[1] - '0');
  return out <= most;
}

/// `+02:00`, `-02:00`, `02:00`.
bool parse_offset(std::string_view text, std::int32_t& out) {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+'))
    text.remove_prefix(1);
  std::int32_t hours = 0, minutes = 0;
  if (text.size() != 5 || text[2] != ':' || !two_digits(text.substr(0, 2), 23, hours) ||
      !two_digits(text.substr(3), 59, minutes))
    return false;
  out = hours * 3600 + minutes * 60;
  if (negative)
    out = -out;
  return true;
}

std::shared_ptr<const time_zone_source>& installed() {
  static std::shared_ptr<const time_zone_source> zones;
  return zones;
}

} // namespace

result<time_zone> time_zone::from_rule(std::string_view rule) {
  TIDEMILL_TRY(auto tail, time_zone_rule::parse(rule));
  return time_zone{std::string{rule}, tail};
}

time_zone time_zone::fixed(std::string name, std::int32_t offset) {
  return {std::move(name), time_zone_rule{offset}};
}

offset_span time_zone::span_at(std::int64_t seconds) const noexcept {
  constexpr auto limit = time_zone_rule::limit;
  auto next = std::upper_bound(changes_.begin(), changes_.end(), seconds);
  const auto from = next == changes_.begin() ? -limit : *std::prev(next);
  if (next != changes_.end())
    return {from, *next, before_[static_cast<std::size_t>(next - changes_.begin())]};
  auto out = tail_.span_at(seconds);
  out.from = std::max(out.from, from);
  return out;
}

std::int64_t time_zone::first_instant(std::int64_t local) const noexcept {
  constexpr auto limit = time_zone_rule::limit;
  local = std::clamp(local, -limit + 2 * widest_offset, limit - 2 * widest_offset);
  // Before this, local clocks show less, whatever their offset.
  auto span = span_at(local - widest_offset);
  while (local - span.offset >= span.until)
    span = span_at(span.until);
  return std::max(span.from, local - span.offset);
}

void install_time_zones(std::shared_ptr<const time_zone_source> zones) {
  installed() = std::move(zones);
}

result<time_zone_ptr> find_time_zone(std::string_view name) {
  static const auto utc = std::make_shared<const time_zone>(time_zone::fixed("UTC", 0));
  constexpr std::array<std::string_view, 4> names_of_utc{"UTC", "Z", "GMT", "Etc/UTC"};
  if (std::find(names_of_utc.begin(), names_of_utc.end(), name) != names_of_utc.end())
    return utc;
  if (std::int32_t offset = 0; parse_offset(name, offset))
    return std::make_shared<const time_zone>(time_zone::fixed(std::string{name}, offset));
  if (installed())
    return installed()->find(name);
  constexpr std::size_t shown = 60;
  return error{errc::config_invalid,
               "unknown time zone \"" + std::string{name.substr(0, shown)} +
                   "\": there is no time zone data here; write UTC or an offset like +02:00"};
}

} // namespace tidemill
