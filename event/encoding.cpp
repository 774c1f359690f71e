#include "event/column.hpp"
#include "event/encoded_cells.hpp"
#include "event/value.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

// The stored form of values. A tag, then the payload so that bytewise order is the order of values:
// integers big-endian with the sign bit flipped, doubles as their bits with negative ones inverted, texts
// with 00 escaped as 00 FF and ended by 00 01, lists and maps ended by 00, which is below every tag.
namespace tidemill {
namespace {

enum class tag : std::uint8_t {
  end = 0, // of a list or map; not a value
  null,
  boolean,
  integer,
  uinteger,
  real,
  decimal,
  string,
  bytes,
  timestamp,
  duration,
  list,
  map,
  optional,
  type,
  error,
  ip,
  cidr,
};

constexpr char escape = '\xFF';
constexpr char terminator = '\x01';
constexpr std::string_view escaped_zero{"\0\xFF", 2}, end_of_text{"\0\x01", 2};
constexpr int max_depth = 1000;

void put(std::string& out, tag t) {
  out += static_cast<char>(t);
}

template <class Unsigned>
void to_big_endian(char* raw, Unsigned x) {
  for (std::size_t i = sizeof(Unsigned); i-- > 0; x = static_cast<Unsigned>(x >> 8))
    raw[i] = static_cast<char>(static_cast<std::uint8_t>(x));
}

template <class Unsigned>
void put_big_endian(std::string& out, Unsigned x) {
  char raw[sizeof(Unsigned)];
  to_big_endian(raw, x);
  out.append(raw, sizeof raw);
}

// Together, as most values are a tag and a number.
void put(std::string& out, tag t, std::uint64_t x) {
  char raw[1 + sizeof x];
  raw[0] = static_cast<char>(t);
  to_big_endian(raw + 1, x);
  out.append(raw, sizeof raw);
}

constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

std::uint64_t ordered(std::int64_t x) {
  return static_cast<std::uint64_t>(x) ^ sign_bit;
}

std::uint64_t ordered(double x) {
  if (x == 0)
    x = 0; // -0 is 0
  if (std::isnan(x))
    x = std::numeric_limits<double>::quiet_NaN();
  auto bits = std::bit_cast<std::uint64_t>(x);
  return (bits & sign_bit) != 0 ? ~bits : bits | sign_bit;
}

void put_text(std::string& out, std::string_view text) {
  for (;;) {
    auto zero = text.find('\0');
    out.append(text.substr(0, zero));
    if (zero == text.npos)
      break;
    out += escaped_zero;
    text.remove_prefix(zero + 1);
  }
  out += end_of_text;
}

struct encoder {
  std::string& out;

  void operator()(null) const { put(out, tag::null); }
  void operator()(bool x) const {
    put(out, tag::boolean);
    out += x ? '\1' : '\0';
  }
  void operator()(std::int64_t x) const { put(out, tag::integer, ordered(x)); }
  void operator()(std::uint64_t x) const { put(out, tag::uinteger, x); }
  void operator()(double x) const { put(out, tag::real, ordered(x)); }
  void operator()(decimal x) const {
    put(out, tag::decimal, ordered(static_cast<std::int64_t>(x.units >> 64)));
    put_big_endian(out, static_cast<std::uint64_t>(x.units));
  }
  void operator()(const std::string& x) const { string(x); }
  void string(std::string_view x) const {
    put(out, tag::string);
    put_text(out, x);
  }
  void operator()(const byte_string& x) const { bytes(x.bytes); }
  void bytes(std::string_view x) const {
    put(out, tag::bytes);
    put_text(out, x);
  }
  void operator()(timestamp x) const {
    put(out, tag::timestamp, ordered(x.seconds));
    put_big_endian(out, static_cast<std::uint32_t>(x.nanos));
  }
  void operator()(duration x) const { put(out, tag::duration, ordered(x.nanos)); }
  void operator()(const value::list_ptr& x) const {
    put(out, tag::list);
    for (const auto& element : *x)
      append_encoded(out, element);
    put(out, tag::end);
  }
  // Sorted by key: equal maps have any order.
  void operator()(const value::map_ptr& x) const {
    std::vector<std::pair<std::string, const value*>> entries;
    entries.reserve(x->size());
    for (const auto& [key, mapped] : *x) {
      append_encoded(entries.emplace_back().first, key);
      entries.back().second = &mapped;
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    put(out, tag::map);
    for (const auto& [key, mapped] : entries) {
      out += key;
      append_encoded(out, *mapped);
    }
    put(out, tag::end);
  }
  void operator()(const optional_value& x) const {
    put(out, tag::optional);
    out += x.held ? '\1' : '\0';
    if (x.held)
      append_encoded(out, *x.held);
  }
  void operator()(const type& x) const {
    put(out, tag::type);
    out += static_cast<char>(x.of());
  }
  void operator()(const ip_address& x) const {
    put(out, tag::ip);
    put_raw(x);
  }
  void operator()(const cidr_block& x) const {
    put(out, tag::cidr);
    put_raw(x.address);
    out += static_cast<char>(x.shared);
  }
  void operator()(const value::error_ptr& x) const {
    put(out, tag::error);
    put_big_endian(out, static_cast<std::uint16_t>(x->code()));
    put_text(out, x->text());
  }

private:
  void put_raw(const ip_address& x) const {
    for (auto b : x.bytes)
      out += static_cast<char>(b);
  }
};

class decoder {
public:
  explicit decoder(std::string_view& in) : in_(in) {}

  value take(int depth = 0) {
    if (depth > max_depth)
      return fail("nested too deeply");
    switch (static_cast<tag>(byte())) {
    case tag::null:
      return {};
    case tag::boolean:
      return take_flag();
    case tag::integer:
      return take_signed();
    case tag::uinteger:
      return take_big_endian<std::uint64_t>();
    case tag::real:
      return take_real();
    case tag::decimal: {
      auto high = int128{take_signed()};
      return decimal{high * (int128{1} << 64) + take_big_endian<std::uint64_t>()};
    }
    case tag::string:
      return take_text();
    case tag::bytes:
      return byte_string{take_text()};
    case tag::timestamp:
      return take_timestamp();
    case tag::duration:
      return duration{take_signed()};
    case tag::list:
      return take_list(depth);
    case tag::map:
      return take_map(depth);
    case tag::optional:
      return take_flag() ? optional_value{std::make_shared<const value>(take(depth + 1))} : optional_value{};
    case tag::type:
      return take_type();
    case tag::error: {
      auto code = static_cast<errc>(take_big_endian<std::uint16_t>());
      return error{code, take_text()};
    }
    case tag::ip:
      return take_ip();
    case tag::cidr: {
      auto address = take_ip();
      return take_cidr(address);
    }
    case tag::end:
      break;
    }
    return fail("unknown tag");
  }

  // Why the last `take` failed; empty if it did not.
  [[nodiscard]] std::string_view fault() const noexcept { return fault_; }

  template <class Unsigned>
  Unsigned take_big_endian() {
    Unsigned x = 0;
    for (auto c : bytes(sizeof(Unsigned)))
      x = static_cast<Unsigned>(std::uint64_t{x} << 8 | static_cast<std::uint8_t>(c));
    return x;
  }
  std::int64_t take_signed() {
    return static_cast<std::int64_t>(take_big_endian<std::uint64_t>() ^ sign_bit);
  }
  // Each value has one stored form: maps rely on it.
  double take_real() {
    auto bits = take_big_endian<std::uint64_t>();
    auto x = std::bit_cast<double>((bits & sign_bit) != 0 ? bits ^ sign_bit : ~bits);
    if ((x == 0 && std::signbit(x)) ||
        (std::isnan(x) && std::bit_cast<std::uint64_t>(x) !=
                              std::bit_cast<std::uint64_t>(std::numeric_limits<double>::quiet_NaN())))
      fail("a number that is not in its stored form");
    return x;
  }
  bool take_flag() {
    auto b = byte();
    if (b > 1)
      fail("a flag that is neither 0 nor 1");
    return b == 1;
  }
  timestamp take_timestamp() {
    auto seconds = take_signed();
    return {seconds, static_cast<std::int32_t>(take_big_endian<std::uint32_t>())};
  }

private:
  value fail(std::string_view why) {
    if (fault_.empty())
      fault_ = why;
    in_ = {};
    return {};
  }
  std::string_view bytes(std::size_t n) {
    if (n > in_.size()) {
      fail("cut short");
      return {};
    }
    auto x = in_.substr(0, n);
    in_.remove_prefix(n);
    return x;
  }
  std::uint8_t byte() { return take_big_endian<std::uint8_t>(); }
  std::string take_text() {
    std::string text;
    for (;;) {
      auto zero = in_.find('\0');
      if (zero == in_.npos || zero + 1 == in_.size())
        break;
      text.append(in_.substr(0, zero));
      auto next = in_[zero + 1];
      in_.remove_prefix(zero + 2);
      if (next == terminator)
        return text;
      if (next != escape)
        break;
      text += '\0';
    }
    fail("cut short");
    return {};
  }
  // At the end of a list or map, whose mark it removes, or at a fault.
  bool at_end() {
    if (in_.empty())
      fail("cut short");
    else if (in_.front() != static_cast<char>(tag::end))
      return false;
    else
      in_.remove_prefix(1);
    return true;
  }
  value take_list(int depth) {
    value_list all;
    while (!at_end())
      all.push_back(take(depth + 1));
    return all;
  }
  value take_map(int depth) {
    value_map all;
    std::string_view last;
    while (!at_end()) {
      auto before = in_;
      auto key = take(depth + 1);
      auto written = before.substr(0, before.size() - in_.size());
      if (written <= last) // as they were sorted, and none twice: one stored form for each map
        return fail("the keys of a map are not in order");
      last = written;
      all.emplace_back(std::move(key), take(depth + 1));
    }
    return all;
  }
  ip_address take_ip() {
    ip_address out;
    for (auto& b : out.bytes)
      b = byte();
    return out;
  }
  value take_cidr(const ip_address& address) {
    cidr_block out{address, byte()};
    return out.shared <= 128 && out.prefix() >= 0 ? value{out} : fail("unknown block of addresses");
  }
  value take_type() {
    auto k = byte();
    return k <= static_cast<std::uint8_t>(kind::dyn) ? value{type{static_cast<kind>(k)}}
                                                     : fail("unknown type");
  }

  std::string_view& in_;
  std::string_view fault_;
};

} // namespace

void append_encoded(std::string& out, const value& v) {
  std::visit(encoder{out}, v.data());
}

void append_encoded(std::string& out, const column& c, std::size_t row) {
  encoder put{out};
  if (c.is_null(row))
    return put(null{});
  switch (c.of().of()) {
  case kind::boolean:
    return put(c.as<std::uint8_t>()[row] != 0);
  case kind::integer:
    return put(c.as<std::int64_t>()[row]);
  case kind::uinteger:
    return put(c.as<std::uint64_t>()[row]);
  case kind::real:
    return put(c.as<double>()[row]);
  case kind::decimal:
    return put(c.as<decimal>()[row]);
  case kind::string:
    return put.string(c.as<std::string_view>()[row]);
  case kind::bytes:
    return put.bytes(c.as<std::string_view>()[row]);
  case kind::timestamp:
    return put(c.as<timestamp>()[row]);
  case kind::duration:
    return put(c.as<duration>()[row]);
  default:
    append_encoded(out, c.as<value>()[row]);
  }
}

result<value> take_encoded(std::string_view& in) {
  decoder d{in};
  auto v = d.take();
  if (!d.fault().empty())
    // An error is a value too, so which of the two it is must be said.
    return {boost::system::in_place_error, errc::corrupt, "stored value: " + std::string{d.fault()}};
  return v;
}

namespace {

/// Bytes behind the tag; nothing where the value itself says it.
std::optional<std::size_t> fixed_size(tag t) {
  switch (t) {
  case tag::null:
    return 0;
  case tag::boolean:
  case tag::type:
    return 1;
  case tag::integer:
  case tag::uinteger:
  case tag::real:
  case tag::duration:
    return 8;
  case tag::timestamp:
    return 12;
  case tag::decimal:
  case tag::ip:
    return 16;
  case tag::cidr:
    return 17;
  default:
    return std::nullopt;
  }
}

/// Removes a text behind its tag: as it is stored, and whether there are escapes in it.
struct stored_text {
  std::string_view bytes;
  bool escapes = false, whole = false;
};
stored_text take_stored_text(std::string_view& in) {
  stored_text out;
  for (std::size_t from = 0;;) {
    auto zero = in.find('\0', from);
    if (zero == in.npos || zero + 1 == in.size())
      return out;
    if (in[zero + 1] == terminator) {
      out.bytes = in.substr(0, zero);
      out.whole = true;
      in.remove_prefix(zero + 2);
      return out;
    }
    out.escapes = true;
    from = zero + 2;
  }
}

bool take_boxed(std::string_view& in, column& to, std::size_t row) {
  auto v = take_encoded(in);
  if (!v)
    return false;
  const auto mine = to.of().of();
  if (!v->is_null() && mine != kind::dyn && v->of() != mine)
    return false;
  to.set(row, *v);
  return true;
}

} // namespace

bool skip_encoded(std::string_view& in) {
  if (in.empty())
    return false;
  const auto t = static_cast<tag>(in.front());
  if (auto size = fixed_size(t)) {
    if (in.size() < 1 + *size)
      return false;
    in.remove_prefix(1 + *size);
    return true;
  }
  if (t != tag::string && t != tag::bytes)
    return take_encoded(in).has_value();
  in.remove_prefix(1);
  return take_stored_text(in).whole;
}

bool take_encoded(std::string_view& in, column& to, std::size_t row) {
  if (in.empty())
    return false;
  const auto t = static_cast<tag>(in.front());
  const auto is = [&](tag wanted, kind k) { return t == wanted && to.of().is(k); };
  if (is(tag::string, kind::string) || is(tag::bytes, kind::bytes)) {
    auto rest = in.substr(1);
    const auto text = take_stored_text(rest);
    if (text.whole && !text.escapes) {
      to.as<std::string_view>()[row] = to.memory().copy(text.bytes);
      in = rest;
      return true;
    }
    return take_boxed(in, to, row);
  }
  const auto size = fixed_size(t);
  if (!size || in.size() < 1 + *size)
    return take_boxed(in, to, row);
  auto bytes = in.substr(1, *size);
  decoder d{bytes};
  if (t == tag::null)
    to.set_null(row);
  else if (is(tag::boolean, kind::boolean))
    to.as<std::uint8_t>()[row] = d.take_flag() ? 1 : 0;
  else if (is(tag::integer, kind::integer))
    to.as<std::int64_t>()[row] = d.take_signed();
  else if (is(tag::uinteger, kind::uinteger))
    to.as<std::uint64_t>()[row] = d.take_big_endian<std::uint64_t>();
  else if (is(tag::real, kind::real))
    to.as<double>()[row] = d.take_real();
  else if (is(tag::timestamp, kind::timestamp))
    to.as<timestamp>()[row] = d.take_timestamp();
  else
    return take_boxed(in, to, row);
  in.remove_prefix(1 + *size);
  return d.fault().empty();
}

} // namespace tidemill
