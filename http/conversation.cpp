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
    subscribe(c);
    break;
  case command_kind::unsubscribe:
    replies_.push_back(subscriptions_.erase(c.sub) > 0
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

void conversation::subscribe(const command& c) {
  if (subscriptions_.size() >= limits_.subscriptions) {
    replies_.push_back(error_reply(c.id, "limit",
                                   "at most " + std::to_string(limits_.subscriptions) +
                                       " subscriptions on a connection; open another"));
    return;
  }
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
    // Round robin from behind the last one served, so that a busy view starves no other.
    auto at = subscriptions_.upper_bound(turn_);
    for (std::size_t i = 0; i < subscriptions_.size() && !out; ++i, ++at) {
      if (at == subscriptions_.end())
        at = subscriptions_.begin();
      if (auto push = hub_.next(at->second, now)) {
        turn_ = at->first;
        out.emplace(message{"{\"sub\":" + std::to_string(at->first) + ",", std::move(push)});
      }
    }
    if (!out && now - written_ >= limits_.ping)
      out.emplace(message{ping_message(), nullptr});
  }
  if (out)
    written_ = now;
  return out;
}

bool conversation::too_slow(steady_time now) const {
  return std::any_of(subscriptions_.begin(), subscriptions_.end(), [&](const auto& entry) {
    return entry.second.target != nullptr && now - entry.second.since > limits_.delivery;
  });
}

} // namespace tidemill
