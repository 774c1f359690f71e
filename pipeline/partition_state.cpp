#include "pipeline/partition_state.hpp"

#include "pipeline/frozen_partition.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::uint8_t core_format = 3;

error damaged(std::string_view what) {
  return {errc::corrupt, "the checkpoint's " + std::string{what} + " doesn't decode"};
}

std::unique_ptr<exchange_intake> intake_of(const source_plan& source) {
  return source.exchange ? std::make_unique<exchange_intake>(source) : nullptr;
}

} // namespace

partition_state::partition_state(const source_plan& source, bool has_arrival_times)
    : guard(source.out_of_order, source.max_future, has_arrival_times), versions(source.tables.size()),
      exchange(intake_of(source)), steps(source, exchange.get()), source_(source) {
  counts.late.resize(source.views.size());
  for (const auto& view : source.views)
    feeds.push_back(std::make_unique<view_feed>(view, feeds.size()));
}

event_time partition_state::watermark() const noexcept {
  return exchange ? std::max(guard.watermark(), exchange->watermark()) : guard.watermark();
}

void partition_state::lose(std::uint64_t records) {
  counts.lost += records;
  const auto from = watermark();
  if (lost.empty() || lost.back().until < from)
    lost.push_back({from, time_max});
  else
    lost.back().until = time_max;
}

void partition_state::end_gap(event_time t) noexcept {
  if (!lost.empty() && lost.back().until == time_max)
    lost.back().until = t + source_.out_of_order;
}

std::string partition_state::core() const {
  std::string core;
  byte_writer out{core};
  out.u8(core_format);
  guard.save(out);
  out.u8(ended ? 1 : 0);
  out.varint(counts.records);
  out.varint(counts.dead);
  out.varint(counts.future);
  out.varint(feeds.size());
  for (std::size_t v = 0; v < feeds.size(); ++v) {
    out.text(source_.views[v].name);
    out.varint(counts.late[v]);
    out.svarint(feeds[v]->to_view.freed());
  }
  out.varint(skips.size());
  for (auto at : skips)
    out.varint(at);
  out.varint(versions.size());
  for (std::size_t t = 0; t < versions.size(); ++t) {
    out.text(source_.tables[t]);
    out.text(versions[t]);
  }
  out.varint(counts.skipped);
  out.varint(counts.lost);
  out.varint(counts.unkeyed);
  out.varint(lost.size());
  for (const auto& l : lost) {
    out.svarint(l.from.time_since_epoch().count());
    out.svarint(l.until.time_since_epoch().count());
  }
  steps.save(out);
  return core;
}

std::shared_ptr<const frozen_state> partition_state::freeze() const {
  auto all = std::make_shared<frozen_partition>(core());
  steps.freeze(*all);
  for (const auto& f : feeds)
    all->add(part_kind::view, f->plan().name, f->plan().state_id, f->panes.freeze());
  return all;
}

status partition_state::restore(std::string_view core, const stored_pieces& pieces,
                                const std::function<bool(const std::string&)>& known) {
  TIDEMILL_CHECK(restore_core(core, known));
  TIDEMILL_CHECK(pieces([&](std::string_view piece) { return restore_piece(piece, known); }));
  TIDEMILL_CHECK(steps.finish_restore());
  for (auto& f : feeds)
    if (!f->panes.finish_restore())
      return error{errc::corrupt, "the checkpoint lacks some of the state of view " + f->plan().name};
  return {};
}

status partition_state::restore_core(std::string_view bytes,
                                     const std::function<bool(const std::string&)>& known) {
  byte_reader in{bytes};
  const auto format = in.u8();
  if (format < 1 || format > core_format || !guard.load(in))
    return damaged("core");
  ended = in.u8() != 0;
  counts.records = in.varint();
  counts.dead = in.varint();
  counts.future = in.varint();
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    const auto name = in.text();
    const auto late = in.varint();
    const auto freed = in.svarint();
    for (std::size_t v = 0; v < feeds.size(); ++v)
      if (source_.views[v].name == name && known(source_.views[v].name)) {
        counts.late[v] = late;
        feeds[v]->to_view.restore_freed(freed);
      }
  }
  for (auto n = in.varint(); n > 0 && in.ok(); --n)
    skips.insert(in.varint());
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    const auto name = in.text();
    const auto version = in.text();
    if (auto it = std::ranges::find(source_.tables, name); it != source_.tables.end())
      versions[static_cast<std::size_t>(it - source_.tables.begin())] = version;
  }
  if (format > 1) {
    counts.skipped = in.varint();
    counts.lost = in.varint();
    counts.unkeyed = in.varint();
    for (auto n = in.varint(); n > 0 && in.ok(); --n) {
      const auto from = event_time{microseconds{in.svarint()}};
      lost.push_back({from, event_time{microseconds{in.svarint()}}});
    }
  }
  if (format > 2)
    TIDEMILL_CHECK(steps.load(in));
  if (!in.ok() || !in.at_end())
    return damaged("core");
  return {};
}

status partition_state::restore_piece(std::string_view piece,
                                      const std::function<bool(const std::string&)>& known) {
  piece_heading heading;
  if (!read_heading(piece, heading))
    return damaged("piece of state");
  if (heading.kind == part_kind::step)
    return steps.restore(heading);
  for (auto& f : feeds)
    if (f->plan().name == heading.name && f->plan().state_id == heading.state_id && known(f->plan().name) &&
        !f->panes.restore(heading.sections, f->to_view.freed()))
      return damaged("state of view " + f->plan().name);
  return {};
}

} // namespace tidemill
