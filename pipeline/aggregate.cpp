#include "pipeline/aggregate.hpp"

#include <utility>

namespace tidemill {
namespace {

std::vector<accumulator_layout::reading> one_each(const std::vector<aggregate_ptr>& parts) {
  std::vector<accumulator_layout::reading> all;
  for (std::size_t i = 0; i < parts.size(); ++i)
    all.push_back({i, parts[i]});
  return all;
}

} // namespace

accumulator_layout::accumulator_layout(std::vector<aggregate_ptr> parts)
    : accumulator_layout(parts, one_each(parts)) {}

accumulator_layout::accumulator_layout(std::vector<aggregate_ptr> parts, std::vector<reading> results)
    : parts_(std::move(parts)), results_(std::move(results)) {
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

void accumulator_layout::finish(const std::byte* at, microseconds window, std::vector<value>& out) const {
  for (const auto& r : results_)
    out.push_back(r.how->finish(at + offsets_[r.part], window));
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

std::vector<value> accumulator::finish(microseconds window) const {
  std::vector<value> results;
  finish(results, window);
  return results;
}

void accumulator::finish(std::vector<value>& out, microseconds window) const {
  if (memory_)
    layout_->finish(memory_.get(), window, out);
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
