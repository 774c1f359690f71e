#include "http/hub.hpp"

#include <algorithm>
#include <functional>

namespace tidemill {

/// A snapshot with a number of its own, as addresses are used again.
struct hub::pin {
  snapshot_ptr snapshot;
  std::uint64_t serial = 0;
};

/// Readers that share frames, and the frames now in flight by what they are a frame of.
struct hub::group {
  using place = std::tuple<std::uint64_t, std::uint64_t, bool, std::size_t, std::size_t>;

  std::size_t view = 0;
  row_predicate where;
  std::map<place, std::weak_ptr<const frame>> frames;
};

namespace {

std::size_t hash_of(const std::vector<partial_reason>& partial) {
  std::size_t h = partial.size();
  for (const auto& reason : partial)
    h = h * 31 + std::hash<std::string>{}(reason.partition + '\0' + reason.why);
  return h;
}

/// A frame that counts in the hub's budget for as long as anybody holds it.
std::shared_ptr<const frame> counted(frame f, const std::shared_ptr<std::size_t>& in_flight) {
  const auto bytes = f.body.capacity();
  *in_flight += bytes;
  return {new frame(std::move(f)), [in_flight, bytes](const frame* done) {
            *in_flight -= bytes;
            delete done;
          }};
}

} // namespace

hub::hub(hub_limits limits) : limits_(limits), in_flight_(std::make_shared<std::size_t>(0)) {}
hub::~hub() = default;

void hub::serve(std::shared_ptr<const server_content> content) {
  content_ = std::move(content);
  groups_.clear();
  views_.assign(content_->views.size(), {});
  logs_.assign(content_->alerts.size(), nullptr);
  refresh();
}

void hub::refresh() {
  for (std::size_t i = 0; i < views_.size(); ++i) {
    auto snapshot = content_->views[i].cell->load();
    if (auto& current = views_[i].current; !current || current->snapshot != snapshot)
      current = std::make_shared<const pin>(pin{std::move(snapshot), ++serial_});
    drop_unused(views_[i]);
  }
  for (std::size_t i = 0; i < logs_.size(); ++i)
    logs_[i] = content_->alerts[i].cell->load();
  if (++ticks_ % 64 != 0)
    return;
  std::erase_if(log_frames_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(groups_, [](const auto& entry) { return entry.second.expired(); });
  for (auto& [key, weak] : groups_)
    if (const auto g = weak.lock())
      std::erase_if(g->frames, [](const auto& entry) { return entry.second.expired(); });
}

void hub::drop_unused(view_state& view) {
  std::erase_if(view.pinned, [](const auto& weak) { return weak.expired(); });
}

result<hub::subscription> hub::subscribe(std::string_view view, const std::string& where) {
  if (!content_)
    return error{errc::unavailable, "the pipeline is still being set up"};
  const auto& views = content_->views;
  const auto at =
      std::find_if(views.begin(), views.end(), [&](const auto& v) { return v.schema->name == view; });
  if (at == views.end()) {
    std::string known;
    for (const auto& v : views)
      known += (known.empty() ? "" : ", ") + v.schema->name;
    return error{errc::refused, "no view is named \"" + std::string{view} + "\"; views here: " + known};
  }
  const auto index = static_cast<std::size_t>(at - views.begin());
  auto& weak = groups_[{index, where}];
  subscription s;
  s.readers = weak.lock();
  if (s.readers)
    return s;
  s.readers = std::make_shared<group>();
  s.readers->view = index;
  if (!where.empty()) {
    auto compiled = groups_.size() > limits_.filters
                        ? result<row_predicate>{error{errc::full, "too many different filters are in use"}}
                        : at->compile_filter(where);
    if (!compiled) {
      groups_.erase({index, where});
      return compiled.error();
    }
    s.readers->where = std::move(*compiled);
  }
  weak = s.readers;
  return s;
}

const view_snapshot& hub::current(const subscription& s) const {
  return *views_[s.readers->view].current->snapshot;
}

std::shared_ptr<const frame> hub::encode(group& g, std::uint64_t serial, const delivery& d) {
  auto& weak = g.frames[{serial, d.from, d.snapshot, d.block, d.row}];
  if (auto shared = weak.lock())
    return shared;
  const auto limit = *in_flight_ > limits_.frames / 2 ? limits_.small_frame : limits_.frame;
  auto fresh = encode_frame(d, g.where, limit);
  fresh.rest.to = nullptr; // a frame on its way must not keep a whole snapshot
  auto made = counted(std::move(fresh), in_flight_);
  ++encoded_;
  weak = made;
  return made;
}

/// A filter that is shared is charged to each of its readers: none of them can do without it.
void hub::charge(subscription& s, const frame& f, steady_time now) const {
  if (!s.readers->where)
    return;
  const auto allowed =
      s.told == steady_time{} ? std::chrono::nanoseconds{} : limits_.filter_share * (now - s.told);
  s.cost = std::max(std::chrono::nanoseconds{},
                    s.cost - std::chrono::duration_cast<std::chrono::nanoseconds>(allowed)) +
           f.cost;
  s.costly = s.costly || s.cost > limits_.filter;
}

/// A snapshot that others are on their way to and that is ahead of this reader.
std::shared_ptr<const hub::pin> hub::older_target(view_state& view, const subscription& s) const {
  std::shared_ptr<const pin> best;
  const auto epoch = view.current->snapshot->epoch;
  for (const auto& weak : view.pinned) {
    auto candidate = weak.lock();
    if (!candidate || candidate->snapshot->epoch != epoch || (best && best->serial > candidate->serial))
      continue;
    if (!s.placed || s.epoch != epoch || s.offset < candidate->snapshot->offset)
      best = std::move(candidate);
  }
  return best;
}

std::shared_ptr<const frame> hub::next(subscription& s, steady_time now) {
  auto& view = views_[s.readers->view];
  if (*in_flight_ > limits_.frames)
    return nullptr;
  auto target = s.target ? s.target : view.current;
  const auto plan = [&] {
    return s.placed ? deliver(target->snapshot, s.epoch, s.offset) : deliver_snapshot(target->snapshot);
  };
  if (!s.target) {
    const auto& to = *target->snapshot;
    const bool moved = !s.placed || s.epoch != to.epoch || s.offset != to.offset;
    const bool marked = s.watermark != to.watermark && now - s.told >= limits_.marks;
    if (!moved && !marked && s.partial == hash_of(to.partial))
      return nullptr;
    s.rest = plan();
    s.since = now;
  }
  auto f = encode(*s.readers, target->serial, s.rest);
  const auto is_pinned = [&] {
    return std::any_of(view.pinned.begin(), view.pinned.end(),
                       [&](const auto& weak) { return weak.lock() == target; });
  };
  if (!f->last && !s.target && !is_pinned()) {
    drop_unused(view);
    if (view.pinned.size() < limits_.pinned) {
      view.pinned.push_back(target);
    } else {
      target = older_target(view, s);
      if (!target)
        return nullptr;
      s.rest = plan();
      f = encode(*s.readers, target->serial, s.rest);
    }
  }
  charge(s, *f, now);
  s.told = now;
  if (!f->last) {
    s.target = std::move(target);
    s.rest = f->rest;
    s.rest.to = s.target->snapshot;
    return f;
  }
  const auto& to = *target->snapshot;
  s.epoch = to.epoch;
  s.offset = to.offset;
  s.placed = true;
  s.watermark = to.watermark;
  s.partial = hash_of(to.partial);
  s.target = nullptr;
  s.rest = {};
  return f;
}

result<hub::log_subscription> hub::follow(std::string_view alert) {
  if (!content_)
    return error{errc::unavailable, "the pipeline is still being set up"};
  std::string known;
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    logs_[i] = content_->alerts[i].cell->load(); // whoever comes back may have read the newest over HTTP
    const auto& name = logs_[i]->rule->name;
    if (name == alert && logs_[i]->epoch == 0)
      return error{errc::unavailable, "the log of \"" + name + "\" is not read back yet"};
    if (name == alert)
      return log_subscription{i, logs_[i]->epoch, logs_[i]->end()};
    known += (known.empty() ? "" : ", ") + name;
  }
  return error{errc::refused, "no alert is named \"" + std::string{alert} +
                                  "\"; alerts here: " + (known.empty() ? "none" : known)};
}

const alert_snapshot& hub::current(const log_subscription& s) const {
  return *logs_[s.alert];
}

std::shared_ptr<const frame> hub::next(log_subscription& s) {
  const auto& log = *logs_[s.alert];
  if (s.epoch != log.epoch) {
    // The log that was followed is gone with its rule, or was not read back yet.
    s.epoch = log.epoch;
    s.offset = log.end();
  }
  if (s.offset >= log.end() || *in_flight_ > limits_.frames)
    return nullptr;
  const auto from = std::max(s.offset, log.begin);
  const auto lost = from - s.offset;
  auto upto = from;
  for (std::size_t bytes = 0; upto < log.end() && (upto == from || bytes < limits_.frame); ++upto)
    bytes += log.log[upto - log.begin]->json.size();
  s.offset = upto;
  auto& weak = log_frames_[{s.alert, from - lost, upto}];
  if (auto shared = weak.lock())
    return shared;
  frame f;
  f.body = "\"epoch\":" + std::to_string(log.epoch) + ",\"offset\":" + std::to_string(upto) +
           (lost > 0 ? ",\"lost\":" + std::to_string(lost) : "") + ",\"entries\":[";
  for (auto i = from; i < upto; ++i)
    (f.body += i > from ? "," : "") += log.log[i - log.begin]->json;
  f.body += "]}";
  auto made = counted(std::move(f), in_flight_);
  ++encoded_;
  weak = made;
  return made;
}

} // namespace tidemill
