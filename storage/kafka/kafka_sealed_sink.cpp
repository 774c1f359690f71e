#include "storage/kafka/kafka_sealed_sink.hpp"

#include "event/bytes.hpp"
#include "event/row_json.hpp"
#include "storage/kafka/kafka_producer.hpp"
#include "storage/kafka/row_keys.hpp"

#include <optional>
#include <string>
#include <utility>

namespace tidemill {
namespace {

constexpr char sealed_kind = 'S';
constexpr std::size_t bytes_per_commit = 16u << 20;

std::string encode(const view_schema& view, event_time last) {
  std::string out(1, sealed_kind);
  byte_writer w{out};
  w.text(view.name);
  w.svarint(last.time_since_epoch().count());
  return out;
}

/// `time_min` if the body is none of this view.
result<event_time> decode(std::string_view body, const view_schema& view) {
  if (body.empty() || body.front() != sealed_kind)
    return time_min;
  byte_reader r{body.substr(1)};
  auto name = r.text();
  event_time last{microseconds{r.svarint()}};
  if (!r.ok() || !r.at_end())
    return error{errc::corrupt, "the progress kept in a group's offset metadata is damaged"};
  return name == view.name ? last : time_min;
}

class kafka_sealed_sink final : public sealed_sink {
public:
  explicit kafka_sealed_sink(kafka_sink_settings s) : s_(std::move(s)), producer_(s_, true) {}

  result<event_time> resume(const view_schema& view) override {
    TIDEMILL_CHECK(producer_.ready());
    return decode(producer_.stored(), view);
  }

  using sealed_sink::write;
  status write(const view_schema& view, const sealed_windows& windows) override {
    auto header = s_.pipeline + '/' + view.name;
    TIDEMILL_CHECK(producer_.ready());
    TIDEMILL_TRY(auto last, decode(producer_.stored(), view));
    std::size_t bytes = 0;
    auto written = false;
    row_json text{view};
    std::string json;
    for (const auto& [end, rows] : windows) {
      if (end <= last)
        continue;
      // Between two windows.
      if (bytes >= bytes_per_commit) {
        TIDEMILL_CHECK(producer_.commit(encode(view, last)));
        bytes = 0;
      }
      for (const auto& r : rows) {
        json.clear();
        text.append(json, *r);
        bytes += json.size();
        std::optional<std::string> key;
        if (view.by > 0)
          key = key_json(view, *r);
        TIDEMILL_CHECK(producer_.send({key, json, "tidemill-view", header}));
      }
      last = end;
      written = true;
    }
    return written ? producer_.commit(encode(view, last)) : status{};
  }

private:
  kafka_sink_settings s_;
  kafka_producer producer_;
};

} // namespace

std::unique_ptr<sealed_sink> make_kafka_sealed_sink(kafka_sink_settings s) {
  return std::make_unique<kafka_sealed_sink>(std::move(s));
}

} // namespace tidemill
