#include "http/conversation.hpp"
#include "http/json.hpp"
#include "http/routes.hpp"
#include "tests/http/fake_alert.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;

namespace {

constexpr auto firing = alert_state::firing, pending = alert_state::pending, resolved = alert_state::resolved;

struct served {
  fake_alert burst{"burst"}, quiet{"quiet", 0};
  std::shared_ptr<server_content> content = std::make_shared<server_content>();
  hub h;
  served() {
    content->pipeline = "shop";
    content->alerts = {burst.served(), quiet.served()};
    h.serve(content);
  }
  http_response get(std::string_view target, std::string accept = "") const {
    http_request r;
    r.target = *parse_target(target);
    r.accept = std::move(accept);
    return answer(content.get(), r, {});
  }
  value json(std::string_view target) const {
    auto r = get(target);
    CHECK(r.status == 200);
    return *parse_json(r.body);
  }
};

std::int64_t number(const value& object, std::string_view name) {
  const auto* v = json_member(object, name);
  return v != nullptr && v->get_if<std::int64_t>() != nullptr ? *v->get_if<std::int64_t>() : -1;
}
std::string text(const value& object, std::string_view name) {
  const auto* v = json_member(object, name);
  return v != nullptr && v->get_if<std::string>() != nullptr ? *v->get_if<std::string>() : "";
}
const value_list& list(const value& object, std::string_view name) {
  return *json_member(object, name)->as_list();
}
/// `offset state` of entries, in order.
std::string told(const value_list& entries) {
  std::string out;
  for (const auto& e : entries)
    out += std::to_string(number(e, "offset")) + ' ' + text(e, "state") + ' ';
  return out;
}

struct client {
  hub& h;
  steady_time now{};
  conversation talk;
  explicit client(hub& on) : h(on), talk(on, 100ms, steady_time{}) { (void)talk.next(now); }
  /// The next message; null if there is none.
  value next() {
    h.refresh();
    const auto m = talk.next(now += 1ms);
    return m ? *parse_json(m->head + (m->push ? m->push->body : ""), 16) : value{};
  }
  value ask(std::string_view message) {
    CHECK_FALSE(talk.receive(message, now));
    return next();
  }
};

} // namespace

TEST_CASE("alerts are listed with what is pending and firing under them") {
  served s;
  s.burst.add("a", pending, resolved);
  s.burst.add("b", firing, resolved);
  auto all = s.json("/v1/alerts");
  CHECK(text(all, "pipeline") == "shop");
  REQUIRE(list(all, "alerts").size() == 2);
  const auto& burst = list(all, "alerts")[0];
  CHECK(text(burst, "name") == "burst");
  CHECK(text(burst, "from") == "traffic");
  CHECK(text(burst, "for") == "30s");
  CHECK(number(burst, "pending") == 1);
  CHECK(number(burst, "firing") == 1);
  CHECK(number(burst, "end") == 2);
  CHECK(told(list(burst, "active")) == "0 pending 1 firing ");
  CHECK(told(list(s.json("/v1/alerts/burst?state=firing"), "active")) == "1 firing ");
  CHECK(s.get("/v1/alerts?state=resolved").status == 400);
  CHECK(s.get("/v1/alerts?limit=1").status == 400);
  CHECK(s.get("/v1/alerts/nothing").status == 404);
  CHECK(s.get("/v1/alerts/burst/rows").status == 404);
}

TEST_CASE("the entries of an alert are read from an offset on, as JSON or line by line") {
  served s;
  for (int i = 0; i < 5; ++i)
    s.burst.add("a", i % 2 == 0 ? firing : resolved, i % 2 == 0 ? resolved : firing);
  s.burst.forget(1);
  auto all = s.json("/v1/alerts/burst/entries");
  CHECK(number(all, "epoch") == 5);
  CHECK(number(all, "begin") == 1);
  CHECK(number(all, "end") == 5);
  CHECK(told(list(all, "entries")) == "1 resolved 2 firing 3 resolved 4 firing ");
  CHECK(told(list(s.json("/v1/alerts/burst/entries?from=3"), "entries")) == "3 resolved 4 firing ");
  CHECK(told(list(s.json("/v1/alerts/burst/entries?from=0&limit=1"), "entries")) == "1 resolved ");
  CHECK(told(list(s.json("/v1/alerts/burst/entries?from=9"), "entries")).empty());
  auto lines = s.get("/v1/alerts/burst/entries?from=4", "application/x-ndjson");
  CHECK(lines.content_type == "application/x-ndjson");
  CHECK(std::ranges::count(lines.body, '\n') == 1);
  CHECK(s.get("/v1/alerts/burst/entries?from=x").status == 400);
  CHECK(s.get("/v1/alerts/burst/entries?limit=0").status == 400);
  CHECK(s.get("/v1/alerts/burst/entries", "image/png").status == 406);
  CHECK(s.get("/v1/alerts/quiet/entries").status == 503); // not read back yet
}

TEST_CASE("a subscriber of an alert is told what is active, then every entry once") {
  served s;
  s.burst.add("a", firing, resolved);
  client c{s.h};
  auto reply = c.ask(R"({"id":1,"subscribe":{"alert":"burst"}})");
  const auto& subscribed = *json_member(reply, "subscribed");
  CHECK(number(subscribed, "offset") == 1);
  CHECK(told(list(subscribed, "active")) == "0 firing ");
  CHECK(c.next().is_null());
  s.burst.add("b", firing, resolved);
  s.burst.add("a", resolved, firing);
  auto push = c.next();
  CHECK(number(push, "sub") == 1);
  CHECK(number(push, "offset") == 3);
  CHECK(told(list(push, "entries")) == "1 firing 2 resolved ");
  CHECK(json_member(push, "lost") == nullptr);
  CHECK(c.next().is_null());
  CHECK(text(*json_member(c.ask(R"({"id":2,"unsubscribe":{"sub":1}})"), "unsubscribed"), "sub").empty());
  s.burst.add("c", firing, resolved);
  CHECK(c.next().is_null());
}

TEST_CASE("a subscriber of an alert that comes back gets what it missed, or is told that it can't") {
  served s;
  for (int i = 0; i < 4; ++i)
    s.burst.add("a", firing, resolved);
  client c{s.h};
  auto reply = c.ask(R"({"id":1,"subscribe":{"alert":"burst","from":{"epoch":5,"offset":2}}})");
  CHECK(*json_member(*json_member(reply, "subscribed"), "recovered") == value{true});
  CHECK(told(list(c.next(), "entries")) == "2 firing 3 firing ");
  s.burst.forget(3);
  for (const auto* from :
       {R"({"epoch":5,"offset":2})", R"({"epoch":4,"offset":3})", R"({"epoch":5,"offset":9})"}) {
    INFO(from);
    s.h.refresh();
    reply = c.ask(R"({"id":1,"subscribe":{"alert":"burst","from":)" + std::string{from} + "}}");
    CHECK(*json_member(*json_member(reply, "subscribed"), "recovered") == value{false});
    CHECK(number(*json_member(reply, "subscribed"), "offset") == 4);
    CHECK(c.next().is_null());
  }
}

TEST_CASE("a subscriber of an alert that falls behind what is kept is told how much it lost") {
  served s;
  client c{s.h};
  (void)c.ask(R"({"id":1,"subscribe":{"alert":"burst"}})");
  for (int i = 0; i < 5; ++i)
    s.burst.add("a", firing, resolved);
  s.burst.forget(3);
  auto push = c.next();
  CHECK(number(push, "lost") == 3);
  CHECK(told(list(push, "entries")) == "3 firing 4 firing ");
  s.burst.restart(6);
  CHECK(c.next().is_null());
  s.burst.add("a", firing, resolved);
  push = c.next();
  CHECK(number(push, "epoch") == 6);
  CHECK(told(list(push, "entries")) == "0 firing ");
}

TEST_CASE("subscribers of an alert that stand at the same place share a frame") {
  served s;
  client a{s.h}, b{s.h};
  (void)a.ask(R"({"id":1,"subscribe":{"alert":"burst"}})");
  (void)b.ask(R"({"id":1,"subscribe":{"alert":"burst"}})");
  s.burst.add("a", firing, resolved);
  s.h.refresh();
  auto first = a.talk.next(a.now), second = b.talk.next(b.now);
  REQUIRE((first && second));
  CHECK(first->push == second->push);
  CHECK(s.h.encoded() == 1);
}

TEST_CASE("what can't be said of an alert is refused") {
  served s;
  client c{s.h};
  struct {
    const char *message, *code;
  } const table[] = {{R"({"id":1,"subscribe":{"alert":"x"}})", "unknown_alert"},
                     {R"({"id":1,"subscribe":{"alert":"quiet"}})", "unavailable"},
                     {R"({"id":1,"subscribe":{"alert":7}})", "bad_request"},
                     {R"({"id":1,"subscribe":{"alert":"burst","view":"traffic"}})", "bad_request"},
                     {R"({"id":1,"subscribe":{"alert":"burst","where":"n > 1"}})", "bad_request"}};
  for (const auto& t : table) {
    INFO(t.message);
    CHECK(text(*json_member(c.ask(t.message), "error"), "code") == t.code);
  }
}
