#include "storage/kafka/kafka_client.hpp"

#include "storage/kafka/handles.hpp"
#include "storage/kafka/kafka_errors.hpp"
#include "storage/kafka/token_command.hpp"

#include <algorithm>
#include <array>
#include <future>
#include <string_view>

namespace tidemill {

/// What the library calls; `opaque` is the client.
struct kafka_client_callbacks {
  static kafka_client& client_of(void* opaque) { return *static_cast<kafka_client*>(opaque); }

  static void failed(rd_kafka_t*, int number, const char* reason, void* opaque) {
    auto& c = client_of(opaque);
    auto plain = plain_reason(reason);
    std::lock_guard lock{c.mutex_};
    if (number == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
        (number == RD_KAFKA_RESP_ERR__SSL && is_tls_refusal(plain)))
      c.refused_ = plain + advice(number, c.scram_);
    else if (number != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && number != RD_KAFKA_RESP_ERR__FATAL)
      c.unreachable_ = c.last_fault_ = std::move(plain);
  }

  /// Old versions send their nonce twice, and newer brokers refuse that as they refuse a wrong password
  /// (librdkafka #4895).
  static std::string advice(int number, bool scram) {
    constexpr int mended = 0x02060100;
    if (number == RD_KAFKA_RESP_ERR__SSL)
      return "; check `tls`";
    if (!scram || rd_kafka_version() >= mended)
      return "; check `sasl`";
    return std::string{"; check `sasl`. This program has librdkafka "} + rd_kafka_version_str() +
           ", which can't log in by SCRAM to Kafka 4: that takes 2.6.1, or another mechanism";
  }

  static void throttled(rd_kafka_t*, const char*, std::int32_t, int ms, void* opaque) {
    client_of(opaque).throttle_ms_.store(ms, std::memory_order_relaxed);
  }

  // Called for a change of a connection's state. Its name and number change as the library learns them, but
  // it has a thread of its own, which calls.
  static rd_kafka_resp_err_t changed(rd_kafka_t*, std::int32_t, const char*, const char*, int,
                                     const char* state, void* opaque) {
    auto& c = client_of(opaque);
    auto answers = std::string_view{state} == "UP" || std::string_view{state} == "UPDATE";
    std::lock_guard lock{c.mutex_};
    c.answers_[std::this_thread::get_id()] = answers;
    if (answers) {
      c.unreachable_.clear();
      c.refused_.clear();
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }

  static rd_kafka_resp_err_t created(rd_kafka_t* rk, const rd_kafka_conf_t*, void* opaque, char*, size_t) {
    return rd_kafka_interceptor_add_on_broker_state_change(rk, "tidemill", changed, opaque);
  }

  static void token_wanted(rd_kafka_t* rk, const char*, void* opaque) {
    std::array<char, 512> text{};
    auto token = fetch_token(client_of(opaque).token_command_);
    if (!token) {
      rd_kafka_oauthbearer_set_token_failure(rk, token.error().text().c_str());
      return;
    }
    auto lifetime = std::chrono::duration_cast<std::chrono::milliseconds>(token->expires.time_since_epoch());
    if (rd_kafka_oauthbearer_set_token(rk, token->text.c_str(), lifetime.count(), token->principal.c_str(),
                                       nullptr, 0, text.data(), text.size()) != RD_KAFKA_RESP_ERR_NO_ERROR)
      rd_kafka_oauthbearer_set_token_failure(rk, text.data());
  }
};

namespace {

// The library quotes the value in some of its texts, and it may be a secret.
std::string without(std::string text, const std::string& value) {
  for (std::size_t at = 0; !value.empty() && (at = text.find(value, at)) != std::string::npos;)
    text.replace(at, value.size(), "…");
  return text;
}

status set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> text{};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text.data(), text.size()) == RD_KAFKA_CONF_OK)
    return {};
  return error{errc::config_invalid, name + ": " + without(text.data(), value)};
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& w : words)
    out += (out.empty() ? "" : ",") + w;
  return out;
}

std::map<std::string, std::string> merged(const kafka_client_settings& s, const kafka_client::setup& how) {
  // A broker that comes back is noticed within a second.
  std::map<std::string, std::string> all{{"reconnect.backoff.ms", "100"},
                                         {"reconnect.backoff.max.ms", "1000"},
                                         {"socket.keepalive.enable", "true"}};
  for (const auto* properties : {&how.defaults, &s.properties, &how.forced})
    for (const auto& [name, value] : *properties)
      all[name] = value;
  all["bootstrap.servers"] = joined(s.brokers);
  all.try_emplace("client.id", s.client_id.empty() ? "tidemill" : s.client_id);
  return all;
}

} // namespace

result<std::unique_ptr<kafka_client>> kafka_client::make(const kafka_client_settings& s, setup how) {
  std::unique_ptr<kafka_client> c{new kafka_client};
  c->owner_ = how.owner;
  c->brokers_ = joined(s.brokers);
  c->token_command_ = s.token_command;
  auto mechanism = s.properties.find("sasl.mechanisms");
  c->scram_ = mechanism != s.properties.end() && mechanism->second.starts_with("SCRAM");
  kafka_conf conf{rd_kafka_conf_new()};
  for (const auto& [name, value] : merged(s, how))
    TIDEMILL_CHECK(set(conf.get(), name, value));
  rd_kafka_conf_set_opaque(conf.get(), c.get());
  rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t*, int, const char*, const char*) {});
  rd_kafka_conf_set_error_cb(conf.get(), kafka_client_callbacks::failed);
  rd_kafka_conf_set_throttle_cb(conf.get(), kafka_client_callbacks::throttled);
  rd_kafka_conf_interceptor_add_on_new(conf.get(), "tidemill", kafka_client_callbacks::created, c.get());
  if (!s.token_command.empty()) {
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf.get(), kafka_client_callbacks::token_wanted);
    rd_kafka_conf_enable_sasl_queue(conf.get(), 1);
  }
  if (how.callbacks)
    how.callbacks(conf.get());
  std::array<char, 512> text{};
  auto type = how.of == kind::consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER;
  c->handle_ = rd_kafka_new(type, conf.get(), text.data(), text.size());
  if (c->handle_ == nullptr)
    return error{errc::config_invalid, "the Kafka client can't be made: " + std::string{text.data()}};
  (void)conf.release(); // the handle's now
  if (!s.token_command.empty())
    kafka_failure{
        rd_kafka_sasl_background_callbacks_enable(c->handle_)}; // a thread of its own runs the command
  return c;
}

kafka_client::~kafka_client() {
  if (handle_ != nullptr)
    rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void kafka_client::end(std::unique_ptr<kafka_client> client) {
  std::promise<void> done;
  auto ended = done.get_future();
  std::thread{[slow = std::move(client), told = std::move(done)]() mutable {
    slow.reset();
    told.set_value();
  }}.detach();
  ended.wait_for(std::chrono::seconds{1});
}

void kafka_client::serve(std::chrono::milliseconds wait) {
  rd_kafka_poll(handle_, static_cast<int>(wait.count()));
}

status kafka_client::state() const {
  std::array<char, 512> text{};
  if (auto fatal = rd_kafka_fatal_error(handle_, text.data(), text.size())) {
    if (kafka_code(fatal) == errc::fenced)
      return error{errc::fenced, "a newer process has taken our place in Kafka: " + std::string{text.data()}};
    return error{errc::bug, "the Kafka client gave up: " + std::string{text.data()}};
  }
  std::lock_guard lock{mutex_};
  if (std::any_of(answers_.begin(), answers_.end(), [](const auto& a) { return a.second; }))
    return {};
  if (!refused_.empty())
    return error{errc::refused, "broker " + brokers_ + " refuses us: " + refused_};
  if (!unreachable_.empty())
    return error{errc::unavailable, "broker " + brokers_ + " is not reachable: " + unreachable_};
  return {};
}

std::string kafka_client::last_fault() const {
  std::lock_guard lock{mutex_};
  return last_fault_;
}

bool kafka_client::up() const {
  std::lock_guard lock{mutex_};
  return std::any_of(answers_.begin(), answers_.end(), [](const auto& a) { return a.second; });
}

} // namespace tidemill
