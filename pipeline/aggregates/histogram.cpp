#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/parameters.hpp"
#include "pipeline/aggregates/scalar_form.hpp"

#include <algorithm>
#include <limits>

namespace tidemill {
namespace {

// A count below the first bound, one from each bound to the next, one from the last on: as many words.
template <class T>
class histogram final : public aggregate {
public:
  histogram(std::string named, std::vector<T> bounds) : name_(std::move(named)), bounds_(std::move(bounds)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] std::size_t size() const noexcept override { return buckets() * sizeof(std::uint64_t); }
  void construct(std::byte* at) const noexcept override {
    std::uninitialized_value_construct_n(reinterpret_cast<std::uint64_t*>(at), buckets());
  }
  void destroy(std::byte*) const noexcept override {}

  void update(std::span<std::byte* const> states, const aggregate_input& in,
              std::span<const std::uint32_t> rows) const override {
    const auto& values = in.argument->as<T>();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      auto x = values[rows[i]];
      if (in.argument->is_null(rows[i]) || scalar_form<T>::skip(x))
        continue;
      auto bucket = std::upper_bound(bounds_.begin(), bounds_.end(), x) - bounds_.begin();
      ++counts(states[i])[bucket];
    }
  }
  void merge(std::byte* into, const std::byte* from) const override {
    for (std::size_t i = 0; i < buckets(); ++i)
      counts(into)[i] += counts(from)[i];
  }
  [[nodiscard]] bool flat() const noexcept override { return true; }

  [[nodiscard]] type result() const override { return type::list_of(kind::integer); }
  [[nodiscard]] value finish(const std::byte* at, microseconds) const override {
    value_list list;
    for (std::size_t i = 0; i < buckets(); ++i)
      list.emplace_back(static_cast<std::int64_t>(counts(at)[i]));
    return list;
  }
  void save(const std::byte* at, byte_writer& out) const override {
    out.u8(version);
    for (std::size_t i = 0; i < buckets(); ++i)
      out.varint(counts(at)[i]);
  }
  [[nodiscard]] bool load(std::byte* at, byte_reader& in) const override {
    if (in.u8() != version)
      return false;
    for (std::size_t i = 0; i < buckets(); ++i) {
      counts(at)[i] = in.varint();
      if (counts(at)[i] > most)
        return false;
    }
    return in.ok();
  }

private:
  static constexpr std::uint8_t version = 1;
  static constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  [[nodiscard]] std::size_t buckets() const noexcept { return bounds_.size() + 1; }
  static std::uint64_t* counts(std::byte* at) noexcept {
    return std::launder(reinterpret_cast<std::uint64_t*>(at));
  }
  static const std::uint64_t* counts(const std::byte* at) noexcept {
    return std::launder(reinterpret_cast<const std::uint64_t*>(at));
  }

  std::string name_;
  std::vector<T> bounds_;
};

template <class T>
made_aggregate make(kind argument, const value& given) {
  std::vector<T> bounds;
  for (const auto& v : *given.as_list())
    bounds.push_back(*as_bound(argument, v).template get_if<T>());
  auto name = "histogram(" + to_string(type{argument}) + ", ";
  append_json(name, given);
  return std::make_unique<const histogram<T>>(name + ')', std::move(bounds));
}

} // namespace

made_aggregate make_histogram(kind argument, const value& bounds) {
  switch (argument) {
  case kind::integer:
    return make<std::int64_t>(argument, bounds);
  case kind::uinteger:
    return make<std::uint64_t>(argument, bounds);
  case kind::real:
    return make<double>(argument, bounds);
  case kind::decimal:
    return make<decimal>(argument, bounds);
  case kind::duration:
    return make<duration>(argument, bounds);
  default:
    return nullptr;
  }
}

} // namespace tidemill
