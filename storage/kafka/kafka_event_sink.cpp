#include "storage/kafka/kafka_event_sink.hpp"

#include "storage/kafka/kafka_producer.hpp"
#include "storage/kafka/sink_progress.hpp"
#include "storage/kafka/unsynced_events.hpp"
#include "storage/kafka/writer_setup.hpp"

#include <utility>

namespace tidemill {
namespace {

class kafka_event_sink final : public event_sink {
public:
  explicit kafka_event_sink(kafka_sink_settings s) : s_(std::move(s)), producer_(s_, true) {}

  result<std::map<partition_id, offset>> resume() override {
    TIDEMILL_CHECK(producer_.ready());
    if (longest_progress(s_.inputs) > producer_.longest_body())
      return too_many();
    TIDEMILL_TRY(held_, decode_progress(producer_.stored(), s_.inputs));
    round_ = producer_.round();
    seen_ = producer_.stored();
    return held_;
  }

  status write(const outgoing_batch& batch) override {
    if (!halfway_ || !unsynced_.ends_with(batch))
      unsynced_.add(batch);
    halfway_ = true;
    held_[batch.partition] = batch.upto;
    TIDEMILL_CHECK(send_all());
    halfway_ = false;
    return {};
  }

  status sync() override {
    TIDEMILL_CHECK(send_all());
    halfway_ = false;
    auto body = encode_progress(held_, s_.inputs);
    if (body.size() > producer_.longest_body())
      return too_many();
    if (body != producer_.stored())
      TIDEMILL_CHECK(producer_.commit(body));
    seen_ = producer_.stored();
    unsynced_.clear();
    sent_ = 0;
    return {};
  }

private:
  /// Brings all that isn't durable into the open transaction, anew if an earlier one failed.
  status send_all() {
    TIDEMILL_CHECK(producer_.ready());
    if (round_ != producer_.round() || seen_ != producer_.stored()) {
      // A commit whose answer was lost may have happened.
      TIDEMILL_TRY(auto stored, decode_progress(producer_.stored(), s_.inputs));
      unsynced_.forget(stored);
      sent_ = 0; // what a finished commit doesn't cover was not sent yet
      round_ = producer_.round();
      seen_ = producer_.stored();
    }
    for (; sent_ < unsynced_.size(); ++sent_) {
      auto e = unsynced_[sent_];
      auto id = id_text(e.id, s_.inputs);
      TIDEMILL_CHECK(producer_.send({e.key, e.json, id_header, id}));
    }
    return {};
  }

  [[nodiscard]] error too_many() const {
    return {errc::refused, "topic " + s_.topic +
                               ": the progress of so many source partitions doesn't fit into "
                               "the offset metadata of its partitions, about 430 in each; give it more "
                               "partitions"};
  }

  kafka_sink_settings s_;
  kafka_producer producer_;
  sink_progress held_; ///< of all that was written here
  unsynced_events unsynced_;
  std::size_t sent_ = 0; ///< of `unsynced_`, in this round
  std::uint64_t round_ = 0;
  std::string seen_;     ///< what was stored when we last looked
  bool halfway_ = false; ///< the last batch isn't sent completely
};

} // namespace

std::unique_ptr<event_sink> make_kafka_event_sink(kafka_sink_settings s) {
  return std::make_unique<kafka_event_sink>(std::move(s));
}

} // namespace tidemill
