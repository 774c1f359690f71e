#include "storage/kafka/kafka_producer.hpp"

#include "storage/kafka/find_note.hpp"
#include "storage/kafka/handles.hpp"
#include "storage/kafka/held_record.hpp"
#include "storage/kafka/kafka_errors.hpp"
#include "storage/kafka/read_back.hpp"
#include "storage/kafka/sink_progress.hpp"
#include "storage/kafka/sink_topic.hpp"
#include "storage/kafka/writer_setup.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <vector>

namespace tidemill {
namespace {

using clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds slice{500};
constexpr std::chrono::milliseconds settling{2'000};
constexpr int reports_each = 256; // records between two looks at what the brokers reported

int to_int(std::chrono::milliseconds t) {
  return static_cast<int>(t.count());
}

} // namespace

class kafka_producer::impl {
public:
  impl(kafka_sink_settings s, bool recover)
      : s_(std::move(s)), exact_(s_.delivery == kafka_sink_settings::guarantee::exactly_once),
        recover_(recover), writer_(s_.writer_id()) {}
  ~impl() {
    // Readers of the topic need not wait until the transaction times out.
    if (client_ && in_transaction_ && !committing_)
      kafka_failure{rd_kafka_abort_transaction(client_->handle(), 1000)};
    drop();
  }

  status ready() {
    if (final_)
      return *final_;
    if (void_ && !exact_)
      drop(); // the sequence of its records has a hole
    if (!client_)
      TIDEMILL_CHECK(open());
    if (void_)
      TIDEMILL_CHECK(abort());
    if (committing_)
      TIDEMILL_CHECK(finish());
    if (exact_ && !claimed_) {
      TIDEMILL_CHECK(commit_transaction({generation_, sequence_ + 1, stored_}));
      claimed_ = true;
    }
    return {};
  }

  status send(const kafka_record& r) {
    if (!client_ || void_ || committing_)
      return error{errc::bug, "a producer was used before it was ready"};
    TIDEMILL_CHECK(pass_on(nullptr));
    held_.hold(r);
    return {};
  }

  status commit(const std::string& body) {
    if (!client_ || void_ || committing_)
      return error{errc::bug, "a producer was used before it was ready"};
    sink_note next{generation_, sequence_ + 1, body};
    // Of records that are not bound to it, the header may say no more than what is durable already.
    auto told = encode_note(exact_ ? next : sink_note{generation_, sequence_, stored_}, true).front();
    auto header = writer_ + ' ' + told;
    TIDEMILL_CHECK(pass_on(&header));
    TIDEMILL_CHECK(exact_ ? commit_transaction(next) : flush_and_tell(next));
    return {};
  }

  result<std::string> peek() {
    if (final_)
      return *final_;
    if (client_) {
      TIDEMILL_TRY(auto note, read_note(*notes_, topic_.partitions));
      TIDEMILL_CHECK(still_ours(note));
      return note ? note->body : std::string{};
    }
    TIDEMILL_TRY(auto scout,
                 kafka_client::make(s_.client, notes_setup(writer_, pending_transactions::ignore)));
    TIDEMILL_TRY(auto topic, ask_topic(*scout, s_.topic, s_.patience));
    TIDEMILL_TRY(auto note, read_note(*scout, topic.partitions));
    return note ? note->body : std::string{};
  }

  status read_all(const read_back_visitor& visit) {
    TIDEMILL_TRY(auto ranges, ask_ranges(*client_, s_.topic, topic_.partitions, s_.patience));
    return read_back_topic(s_.client, writer_, s_.topic, {ranges.begin(), ranges.end()}, s_.patience, visit);
  }

  std::uint64_t round_ = 0;
  std::string stored_;
  sink_topic topic_;

private:
  /// A writer that has lost its client looks whether another has taken its place before it takes it back.
  status open() {
    TIDEMILL_TRY(auto notes, kafka_client::make(s_.client, notes_setup(writer_, pending_transactions::wait)));
    TIDEMILL_TRY(topic_, ask_topic(*notes, s_.topic, s_.patience));
    if (claimed_) {
      TIDEMILL_TRY(auto note, read_note(*notes, topic_.partitions));
      TIDEMILL_CHECK(still_ours(note));
    }
    undelivered_.reset();
    reported_ = 0;
    TIDEMILL_TRY(auto client,
                 kafka_client::make(s_.client, writer_setup(s_, topic_, this, &impl::delivered)));
    if (exact_)
      TIDEMILL_CHECK(take_over(*client));
    TIDEMILL_TRY(auto note, read_note(*notes, topic_.partitions));
    if (!note && recover_) {
      TIDEMILL_TRY(note, find_note(*client, s_, topic_.partitions));
    }
    TIDEMILL_CHECK(still_ours(note));
    handle_.reset(rd_kafka_topic_new(client->handle(), s_.topic.c_str(), nullptr));
    if (!handle_)
      return kafka_error(rd_kafka_last_error(), "topic " + s_.topic);
    client_ = std::move(client);
    notes_ = std::move(notes);
    // Without a note the topic or the group was deleted; what we remember is still true of the source.
    if (note)
      stored_ = std::move(note->body);
    if (note)
      sequence_ = note->sequence;
    if (!claimed_)
      generation_ = note ? note->generation + 1 : 1;
    ++round_;
    return {};
  }

  status still_ours(const std::optional<sink_note>& note) {
    if (!claimed_ || !note || note->generation == generation_)
      return {};
    final_ = error{errc::fenced, "topic " + s_.topic + ": another process writes as " + writer_ +
                                     " now; this one has stopped writing"};
    return *final_;
  }

  /// Ends every writer before us, and its transaction.
  status take_over(kafka_client& client) {
    auto end = clock::now() + s_.takeover;
    for (;;) {
      kafka_failure failed{rd_kafka_init_transactions(client.handle(), to_int(slice))};
      client.serve(std::chrono::milliseconds{0});
      if (!failed)
        return {};
      auto known = client.state();
      if (!known && known.error().code() == errc::refused)
        return known;
      if (rd_kafka_error_is_retriable(failed.get()) != 0 && clock::now() < end)
        continue;
      auto code = kafka_code(rd_kafka_error_code(failed.get()));
      return error{code == errc::fenced ? errc::unavailable : code,
                   "taking over as " + writer_ + ": " + rd_kafka_error_string(failed.get())};
    }
  }

  result<std::optional<sink_note>> read_note(kafka_client& notes, std::size_t partitions) {
    TIDEMILL_TRY(auto texts,
                 read_metadata(notes, writer_, s_.topic, std::min(partitions, most_note_texts), s_.patience));
    auto note = decode_note(texts);
    if (!note)
      return note.error().in("group " + writer_);
    return note;
  }

  status begin() {
    if (!exact_ || in_transaction_)
      return {};
    if (kafka_failure failed{rd_kafka_begin_transaction(client_->handle())})
      return lost(failed.get(), "beginning a transaction");
    in_transaction_ = true;
    return {};
  }

  /// Hands over the held record, if there is one.
  status pass_on(const std::string* progress) {
    if (!held_.full)
      return {};
    TIDEMILL_CHECK(begin());
    if (++reported_ % reports_each == 0)
      TIDEMILL_CHECK(look_at_reports());
    for (auto end = clock::now() + s_.patience;;) {
      auto number = held_.produce(client_->handle(), handle_.get(), s_.headers, progress);
      if (number == RD_KAFKA_RESP_ERR_NO_ERROR)
        break;
      if (number == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return too_large();
      if (number != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return not_taken(number);
      if (rd_kafka_outq_len(client_->handle()) == 0)
        return too_large(); // for the buffer
      client_->serve(std::chrono::milliseconds{10});
      TIDEMILL_CHECK(look_at_reports());
      if (clock::now() > end)
        return slow();
    }
    held_.full = false;
    return {};
  }

  status commit_transaction(const sink_note& next) {
    TIDEMILL_CHECK(begin());
    if (kafka_failure failed{send_metadata(*client_, writer_, s_.topic, encode_note(next), s_.patience)})
      return lost(failed.get(), "committing the progress");
    committing_ = true;
    pending_ = next;
    return finish();
  }

  /// Goes on with a commit that may have been interrupted.
  status finish() {
    if (kafka_failure failed{rd_kafka_commit_transaction(client_->handle(), to_int(s_.patience))})
      return lost(failed.get(), "committing");
    committing_ = in_transaction_ = false;
    stored_ = std::move(pending_.body);
    sequence_ = pending_.sequence;
    return {};
  }

  status flush_and_tell(const sink_note& next) {
    auto number = rd_kafka_flush(client_->handle(), to_int(s_.patience));
    TIDEMILL_CHECK(look_at_reports());
    if (number != RD_KAFKA_RESP_ERR_NO_ERROR)
      return slow();
    TIDEMILL_CHECK(write_metadata(*notes_, writer_, s_.topic, encode_note(next), s_.patience));
    stored_ = next.body;
    sequence_ = next.sequence;
    return {};
  }

  status abort() {
    if (in_transaction_)
      if (kafka_failure failed{rd_kafka_abort_transaction(client_->handle(), to_int(s_.patience))})
        return lost(failed.get(), "aborting");
    client_->serve(std::chrono::milliseconds{0});
    in_transaction_ = void_ = committing_ = held_.full = false;
    undelivered_.reset();
    ++round_;
    return {};
  }

  /// What a failed call means for what was sent.
  error lost(const rd_kafka_error_t* failed, const std::string& doing) {
    auto number = rd_kafka_error_code(failed);
    auto text = std::string{rd_kafka_error_string(failed)};
    auto fatal = rd_kafka_error_is_fatal(failed) != 0;
    auto void_now = rd_kafka_error_txn_requires_abort(failed) != 0;
    auto again = rd_kafka_error_is_retriable(failed) != 0;
    client_->serve(std::chrono::milliseconds{0}); // why records were not delivered
    auto report = undelivered_;
    if (fatal || (!void_now && !again))
      drop();
    else if (void_now)
      void_ = true;
    if (report)
      return *report;
    if (number == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE)
      return {errc::refused,
              "topic " + s_.topic +
                  ": the broker's offset.metadata.max.bytes is too small for the progress; set it "
                  "to 4096, its default"};
    auto code = kafka_code(number);
    // Whether there is a newer writer, or the broker ended a transaction that took too long, shows at `open`.
    return {code == errc::fenced || again ? errc::unavailable : code,
            "topic " + s_.topic + ": " + doing + ": " + text};
  }

  error not_taken(int number) {
    client_->serve(std::chrono::milliseconds{0});
    auto report = undelivered_;
    std::array<char, 256> text{};
    auto fatal = rd_kafka_fatal_error(client_->handle(), text.data(), text.size());
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR)
      drop();
    else
      void_ = true;
    if (report)
      return *report;
    auto e = kafka_error(number, "topic " + s_.topic + ": writing a record");
    return e.code() == errc::fenced ? error{errc::unavailable, e.text()} : e;
  }

  void drop() {
    if (client_) {
      // librdkafka 2.0 frees the text of a fatal error twice if the answer to a request that is on its way
      // brings another one while the handle is being destroyed.
      rd_kafka_purge(client_->handle(), RD_KAFKA_PURGE_F_QUEUE);
      rd_kafka_flush(client_->handle(), to_int(settling));
    }
    handle_.reset();
    client_.reset();
    notes_.reset();
    in_transaction_ = committing_ = void_ = held_.full = false;
  }

  status look_at_reports() {
    client_->serve(std::chrono::milliseconds{0});
    if (!undelivered_)
      return {};
    void_ = true;
    return *undelivered_;
  }

  error slow() {
    auto waiting = std::to_string(rd_kafka_outq_len(client_->handle()));
    auto known = client_->state();
    if (known)
      return {errc::unavailable,
              "topic " + s_.topic + ": its brokers are slow; " + waiting + " records wait"};
    return {errc::unavailable, known.error().text() + "; " + waiting + " records wait"};
  }

  error too_large() {
    void_ = true;
    return record_too_large(s_, topic_, held_.header_value, held_.key, held_.value ? held_.value->size() : 0);
  }

  /// Of each record that was not written, and of no other.
  static void delivered(rd_kafka_t*, const rd_kafka_message_t* m, void* opaque) {
    auto& self = *static_cast<impl*>(static_cast<kafka_client*>(opaque)->owner());
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR || m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
        m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
      return;
    auto e = not_delivered(self.s_, self.topic_, m);
    // Of several refused for their size, the longest is to blame.
    if (!self.undelivered_ || (e.code() == errc::event_too_large && m->len > self.longest_refused_)) {
      self.longest_refused_ = m->len;
      self.undelivered_ = std::move(e);
    }
  }

  kafka_sink_settings s_;
  bool exact_, recover_;
  std::string writer_;
  std::optional<error> final_, undelivered_;
  std::size_t longest_refused_ = 0;
  std::uint64_t generation_ = 0, sequence_ = 0;
  bool claimed_ = false;
  bool in_transaction_ = false, committing_ = false, void_ = false;
  sink_note pending_;
  held_record held_;
  int reported_ = 0;
  std::unique_ptr<kafka_client> notes_;  // reads the progress
  std::unique_ptr<kafka_client> client_; // its callbacks use what stands above
  kafka_topic handle_;                   // goes before the client
};

kafka_producer::kafka_producer(kafka_sink_settings s, bool recover)
    : impl_(std::make_unique<impl>(std::move(s), recover)) {}
kafka_producer::~kafka_producer() = default;

status kafka_producer::ready() {
  return impl_->ready();
}
std::uint64_t kafka_producer::round() const noexcept {
  return impl_->round_;
}
const std::string& kafka_producer::stored() const noexcept {
  return impl_->stored_;
}
std::size_t kafka_producer::longest_body() const noexcept {
  return note_capacity(impl_->topic_.partitions);
}
status kafka_producer::send(const kafka_record& r) {
  return impl_->send(r);
}
status kafka_producer::commit(const std::string& body) {
  return impl_->commit(body);
}
result<std::string> kafka_producer::peek() {
  return impl_->peek();
}
status kafka_producer::read_all(const std::function<void(const read_back&)>& visit) {
  return impl_->read_all(visit);
}

} // namespace tidemill
