#include "event/time_zone.hpp"
#include "pipeline/cel/call.hpp"
#include "pipeline/cel/vector_map.hpp"

#include <charconv>
#include <cmath>

namespace tidemill::cel {
namespace {

using text_view = std::string_view;
using time_value = tidemill::timestamp;
using span_value = tidemill::duration;
using exact_value = tidemill::decimal;

problem parsed(bool good) {
  return good ? nullptr : "";
}

/// Offsets of rows: most have the zone of the row before, and lie in the same half-year.
class zone_clock {
public:
  problem offset(text_view name, std::int64_t seconds, std::int32_t& out) {
    if (!asked_ || name != name_)
      use(name);
    if (!zone_)
      return "unknown time zone";
    if (seconds < span_.from || seconds >= span_.until)
      span_ = zone_->span_at(seconds);
    out = span_.offset;
    return nullptr;
  }

private:
  void use(text_view name) {
    asked_ = true;
    name_ = name;
    span_ = {0, 0, 0};
    auto found = find_time_zone(name);
    zone_ = found ? *found : nullptr;
  }

  bool asked_ = false;
  text_view name_; // of a row, which outlives this
  time_zone_ptr zone_;
  offset_span span_{0, 0, 0};
};

} // namespace

std::optional<lane> vector_evaluator::to_text(const code& c, const row_set& rows) {
  auto& texts = texts_of(c);
  auto whole = [&texts](auto x, std::uint32_t, text_view& out) -> problem {
    char digits[24];
    auto end = std::to_chars(digits, digits + sizeof digits, x).ptr;
    out = texts.copy({digits, static_cast<std::size_t>(end - digits)});
    return nullptr;
  };
  switch (c.args[0]->of.of()) {
  case kind::integer:
    return map1<text_view, std::int64_t>(c, kind::string, rows, whole);
  case kind::uinteger:
    return map1<text_view, std::uint64_t>(c, kind::string, rows, whole);
  case kind::real:
    return map1<text_view, double>(c, kind::string, rows,
                                   [&texts](double x, std::uint32_t, text_view& out) -> problem {
                                     out = texts.copy(number_text(x));
                                     return nullptr;
                                   });
  case kind::boolean:
    return map1<text_view, std::uint8_t>(c, kind::string, rows,
                                         [](std::uint8_t x, std::uint32_t, text_view& out) -> problem {
                                           out = x ? "true" : "false";
                                           return nullptr;
                                         });
  case kind::timestamp:
    return map1<text_view, time_value>(c, kind::string, rows,
                                       [&texts](time_value x, std::uint32_t, text_view& out) -> problem {
                                         out = texts.copy(format_rfc3339(x));
                                         return nullptr;
                                       });
  default:
    return {};
  }
}

std::optional<lane> vector_evaluator::to_whole(const code& c, const row_set& rows) {
  bool is_signed = c.function == fn::to_int;
  switch (c.args[0]->of.of()) {
  case kind::real:
    if (is_signed)
      return map1<std::int64_t, double>(
          c, kind::integer, rows, [](double x, std::uint32_t, std::int64_t& out) { return to_int(x, out); });
    return map1<std::uint64_t, double>(
        c, kind::uinteger, rows, [](double x, std::uint32_t, std::uint64_t& out) { return to_uint(x, out); });
  case kind::string:
    if (is_signed)
      return map1<std::int64_t, text_view>(
          c, kind::integer, rows,
          [](text_view s, std::uint32_t, std::int64_t& out) { return parsed(parse_number(s, out)); });
    return map1<std::uint64_t, text_view>(
        c, kind::uinteger, rows,
        [](text_view s, std::uint32_t, std::uint64_t& out) { return parsed(parse_number(s, out)); });
  case kind::uinteger:
    if (is_signed)
      return map1<std::int64_t, std::uint64_t>(
          c, kind::integer, rows,
          [](std::uint64_t x, std::uint32_t, std::int64_t& out) { return to_int(x, out); });
    return {};
  case kind::integer:
    if (!is_signed)
      return map1<std::uint64_t, std::int64_t>(
          c, kind::uinteger, rows,
          [](std::int64_t x, std::uint32_t, std::uint64_t& out) { return to_uint(x, out); });
    return {};
  case kind::timestamp:
    return map1<std::int64_t, time_value>(c, kind::integer, rows,
                                          [](time_value t, std::uint32_t, std::int64_t& out) -> problem {
                                            out = t.seconds;
                                            return nullptr;
                                          });
  default:
    return {};
  }
}

std::optional<lane> vector_evaluator::to_real(const code& c, const row_set& rows) {
  auto cast = [](auto x, std::uint32_t, double& out) -> problem {
    out = static_cast<double>(x);
    return nullptr;
  };
  switch (c.args[0]->of.of()) {
  case kind::integer:
    return map1<double, std::int64_t>(c, kind::real, rows, cast);
  case kind::uinteger:
    return map1<double, std::uint64_t>(c, kind::real, rows, cast);
  case kind::string:
    return map1<double, text_view>(c, kind::real, rows, [](text_view s, std::uint32_t, double& out) {
      return parsed(parse_number(s, out));
    });
  case kind::decimal:
    return map1<double, exact_value>(c, kind::real, rows,
                                     [](exact_value x, std::uint32_t, double& out) -> problem {
                                       out = to_double(x);
                                       return nullptr;
                                     });
  default:
    return {};
  }
}

std::optional<lane> vector_evaluator::conversion(const code& c, const row_set& rows) {
  if (c.args.size() != 1 || !has_lane(c.of.of()))
    return {};
  switch (c.function) {
  case fn::to_int:
  case fn::to_uint:
    return to_whole(c, rows);
  case fn::to_double:
    return to_real(c, rows);
  case fn::to_string:
    return to_text(c, rows);
  case fn::to_decimal:
    if (takes(c, kind::integer))
      return map1<exact_value, std::int64_t>(c, kind::decimal, rows,
                                             [](std::int64_t x, std::uint32_t, exact_value& out) -> problem {
                                               out = to_decimal(x);
                                               return nullptr;
                                             });
    if (takes(c, kind::real))
      return map1<exact_value, double>(c, kind::decimal, rows, [](double x, std::uint32_t, exact_value& out) {
        return to_decimal(x, out);
      });
    return {};
  case fn::to_timestamp:
    if (takes(c, kind::string))
      return map1<time_value, text_view>(c, kind::timestamp, rows,
                                         [](text_view s, std::uint32_t, time_value& out) {
                                           auto t = parse_rfc3339(s);
                                           out = t ? *t : time_value{};
                                           return parsed(bool{t});
                                         });
    return {};
  case fn::to_duration:
    if (takes(c, kind::string))
      return map1<span_value, text_view>(c, kind::duration, rows,
                                         [](text_view s, std::uint32_t, span_value& out) {
                                           auto d = parse_cel_duration(s);
                                           out = d ? *d : span_value{};
                                           return parsed(bool{d});
                                         });
    return {};
  default:
    return {};
  }
}

std::optional<lane> vector_evaluator::time_part(const code& c, const row_set& rows) {
  auto f = c.function;
  if (takes(c, kind::duration))
    return map1<std::int64_t, span_value>(c, kind::integer, rows,
                                          [f](span_value d, std::uint32_t, std::int64_t& out) -> problem {
                                            out = get_part(f, d);
                                            return nullptr;
                                          });
  if (takes(c, kind::timestamp, kind::string))
    return map2<std::int64_t, time_value, text_view>(
        c, kind::integer, rows,
        [f, clock = zone_clock{}](time_value t, text_view zone, std::uint32_t, std::int64_t& out) mutable {
          std::int32_t offset = 0;
          auto why = clock.offset(zone, t.seconds, offset);
          out = get_part(f, t, offset);
          return why;
        });
  if (!takes(c, kind::timestamp))
    return {};
  return map1<std::int64_t, time_value>(c, kind::integer, rows,
                                        [f](time_value t, std::uint32_t, std::int64_t& out) -> problem {
                                          out = get_part(f, t, 0);
                                          return nullptr;
                                        });
}

std::optional<lane> vector_evaluator::math(const code& c, const row_set& rows) {
  using enum kind;
  auto divide = [](auto a, auto b, std::uint32_t, double& out) -> problem {
    auto y = static_cast<double>(b);
    out = y == 0 ? 0.0 : static_cast<double>(a) / y;
    return nullptr;
  };
  if (c.function == fn::ratio) {
    if (takes(c, integer, integer))
      return map2<double, std::int64_t, std::int64_t>(c, real, rows, divide);
    if (takes(c, real, real))
      return map2<double, double, double>(c, real, rows, divide);
    return {};
  }
  if (!takes(c, real) || !c.of.is(real))
    return {};
  auto run = [&](double (*g)(double)) {
    return map1<double, double>(c, real, rows, [g](double x, std::uint32_t, double& out) -> problem {
      out = g(x);
      return nullptr;
    });
  };
  switch (c.function) {
  case fn::abs:
    return run(std::fabs);
  case fn::ceil:
    return run(std::ceil);
  case fn::floor:
    return run(std::floor);
  case fn::round:
    return run(std::round);
  case fn::trunc:
    return run(std::trunc);
  case fn::sqrt:
    return run(std::sqrt);
  default:
    return {};
  }
}

} // namespace tidemill::cel
