#include "event/bytes.hpp"
#include "pipeline/partition.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;

TEST_CASE("a journal entry is read as it was written") {
  journal_entry e{77, journal_entry::what::table, {}, 1, "abc", "users"};
  auto read = decode_journal_entry(encode(e));
  REQUIRE(read.has_value());
  CHECK(*read == e);
  for (std::size_t cut = 0; cut < encode(e).size(); ++cut)
    if (decode_journal_entry(encode(e).substr(0, cut)).has_value())
      FAIL_CHECK("read of " << cut << " bytes");
  CHECK_FALSE(decode_journal_entry(encode(e) + "x").has_value());
}

TEST_CASE("an entry of the first format, without a name, is read") {
  std::string bytes;
  byte_writer out{bytes};
  out.u8(1);
  out.u8(2);
  out.varint(77);
  out.svarint(0);
  out.varint(1);
  out.text("abc");
  auto read = decode_journal_entry(bytes);
  REQUIRE(read.has_value());
  CHECK(*read == journal_entry{77, journal_entry::what::table, event_time{}, 1, "abc", ""});
}

TEST_CASE("an entry concerns the table of its name, wherever that stands now") {
  journal_entry e{0, journal_entry::what::table, {}, 1, "abc", "users"};
  CHECK(table_of(e, {"geo", "users"}) == std::size_t{1});
  CHECK(table_of(e, {"users"}) == std::size_t{0});
  CHECK(table_of(e, {"stock", "geo", "users"}) == std::size_t{2});
  CHECK_FALSE(table_of(e, {"geo"}));
  CHECK_FALSE(table_of(e, {}));
  e.name.clear();
  CHECK(table_of(e, {"users", "geo"}) == std::size_t{1});
  CHECK_FALSE(table_of(e, {"users"}));
}
