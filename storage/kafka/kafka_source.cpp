#include "storage/kafka/kafka_source.hpp"

#include "storage/kafka/commit_metadata.hpp"
#include "storage/kafka/fetcher_choice.hpp"
#include "storage/kafka/group_nudge.hpp"
#include "storage/kafka/kafka_client.hpp"
#include "storage/kafka/kafka_group.hpp"
#include "storage/kafka/kafka_survey.hpp"
#include "storage/kafka/partition_numbers.hpp"
#include "storage/kafka/resumed_reading.hpp"
#include "storage/kafka/topic_doubt.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace tidemill {
namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

constexpr milliseconds question{2'000}; // to the cluster, while partitions come
constexpr std::chrono::minutes between_fences{1};
constexpr milliseconds held_back{3'000}, quick_question{500};
constexpr const char* exchanged =
    "the topic was deleted and created again, or truncated. To read the new one from "
    "its start, choose another group and data folder";

// Once it runs: rights and passwords may come back as they went.
status later(const status& s) {
  if (!s && s.error().code() == errc::refused)
    return error{errc::unavailable, s.error().text()};
  return s;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& w : words)
    out += (out.empty() ? "" : ",") + w;
  return out;
}

class kafka_source final : public record_source {
public:
  kafka_source(kafka_source_settings s, partition_numbers numbers)
      : s_(std::move(s)), numbers_(std::move(numbers)), count_(numbers_.size()), lanes_(count_) {}

  ~kafka_source() override {
    if (!group_)
      return;
    pass_commits();
    kafka_group::end(std::move(group_));
  }

  status open(milliseconds wait) override;
  bool assigns() const noexcept override { return true; }
  std::uint32_t partitions() const noexcept override { return count_; }
  std::string identity() const override { return "kafka " + cluster_ + " topics=" + joined(s_.topics); }
  std::string identity(partition_id p) const override {
    const auto& at = numbers_[p];
    return "kafka " + cluster_ + ' ' + at.topic + ' ' + std::to_string(at.number);
  }
  bool has_arrival_times() const noexcept override { return true; }
  offset start(partition_id) override { return 0; }

  status seek(partition_id p, offset at) override { return seek(p, at, std::nullopt); }
  status seek(partition_id p, offset at, const std::optional<record_mark>& before) override;
  void release(partition_id p) override;
  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, milliseconds wait,
              std::vector<polled>& out) override;
  void wake() noexcept override {
    std::lock_guard lock{mutex_};
    if (awake_)
      fetcher_->wake();
  }
  void committed(partition_id p, offset at) noexcept override {
    std::lock_guard lock{mutex_};
    committed_[p] = at;
  }
  std::vector<source_gauge> gauges() const override;
  std::string why_away(partition_id p) const override;
  std::uint64_t lag(partition_id p) const override;

private:
  struct lane {
    bool ours = false;         // told so
    bool retired = false;      // not to be read any more: told as ours, and never has a record
    bool reading = false;      // sought, and neither gone nor halted since
    std::optional<offset> end; // of the log when it was assigned; nothing after the first seek
    resumed_reading resumed;   // by the last seek
    topic_doubt doubt;         // of what came since
    bool sought_again = false; // in this `poll`, by ourselves
    offset next = 0;           // behind what was handed on
    offset asked_end = 0;      // of the log, as of the last time that we have asked ourselves
    clock::time_point wanted_at{};

    void came(const record_batch& batch) {
      doubt.came(batch);
      next = batch.end;
    }
  };

  void apply(const std::vector<kafka_group::change>& changes, std::vector<polled>& out);
  void retire_others(const std::vector<topic_partition>& there);
  bool take(const topic_partition& at, std::vector<polled>& out);
  status resolve(std::vector<polled>& out);
  void ask_ends();
  status make_group();
  status rejoin(const error& why, std::vector<polled>& out);
  void pass_commits();
  void check(std::size_t from, std::vector<polled>& out);
  bool check(polled& what);
  bool check_batch(record_batch_ptr& batch, polled& what);
  bool seek_again(partition_id p, offset at, polled& what);
  [[nodiscard]] std::string instance() const { return "tidemill-" + s_.store_id + '-'; }
  [[nodiscard]] std::string name_of(partition_id p) const {
    return "partition " + std::to_string(numbers_[p].number) + " of topic " + numbers_[p].topic;
  }

  kafka_source_settings s_;
  partition_numbers numbers_;
  std::uint32_t count_; // as of `open`
  std::vector<lane> lanes_;
  std::string cluster_;
  std::vector<polled> said_;             // by a seek
  std::vector<topic_partition> pending_; // assigned, and nobody knows of it
  bool grown_ = false;                   // and told so
  std::optional<group_nudge> nudge_;
  clock::time_point polled_at_ = clock::now(), asked_ends_at_{};
  std::optional<clock::time_point> fenced_at_;
  mutable std::mutex mutex_; // guards the next two
  std::map<partition_id, offset> committed_;
  bool awake_ = false; // `fetcher_` and `group_` are there
  std::unique_ptr<fetcher> fetcher_;
  std::unique_ptr<kafka_group> group_; // its threads wake the fetcher, so it ends first
};

status kafka_source::make_group() {
  TIDEMILL_TRY(group_, kafka_group::make({.client = s_.client,
                                          .topics = s_.topics,
                                          .group = s_.group,
                                          .instance = instance() + s_.name,
                                          .session = s_.session,
                                          .metadata = to_metadata({s_.store_id, s_.store_name}),
                                          .event = [this] { wake(); }}));
  return {};
}

status kafka_source::open(milliseconds wait) {
  if (!group_)
    TIDEMILL_CHECK(make_group());
  auto& client = group_->client();
  TIDEMILL_TRY(cluster_, cluster_id(client, wait));
  TIDEMILL_TRY(auto there, find_partitions(client, s_.topics, wait));
  TIDEMILL_CHECK(check_group(client, s_.group, instance(), std::max(wait, milliseconds{1'000})));
  TIDEMILL_CHECK(numbers_.add(there));
  count_ = numbers_.size();
  lanes_.assign(count_, {});
  retire_others(there);
  if (!s_.shared)
    nudge_.emplace(group_nudge::settings{s_.client, s_.group, instance(), {there.begin(), there.end()}});
  TIDEMILL_TRY(fetcher_, make_fetcher(s_, count_));
  {
    std::lock_guard lock{mutex_};
    awake_ = true;
  }
  return group_->join();
}

/// Partitions that were read once and whose topic isn't there any more, or isn't to be read any more: their
/// workers have state, and would hold up all others if they were waited for. So they are there as partitions
/// without records, which are idle and follow the others.
void kafka_source::retire_others(const std::vector<topic_partition>& there) {
  const std::set<topic_partition> wanted{there.begin(), there.end()};
  said_.clear();
  for (std::uint32_t p = 0; p < count_; ++p)
    if (!wanted.contains(numbers_[partition_id{p}])) {
      lanes_[p].retired = true;
      said_.emplace_back(polled_assigned{partition_id{p}, 0});
    }
}

status kafka_source::seek(partition_id p, offset at, const std::optional<record_mark>& before) {
  auto& part = lanes_[to_index(p)];
  if (part.retired)
    return {};
  auto end = std::exchange(part.end, std::nullopt);
  if (before && end && before->at >= *end) {
    fetcher_->forget(p);
    part.reading = false;
    said_.emplace_back(polled_halted{p, name_of(p) + ": its log ends at offset " + std::to_string(*end) +
                                            ", before the record at " + std::to_string(before->at) +
                                            " that was read already; " + exchanged});
    return {};
  }
  part.resumed = {at, before};
  part.doubt = {};
  part.next = at;
  part.wanted_at = clock::now();
  part.reading = true;
  return fetcher_->seek(p, numbers_[p], part.resumed.from());
}

void kafka_source::release(partition_id p) {
  if (lanes_[to_index(p)].retired)
    return;
  fetcher_->forget(p);
  pass_commits();
  lanes_[to_index(p)] = {};
  group_->release(numbers_[p]);
}

status kafka_source::poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, milliseconds wait,
                          std::vector<polled>& out) {
  auto before = out.size();
  std::move(said_.begin(), said_.end(), std::back_inserter(out));
  said_.clear();
  pass_commits();
  std::vector<kafka_group::change> changes;
  auto group = group_->serve(changes);
  apply(changes, out);
  if (!group && group.error().code() == errc::fenced)
    return rejoin(group.error(), out);
  if (nudge_)
    nudge_->look(group_->ours());
  if (group)
    group = resolve(out);
  auto from = out.size();
  std::vector<partition_id> reading;
  std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(reading),
               [&](partition_id p) { return to_index(p) < count_ && lanes_[to_index(p)].reading; });
  auto busy = from > before || !group;
  auto before_that = std::exchange(polled_at_, clock::now());
  for (auto p : reading) {
    lanes_[to_index(p)].doubt.asked(polled_at_, before_that);
    lanes_[to_index(p)].sought_again = false;
    lanes_[to_index(p)].wanted_at = polled_at_;
  }
  ask_ends();
  auto fetched = fetcher_->poll(reading, max_bytes, busy ? milliseconds{0} : wait, out);
  check(from, out);
  if (out.size() > before)
    return {};
  return later(group ? fetched : group);
}

/// A process that hung and was replaced joins the group once more if it was about to when it hung, before it
/// ends. Then our place is taken back, once: who takes it again is alive, and uses a copy of our checkpoints.
status kafka_source::rejoin(const error& why, std::vector<polled>& out) {
  auto now = clock::now();
  if (!s_.still_ours || !s_.still_ours() || (fenced_at_ && now - *fenced_at_ < between_fences))
    return why;
  fenced_at_ = now;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (auto p = static_cast<partition_id>(i); lanes_[i].ours) {
      fetcher_->forget(p);
      lanes_[i] = {};
      out.emplace_back(polled_revoked{p, true});
    }
  pending_.clear();
  kafka_group::end(std::move(group_));
  TIDEMILL_CHECK(make_group());
  return group_->join();
}

void kafka_source::apply(const std::vector<kafka_group::change>& changes, std::vector<polled>& out) {
  std::uint32_t unknown = 0;
  for (const auto& [what, at] : changes) {
    auto p = numbers_.find(at);
    if (what == kafka_group::change::kind::assigned) {
      if (!take(at, out))
        ++unknown;
      continue;
    }
    std::erase(pending_, at);
    if (!p || !lanes_[to_index(*p)].ours) {
      group_->release(at);
      continue;
    }
    auto lost = what == kafka_group::change::kind::lost;
    fetcher_->forget(*p);
    lanes_[to_index(*p)].reading = false;
    if (lost)
      lanes_[to_index(*p)] = {};
    out.emplace_back(polled_revoked{*p, lost});
  }
  if (unknown > 0 && !std::exchange(grown_, true))
    out.emplace_back(polled_grown{count_ + unknown});
}

/// A partition is assigned. False: it has no number yet.
bool kafka_source::take(const topic_partition& at, std::vector<polled>& out) {
  // To us as we were before a restart: with other topics, or when this one was there.
  if (!names_topic(s_.topics, at.topic))
    return true;
  auto p = numbers_.find(at);
  if (!p)
    return false;
  if (lanes_[to_index(*p)].retired) {
    auto there = find_partitions(group_->client(), {at.topic}, question);
    if (!there || std::ranges::find(*there, at) == there->end())
      return true;
  }
  if (std::exchange(lanes_[to_index(*p)].retired, false)) { // its topic came back
    std::erase_if(said_, [&](const polled& what) {
      const auto* told = std::get_if<polled_assigned>(&what);
      return told != nullptr && told->partition == *p;
    });
    out.emplace_back(polled_revoked{*p, true});
  }
  pending_.push_back(at);
  return true;
}

/// Asks what must be known of newly assigned partitions before anybody is told of them.
status kafka_source::resolve(std::vector<polled>& out) {
  if (pending_.empty())
    return {};
  auto& client = group_->client();
  TIDEMILL_TRY(auto commits, committed_offsets(client, pending_, question));
  TIDEMILL_TRY(auto starts, find_offsets(client, pending_, s_.start, question));
  TIDEMILL_TRY(auto ends,
               find_offsets(client, pending_, {.kind = kafka_start::from::latest, .time = {}}, question));
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    auto p = *numbers_.find(pending_[i]);
    auto holder = commits[i] ? parse_metadata(commits[i]->metadata) : std::nullopt;
    if (holder && holder->store != s_.store_id) {
      out.emplace_back(polled_halted{p, name_of(p) + " belongs to another data folder, " + holder->name +
                                            ", which has read it up to offset " +
                                            std::to_string(commits[i]->at) +
                                            ": go on there, share that folder, choose another group, or "
                                            "delete the offsets of group " +
                                            s_.group});
      continue;
    }
    lanes_[to_index(p)] = {};
    lanes_[to_index(p)].ours = true;
    lanes_[to_index(p)].end = ends[i];
    out.emplace_back(polled_assigned{p, starts[i]});
  }
  pending_.clear();
  return {};
}

void kafka_source::pass_commits() {
  std::map<partition_id, offset> all;
  {
    std::lock_guard lock{mutex_};
    all.swap(committed_);
  }
  for (auto [p, at] : all)
    if (to_index(p) < count_ && lanes_[to_index(p)].ours)
      group_->commit(numbers_[p], at);
}

/// Compares marks, and takes out what the fetcher brought for that only.
void kafka_source::check(std::size_t from, std::vector<polled>& out) {
  auto kept = out.begin() + static_cast<std::ptrdiff_t>(from);
  for (auto it = kept; it != out.end(); ++it) {
    if (!check(*it))
      continue;
    if (kept != it)
      *kept = std::move(*it);
    ++kept;
  }
  out.erase(kept, out.end());
}

// False: nobody needs to know.
bool kafka_source::check(polled& what) {
  if (auto* batch = std::get_if<record_batch_ptr>(&what))
    return check_batch(*batch, what);
  if (auto* gap = std::get_if<polled_gap>(&what)) {
    auto p = gap->partition;
    auto& part = lanes_[to_index(p)];
    if (part.sought_again)
      return false;
    gap->wanted = std::max(gap->wanted, part.resumed.wanted());
    part.reading = part.resumed.check_gap(gap->available);
    return !part.reading || !seek_again(p, part.resumed.wanted(), what);
  }
  if (auto* halted = std::get_if<polled_halted>(&what)) {
    auto& part = lanes_[to_index(halted->partition)];
    part.reading = part.sought_again;
    return !part.sought_again;
  }
  return true;
}

bool kafka_source::check_batch(record_batch_ptr& batch, polled& what) {
  auto p = batch->partition;
  auto& part = lanes_[to_index(p)];
  if (part.sought_again)
    return false;
  if (!part.resumed.open()) {
    auto last = fetcher_->knows_topic(p) ? std::nullopt : part.doubt.at(clock::now());
    if (last) {
      part.resumed = {batch->begin, last};
      return !seek_again(p, last->at, what);
    }
    part.came(*batch);
    return true;
  }
  auto at = part.resumed.from();
  auto found = part.resumed.check(batch);
  if (found == resumed_reading::verdict::pass) {
    part.came(*batch);
  } else if (found == resumed_reading::verdict::exchanged) {
    fetcher_->forget(p);
    part.reading = false;
    what = polled_halted{p, name_of(p) + ": the record at offset " + std::to_string(at) +
                                " is not the one that was read there; " + exchanged};
  }
  return found != resumed_reading::verdict::drop;
}

// What else has come already is dropped: it comes again.
bool kafka_source::seek_again(partition_id p, offset at, polled& what) {
  auto sought = fetcher_->seek(p, numbers_[p], at);
  auto& part = lanes_[to_index(p)];
  part.reading = part.sought_again = sought.has_value();
  if (!sought)
    what = polled_halted{p, sought.error().text()};
  return part.reading;
}

/// What is not wanted is not fetched, and then no fetch tells how far behind it is.
void kafka_source::ask_ends() {
  if (polled_at_ - asked_ends_at_ < held_back || !group_->client().up())
    return;
  std::vector<partition_id> ids;
  std::vector<topic_partition> places;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (lanes_[i].reading && polled_at_ - lanes_[i].wanted_at > held_back) {
      ids.push_back(static_cast<partition_id>(i));
      places.push_back(numbers_[ids.back()]);
    }
  if (ids.empty())
    return;
  asked_ends_at_ = polled_at_;
  auto ends =
      find_offsets(group_->client(), places, {.kind = kafka_start::from::latest, .time = {}}, quick_question);
  for (std::size_t i = 0; ends && i < ids.size(); ++i)
    lanes_[to_index(ids[i])].asked_end = (*ends)[i];
}

std::uint64_t kafka_source::lag(partition_id p) const {
  if (!fetcher_)
    return 0;
  const auto& part = lanes_[to_index(p)];
  return std::max(fetcher_->lag(p), part.asked_end > part.next ? part.asked_end - part.next : 0);
}

std::string kafka_source::why_away(partition_id p) const {
  auto said = group_ ? group_->missing(numbers_[p].topic) : std::string{};
  return said.empty() ? said : name_of(p) + " can't be read: " + said;
}

std::vector<source_gauge> kafka_source::gauges() const {
  if (!group_)
    return {};
  auto& client = group_->client();
  std::vector<source_gauge> out{
      {"broker_up", "1 while a broker answers, else 0.", client.up() ? 1.0 : 0.0},
      {"group_throttle_ms", "The newest delay that a broker imposed on the membership of the group.",
       static_cast<double>(client.throttle().count())},
      {"rebalances_total", "How often partitions came or went.", static_cast<double>(group_->rebalances())},
      {"assigned_partitions", "Partitions that are ours.", static_cast<double>(group_->ours().size())},
      {"retired_partitions", "Partitions that were read once, of topics that are gone or not named any more.",
       static_cast<double>(std::ranges::count_if(lanes_, [](const lane& l) { return l.retired; }))},
      {"commit_failures_total", "Commits of offsets that the group refused.",
       static_cast<double>(group_->commit_failures())}};
  if (fetcher_) {
    auto more = fetcher_->gauges();
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

} // namespace

result<std::unique_ptr<record_source>> make_kafka_source(kafka_source_settings s) {
  if (s.client.brokers.empty() || s.topics.empty() || s.group.empty() || s.store_id.empty())
    return error{errc::config_invalid, "brokers, topics, a group and the id of a store are needed"};
  TIDEMILL_TRY(auto numbers, partition_numbers::open(s.state_folder / (s.name + ".partitions")));
  return std::unique_ptr<record_source>{std::make_unique<kafka_source>(std::move(s), std::move(numbers))};
}

} // namespace tidemill
