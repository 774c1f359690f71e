#include "http/conversation.hpp"

#include "http/json.hpp"
#include "tests/http/fake_view.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;

namespace {

std::uint64_t number(const value& object, std::string_view name) {
  const auto* v = json_member(object, name);
  return v != nullptr && v->get_if<std::int64_t>() != nullptr
             ? static_cast<std::uint64_t>(*v->get_if<std::int64_t>())
             : 0;
}
std::string text(const value& object, std::string_view name) {
  const auto* v = json_member(object, name);
  return v != nullptr && v->get_if<std::string>() != nullptr ? *v->get_if<std::string>() : "";
}

/// What a client must do with pushes, as docs/websocket.md says it.
struct client_model {
  std::map<std::string, std::string> rows; ///< identity → `requests state`
  std::uint64_t epoch = 0, offset = 0, merged = 0, frames = 0, snapshots = 0;
  bool whole = false; ///< no `more` outstanding

  static std::string identity(const value& row) {
    return text(row, "window_end") + " " + text(row, "window_start") + " " + text(row, "country");
  }
  void take(const value& push) {
    ++frames;
    if (const auto* flag = json_member(push, "snapshot"); flag != nullptr) {
      rows.clear();
      ++snapshots;
    }
    if (const auto until = text(push, "trim"); !until.empty())
      std::erase_if(rows, [&](const auto& r) { return r.first.substr(0, r.first.find(' ')) <= until; });
    if (const auto* removed = json_member(push, "remove"))
      for (const auto& r : *removed->as_list())
        rows.erase(identity(r));
    if (const auto* put = json_member(push, "put"))
      for (const auto& r : *put->as_list())
        rows[identity(r)] = std::to_string(number(r, "requests")) + " " + text(r, "state");
    epoch = number(push, "epoch");
    offset = number(push, "offset");
    merged += number(push, "merged");
    whole = json_member(push, "more") == nullptr;
  }
};

std::map<std::string, std::string> rows_of(const view_snapshot& view, const row_predicate& where = {}) {
  std::map<std::string, std::string> out;
  for (const auto& block : view.blocks)
    for (const auto& r : block->rows)
      if (!r.removed && (!where || where(*r.data))) {
        const auto json = *parse_json(r.json ? *r.json : to_json(*view.schema, *r.data));
        out[client_model::identity(json)] =
            std::to_string(number(json, "requests")) + " " + text(json, "state");
      }
  return out;
}

/// One client on a hub, with a clock of its own.
struct client {
  hub& h;
  steady_time now{};
  conversation talk;
  std::vector<value> replies;
  std::map<std::uint64_t, client_model> subs;

  explicit client(hub& on, conversation_limits limits = {}) : h(on), talk(on, 100ms, steady_time{}, limits) {
    static_cast<void>(talk.next(now)); // hello
  }
  /// Takes one message; false if there was none.
  bool step() {
    now += 1ms;
    const auto m = talk.next(now);
    if (!m)
      return false;
    const auto v = parse_json(m->head + (m->push ? m->push->body : ""), 16);
    REQUIRE(v.has_value());
    if (const auto sub = number(*v, "sub"); sub != 0)
      subs[sub].take(*v);
    else
      replies.push_back(*v);
    return true;
  }
  void drain() {
    while (step()) {
    }
  }
  std::optional<close_code> say(std::string_view message) { return talk.receive(message, now); }
  const value& last() const { return replies.back(); }
};

struct served {
  fake_view view{"traffic"};
  hub h;
  explicit served(hub_limits limits = {}) : h(limits) {
    auto content = std::make_shared<server_content>();
    content->pipeline = "shop";
    content->views.push_back(view.served());
    h.serve(std::move(content));
  }
  void publish() {
    view.publish();
    h.refresh();
  }
  /// One random tick.
  void change(std::mt19937_64& random, int changes) {
    for (int i = 0; i < changes; ++i) {
      const auto start = static_cast<std::int64_t>(random() % 6) * 60;
      const auto country = std::string{"D"} + static_cast<char>('A' + random() % 12);
      if (random() % 8 == 0)
        view.remove(start, country);
      else
        view.put(start, country, static_cast<std::int64_t>(random() % 100), row_state::open);
    }
    if (random() % 40 == 0)
      view.trim(static_cast<std::int64_t>(random() % 3) * 60 + 60);
    if (random() % 30 == 0)
      view.forget();
  }
};

constexpr auto subscribe = R"({"id":1,"subscribe":{"view":"traffic"}})";

} // namespace

TEST_CASE("a filter works for a turn, then others do, what it has left comes with the next frames") {
  fake_view view{"traffic"};
  for (int i = 0; i < 20; ++i)
    view.put(60, std::string{"D"} + static_cast<char>('A' + i), i, row_state::closed);
  view.publish();
  const row_predicate odd = [](const row& r) { return *r.columns[1].get_if<std::int64_t>() % 2 == 1; };
  const auto now = view.served().cell->load();
  auto d = deliver_snapshot(now);
  client_model reader;
  for (auto last = false; !last;) {
    auto f = encode_frame(d, odd, 1 << 20, std::chrono::nanoseconds{0});
    const auto message = parse_json("{" + f.body);
    REQUIRE(message.has_value());
    reader.take(*message);
    d = f.rest;
    last = f.last;
  }
  CHECK(reader.frames == 20);
  CHECK(reader.snapshots == 1);
  CHECK(reader.rows == rows_of(*now, odd));
  CHECK(encode_frame(deliver_snapshot(now), {}, 1 << 20, std::chrono::nanoseconds{0}).last);
}

TEST_CASE("who has a filter that takes more than its share must go, others stay") {
  served s{hub_limits{.filter = 0ms, .filter_share = 0}};
  s.view.put(60, "DE", 1, row_state::closed);
  s.publish();
  client plain{s.h}, costly{s.h};
  CHECK_FALSE(plain.say(R"({"subscribe":{"view":"traffic"}})"));
  CHECK_FALSE(costly.say(R"({"subscribe":{"view":"traffic","where":"DE"}})"));
  CHECK_FALSE(costly.talk.too_costly());
  plain.drain();
  costly.drain();
  CHECK_FALSE(plain.talk.too_costly());
  CHECK(costly.talk.too_costly());
}

TEST_CASE("a subscriber gets the rows as a snapshot and then what changes") {
  served s;
  s.view.put(0, "DE", 1, row_state::open);
  s.view.put(0, "FR", 2, row_state::open);
  s.publish();
  client c(s.h);
  CHECK_FALSE(c.say(subscribe));
  REQUIRE(c.step());
  const auto* subscribed = json_member(c.last(), "subscribed");
  REQUIRE(subscribed != nullptr);
  CHECK(number(c.last(), "id") == 1);
  CHECK(number(*subscribed, "sub") == 1);
  CHECK(number(*subscribed, "offset") == 2);
  CHECK(*json_member(*subscribed, "recovered") == value{false});
  CHECK(json_member(*json_member(*subscribed, "schema"), "columns")->as_list()->size() == 6);
  c.drain();
  CHECK(c.subs[1].rows.size() == 2);
  CHECK(c.subs[1].snapshots == 1);
  CHECK_FALSE(c.step());
  s.view.put(0, "DE", 3, row_state::closed);
  s.view.remove(0, "FR");
  s.publish();
  c.drain();
  CHECK(c.subs[1].rows == rows_of(*s.view.snapshot()));
  CHECK(c.subs[1].frames == 2);
  CHECK(c.subs[1].offset == 4);
}

TEST_CASE("commands that can't be followed are answered with their id") {
  served s;
  client c(s.h);
  struct {
    const char* message;
    const char* code;
  } const table[] = {
      {R"({"id":7,"subscribe":{"view":"x"}})", "unknown_view"},
      {R"({"id":7,"subscribe":{"view":"traffic","where":"bad("}})", "expression_invalid"},
      {R"({"id":7,"subscribe":{}})", "bad_request"},
      {R"({"id":7,"subscribe":{"view":"traffic","wher":">5"}})", "bad_request"},
      {R"({"id":7,"subscribe":{"view":"traffic","where":5}})", "bad_request"},
      {R"({"id":7,"subscribe":{"view":"traffic","from":{"epoch":-1,"offset":0}}})", "bad_request"},
      {R"({"id":7,"unsubscribe":{"sub":9}})", "unknown_subscription"},
      {R"({"id":7,"unsubscribe":[]})", "bad_request"},
      {R"({"id":7,"dance":{}})", "unknown_command"},
  };
  for (const auto& row : table) {
    INFO(row.message);
    CHECK_FALSE(c.say(row.message));
    REQUIRE(c.step());
    CHECK(number(c.last(), "id") == 7);
    CHECK(text(*json_member(c.last(), "error"), "code") == row.code);
  }
  for (const auto* message : {"", "nonsense", "[1]", "{\"id\":{}}", "{\"id\":1}x"}) {
    CHECK_FALSE(c.say(message));
    REQUIRE(c.step());
    CHECK(json_member(c.last(), "id")->is_null());
    CHECK(json_member(c.last(), "error") != nullptr);
  }
}

TEST_CASE("ping is answered, unknown members are ignored, ids may be texts") {
  served s;
  client c(s.h);
  CHECK_FALSE(c.say(R"({"id":"a\"b","ping":{},"future":[1]})"));
  REQUIRE(c.step());
  CHECK(text(c.last(), "id") == "a\"b");
  CHECK(json_member(c.last(), "pong") != nullptr);
}

TEST_CASE("a quiet connection is pinged") {
  served s;
  client c(s.h);
  c.drain();
  c.now += 24s;
  CHECK_FALSE(c.step());
  c.now += 1s;
  REQUIRE(c.step());
  CHECK(json_member(c.last(), "ping") != nullptr);
  CHECK_FALSE(c.step());
}

TEST_CASE("an unsubscribed view is silent") {
  served s;
  client c(s.h);
  CHECK_FALSE(c.say(subscribe));
  c.drain();
  CHECK_FALSE(c.say(R"({"id":2,"unsubscribe":{"sub":1}})"));
  c.drain();
  const auto frames = c.subs[1].frames;
  s.view.put(0, "DE", 1, row_state::open);
  s.publish();
  c.drain();
  CHECK(c.subs[1].frames == frames);
}

TEST_CASE("subscriptions and commands are bounded") {
  served s;
  client c(s.h);
  for (int i = 0; i < 129; ++i) {
    CHECK_FALSE(c.say(subscribe));
    c.drain();
  }
  CHECK(c.talk.subscriptions() == 128);
  CHECK(text(*json_member(c.replies[128], "error"), "code") == "limit");
  std::optional<close_code> verdict;
  for (int i = 0; i < 500 && !verdict; ++i)
    verdict = c.say(R"({"ping":{}})");
  CHECK(verdict == close_code::flood);
  CHECK(c.talk.congested());
}

TEST_CASE("before content is there, subscribing is a temporary error") {
  hub h;
  client c(h);
  CHECK_FALSE(c.say(subscribe));
  REQUIRE(c.step());
  CHECK(*json_member(*json_member(c.last(), "error"), "temporary") == value{true});
}

TEST_CASE("a client that comes back gets exactly what it missed") {
  served s;
  for (const char* country : {"DA", "DB", "DC"})
    s.view.put(0, country, 1, row_state::open);
  s.publish();
  s.view.put(0, "DA", 2, row_state::open);
  s.view.remove(0, "DB");
  s.publish();
  client c(s.h);
  CHECK_FALSE(c.say(R"({"id":1,"subscribe":{"view":"traffic","from":{"epoch":1,"offset":3}}})"));
  REQUIRE(c.step());
  CHECK(*json_member(*json_member(c.last(), "subscribed"), "recovered") == value{true});
  c.drain();
  CHECK(c.subs[1].snapshots == 0);
  CHECK(c.subs[1].rows.size() == 1);
  CHECK(c.subs[1].offset == 5);
  // A position that is current needs no frame.
  CHECK_FALSE(c.say(R"({"id":2,"subscribe":{"view":"traffic","from":{"epoch":1,"offset":5}}})"));
  c.drain();
  CHECK(c.subs[2].rows.empty());
  CHECK(c.subs[2].snapshots == 0);
}

TEST_CASE("a position of another epoch, from the future or too old gets a snapshot") {
  served s;
  for (int i = 0; i < 5; ++i)
    s.view.put(0, "DE", i, row_state::open);
  s.view.forget();
  s.view.put(60, "DE", 9, row_state::open);
  s.publish();
  for (const auto* from :
       {R"({"epoch":2,"offset":5})", R"({"epoch":1,"offset":7})", R"({"epoch":1,"offset":4})"}) {
    client c(s.h);
    CHECK_FALSE(c.say(R"({"id":1,"subscribe":{"view":"traffic","from":)" + std::string{from} + "}}"));
    REQUIRE(c.step());
    CHECK(*json_member(*json_member(c.last(), "subscribed"), "recovered") == value{false});
    c.drain();
    CHECK(c.subs[1].snapshots == 1);
    CHECK(c.subs[1].rows == rows_of(*s.view.snapshot()));
  }
}

TEST_CASE("a row that leaves the filter is removed") {
  served s;
  s.view.put(0, "DE", 50, row_state::open);
  s.view.put(0, "FR", 1, row_state::open);
  s.publish();
  client c(s.h);
  CHECK_FALSE(c.say(R"({"id":1,"subscribe":{"view":"traffic","where":">10"}})"));
  c.drain();
  CHECK(c.subs[1].rows.size() == 1);
  s.view.put(0, "DE", 5, row_state::open);
  s.publish();
  c.drain();
  CHECK(c.subs[1].rows.empty());
}

TEST_CASE("clients at the same place share one encoded frame") {
  served s;
  s.view.put(0, "DE", 1, row_state::open);
  s.publish();
  std::vector<std::unique_ptr<client>> all;
  std::vector<conversation::message> held;
  for (int i = 0; i < 50; ++i) {
    all.push_back(std::make_unique<client>(s.h));
    CHECK_FALSE(all.back()->say(subscribe));
    REQUIRE(all.back()->step());
    held.push_back(*all.back()->talk.next(all.back()->now));
  }
  CHECK(s.h.encoded() == 1);
  CHECK(s.h.groups() == 1);
  held.clear();
  CHECK(s.h.bytes_in_flight() == 0);
}

TEST_CASE("a moved watermark is told without rows, at most once a second, reasons at once") {
  served s;
  s.view.put(0, "DE", 1, row_state::open);
  s.publish();
  client c(s.h);
  CHECK_FALSE(c.say(subscribe));
  c.drain();
  s.view.watermark(5);
  s.publish();
  CHECK_FALSE(c.step());
  c.now += 1s;
  CHECK(c.step());
  CHECK(c.subs[1].rows.size() == 1);
  s.view.partial({{"", "recovering", at(1)}});
  s.publish();
  CHECK(c.step());
  CHECK_FALSE(c.step());
}

TEST_CASE("a slow client gets merged frames") {
  served s;
  client c(s.h);
  CHECK_FALSE(c.say(subscribe));
  c.drain();
  for (int i = 0; i < 1000; ++i) {
    s.view.put(0, "DE", i, row_state::open);
    s.publish();
  }
  const auto before = c.subs[1].frames;
  c.drain();
  CHECK(c.subs[1].frames == before + 1);
  CHECK(c.subs[1].merged == 999);
  CHECK(c.subs[1].rows == rows_of(*s.view.snapshot()));
}

TEST_CASE("snapshot and changes together are the view, over random histories and filters") {
  const bool small = GENERATE(false, true);
  hub_limits limits;
  if (small)
    limits.frame = limits.small_frame = 300; // every delivery takes several frames
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random{seed};
    served s(limits);
    std::vector<std::unique_ptr<client>> clients;
    const std::vector<std::string> filters = {"", ">50", "DA"};
    for (std::size_t i = 0; i < 6; ++i) {
      clients.push_back(std::make_unique<client>(s.h));
      CHECK_FALSE(
          clients.back()->say(R"({"subscribe":{"view":"traffic","where":")" + filters[i % 3] + "\"}}"));
    }
    const auto compiled = s.view.served().compile_filter;
    for (int tick = 0; tick < 150; ++tick) {
      s.change(random, static_cast<int>(random() % 6));
      s.publish();
      for (auto& c : clients)
        for (auto steps = random() % 4; steps > 0; --steps)
          c->step();
      if (random() % 10 == 0) { // one comes back on a new connection, with its position
        auto& c = clients[random() % clients.size()];
        const auto i = static_cast<std::size_t>(&c - clients.data());
        auto model = c->subs[1];
        c = std::make_unique<client>(s.h);
        c->subs[1] = model;
        CHECK_FALSE(c->say(R"({"subscribe":{"view":"traffic","where":")" + filters[i % 3] +
                           R"(","from":{"epoch":)" + std::to_string(model.epoch) +
                           ",\"offset\":" + std::to_string(model.offset) + "}}}"));
      }
    }
    for (std::size_t i = 0; i < clients.size(); ++i) {
      clients[i]->drain();
      const auto& model = clients[i]->subs[1];
      const auto where = filters[i % 3].empty() ? row_predicate{} : *compiled(filters[i % 3]);
      if (model.rows != rows_of(*s.view.snapshot(), where) || model.offset != s.view.offset() || !model.whole)
        FAIL("seed " << seed << " client " << i << ": " << model.rows.size() << " rows at " << model.offset);
    }
  }
}

TEST_CASE("a delivery in several frames ends at one state of the view, whatever changes meanwhile") {
  hub_limits limits;
  limits.frame = limits.small_frame = 200;
  served s(limits);
  for (int w = 0; w < 20; ++w)
    s.view.put(w * 60, "DE", w, row_state::closed);
  s.publish();
  const auto expected = rows_of(*s.view.snapshot());
  client c(s.h);
  CHECK_FALSE(c.say(subscribe));
  REQUIRE(c.step());
  REQUIRE(c.step());
  CHECK_FALSE(c.subs[1].whole);
  CHECK(c.subs[1].offset == 0); // nothing to resume from yet
  for (int w = 0; w < 20; ++w)
    s.view.put(w * 60, "DE", 100 + w, row_state::sealed);
  s.publish();
  while (!c.subs[1].whole)
    REQUIRE(c.step());
  CHECK(c.subs[1].rows == expected);
  CHECK(c.subs[1].offset == 20);
  c.drain();
  CHECK(c.subs[1].rows == rows_of(*s.view.snapshot()));
}

TEST_CASE("what slow clients hold is bounded") {
  hub_limits limits;
  limits.frame = 2000;
  limits.small_frame = 500;
  limits.frames = 20'000;
  limits.pinned = 2;
  served s(limits);
  for (int w = 0; w < 200; ++w)
    s.view.put(w * 60, "DE", w, row_state::closed);
  s.publish();
  std::vector<std::unique_ptr<client>> stuck;
  std::vector<conversation::message> held; // frames that never leave
  std::vector<std::weak_ptr<const view_snapshot>> published;
  for (int i = 0; i < 100; ++i) {
    stuck.push_back(std::make_unique<client>(s.h));
    CHECK_FALSE(stuck.back()->say(subscribe));
    REQUIRE(stuck.back()->step());
    s.view.put(0, "DE", i, row_state::closed);
    s.publish();
    published.push_back(s.view.snapshot());
    if (auto m = stuck.back()->talk.next(stuck.back()->now))
      held.push_back(std::move(*m));
  }
  CHECK(s.h.bytes_in_flight() < 2 * limits.frames);
  const auto alive =
      std::count_if(published.begin(), published.end(), [](const auto& p) { return !p.expired(); });
  CHECK(alive <= 3);
  // When the stuck ones are gone, the others go on.
  held.clear();
  stuck.clear();
  s.h.refresh();
  client c(s.h);
  CHECK_FALSE(c.say(subscribe));
  c.drain();
  CHECK(c.subs[1].rows == rows_of(*s.view.snapshot()));
}
