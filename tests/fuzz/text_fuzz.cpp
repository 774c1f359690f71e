// Links: tidemill_event
// Small texts with a form: times, durations, decimals, addresses, types, rules and data of time zones. What
// is written for a value that was read is read as the same.

#include "event/ip_address.hpp"
#include "event/schema.hpp"
#include "event/time_pattern.hpp"
#include "event/time_zone.hpp"
#include "event/value.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace tidemill::test {
namespace {

template <class Read, class Write>
void check_back(std::string_view text, Read read, Write write) {
  auto v = read(text);
  if (!v)
    return;
  auto written = write(*v);
  auto again = read(written);
  if (!again)
    finding(written + " is not read: " + again.error().text());
  if (!(*again == *v))
    finding(written + " is something else");
}

void check_zone(const result<time_zone>& z, std::int64_t t) {
  if (!z)
    return;
  auto span = z->span_at(t);
  if (span.from > t || t >= span.until || z->offset_at(span.from) != span.offset)
    finding("a time lies outside of its span");
  if (z->to_local(z->first_instant(t)) < t)
    finding("the first instant comes too early");
}

} // namespace

void fuzz_one(std::string_view input) {
  fuzz_input in{input};
  auto what = in.byte();
  auto text = in.rest();
  switch (what % 9) {
  case 0:
    return check_back(text, parse_rfc3339, [](timestamp t) { return format_rfc3339(t); });
  case 1:
    return check_back(text, parse_cel_duration, format_cel_duration);
  case 2:
    return check_back(text, parse_config_duration, format_config_duration);
  case 3:
    return check_back(text, parse_decimal, [](decimal d) { return to_string(d); });
  case 4:
    return check_back(text, parse_ip, [](const ip_address& a) { return to_string(a); });
  case 5:
    return check_back(text, parse_cidr, [](const cidr_block& b) { return to_string(b); });
  case 6: {
    auto t = in.number<std::int32_t>();
    return check_zone(time_zone::from_rule(in.rest()), std::int64_t{t} * 4);
  }
  case 7: {
    auto t = in.number<std::int32_t>();
    return check_zone(time_zone::from_tzif("x", in.rest()), std::int64_t{t} * 4);
  }
  default: {
    time_format form{};
    (void)parse_type(text, form);
    (void)parse_apache_time(text);
    (void)find_time_zone(text);
    if (auto pattern = time_pattern::compile(in.line()))
      (void)pattern->parse(in.rest());
  }
  }
}

} // namespace tidemill::test
