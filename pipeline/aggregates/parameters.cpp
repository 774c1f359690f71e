#include "pipeline/aggregates/parameters.hpp"

namespace tidemill {
namespace {

std::string here(const value& constant) {
  std::string text = "here it is ";
  append_json(text, constant);
  return text;
}

} // namespace

std::optional<double> as_number(const value& v) {
  if (const auto* x = v.get_if<double>())
    return *x + 0.0;
  if (const auto* i = v.get_if<std::int64_t>())
    return static_cast<double>(*i);
  if (const auto* u = v.get_if<std::uint64_t>())
    return static_cast<double>(*u);
  return std::nullopt;
}

std::string no_fraction(const std::vector<type>&, const value& constant) {
  auto q = as_number(constant);
  return q && *q >= 0 && *q <= 1 ? "" : here(constant);
}

} // namespace tidemill
