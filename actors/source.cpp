#include "actors/source.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace tidemill {
namespace {

std::int64_t steady_now() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

constexpr std::chrono::milliseconds poll_wait{20}, longest_backoff{2'000}, told_for{2'000};

} // namespace

source_runner::source_runner(std::unique_ptr<record_source> source, settings s, std::shared_ptr<board> shared,
                             std::size_t shown, listener l)
    : source_(std::move(source)), s_(s), status_(std::move(shared)), shown_(shown), listener_(std::move(l)),
      lanes_(source_->partitions()), orders_(source_->partitions()) {}

source_runner::~source_runner() {
  stop();
}

void source_runner::start() {
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

void source_runner::stop() {
  thread_.request_stop();
  source_->wake();
  wake_->fetch_add(1);
  wake_->notify_all();
  if (thread_.joinable())
    thread_.join();
}

void source_runner::release(partition_id p) {
  route(p, worker_actor{}, 0, std::nullopt);
}

void source_runner::route(partition_id p, worker_actor to, offset at, std::optional<record_mark> before) {
  {
    std::lock_guard lock{mutex_};
    orders_[to_index(p)] = order{std::move(to), at, before};
  }
  wake_->fetch_add(1);
  wake_->notify_all();
  source_->wake();
}

partition_board& source_runner::shown(std::size_t p) const {
  return *status_->sources[shown_]->partitions[p];
}

status source_runner::take_orders() {
  std::vector<std::optional<order>> orders(lanes_.size());
  {
    std::lock_guard lock{mutex_};
    orders.swap(orders_);
  }
  for (std::size_t p = 0; p < orders.size(); ++p) {
    if (!orders[p])
      continue;
    auto id = static_cast<partition_id>(p);
    if (!orders[p]->to) {
      lanes_[p] = {};
      source_->release(id);
      continue;
    }
    if (source_->assigns() && !shown(p).assigned)
      continue; // taken away meanwhile; its worker is about to hear of it
    if (auto sought = source_->seek(id, orders[p]->at, orders[p]->before); !sought) {
      std::lock_guard lock{mutex_};
      for (auto q = p; q < orders.size(); ++q) // again later, unless there is a newer order
        if (orders[q] && !orders_[q])
          orders_[q] = std::move(orders[q]);
      return sought;
    }
    lanes_[p] = {orders[p]->to, std::make_shared<credit_gate>(s_.batches, s_.bytes, wake_), false};
    shown(p).last_record = steady_now();
  }
  return {};
}

/// Partitions with credit that don't lead the slowest by more than `max_lead`.
std::vector<partition_id> source_runner::wanted() {
  auto slowest = time_max;
  for (std::size_t p = 0; p < lanes_.size(); ++p)
    if (const auto& b = shown(p); !b.ended && !b.idle && !lanes_[p].ended)
      slowest = std::min(slowest, b.watermark_time());
  std::vector<partition_id> all;
  for (std::size_t p = 0; p < lanes_.size(); ++p) {
    auto& to = lanes_[p];
    auto credit = to.gate && !to.ended && to.gate->available();
    auto leads = !s_.aligned && slowest != time_min && shown(p).watermark_time() > slowest + s_.max_lead;
    shown(p).held_back = to.gate && !to.ended && (!credit || leads);
    shown(p).lag = source_->lag(static_cast<partition_id>(p));
    if (credit && !leads)
      all.push_back(static_cast<partition_id>(p));
  }
  return all;
}

void source_runner::take(const record_batch_ptr& batch) {
  auto p = to_index(batch->partition);
  auto& to = lanes_[p];
  if (!to.gate || to.ended)
    return;
  if (!batch->records.empty())
    shown(p).last_record = steady_now();
  auto token = std::make_shared<const credit_token>(to.gate, batch->bytes);
  caf::anon_send(to.to, std::make_shared<const work>(work{batch, std::move(token)}));
}

std::string source_runner::name_of(std::size_t p) const {
  return "partition " + status_->sources[shown_]->name + '/' + std::to_string(p);
}

/// A problem of the moment: it goes away unless it is told again.
void source_runner::tell(const std::string& place, std::string text) {
  status_->problem(place, std::move(text));
  told_[place] = std::chrono::steady_clock::now() + told_for;
}

void source_runner::halt(partition_id p, std::string why) {
  lanes_[to_index(p)].ended = true;
  listener_.halted(p, std::move(why));
}

void source_runner::show_gauges() {
  auto now = std::chrono::steady_clock::now();
  if (now - gauged_ < std::chrono::seconds{1})
    return;
  gauged_ = now;
  for (std::size_t p = 0; p < lanes_.size(); ++p)
    if (!shown(p).assigned)
      if (auto why = source_->why_away(static_cast<partition_id>(p)); !why.empty())
        tell(name_of(p) + " assignment", std::move(why));
  std::erase_if(told_, [&](const auto& told) {
    if (now < told.second)
      return false;
    status_->problem(told.first, "");
    return true;
  });
  status_->sources[shown_]->gauges(source_->gauges());
}

/// The worker notes it and counts it; people are told for a moment, and by the log.
void source_runner::pass_over(const polled_gap& gap) {
  auto p = to_index(gap.partition);
  tell(name_of(p) + " gap", "records from offset " + std::to_string(gap.wanted) + " to " +
                                std::to_string(gap.available) +
                                " are gone from the source; on_gap: continue goes on without them");
  caf::anon_send(lanes_[p].to, atom::gap_v, std::uint64_t{gap.wanted}, std::uint64_t{gap.available});
}

void source_runner::deliver(const polled& what) {
  if (const auto* batch = std::get_if<record_batch_ptr>(&what)) {
    take(*batch);
  } else if (const auto* end = std::get_if<polled_end>(&what)) {
    auto& to = lanes_[to_index(end->partition)];
    to.ended = true;
    caf::anon_send(to.to, atom::ended_v, std::uint64_t{end->at});
  } else if (const auto* gap = std::get_if<polled_gap>(&what)) {
    if (s_.skip_gaps && lanes_[to_index(gap->partition)].to)
      pass_over(*gap);
    else
      halt(gap->partition, "records from offset " + std::to_string(gap->wanted) + " to " +
                               std::to_string(gap->available) +
                               " are gone from the source; restore them, set on_gap: continue to go on "
                               "without them, or start with an empty data folder");
  } else if (const auto* ours = std::get_if<polled_assigned>(&what)) {
    auto& b = shown(to_index(ours->partition));
    b.start = ours->start;
    b.assigned = true;
    b.last_record = steady_now();
    listener_.assigned(ours->partition);
  } else if (const auto* theirs = std::get_if<polled_revoked>(&what)) {
    shown(to_index(theirs->partition)).assigned = false;
    lanes_[to_index(theirs->partition)] = {};
    listener_.revoked(theirs->partition, theirs->lost);
  } else if (const auto* more = std::get_if<polled_grown>(&what)) {
    listener_.grown(more->partitions);
  } else if (const auto* stop = std::get_if<polled_halted>(&what)) {
    halt(stop->partition, stop->why);
  }
}

void source_runner::run(const std::stop_token& stop) {
  const auto place = "sources." + status_->sources[shown_]->name;
  std::chrono::milliseconds backoff{0};
  std::vector<polled> got;
  while (!stop.stop_requested()) {
    auto seen = wake_->load();
    auto done = take_orders();
    auto partitions = wanted();
    show_gauges();
    if (done && partitions.empty() && !source_->assigns()) {
      // Nobody has credit: wait for a release. A lead may shrink without one, hence not for ever.
      for (int i = 0; i < 10 && wake_->load() == seen && !stop.stop_requested(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
      continue;
    }
    got.clear();
    if (done)
      done = source_->poll(partitions, s_.poll_bytes, poll_wait, got);
    for (const auto& what : got)
      deliver(what);
    if (done) {
      if (backoff.count() > 0)
        status_->problem(place, "");
      backoff = std::chrono::milliseconds{0};
      continue;
    }
    status_->problem(place, done.error().text());
    if (done.error().code() != errc::unavailable)
      return listener_.failed(done.error().in(place));
    backoff = std::clamp(backoff * 2, std::chrono::milliseconds{50}, longest_backoff);
    for (auto until = std::chrono::steady_clock::now() + backoff;
         std::chrono::steady_clock::now() < until && !stop.stop_requested();)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
}

} // namespace tidemill
