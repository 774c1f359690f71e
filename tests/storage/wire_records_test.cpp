#include "storage/kafka/wire_records.hpp"

#include "tests/storage/wire_fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>

using namespace tidemill;
using namespace tidemill::test;

namespace {

constexpr partition_id p0{0};
constexpr std::size_t everything = 1u << 30;

/// The records of a partition, as copies, and what was said of offsets on the way.
struct taken {
  std::vector<wire_record> records;
  std::vector<record_batch_ptr> batches;
  std::int64_t next = 0;
  bool in_order = true;
  std::optional<error> failure;
};

wire_record copy_of(const record& r) {
  wire_record w{static_cast<std::int64_t>(r.at), -1, {}, std::string{r.bytes}, {}};
  if (r.arrival)
    w.timestamp =
        std::chrono::duration_cast<std::chrono::milliseconds>(r.arrival->time_since_epoch()).count();
  if (r.meta) {
    if (r.meta->tombstone)
      w.value.reset();
    if (r.meta->key)
      w.key = *r.meta->key;
    for (const auto& h : r.meta->headers)
      w.headers.emplace_back(h.name, h.value ? std::optional<std::string>{*h.value} : std::nullopt);
  }
  return w;
}

void take_all(wire_records& from, wire_decoding& with, taken& out, std::size_t max_bytes = everything,
              std::size_t max_records = everything) {
  while (from.ready()) {
    auto batch = from.next(max_bytes, max_records, with);
    if (!batch) {
      out.failure = batch.error();
      return;
    }
    if (!*batch)
      return;
    const auto& b = **batch;
    out.in_order = out.in_order && b.begin == static_cast<offset>(out.next) && b.end > b.begin;
    out.next = static_cast<std::int64_t>(b.end);
    for (const auto& r : b.records) {
      out.in_order = out.in_order && r.at >= b.begin && r.end == r.at + 1 && r.end <= b.end;
      out.records.push_back(copy_of(r));
    }
    out.batches.push_back(std::move(*batch));
  }
}

bool give(wire_records& to, wire_decoding& with, const std::string& bytes,
          std::vector<aborted_transaction> aborted = {}) {
  auto buffer = with.pool.take(bytes.size());
  std::memcpy(buffer->data(), bytes.data(), bytes.size());
  return to.add(std::move(buffer), bytes.size(), std::move(aborted));
}

wire_batch simple(std::int64_t first, std::int64_t n, std::int64_t producer = -1) {
  wire_batch b;
  b.first = first;
  b.last = first + n - 1;
  b.producer = producer;
  b.transactional = producer >= 0;
  for (auto at = first; at <= b.last; ++at)
    b.records.push_back({at, 1'700'000'000'000 + at, {}, "v" + std::to_string(at), {}});
  return b;
}

std::vector<std::int64_t> offsets_of(const taken& t) {
  std::vector<std::int64_t> all;
  for (const auto& r : t.records)
    all.push_back(r.at);
  return all;
}

} // namespace

TEST_CASE("any batches come out as they were written, however they are cut into answers and batches") {
  std::mt19937_64 random{1};
  for (int round = 0; round < 100; ++round) {
    wire_decoding with;
    with.meta = true;
    auto start = static_cast<std::int64_t>(random() % 100);
    wire_records records{p0, start};
    taken got;
    got.next = start;
    std::vector<wire_record> written;
    std::int64_t next = 0;
    for (int answer = 0; answer < 5; ++answer) {
      std::string bytes;
      for (auto n = 1 + random() % 4; n != 0; --n) {
        auto b = random_batch(random, next + static_cast<std::int64_t>(random() % 3));
        next = b.last + 1;
        bytes += encode(b);
        for (auto r : b.records) {
          r.timestamp = b.log_append_time ? b.append_time : r.timestamp;
          if (r.at >= start)
            written.push_back(std::move(r));
        }
      }
      // The broker cuts the answer anywhere.
      auto cut = encode(random_batch(random, next));
      bytes += cut.substr(0, random() % cut.size());
      if (next <= records.fetch_at())
        continue;
      REQUIRE(give(records, with, bytes));
      REQUIRE(records.fetch_at() == next);
      if (random() % 2 == 0)
        take_all(records, with, got, 1 + random() % 3000, 1 + random() % 20);
    }
    take_all(records, with, got, 1 + random() % 3000, 1 + random() % 20);
    REQUIRE_FALSE(got.failure);
    REQUIRE(got.in_order);
    REQUIRE(got.records == written);
    REQUIRE(records.position() == std::max(next, start));
    REQUIRE(records.waiting() == 0);
  }
}

TEST_CASE("records outlive everything but their batch, and bytes behind them can be read") {
  taken got;
  {
    wire_decoding with;
    wire_records records{p0, 0};
    for (auto codec : {compression::none, compression::zstd}) {
      auto b = simple(records.fetch_at(), 3);
      b.codec = codec;
      REQUIRE(give(records, with, encode(b)));
    }
    take_all(records, with, got);
  }
  REQUIRE(got.batches.size() == 1);
  std::size_t sum = 0;
  for (const auto& r : got.batches[0]->records) {
    REQUIRE(r.bytes == "v" + std::to_string(r.at));
    REQUIRE(r.meta == nullptr);
    // As the JSON parser does.
    for (std::size_t i = 0; i < 64; ++i)
      sum += static_cast<unsigned char>(r.bytes.data()[r.bytes.size() + i]);
  }
  REQUIRE(sum != 1);
}

TEST_CASE("a tombstone is told from an empty value also where keys are not wanted") {
  wire_decoding with;
  wire_records records{p0, 0};
  auto b = simple(0, 3);
  b.records[0].value.reset();
  b.records[0].key = "gone";
  b.records[1].value = "";
  REQUIRE(give(records, with, encode(b)));
  taken got;
  take_all(records, with, got);
  const auto& all = got.batches.at(0)->records;
  REQUIRE(all.size() == 3);
  REQUIRE(all[0].meta);
  REQUIRE(all[0].meta->tombstone);
  REQUIRE(all[0].meta->key == "gone");
  REQUIRE(all[1].meta == nullptr);
  REQUIRE(all[1].bytes.empty());
}

TEST_CASE("records of aborted transactions and markers are passed over, those of others are not") {
  // Producers 7 and 8 write in turns: 7 aborts at 6 and commits at 11, 8 commits at 9.
  std::string bytes;
  for (const auto& b :
       {simple(0, 2, 7), simple(2, 2, 8), simple(4, 2, 7), marker(6, 7, false), simple(7, 2, 8),
        marker(9, 8, true), simple(10, 1, 7), marker(11, 7, true), simple(12, 1)})
    bytes += encode(b);
  auto read = [&](bool committed) {
    wire_decoding with;
    with.read_committed = committed;
    wire_records records{p0, 0};
    taken got;
    REQUIRE(give(records, with, bytes,
                 committed ? std::vector<aborted_transaction>{{7, 0}} : std::vector<aborted_transaction>{}));
    take_all(records, with, got);
    REQUIRE(got.in_order);
    REQUIRE(got.next == 13);
    return offsets_of(got);
  };
  REQUIRE(read(true) == std::vector<std::int64_t>{2, 3, 7, 8, 10, 12});
  REQUIRE(read(false) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 7, 8, 10, 12});
}

TEST_CASE("an answer that begins in the middle of an aborted transaction knows of it") {
  wire_decoding with;
  wire_records records{p0, 4};
  REQUIRE(give(records, with, encode(simple(4, 2, 7)) + encode(marker(6, 7, false)) + encode(simple(7, 1, 7)),
               {{7, 0}}));
  taken got;
  got.next = 4;
  take_all(records, with, got);
  REQUIRE(offsets_of(got) == std::vector<std::int64_t>{7});
}

TEST_CASE("nothing but passed offsets is a batch without records") {
  wire_decoding with;
  wire_records records{p0, 0};
  REQUIRE(give(records, with, encode(simple(0, 5, 7)) + encode(marker(5, 7, false)), {{7, 0}}));
  taken got;
  take_all(records, with, got);
  REQUIRE(got.batches.size() == 1);
  REQUIRE(got.batches[0]->records.empty());
  REQUIRE(got.next == 6);
}

TEST_CASE("damage is told after the records before it, once and for all") {
  wire_decoding with;
  auto good = encode(simple(0, 3));
  auto bad = encode(simple(3, 3));
  SECTION("in the records") {
    bad[70] = static_cast<char>(bad[70] ^ 1);
  }
  SECTION("in the head") {
    bad[16] = 9;
  }
  SECTION("in the offsets") {
    bad[7] = 1;
  }
  wire_records records{p0, 0};
  REQUIRE(give(records, with, good + bad));
  for (int i = 0; i < 2; ++i) {
    taken got;
    got.next = records.position();
    take_all(records, with, got);
    REQUIRE(got.records.size() == (i == 0 ? 3 : 0));
    REQUIRE(got.failure);
    REQUIRE(got.failure->code() == errc::corrupt);
    REQUIRE(records.position() == 3);
    REQUIRE(records.broken());
  }
}

TEST_CASE("unchecked damage within a batch is told, too") {
  wire_decoding with;
  with.check_crcs = false;
  auto bad = encode(simple(0, 3));
  bad[bad.size() - 1] = 9; // headers that are not there
  with.meta = true;
  wire_records records{p0, 0};
  REQUIRE(give(records, with, bad));
  taken got;
  take_all(records, with, got);
  REQUIRE(got.records.size() == 2);
  REQUIRE(got.failure);
}

TEST_CASE("an answer with less than one batch asks for more, one that lies before is damage") {
  wire_decoding with;
  wire_records records{p0, 10};
  auto whole = encode(simple(10, 3));
  REQUIRE_FALSE(give(records, with, whole.substr(0, whole.size() - 1)));
  REQUIRE_FALSE(give(records, with, whole.substr(0, 5)));
  REQUIRE(records.fetch_at() == 10);
  REQUIRE_FALSE(records.broken());
  REQUIRE(give(records, with, encode(simple(2, 3))));
  REQUIRE(records.broken());
}

TEST_CASE("a decompressed batch is limited") {
  wire_decoding with;
  with.largest = 100'000;
  auto b = simple(0, 1);
  b.records[0].value = std::string(200'000, 'x');
  b.codec = compression::zstd;
  wire_records records{p0, 0};
  REQUIRE(give(records, with, encode(b)));
  taken got;
  take_all(records, with, got);
  REQUIRE(got.failure);
  REQUIRE(got.failure->code() == errc::full);
}

TEST_CASE("arbitrary bytes for answers are survived") {
  std::mt19937_64 random{9};
  std::size_t read = 0;
  for (int round = 0; round < 5'000; ++round) {
    wire_decoding with;
    with.check_crcs = false;
    with.largest = 1 << 20;
    with.meta = round % 2 == 0;
    std::string bytes;
    std::int64_t next = 0;
    for (auto n = random() % 4; n != 0; --n) {
      auto b = random() % 4 == 0 ? marker(next, 7, random() % 2 == 0) : random_batch(random, next);
      next = b.last + 1;
      bytes += encode(b);
    }
    for (auto n = random() % 6; n != 0 && !bytes.empty(); --n)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    bytes.resize(random() % 3 == 0 ? random() % (bytes.size() + 1) : bytes.size());
    wire_records records{p0, static_cast<std::int64_t>(random() % 10)};
    taken got;
    got.next = records.position();
    give(records, with, bytes, {{static_cast<std::int64_t>(random() % 9) - 1, 0}});
    take_all(records, with, got, 1 + random() % 1000, 1 + random() % 10);
    REQUIRE(got.in_order);
    read += got.records.size();
  }
  REQUIRE(read > 0);
}

TEST_CASE("buffers are used again, up to a limit, also after their pool is gone") {
  wire_buffer_ptr last;
  {
    wire_buffer_pool pool{10'000};
    auto a = pool.take(5'000);
    REQUIRE(a->capacity() >= 5'000);
    const auto* where = a->data();
    a.reset();
    a = pool.take(6'000);
    REQUIRE(a->data() == where);
    auto b = pool.take(6'000);
    REQUIRE(b->data() != where);
    a.reset();
    b.reset(); // one is kept
    last = pool.take(1);
  }
  REQUIRE(last->capacity() >= 1);
}
