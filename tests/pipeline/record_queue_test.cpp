// The place of a partition in its log.
#include "pipeline/record_queue.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;

namespace {

/// Records at `at`, each an offset long.
record_batch_ptr batch(offset begin, offset end, const std::vector<offset>& at) {
  auto b = std::make_shared<record_batch>();
  b->begin = begin;
  b->end = end;
  for (auto o : at)
    b->records.push_back({"x", o, o + 1, std::nullopt});
  return b;
}

std::vector<offset> held(const record_queue& q) {
  std::vector<offset> all;
  for (const auto& b : q.batches())
    for (const auto& r : b->records)
      all.push_back(r.at);
  return all;
}

} // namespace

TEST_CASE("a batch that comes again adds only what is new of it") {
  record_queue q;
  q.start(3);
  CHECK(q.add(batch(0, 5, {1, 2, 3, 4})));
  CHECK_FALSE(q.add(batch(0, 5, {1, 2, 3, 4})));
  CHECK(q.add(batch(2, 8, {4, 6, 7})));
  CHECK(held(q) == std::vector<offset>{3, 4, 6, 7});
  CHECK(q.position() == 3);
  CHECK(q.read_position() == 8);
  CHECK(q.next_end() == 4);
}

TEST_CASE("released records are counted, and the position moves over offsets without records") {
  record_queue q;
  q.add(batch(0, 10, {2, 3, 7}));
  q.add(batch(10, 20, {}));
  q.add(batch(20, 30, {25}));
  CHECK(q.release(3) == 1);
  CHECK(q.position() == 3);
  CHECK(q.release(5) == 1);
  CHECK(q.position() == 5);
  CHECK(held(q) == std::vector<offset>{7, 25});
  CHECK(q.release(15) == 1);
  CHECK(q.position() == 15);
  CHECK(q.next_end() == 20);
  CHECK(q.release(1000) == 1);
  CHECK(q.position() == 30);
  CHECK(q.empty());
  CHECK(q.read_position() == 30);
}

TEST_CASE("records that are lost are gone from what was read too, and are not counted") {
  record_queue q;
  q.add(batch(0, 4, {0, 1, 2, 3}));
  q.add(batch(4, 8, {4, 5, 6, 7}));
  q.lose(6);
  CHECK(q.position() == 6);
  CHECK(held(q) == std::vector<offset>{6, 7});
  CHECK_FALSE(q.add(batch(0, 8, {0, 1, 2, 3, 4, 5, 6, 7})));
  q.lose(20);
  CHECK(q.empty());
  CHECK(q.read_position() == 20);
  CHECK_FALSE(q.add(batch(8, 12, {9})));
  CHECK(q.add(batch(15, 22, {18, 21})));
  CHECK(held(q) == std::vector<offset>{21});
}
