#include "storage/kafka/message_batch.hpp"

#include <cstring>

namespace tidemill {
namespace {

constexpr std::size_t padding = 64; // what simdjson may read behind a text

/// The memory behind a batch.
struct block {
  std::unique_ptr<char[]> bytes;
  std::vector<record_meta> metas;
};

struct header_view {
  const char* name = nullptr;
  const void* data = nullptr;
  std::size_t size = 0;
};

bool wants_meta(const rd_kafka_message_t& m, bool meta) {
  return meta || m.payload == nullptr;
}

template <class F>
void for_each_header(const rd_kafka_message_t& m, F&& f) {
  rd_kafka_headers_t* all = nullptr;
  if (rd_kafka_message_headers(&m, &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return;
  header_view h;
  for (std::size_t i = 0; rd_kafka_header_get_all(all, i, &h.name, &h.data, &h.size) == 0; ++i)
    f(h);
}

/// Copies into the block, front to back.
class copier {
public:
  explicit copier(char* to) : to_(to) {}
  std::string_view copy(const void* from, std::size_t bytes) {
    if (bytes > 0)
      std::memcpy(to_, from, bytes);
    std::string_view out{to_, bytes};
    to_ += bytes;
    return out;
  }
  void pad() { std::memset(to_, 0, padding); }

private:
  char* to_;
};

record_meta copy_meta(const rd_kafka_message_t& m, copier& to) {
  record_meta out;
  out.tombstone = m.payload == nullptr;
  if (m.key != nullptr)
    out.key = to.copy(m.key, m.key_len);
  for_each_header(m, [&](const header_view& h) {
    auto name = to.copy(h.name, std::strlen(h.name));
    out.headers.push_back({name, h.data != nullptr ? std::optional{to.copy(h.data, h.size)} : std::nullopt});
  });
  return out;
}

std::optional<event_time> arrival_of(const rd_kafka_message_t& m) {
  rd_kafka_timestamp_type_t type{};
  auto ms = rd_kafka_message_timestamp(&m, &type);
  if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 || ms > time_max.time_since_epoch().count() / 1000)
    return std::nullopt;
  return event_time{std::chrono::milliseconds{ms}};
}

} // namespace

record_batch_ptr to_batch(partition_id p, offset begin, std::span<rd_kafka_message_t* const> messages,
                          bool meta) {
  std::size_t bytes = 0, metas = 0;
  for (const auto* m : messages) {
    bytes += m->len;
    if (!wants_meta(*m, meta))
      continue;
    ++metas;
    bytes += m->key_len;
    for_each_header(*m, [&](const header_view& h) { bytes += std::strlen(h.name) + h.size; });
  }
  auto memory = std::make_shared<block>();
  memory->bytes = std::make_unique_for_overwrite<char[]>(bytes + padding);
  memory->metas.reserve(metas); // records point into it
  copier to{memory->bytes.get()};
  auto batch = std::make_shared<record_batch>();
  batch->records.reserve(messages.size());
  for (const auto* m : messages) {
    auto at = static_cast<offset>(m->offset);
    record r{.bytes = to.copy(m->payload, m->len), .at = at, .end = at + 1, .arrival = arrival_of(*m)};
    if (wants_meta(*m, meta)) {
      memory->metas.push_back(copy_meta(*m, to));
      r.meta = &memory->metas.back();
    }
    batch->records.push_back(r);
  }
  to.pad();
  batch->partition = p;
  batch->begin = begin;
  batch->end = batch->records.back().end;
  batch->memory = std::move(memory);
  batch->bytes = bytes;
  return batch;
}

} // namespace tidemill
