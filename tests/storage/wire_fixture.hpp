#pragma once

#include "storage/kafka/crc32c.hpp"
#include "storage/kafka/record_batches.hpp"
#include "storage/kafka/wire_bytes.hpp"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

/// Writes what brokers send, independently of what reads it.
namespace tidemill::test {

struct wire_record {
  std::int64_t at = 0, timestamp = 0;
  std::optional<std::string> key, value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  friend bool operator==(const wire_record&, const wire_record&) = default;
};
struct wire_batch {
  std::vector<wire_record> records;
  std::int64_t first = 0, last = 0;
  compression codec = compression::none;
  bool java_snappy = false;
  bool log_append_time = false, transactional = false, control = false;
  std::int64_t append_time = 0, producer = -1;
};

inline void put_varint(std::string& out, std::int64_t n) {
  auto v = static_cast<std::uint64_t>(n) << 1 ^ static_cast<std::uint64_t>(n >> 63);
  for (; v >= 0x80; v >>= 7)
    out += static_cast<char>(v | 0x80);
  out += static_cast<char>(v);
}

inline void put_sized(std::string& out, const std::optional<std::string>& bytes) {
  put_varint(out, bytes ? static_cast<std::int64_t>(bytes->size()) : -1);
  out += bytes.value_or("");
}

inline std::string plain_records(const wire_batch& b) {
  std::string out;
  for (const auto& r : b.records) {
    std::string body(1, '\0');
    put_varint(body, r.timestamp - b.records.front().timestamp);
    put_varint(body, r.at - b.first);
    put_sized(body, r.key);
    put_sized(body, r.value);
    put_varint(body, static_cast<std::int64_t>(r.headers.size()));
    for (const auto& [name, value] : r.headers) {
      put_sized(body, name);
      put_sized(body, value);
    }
    put_varint(out, static_cast<std::int64_t>(body.size()));
    out += body;
  }
  return out;
}

inline std::string gzip(const std::string& in) {
  z_stream s{};
  deflateInit2(&s, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&s, in.size()), '\0');
  s.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  s.avail_in = static_cast<uInt>(in.size());
  s.next_out = reinterpret_cast<Bytef*>(out.data());
  s.avail_out = static_cast<uInt>(out.size());
  deflate(&s, Z_FINISH);
  out.resize(s.total_out);
  deflateEnd(&s);
  return out;
}

inline std::string snappy_blocks(const std::string& in, bool java) {
  std::string block;
  if (!java) {
    snappy::Compress(in.data(), in.size(), &block);
    return block;
  }
  wire_writer out;
  out.raw({"\x82SNAPPY\0", 8});
  out.i32(1);
  out.i32(1);
  for (std::size_t at = 0; at < in.size(); at += 1000) {
    auto part = in.substr(at, 1000);
    snappy::Compress(part.data(), part.size(), &block);
    out.i32(static_cast<std::int32_t>(block.size()));
    out.raw(block);
  }
  return out.bytes();
}

inline std::string compress(compression codec, const std::string& in, bool java_snappy = false) {
  std::string out;
  switch (codec) {
  case compression::none:
    return in;
  case compression::gzip:
    return gzip(in);
  case compression::snappy:
    return snappy_blocks(in, java_snappy);
  case compression::lz4:
    out.resize(LZ4F_compressFrameBound(in.size(), nullptr));
    out.resize(LZ4F_compressFrame(out.data(), out.size(), in.data(), in.size(), nullptr));
    return out;
  case compression::zstd:
    out.resize(ZSTD_compressBound(in.size()));
    out.resize(ZSTD_compress(out.data(), out.size(), in.data(), in.size(), 1));
    return out;
  }
  return out;
}

/// What follows the checksum.
inline std::string covered_part(const wire_batch& b) {
  wire_writer w;
  w.i16(static_cast<std::int16_t>(static_cast<int>(b.codec) | (b.log_append_time ? 8 : 0) |
                                  (b.transactional ? 16 : 0) | (b.control ? 32 : 0)));
  w.i32(static_cast<std::int32_t>(b.last - b.first));
  auto first_time = b.records.empty() ? -1 : b.records.front().timestamp;
  w.i64(first_time);
  w.i64(b.log_append_time ? b.append_time : first_time);
  w.i64(b.producer);
  w.i16(0);
  w.i32(0);
  w.i32(static_cast<std::int32_t>(b.records.size()));
  w.raw(compress(b.codec, plain_records(b), b.java_snappy));
  return w.bytes();
}

inline std::string encode(const wire_batch& b) {
  auto covered = covered_part(b);
  wire_writer w;
  w.i64(b.first);
  w.i32(static_cast<std::int32_t>(covered.size() + 9));
  w.i32(0);
  w.i8(2);
  w.i32(static_cast<std::int32_t>(crc32c_by_table(covered)));
  w.raw(covered);
  return w.bytes();
}

/// The marker at the end of a transaction.
inline wire_batch marker(std::int64_t at, std::int64_t producer, bool commit) {
  wire_writer key, value;
  key.i16(0);
  key.i16(commit ? 1 : 0);
  value.i16(0);
  value.i32(0);
  wire_batch b;
  b.first = b.last = at;
  b.transactional = b.control = true;
  b.producer = producer;
  b.records.push_back({at, 1, key.bytes(), value.bytes(), {}});
  return b;
}

inline std::string random_text(std::mt19937_64& random, std::size_t most) {
  std::string s(random() % (most + 1), ' ');
  for (auto& c : s)
    c = static_cast<char>(random() % 3 == 0 ? random() : 'a' + random() % 4);
  return s;
}

/// A batch from `first` on, with some of its offsets missing, as after compaction.
inline wire_batch random_batch(std::mt19937_64& random, std::int64_t first) {
  wire_batch b;
  b.first = first;
  b.codec = static_cast<compression>(random() % 5);
  b.java_snappy = random() % 2 == 0;
  b.log_append_time = random() % 4 == 0;
  b.append_time = 1'700'000'100'000 + static_cast<std::int64_t>(random() % 1000);
  auto most = random() % 3 == 0 ? 2000u : 40u;
  auto at = first;
  for (auto n = random() % 30; n != 0; --n, ++at) {
    at += static_cast<std::int64_t>(random() % 8 == 0 ? random() % 5 : 0);
    wire_record r{at, 1'700'000'000'000 + static_cast<std::int64_t>(random() % 2000) - 1000, {}, {}, {}};
    if (random() % 2 == 0)
      r.key = random_text(random, 20);
    if (random() % 10 != 0)
      r.value = random_text(random, most);
    for (auto h = random() % 4 == 0 ? random() % 4 : 0; h != 0; --h)
      r.headers.emplace_back(random_text(random, 10),
                             random() % 3 == 0 ? std::optional<std::string>{} : random_text(random, 10));
    b.records.push_back(std::move(r));
  }
  b.last = at + static_cast<std::int64_t>(random() % 3);
  return b;
}

} // namespace tidemill::test
