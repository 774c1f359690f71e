#include "pipeline/row_models.hpp"

#include "pipeline/row_parts.hpp"

#include <span>
#include <string>

namespace tidemill {

void row_models::begin(const view_plan& what) {
  models_.clear();
  for (const auto& s : what.scores)
    models_.push_back(*s.model->make(s.settings)); // the plan has made one before
}

bool row_models::forgotten(const view_plan& what, event_time end) const noexcept {
  return models_.empty() || end - last_row_ >= what.schema->retain;
}

void row_models::score(const view_plan& what, row& r) {
  if (forgotten(what, r.window_end))
    begin(what);
  last_row_ = r.window_end;
  const auto known = r.columns.size();
  r.columns.reserve(known + models_.size()); // values are read from it meanwhile
  for (std::size_t i = 0; i < models_.size(); ++i) {
    auto x = to_number(what.scores[i].value.evaluate(std::span{r.columns.data(), known}));
    r.columns.push_back(x ? value{models_[i]->score(r.window_end, *x)} : value{});
  }
}

row_models row_models::clone() const {
  row_models copy;
  for (const auto& m : models_)
    copy.models_.push_back(m->clone());
  copy.last_row_ = last_row_;
  return copy;
}

void row_models::save(byte_writer& out) const {
  out.svarint(last_row_.time_since_epoch().count());
  out.varint(models_.size());
  for (const auto& m : models_) {
    std::string state;
    byte_writer w{state};
    m->save(w);
    out.text(state);
  }
}

bool row_models::load(const view_plan& what, byte_reader& in) {
  last_row_ = event_time{microseconds{in.svarint()}};
  const auto trained = in.varint();
  if (trained == 0)
    return in.ok();
  if (trained != what.scores.size() || last_row_ < time_min || last_row_ > time_max)
    return false;
  begin(what);
  for (auto& m : models_) {
    byte_reader state{in.text()};
    if (!in.ok() || !m->load(state) || !state.at_end())
      return false;
  }
  return true;
}

} // namespace tidemill
