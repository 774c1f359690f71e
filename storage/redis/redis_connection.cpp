#include "storage/redis/redis_connection.hpp"

#include <hiredis/hiredis.h>

#include <cerrno>
#include <csignal>
#include <ctime>

namespace tidemill {
namespace {

struct frees_context {
  void operator()(redisContext* c) const noexcept { redisFree(c); }
};
struct frees_reply {
  void operator()(redisReply* r) const noexcept { freeReplyObject(r); }
};

/// hiredis writes with write(2), which raises SIGPIPE at a closed connection: held back on this thread, and
/// taken away if it came.
class no_sigpipe {
public:
  no_sigpipe() {
    sigset_t pending;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    ::sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~no_sigpipe() {
    timespec now{};
    if (!was_pending_)
      ::sigtimedwait(&pipe_, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  no_sigpipe(const no_sigpipe&) = delete;
  no_sigpipe& operator=(const no_sigpipe&) = delete;

private:
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

timeval to_timeval(std::chrono::milliseconds t) {
  return {.tv_sec = t.count() / 1000, .tv_usec = t.count() % 1000 * 1000};
}

redis_reply copy_of(const redisReply& r) {
  redis_reply out;
  switch (r.type) {
  case REDIS_REPLY_INTEGER:
    out.of = redis_reply::kind::integer;
    out.integer = r.integer;
    break;
  case REDIS_REPLY_STRING:
  case REDIS_REPLY_STATUS:
    out.of = redis_reply::kind::text;
    out.text.assign(r.str, r.len);
    break;
  case REDIS_REPLY_ERROR:
    out.of = redis_reply::kind::failure;
    out.text.assign(r.str, r.len);
    break;
  case REDIS_REPLY_ARRAY:
    out.of = redis_reply::kind::list;
    for (std::size_t i = 0; i < r.elements; ++i)
      out.items.push_back(copy_of(*r.element[i]));
    break;
  default:
    break;
  }
  return out;
}

error gone(const std::string& where, const redisContext* c, std::chrono::milliseconds limit) {
  std::string why = c ? c->errstr : "no memory for a connection";
  if (c && c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT || errno == EINPROGRESS))
    why = "no answer within " + std::to_string(limit.count()) + " ms";
  return {errc::unavailable, "redis at " + where + ": " + why};
}

} // namespace

struct redis_connection::impl {
  std::unique_ptr<redisContext, frees_context> context;
  std::string where;
  timeouts limits;
};

redis_connection::redis_connection(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
redis_connection::~redis_connection() = default;
redis_connection::redis_connection(redis_connection&&) noexcept = default;
redis_connection& redis_connection::operator=(redis_connection&&) noexcept = default;

result<redis_connection> redis_connection::open(const redis_address& address, timeouts t) {
  no_sigpipe quiet;
  auto limit = to_timeval(t.connect);
  auto i = std::make_unique<impl>();
  i->where = address.shown();
  i->limits = t;
  i->context.reset(address.socket.empty() ? redisConnectWithTimeout(address.host.c_str(), address.port, limit)
                                          : redisConnectUnixWithTimeout(address.socket.c_str(), limit));
  if (!i->context || i->context->err != 0)
    return gone(i->where, i->context.get(), t.connect);
  // Some versions use the connect timeout for commands as well.
  if (redisSetTimeout(i->context.get(), to_timeval(t.command)) != REDIS_OK)
    return gone(i->where, i->context.get(), t.command);
  if (address.socket.empty())
    redisEnableKeepAlive(i->context.get());
  redis_connection c{std::move(i)};
  if (!address.password.empty()) {
    std::vector<std::string_view> login{"AUTH", address.user, address.password};
    if (address.user.empty())
      login.erase(login.begin() + 1);
    TIDEMILL_CHECK(c.run(login));
  }
  if (address.database != 0)
    TIDEMILL_CHECK(c.run({"SELECT", std::to_string(address.database)}));
  return c;
}

result<std::vector<redis_reply>>
redis_connection::pipeline(const std::vector<std::vector<std::string_view>>& commands) {
  no_sigpipe quiet;
  auto* c = impl_->context.get();
  std::vector<const char*> data;
  std::vector<std::size_t> sizes;
  for (const auto& command : commands) {
    data.clear();
    sizes.clear();
    for (auto argument : command) {
      data.push_back(argument.data() ? argument.data() : "");
      sizes.push_back(argument.size());
    }
    if (redisAppendCommandArgv(c, static_cast<int>(data.size()), data.data(), sizes.data()) != REDIS_OK)
      return gone(impl_->where, c, impl_->limits.command);
  }
  std::vector<redis_reply> out;
  out.reserve(commands.size());
  while (out.size() < commands.size()) {
    void* got = nullptr;
    errno = 0;
    if (redisGetReply(c, &got) != REDIS_OK || !got)
      return gone(impl_->where, c, impl_->limits.command);
    std::unique_ptr<redisReply, frees_reply> reply{static_cast<redisReply*>(got)};
    out.push_back(copy_of(*reply));
  }
  return out;
}

result<redis_reply> redis_connection::run(const std::vector<std::string_view>& command) {
  TIDEMILL_TRY(auto replies, pipeline({command}));
  if (replies[0].of == redis_reply::kind::failure)
    return redis_error(impl_->where, replies[0].text);
  return std::move(replies[0]);
}

error redis_error(const std::string& where, const std::string& text) {
  struct known {
    std::string_view sign;
    errc code;
    std::string_view remedy;
  };
  // A failure within a script is wrapped in text by older servers: looked for anywhere.
  static constexpr known all[] = {
      {"NOAUTH", errc::refused, "it wants a password: put it into the url, redis://:password@host"},
      {"WRONGPASS", errc::refused, "user or password are wrong"},
      {"invalid password", errc::refused, "the password is wrong"},
      {"without any password configured", errc::refused, "it has no password: leave it out of the url"},
      {"NOPERM", errc::refused,
       "the user may not run this: allow @read, @write, @scripting and the view's keys"},
      {"MOVED", errc::refused, "it is a node of a cluster; use a server, or a proxy in front of the cluster"},
      {"ASK ", errc::refused, "it is a node of a cluster; use a server, or a proxy in front of the cluster"},
      {"WRONGTYPE", errc::refused,
       "a key of the view holds something else: choose another prefix or delete it"},
      {"DB index is out of range", errc::refused, "it has no such database"},
      {"unknown command", errc::refused, "Redis 5 or newer is needed"},
      {"READONLY", errc::unavailable, "it is a replica; the primary is needed"},
      {"OOM command", errc::unavailable, "its memory is used up: raise maxmemory, or shorten ttl or retain"},
      {"MISCONF", errc::unavailable, "it can't write its snapshots to disk: see its log"},
      {"LOADING", errc::unavailable, "it is still loading its data"},
      {"BUSY", errc::unavailable, "a script of another client blocks it"},
      {"MASTERDOWN", errc::unavailable, "it is a replica without its primary"},
      {"CLUSTERDOWN", errc::unavailable, "its cluster is down"},
      {"NOREPLICAS", errc::unavailable, "it has too few replicas (min-replicas-to-write)"},
      {"TRYAGAIN", errc::unavailable, "its cluster is moving keys"},
      {"max number of clients", errc::unavailable, "it has too many clients (maxclients)"},
  };
  for (const auto& k : all)
    if (text.find(k.sign) != std::string::npos)
      return {k.code, "redis at " + where + ": " + std::string{k.remedy} + " (" + text + ")"};
  return {errc::refused, "redis at " + where + ": " + text};
}

} // namespace tidemill
