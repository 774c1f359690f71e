#include "pipeline/exchange_intake.hpp"

#include "pipeline/exchange_body.hpp"
#include "pipeline/frozen_join.hpp"

#include <algorithm>
#include <stdexcept>

namespace tidemill {
namespace {

[[noreturn]] void damaged(const source_plan& source, const record& r) {
  throw std::runtime_error{"record " + std::to_string(r.at) + " of exchange " + source.name +
                           " doesn't decode: its log is of another program or definition"};
}

/// The body of a record that was an event when it came.
std::string_view body_of(std::string_view bytes) {
  exchange_event e;
  exchange_frontier none;
  return read_record(bytes, e, none) == exchange_kind::event ? e.body : std::string_view{};
}

} // namespace

exchange_intake::exchange_intake(const source_plan& source) : source_(source), plan_(*source.exchange) {
  const auto wanted = [&](std::size_t column) {
    return source.needed[column] ? std::optional{column} : std::nullopt;
  };
  auto& left = to_.emplace_back();
  for (std::size_t i = 0; i < plan_.inputs[0].fields.size(); ++i)
    left.push_back(wanted(i));
  if (plan_.join) {
    auto& right = to_.emplace_back(plan_.inputs[1].fields.size());
    for (std::size_t i = 0; i < plan_.join->right.size(); ++i)
      right[plan_.join->right[i]] = wanted(left.size() + i);
    join_ = std::make_unique<joiner>(*plan_.join);
  }
  next_.resize(plan_.inputs.size());
}

exchange_intake::~exchange_intake() = default;

void exchange_intake::begin() {
  if (join_)
    join_->begin();
}

event_time exchange_intake::watermark() const noexcept {
  if (frontier_.sources.empty())
    return time_min;
  return join_ ? join_->watermark() : frontier_.watermark();
}

bool exchange_intake::is_new(const exchange_event& e) {
  auto& partitions = next_[e.input];
  const auto p = to_index(e.origin.partition);
  if (p >= partitions.size())
    partitions.resize(p + 1);
  const std::pair mine{e.origin.at, e.origin.index};
  if (mine < partitions[p])
    return false;
  partitions[p] = {mine.first, mine.second + 1};
  return true;
}

void exchange_intake::take_event(const record& r, const exchange_event& e, std::vector<row_parts>& rows,
                                 std::vector<refusal>& refused) {
  const auto time = time_of_body(e.body);
  if (!time || e.input >= plan_.inputs.size())
    damaged(source_, r);
  if (!is_new(e))
    return;
  if (!join_)
    return rows.push_back({r, e.body, {}, *time, watermark()});
  const auto& input = plan_.inputs[e.input];
  body_key key;
  if (!key_of_body(e.body, input.fields.size(), input.key, key))
    damaged(source_, r);
  const auto before = watermark();
  pairs_.clear();
  auto accepted = join_->accept(e.input, {std::move(key.bytes), std::string{r.bytes}}, key.has_null,
                                {*time, e.origin}, r.end, pairs_);
  if (!accepted)
    refused.push_back({r, accepted.error()});
  for (const auto& p : pairs_)
    rows.push_back({r, p.left, p.right, p.time, before});
}

void exchange_intake::take_frontier(const record& r, exchange_frontier f, std::vector<row_parts>& rows) {
  const auto before = watermark();
  // A source never has fewer partitions than before, and never goes back.
  f.sources.resize(std::max(f.sources.size(), frontier_.sources.size()));
  for (std::size_t s = 0; s < frontier_.sources.size(); ++s) {
    auto& now = f.sources[s];
    const auto& last = frontier_.sources[s];
    now.resize(std::max(now.size(), last.size()));
    for (std::size_t p = 0; p < last.size(); ++p) {
      now[p].upto = std::max(now[p].upto, last[p].upto);
      now[p].watermark = std::max(now[p].watermark, last[p].watermark);
    }
  }
  frontier_ = std::move(f);
  if (!join_)
    return;
  pairs_.clear();
  join_->advance(frontier_.watermark(), pairs_);
  for (const auto& p : pairs_)
    rows.push_back({r, p.left, p.right, p.time, before});
}

std::size_t exchange_intake::take(const record_batch& in, offset limit, event_batch& out,
                                  std::vector<event_time>& before, std::vector<refusal>& refused) {
  std::vector<row_parts> rows;
  std::size_t frontiers = 0;
  for (auto r : in.records) {
    if (r.at >= limit)
      break;
    r.arrival.reset(); // the log's own means nothing
    exchange_event event;
    exchange_frontier frontier;
    switch (read_record(r.bytes, event, frontier)) {
    case exchange_kind::event:
      take_event(r, event, rows, refused);
      break;
    case exchange_kind::frontier:
      ++frontiers;
      take_frontier(r, std::move(frontier), rows);
      break;
    case exchange_kind::damaged:
      damaged(source_, r);
    }
  }
  fill(rows, out, before);
  return frontiers;
}

void exchange_intake::fill(const std::vector<row_parts>& rows, event_batch& out,
                           std::vector<event_time>& before) const {
  if (out.columns.empty())
    for (const auto& f : source_.fields.fields())
      out.columns.emplace_back(f.of);
  const auto first = out.rows();
  const auto size = first + rows.size();
  for (std::size_t c = 0; c < source_.fields.size(); ++c)
    if (source_.needed[c])
      out.columns[c].resize(size);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& parts = rows[i];
    const auto row = first + i;
    out.records.push_back(parts.by);
    out.times.push_back(parts.time);
    out.selected.push_back(static_cast<std::uint32_t>(row));
    before.push_back(parts.watermark);
    auto whole = take_body(join_ ? body_of(parts.left) : parts.left, to_[0], out, row);
    if (join_) {
      out.records.back().bytes = parts.left; // what a dead letter shows
      if (!parts.right.empty())
        whole &= take_body(body_of(parts.right), to_[1], out, row);
      else
        for (std::size_t c = to_[0].size(); c < source_.fields.size(); ++c)
          if (source_.needed[c])
            out.columns[c].set_null(row);
    }
    if (!whole)
      damaged(source_, parts.by);
  }
}

void exchange_intake::save(byte_writer& out) const {
  std::string frontier;
  append_record(frontier, frontier_);
  out.text(frontier);
  out.varint(next_.size());
  for (const auto& partitions : next_) {
    out.varint(partitions.size());
    for (const auto& [at, index] : partitions) {
      out.varint(at);
      out.varint(index);
    }
  }
}

bool exchange_intake::load(byte_reader& in) {
  exchange_event none;
  if (read_record(in.text(), none, frontier_) != exchange_kind::frontier || in.varint() != next_.size())
    return false;
  for (auto& partitions : next_)
    for (auto n = in.varint(); n > 0 && in.ok(); --n) {
      const auto at = in.varint();
      partitions.emplace_back(at, static_cast<std::uint32_t>(in.varint()));
    }
  if (join_ && !frontier_.sources.empty())
    join_->restore(frontier_.watermark());
  return in.ok();
}

std::unique_ptr<const frozen_part> exchange_intake::freeze() const {
  return join_ ? std::make_unique<frozen_join>(join_->side(0).slots(), join_->side(1).slots())
               : std::make_unique<frozen_join>();
}

bool exchange_intake::restore_row(std::size_t side, byte_reader& in) {
  auto [changed_at, matched, bytes] = read_frozen_row(in);
  exchange_event e;
  exchange_frontier none;
  if (!in.ok() || read_record(bytes, e, none) != exchange_kind::event || e.input != side)
    return false;
  const auto& input = plan_.inputs[side];
  const auto time = time_of_body(e.body);
  body_key key;
  if (!time || !key_of_body(e.body, input.fields.size(), input.key, key))
    return false;
  if (key.has_null)
    key.bytes.clear();
  join_->restore(side, {std::move(key.bytes), std::string{bytes}}, {*time, e.origin}, changed_at, matched);
  return true;
}

bool exchange_intake::restore(std::string_view sections) {
  byte_reader in{sections};
  while (in.ok() && !in.at_end()) {
    const auto side = static_cast<std::size_t>(in.svarint());
    byte_reader rows{in.text()};
    while (rows.ok() && !rows.at_end())
      if (!join_ || side > 1 || !restore_row(side, rows))
        return false;
  }
  return in.ok();
}

bool exchange_intake::finish_restore() {
  if (join_)
    join_->finish_restore();
  return true;
}

step_totals exchange_intake::totals() const {
  return {join_ ? join_->side(0).size() + join_->side(1).size() : 0, 0};
}

std::string exchange_record_json(const exchange_plan& plan, std::string_view bytes) {
  exchange_event e;
  exchange_frontier f;
  if (read_record(bytes, e, f) != exchange_kind::event || e.input >= plan.inputs.size())
    return "{}";
  return body_json(e.body, plan.inputs[e.input].fields);
}

} // namespace tidemill
