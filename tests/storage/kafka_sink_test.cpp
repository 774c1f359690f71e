#include "event/value.hpp"
#include "storage/kafka/row_keys.hpp"
#include "storage/kafka/sink_progress.hpp"
#include "storage/kafka/unsynced_events.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;

namespace {

partition_id p(std::uint32_t n) {
  return partition_id{n};
}

sink_note note_of(std::size_t bytes, std::uint64_t seed = 7) {
  std::mt19937_64 random{seed};
  sink_note n{random() >> 40, random() >> 30, {}};
  for (std::size_t i = 0; i < bytes; ++i)
    n.body.push_back(static_cast<char>(random()));
  return n;
}

const std::vector<sink_input> two_sources{{"clicks", 0, 4}, {"orders", 4, 2}};

} // namespace

TEST_CASE("a note survives its way through offset metadata, whatever its length") {
  for (std::size_t bytes : {0, 1, 2, 3, 100, 3000, 3061, 3062, 9000, 100'000}) {
    auto note = note_of(bytes);
    auto texts = encode_note(note);
    for (const auto& t : texts)
      REQUIRE(t.size() <= longest_metadata);
    auto back = decode_note(texts);
    REQUIRE(back.has_value());
    REQUIRE((**back == note));
    // What lies behind it is left from a longer one.
    texts.push_back(encode_note(note_of(9000, 8)).back());
    REQUIRE((**decode_note(texts) == note));
    REQUIRE((**decode_note(encode_note(note, true)) == note));
  }
}

TEST_CASE("a body of the promised capacity fits into that many partitions") {
  for (std::size_t partitions : {1, 2, 3, 10, 64, 1000}) {
    auto texts =
        encode_note({~std::uint64_t{0}, ~std::uint64_t{0}, std::string(note_capacity(partitions), 'x')});
    CHECK(texts.size() <= std::min<std::size_t>(partitions, 64));
    CHECK(decode_note(texts).has_value());
  }
  CHECK(note_capacity(1) > 3000);
}

TEST_CASE("a damaged, mixed or incomplete note is corrupt, another program's is a mismatch, none is none") {
  auto texts = encode_note(note_of(5000));
  REQUIRE(texts.size() == 2);
  CHECK(!decode_note({})->has_value());
  CHECK(!decode_note({"", texts[1]})->has_value());
  CHECK(decode_note({texts[0]}).error().code() == errc::corrupt);
  CHECK(decode_note({texts[0], ""}).error().code() == errc::corrupt);
  CHECK(decode_note({texts[1], texts[0]}).error().code() == errc::corrupt);
  CHECK(decode_note({texts[0], encode_note(note_of(5000, 9))[1]}).error().code() == errc::corrupt);
  CHECK(decode_note({"leader-epoch 7"}).error().code() == errc::mismatch);
  std::mt19937_64 random{11};
  for (int i = 0; i < 2000; ++i) {
    auto note = note_of(random() % 60, random());
    auto bad = encode_note(note);
    bad[0][random() % bad[0].size()] = static_cast<char>(random());
    // The last digit of base64 has bits that mean nothing.
    if (auto back = decode_note(bad); back && *back != std::optional{note})
      FAIL("a damaged note was believed: " << bad[0]);
  }
}

TEST_CASE("progress is kept by source: numbers of partitions may move") {
  sink_progress held{{p(0), 10}, {p(3), 1'000'000'000'000}, {p(4), 0}, {p(5), 7}};
  auto body = encode_progress(held, two_sources);
  CHECK((*decode_progress(body, two_sources) == held));
  CHECK((*decode_progress(body, {{"orders", 0, 2}, {"clicks", 2, 9}}) ==
         sink_progress{{p(2), 10}, {p(5), 1'000'000'000'000}, {p(0), 0}, {p(1), 7}}));
  CHECK((*decode_progress(body, {{"orders", 0, 1}}) == sink_progress{{p(0), 0}}));
  CHECK(decode_progress(body, {{"others", 0, 9}})->empty());
  CHECK((*decode_progress(encode_progress(held, {}), {}) == held));
  CHECK(decode_progress("", two_sources)->empty());
  CHECK(decode_progress("S of another sink", two_sources)->empty());
  CHECK(decode_progress(body.substr(0, body.size() - 1), two_sources).error().code() == errc::corrupt);
  CHECK(decode_progress(body + 'x', two_sources).error().code() == errc::corrupt);
}

TEST_CASE("progress of a source of another identity doesn't count") {
  const std::vector<sink_input> before{{"clicks", 0, 1, 7}, {"orders", 1, 1, 8}, {"topic", 2, 1}};
  auto body = encode_progress({{p(0), 10}, {p(1), 20}, {p(2), 30}}, before);
  CHECK((*decode_progress(body, {{"clicks", 0, 1, 9}, {"orders", 1, 1, 8}, {"topic", 2, 1}}) ==
         sink_progress{{p(1), 20}, {p(2), 30}}));
  // Of an earlier version: source "clicks", partition 0, up to 10.
  CHECK((*decode_progress(std::string_view{"E\x01\x06"
                                           "clicks\x01\x00\x0a",
                                           12},
                          before) == sink_progress{{p(0), 10}}));
}

TEST_CASE("the longest progress of sources is no shorter than what they come to") {
  std::vector<sink_input> inputs{{"clicks", 0, 300}, {"orders", 300, 40}};
  sink_progress held;
  for (std::uint32_t i = 0; i < 340; ++i)
    held[p(i)] = (std::uint64_t{1} << 41) + i;
  CHECK(encode_progress(held, inputs).size() <= longest_progress(inputs));
  CHECK(longest_progress(inputs) <= note_capacity(1));
}

TEST_CASE("an id names the source and its own partition") {
  CHECK(id_text({p(3), 1042, 1}, two_sources) == "clicks/3/1042/1");
  CHECK(id_text({p(5), 0, 0}, two_sources) == "orders/1/0/0");
  CHECK(id_text({p(5), ~offset{0}, 0}, {}) == "/5/18446744073709551615/0");
}

TEST_CASE("unsynced events give back what was added, and forget what is durable") {
  unsynced_events kept;
  outgoing_batch a{p(0), 10, {}, 0}, b{p(1), 5, {}, 0}, c{p(0), 20, {}, 0};
  a.events.push_back({{p(0), 3, 0}, R"({"a":1})", {}, "k"});
  a.events.push_back({{p(0), 4, 0}, R"({"a":2})", {}, ""});
  b.events.push_back({{p(1), 1, 0}, R"({"b":1})", {}, {}});
  c.events.push_back({{p(0), 12, 0}, R"({"c":1})", {}, "kk"});
  for (const auto* batch : {&a, &b, &c})
    kept.add(*batch);
  CHECK(kept.ends_with(c));
  CHECK(!kept.ends_with(a));
  REQUIRE(kept.size() == 4);
  CHECK(kept[0].key == "k");
  CHECK(kept[0].json == R"({"a":1})");
  CHECK(kept[1].key == "");
  CHECK(!kept[2].key);
  kept.forget({{p(0), 10}});
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].json == R"({"b":1})");
  CHECK(kept[1].key == "kk");
  kept.forget({{p(0), 19}, {p(1), 5}});
  REQUIRE(kept.size() == 1);
  CHECK((kept[0].id == event_id{p(0), 12, 0}));
  kept.forget({{p(0), 20}});
  CHECK(kept.size() == 0);
}

TEST_CASE("a row's key is the JSON of what identifies it, also where only the identity is left") {
  view_schema view;
  view.name = "traffic";
  view.columns = {{"country", type{kind::string}, {}, {}}, {"n", type{kind::integer}, {}, {}}};
  view.by = 1;
  row r;
  r.window_start = event_time{microseconds{0}};
  r.window_end = event_time{microseconds{60'000'000}};
  append_encoded(r.key, value{"D\"E"});
  CHECK(key_json(view, r) == R"({"country":"D\"E"})");
  r.columns = {value{"D\"E"}, value{7}};
  CHECK(key_json(view, r) == R"({"country":"D\"E"})");
  CHECK(identity_json(view, r) ==
        R"({"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:01:00Z",)"
        R"("country":"D\"E"})");
  view.by = 0;
  CHECK(key_json(view, r) == "{}");
}
