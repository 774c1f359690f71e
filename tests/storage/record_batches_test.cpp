#include "storage/kafka/record_batches.hpp"

#include "storage/kafka/crc32c.hpp"
#include "storage/kafka/decompress.hpp"
#include "tests/storage/wire_fixture.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

/// The log of a topic as a broker (4.4.0) stores it. By the Java client, three records in each of gzip,
/// snappy, lz4 and zstd after none: with headers, a tombstone, one without key; then a transaction that was
/// aborted and one that was committed, each with its marker.
constexpr std::string_view golden_hex =
    "0000000000000000000000be000000000296b5b44b0000000000020000018bcfe568000000018bcfe56805ffffffffff"
    "ffffffffffffffffff00000003f601000000046b31ba017b22636f646563223a20226e6f6e65222c202274657874223a"
    "202261616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161"
    "616161616161616161616161616161616161227d040c736f757263650c676f6c64656e0a656d7074790110000a02046b"
    "3201000c0001040100000000000000000003000000920000000002bca1e0240001000000020000018bcfe56800000001"
    "8bcfe56805ffffffffffffffffffffffffffff000000031f8b08000000000000fffbc6c8c0c0c0926db88bb15a29393f"
    "253559c94a4129bd2ab340494741a924b5a204c44fa41028d5b2f014e7971625a7f2a4e7e7a4a4e671a5e6169454320a"
    "307031b1641b3132f03030b2001d0200a8b8f67d8d00000000000000000000060000009b0000000002ed84adb2000200"
    "0000020000018bcfe568000000018bcfe56805ffffffffffffffffffffffffffff0000000382534e4150505900000000"
    "0100000001000000568f0188fa01000000046b31be017b22636f646563223a2022736e61707079222c20227465787401"
    "120061fa01009c227d040c736f757263650c676f6c64656e0a656d7074790110000a02046b3201000c00010401000000"
    "000000000000090000009300000000028d371a190003000000020000018bcfe568000000018bcfe56805ffffffffffff"
    "ffffffffffffffff0000000304224d1860408253000000f011f401000000046b31b8017b22636f646563223a20226c7a"
    "34222c2022746578740f001f6101002cf019227d040c736f757263650c676f6c64656e0a656d7074790110000a02046b"
    "3201000c00010401000000000000000000000000000c0000009200000000027947ab360004000000020000018bcfe568"
    "000000018bcfe56805ffffffffffffffffffffffffffff0000000328b52ffd0058ac0200e404f601000000046b31ba01"
    "7b22636f646563223a20227a737464222c202274657874223a202261227d040c736f757263650c676f6c64656e0a656d"
    "7074790110000a02046b3201000c0001040100000100a6049e010000000000000000000f0000003f0000000002aa77e8"
    "590010000000000000018bcfe5680a0000018bcfe5680a0000000000000000000300000000000000011a000000010e61"
    "626f727465640000000000000000100000004200000000020344ceb3003000000000000001a207cabe5b000001a207ca"
    "be5b00000000000000000004ffffffff000000012000000008000000000c000000000000000000000000000011000000"
    "410000000002e25320e80010000000000000018bcfe5680b0000018bcfe5680b00000000000000000004000000000000"
    "00011e0000000112636f6d6d69747465640000000000000000120000004200000000026188c7ca003000000000000001"
    "a207cabea1000001a207cabea100000000000000000005ffffffff000000012000000008000000010c00000000000000";

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16));
  return out;
}

struct read_batch {
  kafka_batch_head head;
  std::vector<wire_record> records;
  std::string memory;
};

wire_record copy_of(const kafka_record& r) {
  wire_record w{r.at, r.timestamp, {}, {}, {}};
  if (r.key)
    w.key = *r.key;
  if (r.value)
    w.value = *r.value;
  std::vector<record_meta::header> headers;
  REQUIRE(read_headers(r.headers, headers));
  for (const auto& h : headers)
    w.headers.emplace_back(h.name, h.value ? std::optional<std::string>{*h.value} : std::nullopt);
  return w;
}

/// Everything in the first batch of `bytes`; nothing if it does not decode.
std::optional<read_batch> read_first(std::string_view bytes, decompressor& d, wire_buffer_pool& pool) {
  auto head = read_batch_head(bytes);
  if (!head || !*head || !crc_fits(**head, bytes))
    return std::nullopt;
  read_batch b{**head, {}, {}};
  auto records = bytes.substr(kafka_batch_head_size, b.head.size - kafka_batch_head_size);
  if (b.head.codec != compression::none) {
    auto plain = d.run(b.head.codec, records, 1 << 20, pool);
    if (!plain)
      return std::nullopt;
    b.memory = plain->buffer->first(plain->size);
    records = b.memory;
  }
  kafka_record_walk walk{b.head, records};
  kafka_record r;
  for (;;) {
    switch (walk.next(r)) {
    case kafka_record_walk::step::record:
      b.records.push_back(copy_of(r));
      break;
    case kafka_record_walk::step::broken:
      return std::nullopt;
    case kafka_record_walk::step::end:
      return b;
    }
  }
}

} // namespace

TEST_CASE("the checksum is CRC-32C, with and without the instruction") {
  REQUIRE(crc32c("123456789") == 0xe3069283);
  REQUIRE(crc32c_by_table("123456789") == 0xe3069283);
  REQUIRE(crc32c("") == 0);
  std::mt19937_64 random{1};
  std::string bytes(30'000, '\0');
  for (auto& c : bytes)
    c = static_cast<char>(random());
  auto equal = true;
  for (std::size_t n = 0; n < 1'000; ++n)
    equal = equal && crc32c({bytes.data() + n % 9, n}) == crc32c_by_table({bytes.data() + n % 9, n});
  for (int i = 0; i < 300; ++i) {
    auto at = random() % 64;
    auto part = std::string_view{bytes}.substr(at, random() % (bytes.size() - at));
    equal = equal && crc32c(part) == crc32c_by_table(part);
  }
  REQUIRE(equal);
}

TEST_CASE("what a broker stores is read as it was written") {
  auto log = from_hex(golden_hex);
  decompressor d;
  wire_buffer_pool pool{1 << 20};
  std::vector<read_batch> all;
  for (std::string_view rest = log; !rest.empty();) {
    auto b = read_first(rest, d, pool);
    REQUIRE(b.has_value());
    rest.remove_prefix(b->head.size);
    all.push_back(std::move(*b));
  }
  REQUIRE(all.size() == 9);
  const std::vector<std::string> names{"none", "gzip", "snappy", "lz4", "zstd"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto at = static_cast<std::int64_t>(3 * i);
    auto text = "{\"codec\": \"" + names[i] + "\", \"text\": \"" + std::string(64, 'a') + "\"}";
    REQUIRE(all[i].head.codec == static_cast<compression>(i));
    REQUIRE(all[i].records ==
            std::vector<wire_record>{
                {at, 1'700'000'000'000, "k1", text, {{"source", "golden"}, {"empty", std::nullopt}}},
                {at + 1, 1'700'000'000'005, "k2", std::nullopt, {}},
                {at + 2, 1'699'999'999'999, std::nullopt, "", {}}});
  }
  REQUIRE(all[5].records.at(0).value == "aborted");
  REQUIRE(all[5].head.transactional);
  REQUIRE(all[6].head.control);
  REQUIRE(all[6].head.producer == all[5].head.producer);
  REQUIRE(all[7].records.at(0).value == "committed");
  REQUIRE(all[8].head.control);
  REQUIRE(all[8].head.last == 18);
  for (auto i : {6, 8}) {
    const auto& r = all[static_cast<std::size_t>(i)].records.at(0);
    kafka_record record;
    record.key = *r.key;
    REQUIRE(read_marker(record) == (i == 6 ? transaction_marker::abort : transaction_marker::commit));
  }
}

TEST_CASE("any batch is read as it was written, in every compression") {
  std::mt19937_64 random{2};
  decompressor d;
  wire_buffer_pool pool{1 << 20};
  for (int i = 0; i < 2'000; ++i) {
    auto b = random_batch(random, static_cast<std::int64_t>(random() >> 2));
    auto back = read_first(encode(b), d, pool);
    REQUIRE(back.has_value());
    if (b.log_append_time)
      for (auto& r : b.records)
        r.timestamp = b.append_time;
    REQUIRE(back->records == b.records);
    REQUIRE(back->head.first == b.first);
    REQUIRE(back->head.last == b.last);
  }
}

TEST_CASE("a batch that is cut anywhere is not there") {
  std::mt19937_64 random{3};
  for (int i = 0; i < 20; ++i) {
    auto whole = encode(random_batch(random, 10));
    auto none = true;
    for (std::size_t n = 0; n < whole.size(); ++n) {
      // On the heap and of this size, so that reading further is noticed.
      std::vector<char> cut(whole.data(), whole.data() + n);
      auto head = read_batch_head({cut.data(), cut.size()});
      none = none && head && !*head;
    }
    REQUIRE(none);
  }
}

TEST_CASE("a flipped bit behind the size is noticed by the checksum") {
  std::mt19937_64 random{4};
  decompressor d;
  wire_buffer_pool pool{1 << 20};
  for (int i = 0; i < 200; ++i) {
    auto bytes = encode(random_batch(random, 10));
    auto noticed = true;
    for (int k = 0; k < 20; ++k) {
      auto flipped = bytes;
      auto at = 16 + random() % (bytes.size() - 16);
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << random() % 8);
      noticed = noticed && !read_first(flipped, d, pool);
    }
    REQUIRE(noticed);
  }
}

TEST_CASE("damage that the checksum does not show is no danger") {
  std::mt19937_64 random{5};
  decompressor d;
  wire_buffer_pool pool{1 << 20};
  std::size_t read = 0;
  for (int i = 0; i < 10'000; ++i) {
    auto bytes = encode(random_batch(random, 10));
    for (auto k = 1 + random() % 4; k != 0; --k)
      bytes[21 + random() % (bytes.size() - 21)] = static_cast<char>(random() % 4 == 0 ? 0xff : random());
    auto crc = crc32c(std::string_view{bytes}.substr(21));
    for (int k = 0; k < 4; ++k)
      bytes[17 + static_cast<std::size_t>(k)] = static_cast<char>(crc >> (24 - 8 * k));
    auto exact = std::vector<char>(bytes.begin(), bytes.end());
    auto head = read_batch_head({exact.data(), exact.size()});
    if (!head || !*head)
      continue;
    auto records = std::string_view{exact.data(), exact.size()}.substr(kafka_batch_head_size);
    auto plain = std::vector<char>(records.begin(), records.end());
    if ((*head)->codec != compression::none) {
      auto out = d.run((*head)->codec, records, 1 << 20, pool);
      if (!out)
        continue;
      plain.assign(out->buffer->data(), out->buffer->data() + out->size);
    }
    kafka_record_walk walk{**head, {plain.data(), plain.size()}};
    std::vector<record_meta::header> headers;
    kafka_record r;
    while (walk.next(r) == kafka_record_walk::step::record) {
      ++read;
      (void)read_headers(r.headers, headers);
      REQUIRE((r.at >= (*head)->first && r.at <= (*head)->last));
    }
  }
  REQUIRE(read > 0);
}

TEST_CASE("old formats and heads that can't be are refused with their reason") {
  std::mt19937_64 random{6};
  auto bytes = encode(random_batch(random, 10));
  auto text_of = [&](std::size_t at, char value) {
    auto changed = bytes;
    changed[at] = value;
    auto head = read_batch_head(changed);
    return head ? std::string{} : head.error().text();
  };
  REQUIRE_THAT(text_of(16, 1), Catch::Contains("before 0.11"));
  REQUIRE_THAT(text_of(16, 3), Catch::Contains("format is 3"));
  REQUIRE_THAT(text_of(8, '\x80'), Catch::Contains("size"));
  REQUIRE_THAT(text_of(22, 7), Catch::Contains("compression 7"));
  REQUIRE_THAT(text_of(0, '\x80'), Catch::Contains("offsets"));
  REQUIRE_THAT(text_of(23, '\x80'), Catch::Contains("offsets"));
}

TEST_CASE("decompressing ends at the limit, however small the input is") {
  decompressor d;
  wire_buffer_pool pool{1 << 20};
  const std::string bomb(64 << 20, 'x');
  for (auto codec : {compression::gzip, compression::snappy, compression::lz4, compression::zstd}) {
    auto small = compress(codec, bomb);
    auto out = d.run(codec, small, 1 << 20, pool);
    REQUIRE_FALSE(out.has_value());
    REQUIRE(out.error().code() == errc::full);
    out = d.run(codec, small, 128 << 20, pool);
    REQUIRE(out.has_value());
    REQUIRE(out->size == bomb.size());
    REQUIRE(out->buffer->first(out->size) == bomb);
  }
}

TEST_CASE("what is cut or damaged in a compression's own format is an error") {
  std::mt19937_64 random{7};
  decompressor d;
  wire_buffer_pool pool{1 << 20};
  std::string text;
  for (int i = 0; i < 200; ++i)
    text += random_text(random, 50);
  for (auto codec : {compression::gzip, compression::snappy, compression::lz4, compression::zstd})
    for (auto java : {false, true}) {
      auto small = compress(codec, text, java);
      auto right = true;
      for (std::size_t n = 0; n < small.size(); n += 1 + n / 50) {
        std::vector<char> cut(small.data(), small.data() + n);
        auto out = d.run(codec, {cut.data(), cut.size()}, 1 << 20, pool);
        // Blocks of the Java client carry no count: one that ends between two of them is shorter, not
        // damaged.
        right = right && (!out || out->size < text.size());
      }
      REQUIRE(right);
      for (int i = 0; i < 300; ++i) {
        auto damaged = small;
        damaged[random() % damaged.size()] = static_cast<char>(random());
        (void)d.run(codec, damaged, 1 << 20, pool);
      }
      auto out = d.run(codec, small, 1 << 20, pool);
      REQUIRE((out && out->buffer->first(out->size) == text));
    }
}
