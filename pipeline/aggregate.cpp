#include "pipeline/aggregate.hpp"

#include "pipeline/aggregates/families.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {
namespace {

struct family {
  std::string_view name;
  std::string_view takes; // for messages
  std::size_t parameters = 0;
  made_aggregate (*plain)() = nullptr;               // without an argument
  made_aggregate (*over)(kind) = nullptr;            // over an argument
  made_aggregate (*tuned)(kind, double q) = nullptr; // with a parameter in [0, 1], too
};

constexpr std::string_view summable = "one int, uint, double, decimal or duration";
constexpr std::string_view ordered =
    "one bool, int, uint, double, decimal, string, bytes, timestamp or duration";
const family families[] = {
    {.name = "count", .takes = "no argument", .plain = make_count},
    {.name = "count_if", .takes = "one bool", .over = make_count_if},
    {.name = "sum", .takes = summable, .over = make_sum},
    {.name = "avg", .takes = summable, .over = make_avg},
    {.name = "min", .takes = ordered, .over = make_min},
    {.name = "max", .takes = ordered, .over = make_max},
    {.name = "distinct",
     .takes = "one bool, int, uint, double, decimal, string, bytes, timestamp, duration or dyn",
     .over = make_distinct},
    {.name = "quantile",
     .takes = "one int, uint or double, and a constant from 0 to 1",
     .parameters = 1,
     .tuned = make_quantile},
};

std::optional<double> as_fraction(const value& v) {
  std::optional<double> q;
  if (const auto* x = v.get_if<double>())
    q = *x;
  else if (const auto* i = v.get_if<std::int64_t>())
    q = static_cast<double>(*i);
  else if (const auto* u = v.get_if<std::uint64_t>())
    q = static_cast<double>(*u);
  if (!q || !(*q >= 0 && *q <= 1))
    return std::nullopt;
  return *q + 0.0;
}

made_aggregate make(const family& f, const std::optional<type>& argument,
                    const std::vector<value>& parameters) {
  if (parameters.size() != f.parameters || argument.has_value() == (f.plain != nullptr))
    return nullptr;
  if (f.plain != nullptr)
    return f.plain();
  if (f.over != nullptr)
    return f.over(argument->of());
  auto q = as_fraction(parameters[0]);
  return q ? f.tuned(argument->of(), *q) : nullptr;
}

// What the call should say, what is wrong with it, and the way out where there is an obvious one.
std::string complaint(const family& f, const std::optional<type>& argument,
                      const std::vector<value>& parameters) {
  auto text = std::string{f.name} + "() takes " + std::string{f.takes};
  if (f.plain != nullptr && argument)
    return text + "; write count_if(x != null) to count values that are there";
  if (parameters.size() > f.parameters)
    return text + (f.parameters == 0 ? "; there is a second argument" : "; there are more arguments");
  if (!argument)
    return text;
  if (argument->is(kind::dyn))
    return text + (f.over == make_count_if ? ", not dyn: compare, as in x == true"
                                           : ", not dyn: convert, as in double(x)");
  if (f.tuned == nullptr || f.tuned(argument->of(), 0) == nullptr)
    return text + "; here the argument is " + to_string(*argument);
  return text + (parameters.empty() ? "; the constant is missing" : "; the constant is wrong");
}

} // namespace

result<std::unique_ptr<const aggregate>> make_aggregate(std::string_view function,
                                                        const std::optional<type>& argument,
                                                        const std::vector<value>& parameters) {
  const auto* f = std::ranges::find(families, function, &family::name);
  if (f == std::end(families)) {
    std::string known;
    for (const auto& name : aggregate_names())
      known += (known.empty() ? "" : ", ") + name;
    return error{errc::expression_invalid,
                 "unknown aggregate " + std::string{function} + "(); known are " + known};
  }
  if (auto made = make(*f, argument, parameters))
    return made;
  return error{errc::expression_invalid, complaint(*f, argument, parameters)};
}

const std::vector<std::string>& aggregate_names() {
  static const auto all = [] {
    std::vector<std::string> names;
    for (const auto& f : families)
      names.emplace_back(f.name);
    return names;
  }();
  return all;
}

accumulator_layout::accumulator_layout(std::vector<std::shared_ptr<const aggregate>> parts)
    : parts_(std::move(parts)) {
  for (const auto& part : parts_) {
    offsets_.push_back(size_);
    size_ += (part->size() + 7) / 8 * 8;
    flat_ = flat_ && part->flat();
  }
}

void accumulator_layout::construct(std::byte* at) const noexcept {
  for (std::size_t i = 0; i < parts_.size(); ++i)
    parts_[i]->construct(at + offsets_[i]);
}

void accumulator_layout::destroy(std::byte* at) const noexcept {
  for (std::size_t i = 0; i < parts_.size(); ++i)
    parts_[i]->destroy(at + offsets_[i]);
}

void accumulator_layout::merge(std::byte* into, const std::byte* from) const {
  for (std::size_t i = 0; i < parts_.size(); ++i)
    parts_[i]->merge(into + offsets_[i], from + offsets_[i]);
}

void accumulator_layout::copy(std::byte* to, const std::byte* from) const {
  for (std::size_t i = 0; i < parts_.size(); ++i)
    parts_[i]->copy(to + offsets_[i], from + offsets_[i]);
}

void accumulator_layout::save(const std::byte* at, byte_writer& out) const {
  for (std::size_t i = 0; i < parts_.size(); ++i)
    parts_[i]->save(at + offsets_[i], out);
}

bool accumulator_layout::load(std::byte* at, byte_reader& in) const {
  for (std::size_t i = 0; i < parts_.size(); ++i)
    if (!parts_[i]->load(at + offsets_[i], in))
      return false;
  return true;
}

accumulator::accumulator(layout_ptr layout)
    : layout_(std::move(layout)), memory_(std::make_unique_for_overwrite<std::byte[]>(layout_->size())) {
  layout_->construct(memory_.get());
}

accumulator::accumulator(accumulator&& other) noexcept
    : layout_(std::move(other.layout_)), memory_(std::move(other.memory_)) {}

accumulator& accumulator::operator=(accumulator&& other) noexcept {
  std::swap(layout_, other.layout_);
  std::swap(memory_, other.memory_);
  return *this;
}

accumulator::~accumulator() {
  if (memory_)
    layout_->destroy(memory_.get());
}

void accumulator::merge(const accumulator& from) {
  if (from.empty())
    return;
  if (empty())
    *this = accumulator{from.layout_};
  layout_->merge(memory_.get(), from.memory_.get());
}

accumulator accumulator::clone() const {
  accumulator copy;
  copy.merge(*this);
  return copy;
}

void accumulator::reset() {
  if (!memory_)
    return;
  layout_->destroy(memory_.get());
  layout_->construct(memory_.get());
}

std::vector<value> accumulator::finish() const {
  std::vector<value> results;
  finish(results);
  return results;
}

void accumulator::finish(std::vector<value>& out) const {
  for (std::size_t i = 0; memory_ && i < layout_->parts(); ++i)
    out.push_back(layout_->part(i).finish(memory_.get() + layout_->offset(i)));
}

void accumulator::save(byte_writer& out) const {
  if (memory_)
    layout_->save(memory_.get(), out);
}

std::optional<accumulator> accumulator::load(const layout_ptr& layout, byte_reader& in) {
  accumulator a{layout};
  if (!layout->load(a.data(), in))
    return std::nullopt;
  return a;
}

} // namespace tidemill
