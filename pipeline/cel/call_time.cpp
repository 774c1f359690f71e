#include "event/time_zone.hpp"
#include "pipeline/cel/call.hpp"
#include "pipeline/cel/checked.hpp"

namespace tidemill::cel {
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
  auto known = find_time_zone(*zone);
  return known ? value{get_part(f, *t, (*known)->offset_at(t->seconds))} : failure(known.error().text());
}

} // namespace tidemill::cel
