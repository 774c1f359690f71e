#include "pipeline/view.hpp"

#include "pipeline/alert_watch.hpp"
#include "pipeline/latest_view.hpp"
#include "pipeline/session_view.hpp"
#include "pipeline/view_engine.hpp"
#include "pipeline/view_state.hpp"

#include <algorithm>
#include <set>
#include <span>
#include <stdexcept>

namespace tidemill {
namespace {

constexpr std::size_t panes_at_once = 32;

/// What one partition has told, and the flush that is coming in.
struct told {
  std::optional<link_id> link;
  std::optional<offset> have;
  event_time watermark = time_min;
  bool first = false; // a whole flush has arrived since this view started
  std::vector<std::string> pieces;
};

/// Tumbling, sliding and calendar windows.
class sliced_view final : public view_engine {
public:
  sliced_view(const view_plan& plan, std::size_t partitions, std::uint64_t alert_epoch)
      : what(plan), state(plan, partitions), rules(plan, alert_epoch) {}

  void take(partition_id from, std::span<const std::string> pieces) override { apply(from, pieces); }
  void publish(event_time at, const std::vector<offset>& have, bool open, view_tick& t) override {
    now = at;
    publish(have, open, t);
  }
  [[nodiscard]] status recover(std::string_view record) override {
    if (record.starts_with(alert_book::record_mark))
      return rules.recover(record);
    return state.recover(record);
  }
  [[nodiscard]] std::vector<std::string> head() const override {
    auto records = state.head();
    for (auto& r : rules.head())
      records.push_back(std::move(r));
    return records;
  }
  [[nodiscard]] std::vector<std::pair<event_time, std::vector<row_ptr>>>
  sealed_after(event_time after) const override {
    return state.sealed_after(after);
  }
  [[nodiscard]] std::vector<row_ptr> rows() const override { return state.published_rows(); }
  [[nodiscard]] std::vector<alert_snapshot_ptr> alerts() const override { return rules.snapshots(); }
  [[nodiscard]] event_time trim(event_time keep) override { return state.trim(keep); }
  [[nodiscard]] const std::vector<offset>& frontier() const noexcept override { return state.frontier; }
  [[nodiscard]] std::int64_t sealed_through() const noexcept override { return state.sealed_through; }
  [[nodiscard]] std::int64_t durable_through(partition_id) const noexcept override {
    return state.durable_through;
  }
  [[nodiscard]] bool nothing_unsealed() const noexcept override { return state.nothing_unsealed(); }

private:
  const view_plan& what;
  view_state state;
  alert_watch rules;
  event_time now = time_min;
  std::int64_t closed = nothing_sealed;
  std::vector<std::pair<std::int64_t, key_state*>> dirty; // (slice, key) since the last tick
  // Keys since the last tick with open rows, each with its oldest slice that has changed.
  std::vector<std::pair<key_state*, std::int64_t>> dirty_open;
  bool first_open = true; // what the log has given back is shown, too

  [[nodiscard]] event_time watermark() const noexcept { return now; }

  void apply(partition_id p, std::span<const std::string> pieces) {
    std::vector<pane_image> some;
    std::vector<key_state*> keys;
    auto merge = [&] {
      auto sound = state.replace(some, p, keys);
      for (std::size_t i = 0; i < keys.size(); ++i)
        note_dirty(*keys[i], some[i].slice);
      some.clear();
      return sound;
    };
    for (const auto& piece : pieces) {
      auto sound = for_each_pane(piece, [&](const pane_image& pane) {
        if (pane.slice > state.sealed_through) // else a replay: what it says is final already
          some.push_back(pane);
        return some.size() < panes_at_once || merge();
      });
      if (!sound || !merge())
        throw std::logic_error{"a flush of partition " + std::to_string(to_index(p)) + " doesn't decode"};
    }
  }

  void note_dirty(key_state& key, std::int64_t slice) {
    dirty.emplace_back(slice, &key);
    if (key.dirty_at == key_state::not_dirty) {
      key.dirty_at = static_cast<std::uint32_t>(dirty_open.size());
      dirty_open.emplace_back(&key, slice);
    }
    auto& oldest = dirty_open[key.dirty_at].second;
    oldest = std::min(oldest, slice);
  }

  /// Seals every slice up to the watermark − lateness; empty stretches are skipped, however long.
  void seal(view_tick& t) {
    const auto& w = what.window;
    auto at = watermark();
    if (at == time_min)
      return;
    auto target = w.last_ended(at - w.lateness);
    while (state.sealed_through < target) {
      auto next = state.next_to_seal();
      if (!next || *next > target) {
        state.sealed_through = target;
        break;
      }
      seal_slice(*next, t);
    }
  }

  void seal_slice(std::int64_t s, view_tick& t) {
    auto sealed = state.seal(s);
    t.log.push_back(std::move(sealed.log));
    t.sync = true;
    t.put.insert(t.put.end(), sealed.rows.begin(), sealed.rows.end());
    if (!sealed.rows.empty())
      t.sealed.emplace_back(what.window.end_of(s), std::move(sealed.rows));
  }

  /// Rows of windows that are closed but not sealed: newly closed ones, and those whose slices changed.
  void close(view_tick& t) {
    const auto& w = what.window;
    auto through = watermark() == time_min ? nothing_sealed : w.last_ended(watermark());
    auto from = std::max(closed, state.sealed_through);
    std::map<key_state*, std::set<std::int64_t>, key_order> affected;
    if (through > state.sealed_through) {
      if (through > from && from != nothing_sealed)
        for (auto* key : state.keys())
          for (auto e = w.next_window_end(from + 1); e <= through; e += w.step)
            if (state.has_row(*key, e))
              affected[key].insert(e);
      for (auto [slice, key] : dirty)
        for (auto e = w.next_window_end(slice); e <= through && e - w.slices < slice; e += w.step)
          if (e > state.sealed_through)
            affected[key].insert(e);
    }
    closed = std::max(closed, through);
    for (auto& [key, ends] : affected)
      state.compose_closed(*key, ends, through, t.put);
  }

  /// Rows of open windows that changed.
  void emit_open(view_tick& t) {
    if (std::exchange(first_open, false))
      for (auto* key : state.live())
        if (key->dirty_at == key_state::not_dirty)
          state.compose_open(*key, closed, nothing_sealed, t.put);
    for (auto [key, oldest] : dirty_open) {
      key->dirty_at = key_state::not_dirty;
      state.compose_open(*key, closed, oldest, t.put);
    }
    dirty_open.clear();
  }

  void publish(const std::vector<offset>& have, bool open, view_tick& t) {
    seal(t);
    close(t);
    dirty.clear();
    rules.look_at(state, closed, watermark() == time_max, t);
    if (open)
      emit_open(t);
    if (state.advance_frontier(have))
      t.log.push_back(state.frontier_record());
    state.forget_unused([&](key_state* key) {
      if (key->dirty_at == key_state::not_dirty)
        return;
      dirty_open.back().first->dirty_at = key->dirty_at;
      std::swap(dirty_open[key->dirty_at], dirty_open.back());
      dirty_open.pop_back();
    });
  }
};

} // namespace

std::unique_ptr<view_engine> make_view_engine(const view_plan& what, std::size_t partitions,
                                              std::uint64_t alert_epoch) {
  if (what.window.kind == window_kind::session || what.window.kind == window_kind::global)
    return std::make_unique<session_view>(what, partitions);
  if (what.window.kind == window_kind::latest)
    return std::make_unique<latest_view>(what, partitions);
  return std::make_unique<sliced_view>(what, partitions, alert_epoch);
}

struct view::impl {
  impl(std::shared_ptr<const plan> p, std::size_t source, std::size_t index, std::size_t partitions,
       std::uint64_t incarnation, std::uint64_t alert_epoch)
      : all(std::move(p)), id(incarnation),
        engine(make_view_engine(all->sources[source].views[index], partitions, alert_epoch)),
        told_by(partitions) {}

  std::shared_ptr<const plan> all;
  std::uint64_t id;
  std::unique_ptr<view_engine> engine;
  std::vector<told> told_by;
  std::vector<partition_id> to_ack;
  event_time keep_from = time_max;

  [[nodiscard]] bool recovering() const noexcept { return !std::ranges::all_of(told_by, &told::first); }

  [[nodiscard]] event_time watermark() const noexcept {
    return std::ranges::min(told_by, {}, &told::watermark).watermark;
  }

  void publish(bool open, view_tick& t) {
    std::vector<offset> have;
    for (const auto& p : told_by)
      have.push_back(p.have.value_or(0));
    engine->publish(watermark(), have, open, t);
  }
};

view::view(std::shared_ptr<const plan> all, std::size_t source, std::size_t index, std::size_t partitions,
           std::uint64_t incarnation, std::uint64_t alert_epoch)
    : impl_(std::make_unique<impl>(std::move(all), source, index, partitions, incarnation, alert_epoch)) {}

view::~view() = default;

status view::recover(std::string_view record) {
  return impl_->engine->recover(record);
}

std::vector<std::string> view::head() const {
  return impl_->engine->head();
}

std::vector<std::pair<event_time, std::vector<row_ptr>>> view::sealed_after(event_time after) const {
  return impl_->engine->sealed_after(after);
}

std::vector<row_ptr> view::rows() const {
  return impl_->engine->rows();
}

std::vector<alert_snapshot_ptr> view::alerts() const {
  return impl_->engine->alerts();
}

link_hello view::open(partition_id p, std::uint64_t worker) {
  auto& from = impl_->told_by.at(to_index(p));
  from.link = link_id{worker, impl_->id};
  from.pieces.clear();
  std::erase(impl_->to_ack, p);
  return {*from.link, from.have, impl_->engine->frontier().at(to_index(p)),
          impl_->engine->durable_through(p)};
}

bool view::receive(const link_flush& piece) {
  auto& from = impl_->told_by.at(to_index(piece.partition));
  if (from.link != piece.link)
    return false;
  from.pieces.push_back(piece.panes);
  if (!piece.last)
    return false;
  impl_->engine->take(piece.partition, from.pieces);
  from.pieces.clear();
  from.have = piece.upto;
  from.watermark = std::max(from.watermark, piece.watermark);
  from.first = true;
  impl_->to_ack.push_back(piece.partition);
  return true;
}

view_tick view::tick(bool open) {
  view_tick t;
  t.recovering = impl_->recovering();
  if (!t.recovering)
    impl_->publish(open, t);
  t.watermark = impl_->watermark();
  t.prefix = impl_->engine->frontier();
  t.trim = impl_->engine->trim(impl_->keep_from);
  for (auto p : impl_->to_ack)
    t.acks.emplace_back(p, link_ack{*impl_->told_by[to_index(p)].link, impl_->engine->durable_through(p)});
  impl_->to_ack.clear();
  return t;
}

void view::keep_after(event_time end) noexcept {
  impl_->keep_from = end;
}

event_time view::watermark() const noexcept {
  return impl_->watermark();
}

event_time view::watermark(partition_id p) const noexcept {
  return impl_->told_by[to_index(p)].watermark;
}

std::int64_t view::sealed_through() const noexcept {
  return impl_->engine->sealed_through();
}

bool view::recovering() const noexcept {
  return impl_->recovering();
}

bool view::finished() const noexcept {
  return !recovering() && watermark() == time_max && impl_->engine->nothing_unsealed();
}

} // namespace tidemill
