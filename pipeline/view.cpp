#include "pipeline/view.hpp"

#include "pipeline/latest_view.hpp"
#include "pipeline/session_view.hpp"
#include "pipeline/sliced_view.hpp"
#include "pipeline/view_engine.hpp"
#include "pipeline/view_log_pieces.hpp"

#include <algorithm>
#include <optional>

namespace tidemill {
namespace {

/// What one partition has told, and the flush that is coming in.
struct told {
  std::optional<link_id> link;
  std::optional<offset> have;
  event_time watermark = time_min;
  bool first = false; // a whole flush has arrived since this view started
  std::vector<std::string> pieces;
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
  record_joiner log; // what is read back
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
  TIDEMILL_TRY(auto whole, impl_->log.take(record));
  return whole ? impl_->engine->recover(*whole) : status{};
}

std::vector<std::string> view::head() const {
  return impl_->engine->head();
}

std::vector<std::pair<event_time, std::vector<row_ptr>>> view::sealed_after(event_time after) const {
  return impl_->engine->sealed_after(after);
}

event_time view::trimmed() const noexcept {
  return impl_->engine->trimmed();
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

void view::keep_entries(std::size_t rule, std::uint64_t from) noexcept {
  impl_->engine->keep_entries(rule, from);
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
