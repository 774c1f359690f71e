#include "pipeline/cel/call.hpp"
#include "pipeline/cel/checked.hpp"
#include "pipeline/cel/strings.hpp"

namespace tidemill::cel {
namespace {

bool two_digits(std::string_view text, std::int64_t& out) {
  if (text.size() != 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
    return false;
  out = (text[0] - '0') * 10 + (text[1] - '0');
  return true;
}

} // namespace

result<std::int64_t> zone_offset(std::string_view text) {
  if (text == "UTC" || text == "Z" || text == "Etc/UTC" || text == "GMT")
    return 0;
  auto rest = text;
  bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+'))
    rest.remove_prefix(1);
  std::int64_t hours = 0, minutes = 0;
  if (rest.size() == 5 && rest[2] == ':' && two_digits(rest.substr(0, 2), hours) &&
      two_digits(rest.substr(3), minutes) && hours <= 23 && minutes <= 59) {
    auto seconds = hours * 3600 + minutes * 60;
    return negative ? -seconds : seconds;
  }
  return error{errc::evaluation,
               "unknown time zone \"" + std::string{shortened(text, 60)} +
                   "\": write UTC or an offset like +02:00 (named zones are not supported)"};
}

std::int64_t get_part(fn f, timestamp t, std::int64_t offset) {
  auto civil = to_civil(t.seconds + offset);
  switch (f) {
  case fn::full_year:
    return civil.year;
  case fn::month:
    return civil.month - 1;
  case fn::date:
    return civil.day;
  case fn::day_of_month:
    return civil.day - 1;
  case fn::day_of_year:
    return civil.year_day;
  case fn::day_of_week:
    return civil.weekday;
  case fn::hours:
    return civil.hour;
  case fn::minutes:
    return civil.minute;
  case fn::seconds:
    return civil.second;
  default:
    return t.nanos / 1'000'000;
  }
}

std::int64_t get_part(fn f, duration d) {
  constexpr std::int64_t second = 1'000'000'000;
  switch (f) {
  case fn::hours:
    return d.nanos / (3600 * second);
  case fn::minutes:
    return d.nanos / (60 * second);
  case fn::seconds:
    return d.nanos / second;
  default:
    return d.nanos % second / 1'000'000;
  }
}

value call_time(fn f, arguments args) {
  if (args.empty() || args.size() > 2)
    return no_overload();
  if (const auto* d = args[0]->get_if<duration>())
    return args.size() == 1 && f >= fn::hours ? value{get_part(f, *d)} : no_overload();
  const auto* t = args[0]->get_if<timestamp>();
  if (!t)
    return no_overload();
  if (args.size() == 1)
    return get_part(f, *t, 0);
  const auto* zone = args[1]->get_if<std::string>();
  if (!zone)
    return no_overload();
  auto offset = zone_offset(*zone);
  return offset ? value{get_part(f, *t, *offset)} : failure(offset.error().text());
}

} // namespace tidemill::cel
