#include "storage/kafka/kafka_replay.hpp"

#include "storage/kafka/fetcher_choice.hpp"
#include "storage/kafka/kafka_client.hpp"
#include "storage/kafka/kafka_survey.hpp"
#include "storage/kafka/partition_numbers.hpp"

#include <utility>

namespace tidemill {
namespace {

using std::chrono::milliseconds;

class kafka_replay final : public record_source {
public:
  kafka_replay(kafka_source_settings s, partition_numbers numbers)
      : s_(std::move(s)), numbers_(std::move(numbers)) {}
  ~kafka_replay() override {
    fetcher_.reset();
    if (client_)
      kafka_client::end(std::move(client_));
  }

  status open(milliseconds wait) override;
  std::uint32_t partitions() const noexcept override { return numbers_.size(); }
  std::string identity() const override { return "kafka " + cluster_; }
  std::string identity(partition_id p) const override {
    const auto& at = numbers_[p];
    return "kafka " + cluster_ + ' ' + at.topic + ' ' + std::to_string(at.number);
  }
  bool has_arrival_times() const noexcept override { return true; }
  offset start(partition_id p) override { return lanes_[to_index(p)].start; }
  status seek(partition_id p, offset at) override {
    lanes_[to_index(p)].next = at;
    lanes_[to_index(p)].told = false;
    return fetcher_->seek(p, numbers_[p], at);
  }
  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, milliseconds wait,
              std::vector<polled>& out) override;
  void wake() noexcept override {
    if (fetcher_)
      fetcher_->wake();
  }
  std::uint64_t lag(partition_id p) const override {
    const auto& part = lanes_[to_index(p)];
    return part.end > part.next ? part.end - part.next : 0;
  }

private:
  struct lane {
    offset start = 0, end = 0, next = 0;
    bool told = false; ///< that it has ended
  };

  kafka_source_settings s_;
  partition_numbers numbers_;
  std::string cluster_;
  std::vector<lane> lanes_;
  std::unique_ptr<kafka_client> client_;
  std::unique_ptr<fetcher> fetcher_;
};

status kafka_replay::open(milliseconds wait) {
  if (s_.start.kind == kafka_start::from::latest)
    return error{errc::mismatch,
                 "it began at the ends of its topics (`start: latest`), and where that was is "
                 "stored nowhere"};
  if (!client_) {
    TIDEMILL_TRY(client_, kafka_client::make(s_.client, {.of = kafka_client::kind::consumer,
                                                         .defaults = {},
                                                         .forced = {{"enable.auto.commit", "false"}}}));
  }
  TIDEMILL_TRY(cluster_, cluster_id(*client_, wait));
  std::vector<topic_partition> all;
  for (std::uint32_t p = 0; p < numbers_.size(); ++p)
    all.push_back(numbers_[static_cast<partition_id>(p)]);
  TIDEMILL_TRY(auto starts, find_offsets(*client_, all, s_.start, wait));
  TIDEMILL_TRY(auto ends, find_offsets(*client_, all, {.kind = kafka_start::from::latest, .time = {}}, wait));
  lanes_.assign(all.size(), {});
  for (std::size_t i = 0; i < all.size(); ++i) {
    // What `earliest` was then is unknown: the log may have been cut since.
    lanes_[i].start = s_.start.kind == kafka_start::from::time ? starts[i] : 0;
    lanes_[i].end = ends[i];
  }
  TIDEMILL_TRY(fetcher_, make_fetcher(s_, numbers_.size()));
  return {};
}

status kafka_replay::poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, milliseconds wait,
                          std::vector<polled>& out) {
  std::vector<partition_id> open;
  for (auto p : wanted)
    if (!lanes_[to_index(p)].told)
      open.push_back(p);
  auto from = out.size();
  TIDEMILL_CHECK(fetcher_->poll(open, max_bytes, wait, out));
  for (auto i = from; i < out.size(); ++i) {
    if (const auto* batch = std::get_if<record_batch_ptr>(&out[i]))
      lanes_[to_index((*batch)->partition)].next = (*batch)->end;
    else if (const auto* gap = std::get_if<polled_gap>(&out[i])) {
      lanes_[to_index(gap->partition)].next = gap->available;
      // The fetcher rests there until somebody says where to go on.
      TIDEMILL_CHECK(fetcher_->seek(gap->partition, numbers_[gap->partition], gap->available));
    }
  }
  for (auto p : open)
    if (auto& part = lanes_[to_index(p)]; part.next >= part.end) {
      part.told = true;
      out.emplace_back(polled_end{p, part.next});
    }
  return {};
}

} // namespace

result<std::unique_ptr<record_source>> make_kafka_replay(kafka_source_settings s) {
  TIDEMILL_TRY(auto numbers, partition_numbers::open(s.state_folder / (s.name + ".partitions")));
  return std::unique_ptr<record_source>{std::make_unique<kafka_replay>(std::move(s), std::move(numbers))};
}

} // namespace tidemill
