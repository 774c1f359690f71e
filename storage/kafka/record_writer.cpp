#include "storage/kafka/record_writer.hpp"

#include "storage/kafka/handles.hpp"
#include "storage/kafka/kafka_client.hpp"
#include "storage/kafka/kafka_errors.hpp"
#include "storage/kafka/sink_topic.hpp"

#include <array>
#include <chrono>
#include <map>
#include <optional>

namespace tidemill {
namespace {

using std::chrono::milliseconds;
using header_list = std::unique_ptr<rd_kafka_headers_t, kafka_deleter<rd_kafka_headers_destroy>>;

rd_kafka_vu_t memory(rd_kafka_vtype_t type, const std::optional<std::string_view>& bytes) {
  rd_kafka_vu_t out{};
  out.vtype = type;
  // A null pointer is no key or a tombstone, an empty text is neither.
  out.u.mem.ptr = bytes ? const_cast<char*>(bytes->empty() ? "" : bytes->data()) : nullptr;
  out.u.mem.size = bytes ? bytes->size() : 0;
  return out;
}

/// Whether it is about the record, not about the topic or the way to it.
bool is_own_fault(int number) {
  return number == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || number == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
         number == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE || number == RD_KAFKA_RESP_ERR_INVALID_MSG ||
         number == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

class kafka_record_writer : public record_writer {
public:
  kafka_record_writer(std::string topic, milliseconds patience)
      : topic_(std::move(topic)), patience_(patience) {}

  status open(const kafka_client_settings& s) {
    kafka_client::setup how{
        .of = kafka_client::kind::producer,
        .defaults = {{"linger.ms", "5"}, {"compression.type", "lz4"}},
        .forced = {{"enable.idempotence", "true"},
                   {"partitioner", "murmur2_random"},
                   {"message.max.bytes", "1000000000"},
                   {"delivery.report.only.error", "true"},
                   {"message.timeout.ms", std::to_string(patience_.count())}},
        .callbacks = [](rd_kafka_conf_s* conf) { rd_kafka_conf_set_dr_msg_cb(conf, reported); },
        .owner = this};
    TIDEMILL_TRY(client_, kafka_client::make(s, std::move(how)));
    TIDEMILL_TRY(auto known, ask_topic(*client_, topic_, patience_));
    partitions_ = known.partitions;
    handle_.reset(rd_kafka_topic_new(client_->handle(), topic_.c_str(), nullptr));
    return handle_ ? status{} : kafka_error(rd_kafka_last_error(), "topic " + topic_);
  }

  status write(const returning_record& r) override {
    auto number = taken_++;
    for (auto end = std::chrono::steady_clock::now() + patience_;;) {
      auto failed = produce(r, number);
      if (failed == RD_KAFKA_RESP_ERR_NO_ERROR)
        return {};
      if (is_own_fault(failed)) {
        refuse(number, failed);
        return {};
      }
      client_->serve(milliseconds{10});
      if (failure_)
        return *failure_;
      if (failed != RD_KAFKA_RESP_ERR__QUEUE_FULL || std::chrono::steady_clock::now() > end)
        return away(failed);
    }
  }

  status flush(std::vector<unwritten_record>& unwritten) override {
    auto failed = rd_kafka_flush(client_->handle(), static_cast<int>(patience_.count()) + 5000);
    client_->serve(milliseconds{0});
    if (failure_)
      return *failure_;
    if (failed != RD_KAFKA_RESP_ERR_NO_ERROR)
      return away(failed);
    for (auto& [number, why] : refused_)
      unwritten.push_back({number, std::move(why)});
    refused_.clear();
    taken_ = 0;
    return {};
  }

private:
  int produce(const returning_record& r, std::size_t number) {
    if (r.partition >= 0 && static_cast<std::size_t>(r.partition) >= partitions_)
      return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    header_list headers{rd_kafka_headers_new(r.headers.size())};
    for (const auto& [name, text] : r.headers)
      rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()),
                          text ? (text->empty() ? "" : text->data()) : nullptr,
                          text ? static_cast<ssize_t>(text->size()) : 0);
    std::array<rd_kafka_vu_t, 7> parts{};
    parts[0].vtype = RD_KAFKA_VTYPE_RKT;
    parts[0].u.rkt = handle_.get();
    parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    parts[1].u.i32 = r.partition;
    parts[2] = memory(RD_KAFKA_VTYPE_KEY, r.key);
    parts[3] = memory(RD_KAFKA_VTYPE_VALUE, r.value);
    parts[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[4].u.i = RD_KAFKA_MSG_F_COPY;
    parts[5].vtype = RD_KAFKA_VTYPE_HEADERS;
    parts[5].u.headers = headers.get();
    parts[6].vtype = RD_KAFKA_VTYPE_OPAQUE;
    parts[6].u.ptr = reinterpret_cast<void*>(number); // a number, never followed
    kafka_failure failed{rd_kafka_produceva(client_->handle(), parts.data(), parts.size())};
    if (failed)
      return rd_kafka_error_code(failed.get());
    (void)headers.release(); // the record's now
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }

  /// Of each record that was not written.
  static void reported(rd_kafka_t*, const rd_kafka_message_t* m, void* opaque) {
    auto& self = *static_cast<kafka_record_writer*>(static_cast<kafka_client*>(opaque)->owner());
    if (is_own_fault(m->err))
      self.refuse(reinterpret_cast<std::size_t>(m->_private), m->err);
    else if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && !self.failure_)
      self.failure_ = self.away(m->err);
  }

  void refuse(std::size_t number, int failed) {
    refused_.insert_or_assign(number, kafka_error(failed, "topic " + topic_));
  }

  error away(int failed) const {
    if (auto known = client_->state(); !known)
      return known.error().in("topic " + topic_);
    return kafka_error(failed, "topic " + topic_ + ": writing records");
  }

  std::string topic_;
  milliseconds patience_;
  std::unique_ptr<kafka_client> client_;
  std::size_t partitions_ = 0;
  kafka_topic handle_; // goes before the client
  std::size_t taken_ = 0;
  std::map<std::size_t, error> refused_;
  std::optional<error> failure_;
};

} // namespace

result<std::unique_ptr<record_writer>> make_record_writer(const kafka_client_settings& client,
                                                          const std::string& topic, milliseconds patience) {
  auto made = std::make_unique<kafka_record_writer>(topic, patience);
  TIDEMILL_CHECK(made->open(client));
  return std::unique_ptr<record_writer>{std::move(made)};
}

} // namespace tidemill
