#include "storage/kafka/kafka_group.hpp"

#include "storage/kafka/handles.hpp"
#include "storage/kafka/kafka_client.hpp"
#include "storage/kafka/kafka_errors.hpp"
#include "storage/kafka/kafka_survey.hpp"

#include <algorithm>
#include <cstring>
#include <future>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

namespace tidemill {
namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

constexpr milliseconds commit_interval{1'000}, last_commit_wait{1'000}, prompt_close{1'000};
constexpr int max_events = 1000; // of one `serve`

std::vector<topic_partition> names_of(const rd_kafka_topic_partition_list_t& list) {
  std::vector<topic_partition> out;
  for (int i = 0; i < list.cnt; ++i)
    out.push_back({list.elems[i].topic, list.elems[i].partition});
  return out;
}

std::map<std::string, std::string> forced(const kafka_group::settings& s) {
  std::map<std::string, std::string> all{{"group.id", s.group},
                                         {"partition.assignment.strategy", "cooperative-sticky"},
                                         {"enable.auto.commit", "false"},
                                         {"enable.auto.offset.store", "false"},
                                         {"enable.partition.eof", "false"},
                                         {"auto.offset.reset", "earliest"}, // never asked: all is paused
                                         {"queued.min.messages", "1"},
                                         {"fetch.message.max.bytes", "1024"}};
  if (!s.instance.empty())
    all["group.instance.id"] = s.instance;
  if (s.session.count() > 0) {
    all["session.timeout.ms"] = std::to_string(s.session.count());
    all["heartbeat.interval.ms"] =
        std::to_string(std::clamp<milliseconds::rep>(s.session.count() / 4, 1, 3'000));
  }
  return all;
}

} // namespace

struct kafka_lists {
  rd_kafka_topic_partition_list_t* raw = nullptr; // not ours
  kafka_partitions own;
};

struct kafka_group::queues {
  kafka_queue events;  // of the consumer
  kafka_queue commits; // answers
  kafka_queue closing;
};

struct kafka_group_callbacks {
  static void rebalanced(rd_kafka_t* rk, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* list,
                         void* opaque) {
    auto& group = *static_cast<kafka_group*>(static_cast<kafka_client*>(opaque)->owner());
    kafka_lists lists{.raw = list, .own = nullptr};
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
      group.assigned(lists);
    else if (what == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
      group.revoked(lists);
    else
      rd_kafka_assign(rk, nullptr);
  }
};

kafka_group::kafka_group(settings s) : settings_(std::move(s)), queues_(std::make_unique<queues>()) {}

result<std::unique_ptr<kafka_group>> kafka_group::make(settings s) {
  std::unique_ptr<kafka_group> g{new kafka_group{std::move(s)}};
  TIDEMILL_TRY(g->client_, kafka_client::make(g->settings_.client,
                                              {.of = kafka_client::kind::consumer,
                                               .defaults = {{"topic.metadata.refresh.interval.ms", "30000"},
                                                            {"socket.timeout.ms", "15000"}},
                                               .forced = forced(g->settings_),
                                               .callbacks =
                                                   [](rd_kafka_conf_t* conf) {
                                                     rd_kafka_conf_set_rebalance_cb(
                                                         conf, kafka_group_callbacks::rebalanced);
                                                   },
                                               .owner = g.get()}));
  g->queues_->commits.reset(rd_kafka_queue_new(g->client_->handle()));
  return g;
}

kafka_group::~kafka_group() {
  queues_.reset(); // before the handle
  if (client_)
    kafka_client::end(std::move(client_));
}

void kafka_group::end(std::unique_ptr<kafka_group> group) {
  if (group->queues_->events)
    rd_kafka_queue_cb_event_enable(group->queues_->events.get(), nullptr, nullptr);
  if (group->client_->up())
    group->finish_commits();
  // The library closes a membership only after what is under way has its answer, and to destroy it before
  // means to wait, or to wait for ever if a change of the assignment is open. While the broker is away that
  // takes a session. After a long pause of the process the change may be one that nobody answers any more.
  auto closed = std::make_shared<std::promise<void>>();
  auto done = closed->get_future();
  std::thread{[closed, slow = std::move(group)]() mutable {
    while (!slow->close(std::chrono::minutes{1}))
      continue;
    slow.reset();
    closed->set_value();
  }}.detach();
  done.wait_for(prompt_close);
}

void kafka_group::finish_commits() {
  for (auto until = clock::now() + last_commit_wait;
       (!commits_.empty() || !under_way_.empty()) && clock::now() < until;) {
    committed_at_ = {};
    send_commits();
    take_answers(milliseconds{50});
  }
}

/// Serves the closing of the membership, which a static member doesn't leave by this. True: it is closed.
bool kafka_group::close(milliseconds wait) {
  auto* rk = client_->handle();
  if (!queues_->closing) {
    closing_ = true;
    give_back();
    queues_->closing.reset(rd_kafka_queue_new(rk));
    if (kafka_failure failed{rd_kafka_consumer_close_queue(rk, queues_->closing.get())})
      return true; // there is none
  }
  for (auto until = clock::now() + wait; rd_kafka_consumer_closed(rk) == 0 && clock::now() < until;)
    rd_kafka_queue_poll_callback(queues_->closing.get(), 10);
  return rd_kafka_consumer_closed(rk) != 0;
}

status kafka_group::join() {
  auto* rk = client_->handle();
  rd_kafka_poll_set_consumer(rk);
  queues_->events.reset(rd_kafka_queue_get_consumer(rk));
  rd_kafka_queue_cb_event_enable(
      queues_->events.get(),
      [](rd_kafka_t*, void* group) { static_cast<kafka_group*>(group)->settings_.event(); }, this);
  auto list = make_kafka_partitions(settings_.topics.size());
  for (const auto& topic : settings_.topics)
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  if (auto failed = rd_kafka_subscribe(rk, list.get()))
    return kafka_error(failed, "group " + settings_.group + " can't be joined");
  return {};
}

status kafka_group::serve(std::vector<change>& out) {
  for (int i = 0; i < max_events; ++i) {
    kafka_message m{rd_kafka_consumer_poll(client_->handle(), 0)};
    if (!m)
      break;
    if (m->err && m->err != RD_KAFKA_RESP_ERR__FATAL) {
      problem_ = plain_reason(rd_kafka_message_errstr(m.get()));
      problem_code_ = kafka_code(m->err);
      if (m->rkt != nullptr)
        missing_[rd_kafka_topic_name(m->rkt)] = problem_;
    }
  }
  take_answers(milliseconds{0});
  send_commits();
  out.insert(out.end(), changes_.begin(), changes_.end());
  changes_.clear();
  TIDEMILL_CHECK(client_->state());
  if (!problem_.empty() && ours_.empty())
    return error{problem_code_, "group " + settings_.group + ": " + problem_};
  return {};
}

void kafka_group::assigned(kafka_lists& list) {
  ++rebalances_;
  problem_.clear();
  // A concrete offset, and paused at once: the library asks for nothing and fetches nothing.
  for (int i = 0; i < list.raw->cnt; ++i)
    list.raw->elems[i].offset = 0;
  kafka_failure{rd_kafka_incremental_assign(client_->handle(), list.raw)};
  rd_kafka_pause_partitions(client_->handle(), list.raw);
  for (auto& at : names_of(*list.raw)) {
    missing_.erase(at.topic);
    ours_.insert(at);
    changes_.push_back({change::kind::assigned, std::move(at)});
  }
}

void kafka_group::revoked(kafka_lists& list) {
  ++rebalances_;
  give_back(); // what was asked for before is gone as well
  auto lost = rd_kafka_assignment_lost(client_->handle()) != 0;
  revoking_ = std::make_unique<kafka_lists>();
  revoking_->own.reset(rd_kafka_topic_partition_list_copy(list.raw));
  for (auto& at : names_of(*list.raw)) {
    if (lost)
      commits_.erase(at);
    else if (!closing_)
      unreleased_.insert(at);
    changes_.push_back({lost ? change::kind::lost : change::kind::revoked, std::move(at)});
  }
  if (unreleased_.empty())
    give_back();
}

void kafka_group::release(const topic_partition& at) {
  if (unreleased_.erase(at) == 0 || !unreleased_.empty())
    return;
  committed_at_ = {};
  send_commits(); // while they are ours
  give_back();
}

void kafka_group::give_back() {
  if (!revoking_)
    return;
  for (const auto& at : names_of(*revoking_->own)) {
    ours_.erase(at);
    commits_.erase(at);
  }
  unreleased_.clear();
  kafka_failure{rd_kafka_incremental_unassign(client_->handle(), revoking_->own.get())};
  revoking_.reset();
}

void kafka_group::commit(const topic_partition& at, offset next) {
  if (ours_.contains(at))
    commits_[at] = next;
}

void kafka_group::send_commits() {
  if (commits_.empty() || !under_way_.empty() || clock::now() - committed_at_ < commit_interval)
    return;
  auto list = make_kafka_partitions(commits_.size());
  for (const auto& [at, next] : commits_) {
    auto* p = rd_kafka_topic_partition_list_add(list.get(), at.topic.c_str(), at.number);
    p->offset = static_cast<std::int64_t>(next);
    p->metadata = ::strdup(settings_.metadata.c_str()); // the list frees it
    p->metadata_size = settings_.metadata.size();
  }
  committed_at_ = clock::now();
  if (rd_kafka_commit_queue(client_->handle(), list.get(), queues_->commits.get(), nullptr, nullptr))
    ++commit_failures_;
  else
    under_way_ = std::exchange(commits_, {});
}

void kafka_group::take_answers(milliseconds wait) {
  while (!under_way_.empty()) {
    kafka_event answer{rd_kafka_queue_poll(queues_->commits.get(), static_cast<int>(wait.count()))};
    if (!answer)
      return;
    if (rd_kafka_event_type(answer.get()) != RD_KAFKA_EVENT_OFFSET_COMMIT)
      continue;
    if (rd_kafka_event_error(answer.get())) { // again with the next, unless there is a newer one by then
      ++commit_failures_;
      for (const auto& [at, next] : under_way_)
        if (ours_.contains(at))
          commits_.emplace(at, next);
    }
    under_way_.clear();
  }
}

} // namespace tidemill
