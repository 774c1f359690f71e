#include "pipeline/step_set.hpp"

#include <algorithm>

namespace tidemill {
namespace {

error damaged(const step_state_plan& s) {
  return {errc::corrupt, "the checkpoint's state of step " + s.name + " doesn't decode"};
}

} // namespace

step_set::step_set(const source_plan& source, step_state* intake) {
  for (const auto& stream : source.streams) {
    auto& instances = streams_.emplace_back();
    for (const auto& step : stream.steps)
      instances.push_back(step->instance());
    for (const auto& state : stream.states)
      states_.push_back(
          {&state, state.step == step_state_plan::intake ? intake : instances[state.step]->state()});
  }
}

std::vector<step_totals> step_set::totals() const {
  std::vector<step_totals> all;
  for (const auto& s : states_)
    all.push_back(s.state->totals());
  return all;
}

void step_set::save(byte_writer& out) const {
  out.varint(states_.size());
  std::string bytes;
  for (const auto& s : states_) {
    out.text(s.plan->name);
    out.text(s.plan->id);
    bytes.clear();
    byte_writer part{bytes};
    s.state->save(part);
    out.text(bytes);
  }
}

void step_set::freeze(frozen_partition& out) const {
  for (const auto& s : states_)
    out.add(part_kind::step, s.plan->name, s.plan->id, s.state->freeze());
}

step_set::kept* step_set::find(std::string_view name, std::string_view id) noexcept {
  auto found =
      std::ranges::find_if(states_, [&](const kept& s) { return s.plan->name == name && s.plan->id == id; });
  return found == states_.end() ? nullptr : &*found;
}

status step_set::load(byte_reader& in) {
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    auto name = in.text();
    auto* s = find(name, in.text());
    byte_reader part{in.text()};
    if (s == nullptr || !in.ok())
      continue;
    if (s->loaded || !s->state->load(part) || !part.ok() || !part.at_end())
      return damaged(*s->plan);
    s->loaded = true;
  }
  return {};
}

status step_set::restore(const piece_heading& piece) {
  auto* s = find(piece.name, piece.state_id);
  return s == nullptr || (s->loaded && s->state->restore(piece.sections)) ? status{} : damaged(*s->plan);
}

status step_set::finish_restore() {
  for (auto& s : states_)
    if (s.loaded && !s.state->finish_restore())
      return error{errc::corrupt, "the checkpoint lacks some of the state of step " + s.plan->name};
  return {};
}

} // namespace tidemill
