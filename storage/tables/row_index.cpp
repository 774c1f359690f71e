#include "storage/tables/row_index.hpp"

#include "event/ip_address.hpp"
#include "event/time.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tidemill {
namespace {

std::string bytes_of(const ip_address& a) {
  return {a.bytes.begin(), a.bytes.end()};
}

/// Both ends of `10.0.0.0/8`; an address alone is a network of one. Bits behind the prefix must be zero.
std::optional<std::pair<std::string, std::string>> parse_network(std::string_view text) {
  if (text.find('/') == std::string_view::npos) {
    const auto one = parse_ip(text);
    return one ? std::optional{std::pair{bytes_of(*one), bytes_of(*one)}} : std::nullopt;
  }
  const auto block = parse_cidr(text);
  if (!block || block->masked() != *block)
    return std::nullopt;
  auto last = block->address;
  for (unsigned bit = block->shared; bit < 128; ++bit)
    last.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80u >> bit % 8);
  return std::pair{bytes_of(block->address), bytes_of(last)};
}

bool is_above(const value& a, const value& b) {
  return compare_for_order(a, b) > 0;
}

/// A guess that is a unit of the last place off at most becomes the greatest number that isn't above the key.
value settle(value guess, const value& key, value (*step)(const value&, bool up)) {
  while (is_above(guess, key))
    guess = step(guess, false);
  for (auto next = step(guess, true); !is_above(next, key) && is_above(next, guess); next = step(guess, true))
    guess = next;
  return guess;
}

value next_double(const value& v, bool up) {
  constexpr auto infinity = std::numeric_limits<double>::infinity();
  return std::nextafter(*v.get_if<double>(), up ? infinity : -infinity);
}

value next_decimal(const value& v, bool up) {
  return decimal{v.get_if<decimal>()->units + (up ? 1 : -1)};
}

double as_double(const value& v) {
  if (const auto* i = v.get_if<std::int64_t>())
    return static_cast<double>(*i);
  if (const auto* u = v.get_if<std::uint64_t>())
    return static_cast<double>(*u);
  if (const auto* d = v.get_if<decimal>())
    return static_cast<double>(d->units) / static_cast<double>(decimal_one);
  return *v.get_if<double>();
}

/// The greatest whole number not above a number within ± 10^30.
int128 whole_part(const value& v) {
  if (const auto* i = v.get_if<std::int64_t>())
    return *i;
  if (const auto* u = v.get_if<std::uint64_t>())
    return *u;
  if (const auto* d = v.get_if<decimal>())
    return d->units / decimal_one - (d->units % decimal_one < 0 ? 1 : 0);
  return static_cast<int128>(std::floor(*v.get_if<double>()));
}

/// The greatest number of kind `column` that isn't above the key; nothing: there is none, or the key is no
/// number.
std::optional<value> number_not_above(const value& key, kind column) {
  constexpr double far = 1e29; // beyond all decimals but the last, and all whole numbers
  const auto* real = key.get_if<double>();
  if (!type{key.of()}.numeric() || (real != nullptr && std::isnan(*real)))
    return std::nullopt;
  if (column == kind::real)
    return settle(as_double(key), key, next_double);
  if (real != nullptr && *real <= -far)
    return std::nullopt;
  const auto whole = real != nullptr && *real >= far ? static_cast<int128>(far) : whole_part(key);
  if (column == kind::decimal) {
    if (const auto* d = key.get_if<decimal>())
      return value{*d};
    if (real == nullptr || *real >= far)
      return value{decimal{whole * decimal_one}};
    const auto units = static_cast<int128>((*real - std::floor(*real)) * static_cast<double>(decimal_one));
    return settle(decimal{whole * decimal_one + units}, key, next_decimal);
  }
  using whole_limits = std::numeric_limits<std::int64_t>;
  if (column == kind::integer)
    return whole < whole_limits::min()
               ? std::nullopt
               : std::optional{
                     value{static_cast<std::int64_t>(std::min<int128>(whole, whole_limits::max()))}};
  return whole < 0 ? std::nullopt
                   : std::optional{value{static_cast<std::uint64_t>(
                         std::min<int128>(whole, std::numeric_limits<std::uint64_t>::max()))}};
}

/// The bytes under which a key is kept; nothing if a value of this kind can't be a key of the column. Of a
/// number those of the column's greatest that isn't above it, which is another one if none is equal.
std::optional<std::string> key_bytes(const value& key, kind column, bool addresses) {
  if (addresses) {
    const auto* text = key.get_if<std::string>();
    if (text == nullptr)
      return std::nullopt;
    const auto a = parse_ip(*text);
    return a ? std::optional{bytes_of(*a)} : std::nullopt;
  }
  std::string out;
  if (type{column}.numeric()) {
    const auto number = number_not_above(key, column);
    if (!number)
      return std::nullopt;
    append_encoded(out, *number);
    return out;
  }
  if (key.is_null() || key.is_error() || (key.of() != column && column != kind::dyn))
    return std::nullopt;
  append_encoded(out, key);
  return out;
}

/// Whether a number is not above, or is equal to, the one that is encoded.
bool is_within(const value& key, std::string_view encoded) {
  const auto last = take_encoded(encoded);
  return last && !is_above(key, *last);
}
bool is_equal(const value& key, std::string_view encoded) {
  const auto other = take_encoded(encoded);
  return other && compare_for_order(key, *other) == 0;
}

std::string shown(const value& v) {
  std::string text;
  append_json(text, v);
  return text;
}

std::int64_t micros(const column* c, std::uint32_t row, std::int64_t absent) {
  if (c == nullptr || c->is_null(row))
    return absent;
  return to_event_time(c->as<timestamp>()[row]).time_since_epoch().count();
}

} // namespace

bool row_index::add_key(const columns_of& c, std::uint32_t row, fault& why) {
  const auto k = c.key->at(row);
  auto bytes = key_bytes(k, key_kind_, false);
  if (!bytes) {
    why = {row, "the key is empty"};
    return false;
  }
  if (how_ == how::exact) {
    const auto [first, added] = rows_.emplace(std::move(*bytes), row);
    if (!added)
      why = {row, "the key " + shown(k) + " is there twice", first->second};
    return added;
  }
  const validity v{micros(c.since, row, std::numeric_limits<std::int64_t>::min()),
                   micros(c.until, row, std::numeric_limits<std::int64_t>::max()), row};
  if (v.since >= v.until) {
    why = {row, "the row of " + shown(k) + " ends before it begins"};
    return false;
  }
  times_[std::move(*bytes)].push_back(v);
  return true;
}

bool row_index::add_span(const columns_of& c, std::uint32_t row, fault& why) {
  span_of_row s;
  s.row = row;
  if (c.network != nullptr) {
    const auto text = c.network->at(row);
    const auto* t = text.get_if<std::string>();
    auto ends = t != nullptr ? parse_network(*t) : std::nullopt;
    if (!ends) {
      why = {row, shown(text) + " is no network; write it like 10.0.0.0/8, without bits behind the prefix"};
      return false;
    }
    std::tie(s.from, s.to) = std::move(*ends);
  } else {
    auto from = key_bytes(c.from->at(row), key_kind_, addresses_),
         to = key_bytes(c.to->at(row), key_kind_, addresses_);
    if (!from || !to) {
      const auto& bad = !from ? *c.from : *c.to;
      why = {row, addresses_ ? shown(bad.at(row)) + " is no address" : "an end of the range is empty"};
      return false;
    }
    s.from = std::move(*from);
    s.to = std::move(*to);
  }
  if (s.to < s.from) {
    why = {row, "the range ends before it begins"};
    return false;
  }
  spans_.push_back(std::move(s));
  return true;
}

/// Orders what was added, and finds what overlaps.
bool row_index::sort(fault& why) {
  std::ranges::sort(
      spans_, [](const auto& a, const auto& b) { return std::tie(a.from, a.row) < std::tie(b.from, b.row); });
  for (std::size_t i = 1; i < spans_.size(); ++i)
    if (spans_[i].from <= spans_[i - 1].to) {
      why = {std::max(spans_[i].row, spans_[i - 1].row), "its range overlaps another",
             std::min(spans_[i].row, spans_[i - 1].row)};
      return false;
    }
  for (auto& [key, all] : times_) {
    std::ranges::sort(all, {}, &validity::since);
    for (std::size_t i = 1; i < all.size(); ++i)
      if (all[i].since < all[i - 1].until) {
        why = {std::max(all[i].row, all[i - 1].row), "it is valid while another row of its key is",
               std::min(all[i].row, all[i - 1].row)};
        return false;
      }
  }
  return true;
}

std::optional<row_index> row_index::make(const columns_of& c, std::uint32_t rows, fault& why) {
  row_index out;
  out.addresses_ = c.addresses || c.network != nullptr;
  if (c.key != nullptr) {
    out.key_kind_ = c.key->of().of();
    out.how_ = c.since != nullptr || c.until != nullptr ? how::timed : how::exact;
  } else {
    out.how_ = how::spans;
    out.key_kind_ = c.from != nullptr ? c.from->of().of() : kind::string;
  }
  for (std::uint32_t r = 0; r < rows; ++r)
    if (!(out.how_ == how::spans ? out.add_span(c, r, why) : out.add_key(c, r, why)))
      return std::nullopt;
  return out.sort(why) ? std::optional{std::move(out)} : std::nullopt;
}

std::optional<std::uint32_t> row_index::find(const value& key, std::optional<timestamp> at) const {
  const auto bytes = key_bytes(key, key_kind_, addresses_);
  const auto number = type{key_kind_}.numeric() && !addresses_;
  if (!bytes || (number && how_ != how::spans && !is_equal(key, *bytes)))
    return std::nullopt;
  if (how_ == how::exact) {
    const auto row = rows_.find(*bytes);
    return row == rows_.end() ? std::nullopt : std::optional{row->second};
  }
  if (how_ == how::spans) {
    auto next = std::ranges::upper_bound(spans_, *bytes, {}, &span_of_row::from);
    if (next == spans_.begin() || *bytes > (--next)->to || (number && !is_within(key, next->to)))
      return std::nullopt;
    return next->row;
  }
  const auto all = times_.find(*bytes);
  if (all == times_.end() || !at)
    return std::nullopt;
  const auto t = to_event_time(*at).time_since_epoch().count();
  auto next = std::ranges::upper_bound(all->second, t, {}, &validity::since);
  return next != all->second.begin() && t < std::prev(next)->until ? std::optional{std::prev(next)->row}
                                                                   : std::nullopt;
}

} // namespace tidemill
