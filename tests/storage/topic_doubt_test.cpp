#include "storage/kafka/topic_doubt.hpp"

#include "event/hash.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using std::chrono::milliseconds;

namespace {

record_batch batch_of(const std::vector<record>& records) {
  record_batch b;
  b.records = records;
  return b;
}

const record five{"five", 5, 6, {}, nullptr}, seven{"seven", 7, 8, {}, nullptr};

} // namespace

TEST_CASE("records that follow each other are believed, those after a while without any are not") {
  const topic_doubt::time begin{};
  topic_doubt d;
  CHECK_FALSE(d.at(begin + milliseconds{10'000})); // there is nothing to compare
  d.came(batch_of({five, seven}));
  d.asked(begin, begin);
  d.asked(begin + milliseconds{20}, begin);
  CHECK_FALSE(d.at(begin + milliseconds{250}));
  CHECK(d.at(begin + milliseconds{251}) == record_mark{7, hash64("seven")});
  d.came(batch_of({}));
  CHECK_FALSE(d.at(begin + milliseconds{10'000})); // nobody has asked meanwhile: what was read ahead waited
  d.asked(begin + milliseconds{20'000}, begin + milliseconds{19'990});
  CHECK_FALSE(d.at(begin + milliseconds{20'005}));
}

TEST_CASE("a process that stood still doubts what it finds") {
  const topic_doubt::time begin{};
  topic_doubt d;
  d.came(batch_of({seven}));
  d.asked(begin + milliseconds{5'000}, begin + milliseconds{4'000});
  CHECK(d.at(begin + milliseconds{5'001}).has_value());
}
