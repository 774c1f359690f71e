#include "http/conversation.hpp"

#include "http/problem.hpp"

#include <algorithm>

namespace tidemill {

conversation::conversation(hub& h, std::chrono::milliseconds tick, steady_time now,
                           conversation_limits limits)
    : hub_(h), limits_(limits), tokens_(limits.command_burst), refilled_(now), written_(now) {
  replies_.push_back(hello_message(h.content() != nullptr ? h.content()->pipeline : "", tick));
}

bool conversation::allowed(steady_time now) {
  const std::chrono::duration<double> passed = now - refilled_;
  refilled_ = now;
  tokens_ = std::min(limits_.command_burst, tokens_ + passed.count() * limits_.commands_per_s);
  if (tokens_ < 1)
    return false;
  tokens_ -= 1;
  return true;
}

std::optional<close_code> conversation::receive(std::string_view text, steady_time now) {
  if (!allowed(now))
    return close_code::flood;
  command c;
  if (const auto fault = parse_command(text, c)) {
    replies_.push_back(error_reply(fault->id, fault->code, fault->text));
    return std::nullopt;
  }
  switch (c.kind) {
  case command_kind::subscribe:
    c.alert.empty() ? subscribe(c) : follow(c);
    break;
  case command_kind::unsubscribe:
    replies_.push_back(subscriptions_.erase(c.sub) + logs_.erase(c.sub) > 0
                           ? unsubscribed_reply(c.id, c.sub)
                           : error_reply(c.id, "unknown_subscription",
                                         "no subscription " + std::to_string(c.sub) + " on this connection"));
    break;
  case command_kind::ping:
    replies_.push_back(pong_reply(c.id));
    break;
  case command_kind::unknown:
    replies_.push_back(
        error_reply(c.id, "unknown_command", "the commands are subscribe, unsubscribe and ping"));
    break;
  }
  return std::nullopt;
}

bool conversation::too_many(const command& c) {
  if (subscriptions() < limits_.subscriptions)
    return false;
  replies_.push_back(error_reply(c.id, "limit",
                                 "at most " + std::to_string(limits_.subscriptions) +
                                     " subscriptions on a connection; open another"));
  return true;
}

void conversation::follow(const command& c) {
  if (too_many(c))
    return;
  auto opened = hub_.follow(c.alert);
  if (!opened) {
    const auto code = opened.error().code();
    replies_.push_back(error_reply(c.id, code == errc::refused ? "unknown_alert" : word_of(code),
                                   opened.error().text(), code == errc::unavailable));
    return;
  }
  const auto& log = hub_.current(*opened);
  const bool recovered =
      c.from && c.from->first == log.epoch && c.from->second >= log.begin && c.from->second <= log.end();
  if (recovered)
    opened->offset = c.from->second;
  const auto sub = ++last_sub_;
  replies_.push_back(subscribed_reply(c.id, sub, log, opened->offset, recovered));
  logs_.emplace(sub, *opened);
}

void conversation::subscribe(const command& c) {
  if (too_many(c))
    return;
  auto opened = hub_.subscribe(c.view, c.where);
  if (!opened) {
    const auto code = opened.error().code();
    const bool later = code == errc::unavailable || code == errc::full;
    replies_.push_back(error_reply(c.id, code == errc::refused ? "unknown_view" : word_of(code),
                                   opened.error().text(), later));
    return;
  }
  const auto& view = hub_.current(*opened);
  bool recovered = false;
  if (c.from) {
    opened->epoch = c.from->first;
    opened->offset = c.from->second;
    recovered = resumable(view, opened->epoch, opened->offset);
    opened->placed = recovered;
  }
  const auto sub = ++last_sub_;
  replies_.push_back(subscribed_reply(c.id, sub, view, recovered));
  subscriptions_.emplace(sub, std::move(*opened));
}

std::optional<conversation::message> conversation::next(steady_time now) {
  std::optional<message> out;
  if (!replies_.empty()) {
    out.emplace(message{std::move(replies_.front()), nullptr});
    replies_.pop_front();
  } else {
    out = next_push(now);
    if (!out && now - written_ >= limits_.ping)
      out.emplace(message{ping_message(), nullptr});
  }
  if (out)
    written_ = now;
  return out;
}

std::optional<conversation::message> conversation::next_push(steady_time now) {
  const auto told = [&](std::uint64_t sub, std::shared_ptr<const frame> push) {
    return message{"{\"sub\":" + std::to_string(sub) + ",", std::move(push)};
  };
  // There are few entries, and they are what somebody is to be woken for.
  for (auto& [sub, log] : logs_)
    if (auto push = hub_.next(log))
      return told(sub, std::move(push));
  // Round robin from behind the last one served, so that a busy view starves no other.
  auto at = subscriptions_.upper_bound(turn_);
  for (std::size_t i = 0; i < subscriptions_.size(); ++i, ++at) {
    if (at == subscriptions_.end())
      at = subscriptions_.begin();
    if (auto push = hub_.next(at->second, now)) {
      turn_ = at->first;
      return told(at->first, std::move(push));
    }
  }
  return std::nullopt;
}

bool conversation::too_costly() const {
  return std::ranges::any_of(subscriptions_, [](const auto& entry) { return entry.second.costly; });
}

bool conversation::too_slow(steady_time now) const {
  return std::any_of(subscriptions_.begin(), subscriptions_.end(), [&](const auto& entry) {
    return entry.second.target != nullptr && now - entry.second.since > limits_.delivery;
  });
}

} // namespace tidemill
