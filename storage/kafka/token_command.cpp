#include "storage/kafka/token_command.hpp"

#include "event/json_parse.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

extern char** environ;

namespace tidemill {
namespace {

using millis = std::chrono::milliseconds;
using time_point = std::chrono::sys_time<millis>;
constexpr std::size_t max_output = 256 * 1024;

error unusable(std::string_view why) {
  return {errc::refused, "token_command printed no usable token: " + std::string{why}};
}

std::optional<std::string> base64url_decode(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (auto c : text.substr(0, text.find('='))) {
    auto digit = c >= 'A' && c <= 'Z'   ? c - 'A'
                 : c >= 'a' && c <= 'z' ? c - 'a' + 26
                 : c >= '0' && c <= '9' ? c - '0' + 52
                 : c == '-' || c == '+' ? 62
                 : c == '_' || c == '/' ? 63
                                        : -1;
    if (digit < 0)
      return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held >= 8)
      out += static_cast<char>(bits >> (held -= 8) & 0xff);
  }
  return out;
}

const value* member(const value_map& of, std::string_view name) {
  for (const auto& [key, held] : of)
    if (const auto* text = key.get_if<std::string>(); text != nullptr && *text == name)
      return &held;
  return nullptr;
}

std::string text_of(const value_map& of, std::string_view name) {
  const auto* v = member(of, name);
  const auto* text = v != nullptr ? v->get_if<std::string>() : nullptr;
  return text != nullptr ? *text : "";
}

// A whole number of seconds that a clock can show.
std::optional<std::chrono::seconds> seconds_of(const value_map& of, std::string_view name) {
  const auto* v = member(of, name);
  std::optional<std::chrono::seconds> out;
  if (v == nullptr)
    return out;
  if (const auto* i = v->get_if<std::int64_t>())
    out = std::chrono::seconds{*i};
  else if (const auto* d = v->get_if<double>(); d != nullptr && *d >= 0 && *d < 1e11)
    out = std::chrono::seconds{static_cast<std::int64_t>(*d)};
  if (out && (out->count() < 0 || out->count() > 100'000'000'000))
    out.reset();
  return out;
}

// What a JWT says of itself; nothing if it is none.
void fill_from_jwt(bearer_token& token) {
  auto first = token.text.find('.');
  auto second = first == std::string::npos ? first : token.text.find('.', first + 1);
  if (second == std::string::npos)
    return;
  auto payload = base64url_decode(std::string_view{token.text}.substr(first + 1, second - first - 1));
  auto parsed = parse_json(payload ? *payload : "");
  const auto* claims = parsed ? parsed->as_map() : nullptr;
  if (claims == nullptr)
    return;
  if (auto expires = seconds_of(*claims, "exp"); expires && token.expires == time_point{})
    token.expires = time_point{millis{*expires}};
  for (const auto* name : {"sub", "client_id", "azp"})
    if (token.principal.empty())
      token.principal = text_of(*claims, name);
}

/// A running command and the reading end of its output.
class child {
public:
  static result<child> start(const std::string& command) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      return error{errc::unavailable, "token_command can't be run: no pipe"};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP); // to end its children too
    const char* arguments[] = {"sh", "-c", command.c_str(), nullptr};
    pid_t id = 0;
    auto failed =
        ::posix_spawn(&id, "/bin/sh", &actions, &attributes, const_cast<char**>(arguments), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (failed != 0) {
      ::close(ends[0]);
      return error{errc::unavailable, "token_command can't be run: /bin/sh is missing"};
    }
    return child{id, ends[0]};
  }
  child(child&& other) noexcept
      : id_(std::exchange(other.id_, 0)), output_(std::exchange(other.output_, -1)) {}
  child& operator=(child&&) = delete;
  ~child() {
    if (id_ != 0) {
      ::kill(-id_, SIGKILL);
      wait();
    }
    if (output_ >= 0)
      ::close(output_);
  }

  /// Everything until its end; nothing if that takes too long or is too much.
  std::optional<std::string> read(millis limit) {
    auto until = std::chrono::steady_clock::now() + limit;
    std::string out;
    for (char part[4096];;) {
      auto left = std::chrono::duration_cast<millis>(until - std::chrono::steady_clock::now()).count();
      pollfd ready{.fd = output_, .events = POLLIN, .revents = 0};
      if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) == 0)
        return std::nullopt;
      auto n = ::read(output_, part, sizeof part);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return out;
      out.append(part, static_cast<std::size_t>(n));
      if (out.size() > max_output)
        return std::nullopt;
    }
  }
  /// Its exit status; −1 if a signal ended it.
  int wait() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR)
      continue;
    id_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

private:
  child(pid_t id, int output) : id_(id), output_(output) {}
  pid_t id_;
  int output_;
};

} // namespace

result<bearer_token> parse_token(std::string_view printed, time_point now) {
  constexpr std::string_view blanks = " \t\r\n";
  auto begin = printed.find_first_not_of(blanks);
  if (begin == std::string_view::npos)
    return unusable("nothing");
  printed = printed.substr(begin, printed.find_last_not_of(blanks) + 1 - begin);
  bearer_token token;
  if (printed.front() == '{') {
    auto parsed = parse_json(printed);
    const auto* fields = parsed ? parsed->as_map() : nullptr;
    if (fields == nullptr)
      return unusable("not JSON");
    token.text = text_of(*fields, "access_token");
    if (token.text.empty())
      token.text = text_of(*fields, "token");
    if (auto in = seconds_of(*fields, "expires_in"))
      token.expires = now + *in;
    else if (auto at = seconds_of(*fields, "expires_at"))
      token.expires = time_point{millis{*at}};
    token.principal = text_of(*fields, "principal");
  } else {
    token.text = printed;
  }
  if (token.text.empty())
    return unusable("there is neither access_token nor token");
  if (token.text.find_first_of(blanks) != std::string::npos)
    return unusable("blanks inside of it");
  fill_from_jwt(token);
  if (token.expires == time_point{})
    return unusable("it doesn't say when it expires; print {\"token\": …, \"expires_in\": seconds}");
  if (token.expires <= now)
    return unusable("it has expired");
  if (token.principal.empty())
    token.principal = "tidemill";
  return token;
}

result<bearer_token> fetch_token(const std::string& command, millis limit) {
  TIDEMILL_TRY(auto running, child::start(command));
  auto printed = running.read(limit);
  if (!printed)
    return error{errc::unavailable, "token_command took longer than " + std::to_string(limit.count()) +
                                        " ms, or printed too much"};
  if (auto code = running.wait(); code != 0)
    return error{errc::unavailable, "token_command failed with status " + std::to_string(code)};
  return parse_token(*printed, std::chrono::time_point_cast<millis>(std::chrono::system_clock::now()));
}

} // namespace tidemill
