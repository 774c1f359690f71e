#include "http/protocol.hpp"

#include "http/json.hpp"
#include "http/view_list.hpp"

namespace tidemill {
namespace {

constexpr std::size_t max_where = 4096;

std::optional<std::uint64_t> natural(const value* v) {
  const auto* n = v != nullptr ? v->get_if<std::int64_t>() : nullptr;
  return n != nullptr && *n >= 0 ? std::optional{static_cast<std::uint64_t>(*n)} : std::nullopt;
}

/// A number or a short text; anything else is no id.
std::string id_of(const value& message) {
  const auto* id = json_member(message, "id");
  std::string out;
  if (id != nullptr && id->get_if<std::int64_t>() != nullptr)
    append_json(out, *id);
  else if (const auto* text = id != nullptr ? id->get_if<std::string>() : nullptr;
           text != nullptr && text->size() <= 64)
    append_json_string(out, *text);
  return out.empty() ? "null" : out;
}

std::optional<command_fault> read_subscribe(const value& body, command& out) {
  const auto fault = [&](std::string text) { return command_fault{out.id, "bad_request", std::move(text)}; };
  // Of a filter that is misspelt nobody should get all rows.
  if (const auto* members = body.as_map())
    for (const auto& [name, held] : *members)
      if (const auto* text = name.get_if<std::string>();
          text != nullptr && *text != "view" && *text != "alert" && *text != "where" && *text != "from")
        return fault("subscribe: \"" + *text + "\" is unknown; it takes view or alert, where, from");
  const auto* view = json_member(body, "view");
  const auto* alert = json_member(body, "alert");
  if (alert != nullptr && view != nullptr)
    return fault("subscribe: \"view\" or \"alert\", not both");
  const auto* of = alert != nullptr ? alert : view;
  if (of == nullptr || of->get_if<std::string>() == nullptr)
    return fault(alert != nullptr ? "subscribe: \"alert\" must be the name of an alert"
                                  : "subscribe: \"view\" must be the name of a view");
  (alert != nullptr ? out.alert : out.view) = *of->get_if<std::string>();
  if (const auto* where = json_member(body, "where"); where != nullptr && !where->is_null()) {
    if (alert != nullptr)
      return fault("subscribe: \"where\" is for views; an alert tells every entry");
    if (where->get_if<std::string>() == nullptr)
      return fault("subscribe: \"where\" must be an expression in a string");
    out.where = *where->get_if<std::string>();
    if (out.where.size() > max_where)
      return fault("subscribe: \"where\" is longer than " + std::to_string(max_where) + " bytes");
  }
  if (const auto* from = json_member(body, "from"); from != nullptr && !from->is_null()) {
    const auto epoch = natural(json_member(*from, "epoch")), offset = natural(json_member(*from, "offset"));
    if (!epoch || !offset)
      return fault("subscribe: \"from\" must be {\"epoch\": number, \"offset\": number}");
    out.from.emplace(*epoch, *offset);
  }
  return std::nullopt;
}

} // namespace

std::string_view reason_of(close_code code) noexcept {
  switch (code) {
  case close_code::shutting_down:
    return "shutting down";
  case close_code::slow:
    return "too slow";
  case close_code::withheld:
    return "another process may have taken over";
  case close_code::flood:
    return "too many commands";
  case close_code::unsupported:
    return "text messages only";
  case close_code::costly:
    return "a filter takes too much work";
  }
  return "";
}

std::optional<command_fault> parse_command(std::string_view text, command& out) {
  out = {};
  const auto message = parse_json(text);
  if (!message)
    return command_fault{"null", "bad_request", "not JSON: " + message.error().text()};
  if (message->as_map() == nullptr)
    return command_fault{"null", "bad_request", "a message must be a JSON object"};
  out.id = id_of(*message);
  if (const auto* body = json_member(*message, "subscribe")) {
    out.kind = command_kind::subscribe;
    return read_subscribe(*body, out);
  }
  if (const auto* body = json_member(*message, "unsubscribe")) {
    out.kind = command_kind::unsubscribe;
    const auto sub = natural(json_member(*body, "sub"));
    if (!sub)
      return command_fault{out.id, "bad_request", "unsubscribe: \"sub\" must be a number"};
    out.sub = *sub;
  } else if (json_member(*message, "ping") != nullptr || json_member(*message, "pong") != nullptr) {
    out.kind = command_kind::ping;
  }
  return std::nullopt;
}

std::string hello_message(std::string_view pipeline, std::chrono::milliseconds tick) {
  std::string out = "{\"hello\":{\"protocol\":1,\"pipeline\":";
  append_json_string(out, pipeline);
  return out + ",\"tick_ms\":" + std::to_string(tick.count()) + ",\"ping_s\":25}}";
}

std::string error_reply(std::string_view id, std::string_view code, std::string_view text, bool temporary) {
  std::string out =
      "{\"id\":" + std::string{id} + ",\"error\":{\"code\":\"" + std::string{code} + "\",\"message\":";
  append_json_string(out, text);
  return out + ",\"temporary\":" + (temporary ? "true" : "false") + "}}";
}

std::string subscribed_reply(std::string_view id, std::uint64_t sub, const view_snapshot& view,
                             bool recovered) {
  std::string out =
      "{\"id\":" + std::string{id} + ",\"subscribed\":{\"sub\":" + std::to_string(sub) + ",\"view\":";
  append_json_string(out, view.schema->name);
  out += ",\"epoch\":" + std::to_string(view.epoch) + ",\"offset\":" + std::to_string(view.offset) +
         ",\"recovered\":" + (recovered ? "true" : "false") + ",\"schema\":{\"columns\":";
  append_columns(out, *view.schema);
  out += ",\"by\":[";
  for (std::size_t i = 0; i < view.schema->by; ++i) {
    if (i > 0)
      out.push_back(',');
    append_json_string(out, view.schema->columns[i].name);
  }
  return out + "]}}}";
}

std::string subscribed_reply(std::string_view id, std::uint64_t sub, const alert_snapshot& log,
                             std::uint64_t next, bool recovered) {
  std::string out =
      "{\"id\":" + std::string{id} + ",\"subscribed\":{\"sub\":" + std::to_string(sub) + ",\"alert\":";
  append_json_string(out, log.rule->name);
  out += ",\"epoch\":" + std::to_string(log.epoch) + ",\"offset\":" + std::to_string(next) +
         ",\"begin\":" + std::to_string(log.begin) + ",\"recovered\":" + (recovered ? "true" : "false") +
         ",\"active\":[";
  for (const auto& e : log.active)
    (out += out.back() == '[' ? "" : ",") += e->json;
  return out + "]}}";
}

std::string unsubscribed_reply(std::string_view id, std::uint64_t sub) {
  return "{\"id\":" + std::string{id} + ",\"unsubscribed\":{\"sub\":" + std::to_string(sub) + "}}";
}

std::string pong_reply(std::string_view id) {
  return "{\"id\":" + std::string{id} + ",\"pong\":{}}";
}

std::string ping_message() {
  return "{\"ping\":{}}";
}

} // namespace tidemill
