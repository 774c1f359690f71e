#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>

namespace tidemill {

/// Calls a C function on a handle that goes out of scope.
template <auto Destroy>
struct kafka_deleter {
  template <class T>
  void operator()(T* x) const noexcept {
    Destroy(x);
  }
};

/// Handles of the client library with an owner. Only sources of this folder include this header.
using kafka_conf = std::unique_ptr<rd_kafka_conf_t, kafka_deleter<rd_kafka_conf_destroy>>;
using kafka_topic = std::unique_ptr<rd_kafka_topic_t, kafka_deleter<rd_kafka_topic_destroy>>;
using kafka_queue = std::unique_ptr<rd_kafka_queue_t, kafka_deleter<rd_kafka_queue_destroy>>;
using kafka_message = std::unique_ptr<rd_kafka_message_t, kafka_deleter<rd_kafka_message_destroy>>;
using kafka_event = std::unique_ptr<rd_kafka_event_t, kafka_deleter<rd_kafka_event_destroy>>;
using kafka_failure = std::unique_ptr<rd_kafka_error_t, kafka_deleter<rd_kafka_error_destroy>>;
using kafka_admin_options =
    std::unique_ptr<rd_kafka_AdminOptions_t, kafka_deleter<rd_kafka_AdminOptions_destroy>>;
using kafka_partitions =
    std::unique_ptr<rd_kafka_topic_partition_list_t, kafka_deleter<rd_kafka_topic_partition_list_destroy>>;

[[nodiscard]] inline kafka_partitions make_kafka_partitions(std::size_t capacity = 0) {
  return kafka_partitions{rd_kafka_topic_partition_list_new(static_cast<int>(capacity))};
}

/// A text of the library that must be freed by it.
[[nodiscard]] inline std::string take_kafka_text(rd_kafka_t* rk, char* text) {
  std::string out = text != nullptr ? text : "";
  if (text != nullptr)
    rd_kafka_mem_free(rk, text);
  return out;
}

} // namespace tidemill
