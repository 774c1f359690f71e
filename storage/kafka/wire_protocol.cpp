#include "storage/kafka/wire_protocol.hpp"

#include <algorithm>

namespace tidemill {
namespace {

/// Versions that we speak. Older ones of Fetch are of brokers before 0.11 (2017), whose records have another
/// form.
constexpr std::int16_t fetch_first = 4, fetch_last = 13, flexible_fetch = 12, fetch_by_id = 13;
constexpr std::int16_t offsets_first = 1, offsets_last = 5;
constexpr std::int16_t metadata_first = 1, metadata_last = 12, flexible_metadata = 9;

wire_writer begin(const wire_header& h, wire_api api, std::int16_t version, bool flexible) {
  wire_writer w{flexible};
  w.i16(static_cast<std::int16_t>(api));
  w.i16(version);
  w.i32(h.id);
  // Never in the short form: brokers must be able to read it before they know the version.
  w.i16(static_cast<std::int16_t>(h.client.size()));
  w.raw(h.client);
  w.tags();
  return w;
}

/// Calls `each(run)` for the runs of partitions of one topic.
template <class Each>
void by_topic(std::span<const wire_partition_ask> of, Each each) {
  while (!of.empty()) {
    auto end = std::find_if(of.begin(), of.end(), [&](const auto& p) { return p.topic != of.front().topic; });
    auto n = static_cast<std::size_t>(end - of.begin());
    each(of.first(n));
    of = of.subspan(n);
  }
}

std::size_t topics_in(std::span<const wire_partition_ask> of) {
  std::size_t n = 0;
  by_topic(of, [&](auto) { ++n; });
  return n;
}

error malformed(const char* what) {
  return {errc::corrupt, std::string{"the broker's answer to "} + what + " does not decode"};
}

void skip_numbers(wire_reader& r) {
  r.skip(4 * r.array());
}

metadata_answer::partition read_partition(wire_reader& r, std::int16_t version) {
  metadata_answer::partition p;
  p.error = static_cast<broker_error>(r.i16());
  p.number = r.i32();
  p.leader = r.i32();
  if (version >= 7)
    r.i32(); // leader epoch
  skip_numbers(r);
  skip_numbers(r);
  if (version >= 5)
    skip_numbers(r);
  r.tags();
  return p;
}

metadata_answer::topic read_topic(wire_reader& r, std::int16_t version) {
  metadata_answer::topic t;
  t.error = static_cast<broker_error>(r.i16());
  t.name = r.text();
  if (version >= 10)
    t.id = r.uuid();
  r.i8(); // internal
  for (auto n = r.array(); n != 0 && r.ok(); --n)
    t.partitions.push_back(read_partition(r, version));
  if (version >= 8)
    r.i32(); // what we may do
  r.tags();
  return t;
}

} // namespace

std::string encode_api_versions(const wire_header& h) {
  // Version 0 is answered by all brokers.
  return begin(h, wire_api::api_versions, 0, false).framed();
}

std::string encode_metadata(const wire_header& h, std::int16_t version,
                            std::span<const std::string_view> topics) {
  auto w = begin(h, wire_api::metadata, version, version >= flexible_metadata);
  w.array(topics.size());
  for (auto name : topics) {
    if (version >= 10)
      w.uuid({});
    w.text(name);
    w.tags();
  }
  if (version >= 4)
    w.i8(0); // create none
  if (version >= 8 && version <= 10)
    w.i8(0); // rights in the cluster
  if (version >= 8)
    w.i8(0); // rights on the topics
  w.tags();
  return std::move(w).framed();
}

std::string encode_list_offsets(const wire_header& h, std::int16_t version,
                                std::span<const wire_partition_ask> of) {
  auto w = begin(h, wire_api::list_offsets, version, false);
  w.i32(-1); // we are no replica
  if (version >= 2)
    w.i8(0); // the end of all records, also of open transactions
  w.array(topics_in(of));
  by_topic(of, [&](auto run) {
    w.text(run.front().topic);
    w.array(run.size());
    for (const auto& p : run) {
      w.i32(p.number);
      if (version >= 4)
        w.i32(-1); // leader epoch
      w.i64(p.at);
    }
  });
  return std::move(w).framed();
}

std::string encode_fetch(const wire_header& h, std::int16_t version, const wire_fetch_terms& t,
                         std::span<const wire_partition_ask> of) {
  auto w = begin(h, wire_api::fetch, version, version >= flexible_fetch);
  w.i32(-1); // we are no replica
  w.i32(t.max_wait_ms);
  w.i32(t.min_bytes);
  w.i32(t.max_bytes);
  w.i8(t.read_committed ? 1 : 0);
  if (version >= 7) {
    w.i32(0);  // no session,
    w.i32(-1); // and none begun
  }
  w.array(topics_in(of));
  by_topic(of, [&](auto run) {
    if (version >= fetch_by_id)
      w.uuid(run.front().id);
    else
      w.text(run.front().topic);
    w.array(run.size());
    for (const auto& p : run) {
      w.i32(p.number);
      if (version >= 9)
        w.i32(-1); // leader epoch
      w.i64(p.at);
      if (version >= 12)
        w.i32(-1); // epoch of the last record
      if (version >= 5)
        w.i64(-1); // the log's begin, for replicas
      w.i32(p.max_bytes);
      w.tags();
    }
    w.tags();
  });
  if (version >= 7)
    w.array(0); // partitions that leave the session
  if (version >= 11)
    w.text(""); // rack
  w.tags();
  return std::move(w).framed();
}

result<wire_versions> decode_api_versions(std::string_view body) {
  wire_reader r{body};
  auto refused = static_cast<broker_error>(r.i16());
  wire_versions common;
  auto choose = [](std::int16_t first, std::int16_t last, std::int16_t theirs_first,
                   std::int16_t theirs_last) {
    auto v = std::min(last, theirs_last);
    return v < std::max(first, theirs_first) ? std::int16_t{-1} : v;
  };
  for (auto n = r.array(); n != 0 && r.ok(); --n) {
    auto api = static_cast<wire_api>(r.i16());
    auto first = r.i16(), last = r.i16();
    if (api == wire_api::fetch)
      common.fetch = choose(fetch_first, fetch_last, first, last);
    else if (api == wire_api::list_offsets)
      common.list_offsets = choose(offsets_first, offsets_last, first, last);
    else if (api == wire_api::metadata)
      common.metadata = choose(metadata_first, metadata_last, first, last);
  }
  if (!r.ok())
    return malformed("ApiVersions");
  if (refused != broker_error::none)
    return error{errc::unavailable, "the broker does not tell its versions: " + broker_error_text(refused)};
  if (common.fetch < 0 || common.list_offsets < 0 || common.metadata < 0)
    return error{errc::refused, "the broker's version is not supported; use fetch: client"};
  // Topic ids are needed for fetching by them.
  if (common.metadata < 10)
    common.fetch = std::min<std::int16_t>(common.fetch, fetch_by_id - 1);
  return common;
}

result<metadata_answer> decode_metadata(std::string_view body, std::int16_t version) {
  wire_reader r{body, version >= flexible_metadata};
  metadata_answer a;
  r.tags();
  if (version >= 3)
    r.i32(); // throttle time
  for (auto n = r.array(); n != 0 && r.ok(); --n) {
    auto& b = a.brokers.emplace_back();
    b.id = r.i32();
    b.at.host = r.text();
    auto port = r.i32();
    r.text(); // rack
    r.tags();
    if (port <= 0 || port > 0xffff)
      return malformed("Metadata");
    b.at.port = static_cast<std::uint16_t>(port);
  }
  if (version >= 2)
    r.text(); // cluster
  r.i32();    // controller
  for (auto n = r.array(); n != 0 && r.ok(); --n)
    a.topics.push_back(read_topic(r, version));
  if (!r.ok())
    return malformed("Metadata");
  return a;
}

result<std::vector<offset_answer>> decode_list_offsets(std::string_view body, std::int16_t version) {
  wire_reader r{body};
  if (version >= 2)
    r.i32(); // throttle time
  std::vector<offset_answer> all;
  for (auto topics = r.array(); topics != 0 && r.ok(); --topics) {
    std::string topic{r.text()};
    for (auto n = r.array(); n != 0 && r.ok(); --n) {
      auto& a = all.emplace_back();
      a.topic = topic;
      a.number = r.i32();
      a.error = static_cast<broker_error>(r.i16());
      r.i64(); // timestamp
      a.at = r.i64();
      if (version >= 4)
        r.i32(); // leader epoch
    }
  }
  if (!r.ok())
    return malformed("ListOffsets");
  return all;
}

} // namespace tidemill
