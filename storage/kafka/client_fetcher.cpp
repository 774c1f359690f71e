#include "storage/kafka/client_fetcher.hpp"

#include "storage/kafka/handles.hpp"
#include "storage/kafka/kafka_client.hpp"
#include "storage/kafka/kafka_errors.hpp"
#include "storage/kafka/message_batch.hpp"
#include "storage/pause.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tidemill {
namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

constexpr std::size_t max_messages = 1000; // of one batch
constexpr milliseconds query_wait{1'000}, lag_age{250}, refill_patience{3}, first_patience{150},
    longest_patience{5'000};
constexpr std::size_t message_overhead = 1024; // of the library, for a small message, with a reserve

/// How much the library reads ahead: of one partition, and at once.
struct limits {
  std::size_t share, messages, fetch, fetch_all;
};

limits divide(std::size_t read_ahead, std::uint32_t partitions) {
  auto share = std::clamp<std::size_t>(read_ahead / std::max(partitions, 1u), 64u << 10, 1u << 30);
  return {.share = share,
          .messages = std::max<std::size_t>(share / message_overhead, 64),
          .fetch = std::clamp<std::size_t>(share / 4, 32u << 10, 1u << 20),
          .fetch_all = std::clamp<std::size_t>(read_ahead / 4, 1u << 20, 50u << 20)};
}

kafka_client::setup setup_of(const fetcher::settings& s, const limits& l) {
  return {.defaults = {{"socket.timeout.ms", "15000"},
                       {"fetch.wait.max.ms", "100"},
                       {"fetch.error.backoff.ms", "100"}},
          .forced = {{"queued.max.messages.kbytes", std::to_string(l.share >> 10)},
                     {"queued.min.messages", std::to_string(l.messages)},
                     {"fetch.message.max.bytes", std::to_string(l.fetch)},
                     {"fetch.max.bytes", std::to_string(l.fetch_all)},
                     {"check.crcs", s.check_crcs ? "true" : "false"},
                     {"isolation.level", s.read_committed ? "read_committed" : "read_uncommitted"},
                     {"auto.offset.reset", "error"},
                     {"enable.auto.commit", "false"},
                     {"enable.auto.offset.store", "false"},
                     {"enable.partition.eof", "false"}}};
}

class client_fetcher final : public fetcher {
public:
  client_fetcher(std::unique_ptr<kafka_client> client, const settings& s, const limits& l)
      : client_(std::move(client)), settings_(s), limits_(l) {}
  ~client_fetcher() override {
    for (auto& part : lanes_)
      stop(part);
    kafka_client::end(std::move(client_));
  }

  status seek(partition_id p, const topic_partition& from, offset at) override {
    if (lanes_.size() <= to_index(p))
      lanes_.resize(to_index(p) + 1);
    auto& part = lanes_[to_index(p)];
    stop(part);
    part.from = from;
    part.next = at;
    part.last_record = clock::now();
    part.topic.reset(rd_kafka_topic_new(rk(), from.topic.c_str(), nullptr));
    if (!part.topic)
      return kafka_error(rd_kafka_last_error(), "topic " + from.topic + " can't be opened");
    if (rd_kafka_consume_start(part.topic.get(), from.number, static_cast<std::int64_t>(at)) != 0)
      return kafka_error(rd_kafka_last_error(), name_of(part) + " can't be read");
    part.queue.reset(rd_kafka_queue_get_partition(rk(), from.topic.c_str(), from.number));
    rd_kafka_queue_cb_event_enable(
        part.queue.get(), [](rd_kafka_t*, void* timer) { static_cast<source_timer*>(timer)->wake(); },
        &timer_);
    return {};
  }

  void forget(partition_id p) override {
    if (to_index(p) < lanes_.size())
      stop(lanes_[to_index(p)]);
  }

  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, milliseconds wait,
              std::vector<polled>& out) override {
    auto before = out.size();
    auto until = clock::now() + wait;
    for (auto last = false;;) {
      client_->serve(milliseconds{0});
      for (auto p : wanted)
        if (to_index(p) < lanes_.size() && lanes_[to_index(p)].queue)
          TIDEMILL_CHECK(take(p, lanes_[to_index(p)], max_bytes, out));
      if (out.size() > before)
        return {};
      TIDEMILL_CHECK(client_->state());
      auto left = std::chrono::ceil<milliseconds>(until - clock::now());
      if (last || left.count() <= 0)
        return {};
      auto soon = std::exchange(look_soon_, false) ? refill_patience : first_patience;
      last = timer_.wait(std::min(left, soon)); // woken: by a record, or by somebody
    }
  }
  void wake() noexcept override { timer_.wake(); }

  std::uint64_t lag(partition_id p) const override {
    return to_index(p) < lanes_.size() ? lanes_[to_index(p)].lag() : 0;
  }

  std::vector<source_gauge> gauges() const override {
    return {{"bytes_fetched_total", "Bytes of records handed over.", static_cast<double>(bytes_)},
            {"records_fetched_total", "Records handed over.", static_cast<double>(records_)},
            {"newest_throttle_ms", "The newest delay that a broker imposed on fetching.",
             static_cast<double>(client_->throttle().count())}};
  }

private:
  struct lane {
    topic_partition from;
    kafka_topic topic;
    kafka_queue queue; // null: not ours, or halted
    offset next = 0;
    offset end = 0;                  // of the log, as of the last fetch
    std::size_t typical = 256;       // bytes of a record
    std::size_t waiting = 0;         // the most messages that waited since the last kick
    bool out_of_range = false;       // and the log's bounds are still to be asked for
    clock::time_point last_record{}; // or kick
    milliseconds patience = first_patience;
    clock::time_point lag_asked{};
    [[nodiscard]] std::uint64_t lag() const noexcept { return end > next ? end - next : 0; }
  };

  [[nodiscard]] rd_kafka_t* rk() const noexcept { return client_->handle(); }
  [[nodiscard]] std::string name_of(const lane& part) const {
    return "partition " + std::to_string(part.from.number) + " of topic " + part.from.topic;
  }

  void stop(lane& part) {
    if (!part.topic)
      return;
    if (part.queue)
      rd_kafka_queue_cb_event_enable(part.queue.get(), nullptr, nullptr);
    rd_kafka_consume_stop(part.topic.get(), part.from.number);
    part = lane{};
  }

  void halt(partition_id p, lane& part, std::string why, std::vector<polled>& out) {
    out.emplace_back(polled_halted{p, name_of(part) + ": " + std::move(why)});
    stop(part);
  }

  status take(partition_id p, lane& part, std::size_t max_bytes, std::vector<polled>& out) {
    if (part.out_of_range)
      return find_bounds(p, part, out);
    part.waiting = std::max(part.waiting, rd_kafka_queue_length(part.queue.get()));
    std::array<rd_kafka_message_t*, max_messages> all;
    // How large they are is known afterwards only.
    auto count = std::clamp<std::size_t>(max_bytes / part.typical, 1, all.size());
    auto n = rd_kafka_consume_batch_queue(part.queue.get(), 0, all.data(), count);
    std::span messages{all.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
    if (messages.empty())
      keep_fetching(part);
    for (auto rest = messages; !rest.empty() && part.queue && !part.out_of_range;) {
      auto fault = std::find_if(rest.begin(), rest.end(), [](const auto* m) { return m->err != 0; });
      if (fault != rest.begin())
        hand_over(p, part, {rest.begin(), fault}, out);
      if (fault != rest.end())
        explain(p, part, **fault++, out);
      rest = {fault, rest.end()};
    }
    for (auto* m : messages)
      rd_kafka_message_destroy(m);
    ask_lag(part);
    return {};
  }

  void hand_over(partition_id p, lane& part, std::span<rd_kafka_message_t* const> messages,
                 std::vector<polled>& out) {
    auto batch = to_batch(p, part.next, messages, settings_.meta);
    part.next = batch->end;
    part.typical = std::max<std::size_t>((part.typical + batch->bytes / messages.size()) / 2, 16);
    part.last_record = clock::now();
    part.patience = first_patience;
    bytes_ += batch->bytes;
    records_ += messages.size();
    out.emplace_back(std::move(batch));
  }

  // A partition whose queue was full is looked at again after up to 1 s only (librdkafka #2879; the setting
  // for it came with 2.2). A seek to where we are wakes the broker's thread. It drops what is under way,
  // hence only if the queue was nearly full and nothing follows, or nothing came for long although something
  // is there.
  void keep_fetching(lane& part) {
    auto quiet = clock::now() - part.last_record;
    auto full = part.waiting * 2 >= limits_.messages || part.waiting * part.typical * 2 >= limits_.share;
    if (full ? quiet < refill_patience : part.lag() == 0 || quiet < part.patience) {
      look_soon_ = look_soon_ || full;
      return;
    }
    if (!full) // perhaps a transaction is open: its records are behind the end, and not to be had
      part.patience = std::min(part.patience * 2, longest_patience);
    part.waiting = 0;
    part.last_record = clock::now();
    rd_kafka_seek(part.topic.get(), part.from.number, static_cast<std::int64_t>(part.next), 0);
  }

  void ask_lag(lane& part) {
    auto now = clock::now();
    if (!part.queue || now - part.lag_asked < lag_age)
      return;
    part.lag_asked = now;
    std::int64_t low = -1, high = -1;
    rd_kafka_get_watermark_offsets(rk(), part.from.topic.c_str(), part.from.number, &low, &high);
    part.end = high > 0 ? static_cast<offset>(high) : 0;
  }

  void explain(partition_id p, lane& part, const rd_kafka_message_t& m, std::vector<polled>& out) {
    auto where = m.offset >= 0 ? static_cast<offset>(m.offset) : part.next;
    auto text = std::string{rd_kafka_message_errstr(&m)};
    switch (m.err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      part.out_of_range = true;
      break;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
      halt(p, part, "the record at offset " + std::to_string(where) + " can't be read: " + text, out);
      break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      halt(p, part, "reading it is not permitted; give our user the right READ on the topic", out);
      break;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      halt(p, part, "it does not exist any more on " + client_->brokers(), out);
      break;
    default: // the library tries again
      break;
    }
  }

  // The offset that we want is not in the log: is it before or behind it?
  status find_bounds(partition_id p, lane& part, std::vector<polled>& out) {
    std::int64_t low = 0, high = 0;
    auto failed = rd_kafka_query_watermark_offsets(rk(), part.from.topic.c_str(), part.from.number, &low,
                                                   &high, static_cast<int>(query_wait.count()));
    if (failed)
      return kafka_error(failed, name_of(part) + " doesn't say where it begins");
    part.out_of_range = false;
    if (auto begin = static_cast<offset>(low); part.next < begin) {
      out.emplace_back(polled_gap{p, part.next, begin});
      stop(part);
    } else if (auto end = static_cast<offset>(high); part.next > end) {
      halt(p, part,
           "its log ends at offset " + std::to_string(end) + ", before the wanted " +
               std::to_string(part.next) + ": it was truncated, or deleted and created again",
           out);
    } else {
      return seek(p, topic_partition{part.from}, part.next); // it was so for a moment
    }
    return {};
  }

  source_timer timer_; // woken by the client's threads as long as there are lanes
  std::unique_ptr<kafka_client> client_;
  settings settings_;
  limits limits_;
  std::vector<lane> lanes_;
  bool look_soon_ = false; // a queue that was full may be forgotten by the library
  std::uint64_t bytes_ = 0, records_ = 0;
};

} // namespace

result<std::unique_ptr<fetcher>> make_client_fetcher(const kafka_client_settings& client,
                                                     const fetcher::settings& s, std::uint32_t partitions) {
  auto l = divide(s.read_ahead, partitions);
  TIDEMILL_TRY(auto handle, kafka_client::make(client, setup_of(s, l)));
  return std::unique_ptr<fetcher>{std::make_unique<client_fetcher>(std::move(handle), s, l)};
}

} // namespace tidemill
