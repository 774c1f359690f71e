#include "event/time_zone_rule.hpp"

#include "event/time.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace tidemill {
namespace {

constexpr std::int64_t day_seconds = 86'400;

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_leap(std::int32_t year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

} // namespace

/// Reads a rule from left to right; what doesn't fit makes `good` false.
class time_zone_rule_parser {
public:
  explicit time_zone_rule_parser(std::string_view text) : rest_(text) {}

  bool read(time_zone_rule& out) {
    name();
    out.standard_ = out.summer_ = -time(24);
    if (!good_ || rest_.empty())
      return good_;
    name();
    out.summer_ = rest_.empty() || rest_.front() == ',' ? out.standard_ + 3600 : -time(24);
    if (rest_.empty()) { // as every C library has it
      out.to_summer_ = {time_zone_rule::change::form::month_week_day, 3, 2, 0, 7200};
      out.to_standard_ = {time_zone_rule::change::form::month_week_day, 11, 1, 0, 7200};
      return good_;
    }
    out.to_summer_ = change();
    out.to_standard_ = change();
    return good_ && rest_.empty();
  }

private:
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c)
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  void name() {
    bool quoted = take('<');
    auto ends = [quoted](char c) {
      return !(is_letter(c) || (quoted && (is_digit(c) || c == '+' || c == '-')));
    };
    auto end = static_cast<std::size_t>(std::find_if(rest_.begin(), rest_.end(), ends) - rest_.begin());
    good_ &= end >= 3;
    rest_.remove_prefix(end);
    good_ &= !quoted || take('>');
  }

  std::int32_t number(std::int32_t least, std::int32_t most) {
    std::int32_t out = 0;
    std::size_t n = 0;
    for (; n < rest_.size() && n < 4 && is_digit(rest_[n]); ++n)
      out = out * 10 + (rest_[n] - '0');
    rest_.remove_prefix(n);
    good_ &= n > 0 && out >= least && out <= most;
    return out;
  }

  /// `[+-]hh[:mm[:ss]]`
  std::int32_t time(std::int32_t most_hours) {
    bool negative = take('-');
    if (!negative)
      take('+');
    auto out = number(0, most_hours) * 3600;
    if (take(':')) {
      out += number(0, 59) * 60;
      if (take(':'))
        out += number(0, 59);
    }
    return negative ? -out : out;
  }

  /// `,Mm.w.d`, `,Jn` or `,n`, then `[/time]`.
  time_zone_rule::change change() {
    using form = time_zone_rule::change::form;
    time_zone_rule::change out;
    good_ &= take(',');
    if (take('M')) {
      out.kind = form::month_week_day;
      out.month = number(1, 12);
      good_ &= take('.');
      out.week = number(1, 5);
      good_ &= take('.');
      out.day = number(0, 6);
    } else if (take('J')) {
      out.kind = form::day_without_leap;
      out.day = number(1, 365);
    } else {
      out.day = number(0, 365);
    }
    out.time = take('/') ? time(167) : 7200;
    return out;
  }

  std::string_view rest_;
  bool good_ = true;
};

result<time_zone_rule> time_zone_rule::parse(std::string_view text) {
  time_zone_rule out;
  if (time_zone_rule_parser{text}.read(out))
    return out;
  constexpr std::size_t shown = 60;
  return error{errc::config_invalid,
               "\"" + std::string{text.substr(0, shown)} +
                   "\" is no rule of a time zone, as CET-1CEST,M3.5.0,M10.5.0/3 is one"};
}

std::int64_t time_zone_rule::local_time(const change& c, std::int32_t year) noexcept {
  const auto first = from_civil(year, 1, 1);
  if (c.kind == change::form::day)
    return first + c.day * day_seconds + c.time;
  if (c.kind == change::form::day_without_leap) {
    constexpr std::int32_t february_28 = 59;
    bool after = is_leap(year) && c.day > february_28;
    return first + (c.day - 1 + (after ? 1 : 0)) * day_seconds + c.time;
  }
  // The given weekday of the month's n-th week, the last one if there is no fifth.
  auto month = static_cast<unsigned>(c.month);
  auto begin = from_civil(year, month, 1);
  auto end = month == 12 ? from_civil(year + 1, 1, 1) : from_civil(year, month + 1, 1);
  auto wait = (c.day - to_civil(begin).weekday + 7) % 7;
  auto at = begin + (wait + (c.week - 1) * 7) * day_seconds;
  return (at < end ? at : at - 7 * day_seconds) + c.time;
}

offset_span time_zone_rule::span_at(std::int64_t seconds) const noexcept {
  if (standard_ == summer_)
    return {-limit, limit, standard_};
  seconds = std::clamp(seconds, -limit, limit - 1);
  // A change's time may lie up to a week outside its year.
  const auto year = to_civil(seconds + standard_).year;
  struct turn {
    std::int64_t at;
    bool summer;
  };
  std::array<turn, 10> turns{};
  std::size_t n = 0;
  for (auto y = year - 2; y <= year + 2; ++y) {
    turns[n++] = {local_time(to_summer_, y) - standard_, true};
    turns[n++] = {local_time(to_standard_, y) - summer_, false};
  }
  // One year's end of summer may be the next one's beginning: summer for ever.
  std::sort(turns.begin(), turns.end(),
            [](const turn& a, const turn& b) { return a.at != b.at ? a.at < b.at : a.summer < b.summer; });
  auto next = std::upper_bound(turns.begin(), turns.end(), seconds,
                               [](std::int64_t t, const turn& x) { return t < x.at; });
  const auto& last = *std::prev(next);
  return {std::max(last.at, -limit), next == turns.end() ? limit : std::min(next->at, limit),
          last.summer ? summer_ : standard_};
}

} // namespace tidemill
