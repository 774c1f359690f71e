#include "storage/kafka/wire_fetch_answer.hpp"
#include "storage/kafka/wire_protocol.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;

namespace {

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (unsigned char c : bytes) {
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

topic_uuid id_of(char c) {
  topic_uuid id;
  id.fill(c);
  return id;
}

struct answered_partition {
  fetched_partition head;
  std::string records;
};

/// A Fetch answer, as brokers write it.
std::string encode_answer(std::int16_t version, const std::vector<std::vector<answered_partition>>& topics) {
  wire_writer w{version >= 12};
  w.tags();
  w.i32(12); // throttled
  if (version >= 7) {
    w.i16(0);
    w.i32(0);
  }
  w.array(topics.size());
  for (const auto& topic : topics) {
    if (version >= 13)
      w.uuid(topic.front().head.id);
    else
      w.text(topic.front().head.topic);
    w.array(topic.size());
    for (const auto& [head, records] : topic) {
      w.i32(head.number);
      w.i16(static_cast<std::int16_t>(head.error));
      w.i64(head.high_watermark);
      w.i64(head.last_stable);
      if (version >= 5)
        w.i64(0);
      w.array(head.aborted.size());
      for (const auto& a : head.aborted) {
        w.i64(a.producer);
        w.i64(a.first);
        w.tags();
      }
      if (version >= 11)
        w.i32(-1);
      w.array(records.size());
      w.raw(records);
      if (version >= 12) { // a tagged field that nobody knows
        w.uvarint(1);
        w.uvarint(9);
        w.uvarint(2);
        w.raw("ab");
      }
    }
    w.tags();
  }
  w.tags();
  return w.bytes();
}

std::vector<std::vector<answered_partition>> random_answer(std::mt19937_64& random, std::int16_t version) {
  std::vector<std::vector<answered_partition>> topics(random() % 3);
  char name = 'a';
  for (auto& topic : topics) {
    topic.resize(1 + random() % 3);
    for (auto& [head, records] : topic) {
      if (version >= 13)
        head.id = id_of(name);
      else
        head.topic = std::string(3, name);
      head.number = static_cast<std::int32_t>(random() % 100);
      head.error = static_cast<broker_error>(random() % 3);
      head.high_watermark = static_cast<std::int64_t>(random() >> 1);
      head.last_stable = static_cast<std::int64_t>(random() >> 1);
      for (auto n = random() % 3; n != 0; --n)
        head.aborted.push_back({static_cast<std::int64_t>(random()), static_cast<std::int64_t>(random())});
      records.assign(random() % 50, static_cast<char>(random()));
      head.records = records.size();
    }
    ++name;
  }
  return topics;
}

/// Reads it in pieces of random sizes. False: broken.
bool read_in_pieces(std::string_view answer, std::int16_t version, std::mt19937_64& random,
                    std::vector<answered_partition>& out) {
  fetch_answer_reader reader{version, answer.size()};
  std::string staged;
  for (;;) {
    std::string_view bytes = staged;
    auto step = reader.feed(bytes);
    staged.erase(0, staged.size() - bytes.size());
    auto arrive = [&](std::size_t n) {
      n = std::min(n, answer.size());
      staged += answer.substr(0, n);
      answer.remove_prefix(n);
      return n != 0;
    };
    switch (step) {
    case fetch_answer_reader::step::more:
      if (!arrive(1 + random() % 20))
        return false;
      break;
    case fetch_answer_reader::step::partition: {
      auto n = reader.head().records;
      while (staged.size() < n)
        if (!arrive(n))
          return false;
      out.push_back({reader.head(), staged.substr(0, n)});
      staged.erase(0, n);
      break;
    }
    case fetch_answer_reader::step::end:
      return answer.empty() && staged.empty();
    case fetch_answer_reader::step::broken:
      return false;
    }
  }
}

} // namespace

TEST_CASE("requests are what the protocol's description says") {
  const wire_header h{.id = 5, .client = "me"};
  REQUIRE(hex(encode_api_versions(h)) == "0000000c" // size
                                         "0012"     // ApiVersions
                                         "0000"     // version
                                         "00000005" // id
                                         "00026d65");
  const std::vector<std::string_view> topics{"t"};
  REQUIRE(hex(encode_metadata(h, 4, topics)) == "00000014"
                                                "00030004"
                                                "00000005"
                                                "00026d65"
                                                "00000001"
                                                "000174"
                                                "00");
  REQUIRE(hex(encode_metadata(h, 12, topics)) == "00000024"
                                                 "0003000c"
                                                 "00000005"
                                                 "00026d65"
                                                 "00" // tags of the header
                                                 "02" // one topic
                                                 "00000000000000000000000000000000"
                                                 "0274"
                                                 "00"
                                                 "00" // create none
                                                 "00" // no rights
                                                 "00");
  const std::vector<wire_partition_ask> asks{
      {.topic = "t", .id = id_of('i'), .number = 3, .at = 258, .max_bytes = 65536}};
  REQUIRE(hex(encode_list_offsets(h, 2, asks)) == "00000028"
                                                  "00020002"
                                                  "00000005"
                                                  "00026d65"
                                                  "ffffffff" // no replica
                                                  "00"
                                                  "00000001"
                                                  "000174"
                                                  "00000001"
                                                  "00000003"
                                                  "0000000000000102");
  const wire_fetch_terms terms{.max_wait_ms = 100, .min_bytes = 1, .max_bytes = 1 << 20};
  REQUIRE(hex(encode_fetch(h, 4, terms, asks)) == "00000038"
                                                  "00010004"
                                                  "00000005"
                                                  "00026d65"
                                                  "ffffffff"
                                                  "00000064"
                                                  "00000001"
                                                  "00100000"
                                                  "01" // read committed
                                                  "00000001"
                                                  "000174"
                                                  "00000001"
                                                  "00000003"
                                                  "0000000000000102"
                                                  "00010000");
  REQUIRE(hex(encode_fetch(h, 11, terms, asks)) == "00000052"
                                                   "0001000b"
                                                   "00000005"
                                                   "00026d65"
                                                   "ffffffff"
                                                   "00000064"
                                                   "00000001"
                                                   "00100000"
                                                   "01"
                                                   "00000000" // no session
                                                   "ffffffff"
                                                   "00000001"
                                                   "000174"
                                                   "00000001"
                                                   "00000003"
                                                   "ffffffff" // leader epoch
                                                   "0000000000000102"
                                                   "ffffffffffffffff" // the log's begin
                                                   "00010000"
                                                   "00000000" // forgotten
                                                   "0000");   // rack
  REQUIRE(hex(encode_fetch(h, 13, terms, asks)) == "0000005d"
                                                   "0001000d"
                                                   "00000005"
                                                   "00026d65"
                                                   "00"
                                                   "ffffffff"
                                                   "00000064"
                                                   "00000001"
                                                   "00100000"
                                                   "01"
                                                   "00000000"
                                                   "ffffffff"
                                                   "02"
                                                   "69696969696969696969696969696969"
                                                   "02"
                                                   "00000003"
                                                   "ffffffff"
                                                   "0000000000000102"
                                                   "ffffffff" // epoch of the last record
                                                   "ffffffffffffffff"
                                                   "00010000"
                                                   "00"
                                                   "00"
                                                   "01"
                                                   "01"
                                                   "00");
}

TEST_CASE("partitions of one topic stand together in a request, in their order") {
  const std::vector<wire_partition_ask> asks{
      {.topic = "a", .number = 1}, {.topic = "a", .number = 0}, {.topic = "b", .number = 7}};
  auto bytes = hex(encode_list_offsets({}, 1, asks));
  REQUIRE_THAT(bytes, Catch::Contains("00000002"
                                      "000161"
                                      "00000002"
                                      "00000001"));
  REQUIRE_THAT(bytes, Catch::Contains("000162"
                                      "00000001"
                                      "00000007"));
}

TEST_CASE("the newest version that both speak is taken") {
  auto versions = [](std::vector<std::array<std::int16_t, 3>> apis) {
    wire_writer w;
    w.i16(0);
    w.array(apis.size());
    for (const auto& a : apis)
      for (auto n : a)
        w.i16(n);
    return decode_api_versions(w.bytes());
  };
  auto now = versions({{1, 4, 18}, {2, 1, 11}, {3, 0, 13}, {18, 0, 4}, {99, 0, 0}});
  REQUIRE(now.has_value());
  REQUIRE(now->fetch == 13);
  REQUIRE(now->list_offsets == 5);
  REQUIRE(now->metadata == 12);
  auto old = versions({{1, 0, 11}, {2, 0, 5}, {3, 0, 8}});
  REQUIRE(old.has_value());
  REQUIRE(old->fetch == 11);
  REQUIRE(old->metadata == 8);
  // Ids of topics come by Metadata.
  REQUIRE(versions({{1, 0, 13}, {2, 0, 5}, {3, 0, 9}})->fetch == 12);
  auto ancient = versions({{1, 0, 3}, {2, 0, 1}, {3, 0, 4}});
  REQUIRE_FALSE(ancient.has_value());
  REQUIRE(ancient.error().code() == errc::refused);
}

TEST_CASE("a Fetch answer is read as it was written, in whatever pieces it arrives") {
  std::mt19937_64 random{1};
  for (std::int16_t version = 4; version <= 13; ++version)
    for (int i = 0; i < 200; ++i) {
      auto topics = random_answer(random, version);
      auto answer = encode_answer(version, topics);
      std::vector<answered_partition> got;
      REQUIRE(read_in_pieces(answer, version, random, got));
      std::size_t at = 0;
      for (const auto& topic : topics)
        for (const auto& [head, records] : topic) {
          REQUIRE(at < got.size());
          const auto& g = got[at++];
          REQUIRE(g.head.topic == head.topic);
          REQUIRE(g.head.id == head.id);
          REQUIRE(g.head.number == head.number);
          REQUIRE(g.head.error == head.error);
          REQUIRE(g.head.high_watermark == head.high_watermark);
          REQUIRE(g.head.last_stable == head.last_stable);
          REQUIRE(g.head.aborted.size() == head.aborted.size());
          REQUIRE(g.records == records);
        }
      REQUIRE(at == got.size());
    }
}

TEST_CASE("answers that are cut or of arbitrary bytes are refused, not followed") {
  std::mt19937_64 random{2};
  std::vector<answered_partition> got;
  for (int i = 0; i < 20'000; ++i) {
    auto version = static_cast<std::int16_t>(4 + random() % 10);
    auto answer = encode_answer(version, random_answer(random, version));
    auto cut = answer.substr(0, random() % answer.size());
    got.clear();
    REQUIRE_FALSE(read_in_pieces(cut, version, random, got));
    for (auto n = 1 + random() % 5; n != 0; --n)
      answer[random() % answer.size()] = static_cast<char>(random() % 2 == 0 ? 0xff : random());
    got.clear();
    (void)read_in_pieces(answer, version, random, got);
    (void)decode_metadata(answer, version);
    (void)decode_list_offsets(answer, static_cast<std::int16_t>(1 + random() % 5));
    (void)decode_api_versions(answer);
  }
}

TEST_CASE("Metadata tells brokers, topics, leaders and errors") {
  for (std::int16_t version : {1, 2, 3, 4, 5, 7, 8, 9, 10, 12}) {
    auto flexible = version >= 9;
    wire_writer w{flexible};
    w.tags();
    if (version >= 3)
      w.i32(0);
    w.array(1);
    w.i32(7);
    w.text("host");
    w.i32(9092);
    w.text("rack");
    w.tags();
    if (version >= 2)
      w.text("cluster");
    w.i32(7);
    w.array(2);
    for (const auto* name : {"t", "u"}) {
      auto unknown = *name == 'u';
      w.i16(unknown ? 3 : 0);
      w.text(name);
      if (version >= 10)
        w.uuid(id_of(*name));
      w.i8(0);
      w.array(unknown ? 0 : 1);
      if (!unknown) {
        w.i16(0);
        w.i32(2);
        w.i32(7);
        if (version >= 7)
          w.i32(1);
        for (int list = 0; list < (version >= 5 ? 3 : 2); ++list) {
          w.array(1);
          w.i32(7);
        }
        w.tags();
      }
      if (version >= 8)
        w.i32(0);
      w.tags();
    }
    if (version >= 8 && version <= 10)
      w.i32(0);
    w.tags();
    auto m = decode_metadata(w.bytes(), version);
    REQUIRE(m.has_value());
    REQUIRE(m->brokers.size() == 1);
    REQUIRE(m->brokers[0].at == broker_address{"host", 9092});
    REQUIRE(m->topics.size() == 2);
    REQUIRE(m->topics[0].name == "t");
    REQUIRE(m->topics[0].id == (version >= 10 ? id_of('t') : topic_uuid{}));
    REQUIRE(m->topics[0].partitions.at(0).number == 2);
    REQUIRE(m->topics[0].partitions.at(0).leader == 7);
    REQUIRE(m->topics[1].error == broker_error::unknown_topic);
    for (std::size_t n = 0; n + 8 < w.bytes().size(); ++n)
      REQUIRE_FALSE(decode_metadata(w.bytes().substr(0, n), version).has_value());
  }
}

TEST_CASE("errors of brokers are told in words, unknown ones by number") {
  REQUIRE_THAT(broker_error_text(broker_error::topic_not_authorized), Catch::Contains("not permitted"));
  REQUIRE_THAT(broker_error_text(static_cast<broker_error>(12345)), Catch::Contains("12345"));
}
