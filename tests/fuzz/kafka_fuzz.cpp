// Links: tidemill_storage
// What a broker answers: record batches, headers, compressed records, Fetch answers in any pieces, notes in
// offsets. Nothing is trusted; what comes out lies within what came in, and offsets only rise.

#include "storage/kafka/commit_metadata.hpp"
#include "storage/kafka/decompress.hpp"
#include "storage/kafka/record_batches.hpp"
#include "storage/kafka/wire_fetch_answer.hpp"
#include "storage/kafka/wire_records.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/storage/wire_fixture.hpp"

#include <cstring>

namespace tidemill::test {
namespace {

constexpr std::size_t largest = 1u << 20;

bool within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

/// Records are read in received buffers: behind them there is memory that may be read.
std::string_view received(std::string_view bytes, wire_buffer_ptr& keep) {
  static wire_buffer_pool pool{4u << 20};
  keep = pool.take(bytes.size());
  std::memcpy(keep->data(), bytes.data(), bytes.size());
  return keep->first(bytes.size());
}

void walk(std::string_view input) {
  wire_buffer_ptr keep;
  auto bytes = received(input, keep);
  auto head = read_batch_head(bytes);
  if (!head || !*head)
    return;
  (void)crc_fits(**head, bytes.substr(0, std::min(bytes.size(), (*head)->size)));
  if (bytes.size() < kafka_batch_head_size)
    return;
  auto body = bytes.substr(kafka_batch_head_size);
  kafka_record_walk records{**head, body};
  std::vector<record_meta::header> headers;
  kafka_record r;
  auto before = (*head)->first - 1;
  while (records.next(r) == kafka_record_walk::step::record) {
    if (r.at <= before || r.at > (*head)->last)
      finding("an offset is not in its place");
    before = r.at;
    headers.clear();
    if (read_headers(r.headers, headers))
      for (const auto& h : headers)
        if (!within(h.name, body) || !within(h.value.value_or(""), body))
          finding("a header lies outside of its batch");
    (void)read_marker(r);
    if (!within(r.key.value_or(""), body) || !within(r.value.value_or(""), body))
      finding("a record lies outside of its batch");
  }
}

/// Batches as brokers send them, compressed in any way, with markers of transactions; a few bytes are wrong.
std::string sent_batches(fuzz_input& in, std::int64_t at) {
  std::mt19937_64 random{in.byte()};
  std::string out;
  for (auto n = 1 + in.byte() % 3; n > 0; --n) {
    auto batch = random_batch(random, at);
    at = batch.last + 1;
    out += encode(batch);
    if (in.byte() % 4 == 0)
      out += encode(marker(at++, in.byte() % 4, in.byte() % 2 == 0));
  }
  for (auto n = in.byte() % 4; n > 0; --n) {
    auto where = in.number<std::uint16_t>() % (out.size() + 1);
    out.replace(where, in.byte() % 4, in.take(in.byte() % 8));
  }
  return out;
}

void hand_on(fuzz_input& in, bool true_ones) {
  wire_decoding with;
  with.meta = in.byte() % 2 == 0;
  with.check_crcs = in.byte() % 8 == 0;
  with.largest = largest;
  const auto at = static_cast<std::int64_t>(in.number<std::uint16_t>());
  wire_records waiting{partition_id{}, at};
  std::vector<aborted_transaction> aborted;
  for (auto n = in.byte() % 3; n > 0; --n)
    aborted.push_back(
        {static_cast<std::int64_t>(in.byte()), static_cast<std::int64_t>(in.number<std::uint16_t>())});
  const auto made = true_ones ? sent_batches(in, at) : std::string{in.rest()};
  wire_buffer_ptr buffer;
  const auto size = received(made, buffer).size();
  (void)waiting.add(std::move(buffer), size, std::move(aborted));
  auto next = static_cast<offset>(at);
  for (int rounds = 0; rounds < 10'000; ++rounds) {
    auto some = waiting.next(4096, 64, with);
    if (!some || !*some)
      return;
    if ((*some)->begin < next || (*some)->end < (*some)->begin)
      finding("a batch begins before the end of the one before");
    for (const auto& r : (*some)->records)
      if (std::exchange(next, r.end) > r.at || r.end <= r.at || r.at < (*some)->begin || r.end > (*some)->end)
        finding("a record is not in its place");
    next = (*some)->end;
  }
  finding("records without end");
}

void unpack(fuzz_input& in) {
  static decompressor one;
  static wire_buffer_pool pool{4u << 20};
  auto codec = static_cast<compression>(1 + in.byte() % 4);
  auto out = one.run(codec, in.rest(), largest, pool);
  if (out && out->size > largest)
    finding("more was decompressed than was allowed");
}

void take_apart(fuzz_input& in) {
  auto version = static_cast<std::int16_t>(4 + in.byte() % 14);
  auto all = in.rest();
  fetch_answer_reader reader{version, all.size()};
  std::string_view bytes;
  for (std::size_t given = 0, rounds = 0;; ++rounds) {
    if (rounds > 4 * all.size() + 16)
      finding("an answer without end");
    switch (reader.feed(bytes)) {
    case fetch_answer_reader::step::more: {
      if (given == all.size())
        return;
      // What is left comes again with more.
      auto more = std::min<std::size_t>(all.size() - given, 1 + given % 7);
      bytes = all.substr(given - bytes.size(), bytes.size() + more);
      given += more;
      break;
    }
    case fetch_answer_reader::step::partition: {
      auto here = std::min(reader.head().records, bytes.size());
      bytes.remove_prefix(here);
      auto rest = std::min(reader.head().records - here, all.size() - given);
      given += rest;
      if (here + rest < reader.head().records)
        return;
      break;
    }
    default:
      return;
    }
  }
}

} // namespace

void fuzz_one(std::string_view input) {
  fuzz_input in{input};
  switch (in.byte() % 6) {
  case 0:
    return walk(in.rest());
  case 1:
    return hand_on(in, false);
  case 2:
    return hand_on(in, true);
  case 3:
    return unpack(in);
  case 4:
    return take_apart(in);
  default:
    (void)parse_metadata(in.rest());
  }
}

} // namespace tidemill::test
