#include "storage/kafka/wire_connection.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

namespace tidemill {
namespace {

constexpr std::chrono::seconds connect_limit{10}, lookup_limit{20};

std::string system_text(int code) {
  return std::generic_category().message(code);
}

} // namespace

struct wire_connection::address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  int family = 0;
};

/// Shared with the thread that looks the name up, which may outlive us.
struct wire_connection::found {
  std::atomic<bool> ready = false;
  std::vector<address> addresses;
  std::string failure;

  void look(const broker_address& to, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | flags;
    addrinfo* list = nullptr;
    auto code = ::getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &list);
    if (code != 0) {
      failure = code == EAI_SYSTEM ? system_text(errno) : ::gai_strerror(code);
      return;
    }
    for (const auto* a = list; a != nullptr; a = a->ai_next) {
      if (a->ai_addrlen > sizeof(sockaddr_storage))
        continue;
      auto& one = addresses.emplace_back();
      std::memcpy(&one.bytes, a->ai_addr, a->ai_addrlen);
      one.size = a->ai_addrlen;
      one.family = a->ai_family;
    }
    ::freeaddrinfo(list);
  }
};

wire_connection::wire_connection(broker_address to) : to_(std::move(to)) {}

wire_connection::~wire_connection() {
  close();
}

void wire_connection::close() noexcept {
  if (socket_ >= 0)
    ::close(socket_);
  socket_ = -1;
  phase_ = phase::closed;
  wakes_at_ = 1;
  unsent_.clear();
  lookup_.reset();
}

error wire_connection::failed(const std::string& why) {
  close();
  return {errc::unavailable, why};
}

void wire_connection::open(clock::time_point at) {
  close();
  last_failure_.clear();
  addresses_.clear();
  next_address_ = 0;
  phase_ = phase::resolving;
  deadline_ = at + lookup_limit;
  lookup_ = std::make_shared<found>();
  lookup_->look(to_, AI_NUMERICHOST);
  if (!lookup_->addresses.empty()) {
    lookup_->ready = true;
    return;
  }
  lookup_->failure.clear();
  std::thread{[found = lookup_, to = to_] {
    found->look(to, AI_ADDRCONFIG);
    found->ready = true;
  }}.detach();
}

status wire_connection::look(clock::time_point at) {
  if (!lookup_->ready)
    return at < deadline_ ? status{} : status{failed("looking up its name takes too long")};
  addresses_ = std::move(lookup_->addresses);
  last_failure_ = lookup_->failure;
  lookup_.reset();
  return try_next(at);
}

status wire_connection::try_next(clock::time_point at) {
  for (; next_address_ < addresses_.size(); ++next_address_) {
    const auto& a = addresses_[next_address_];
    if (socket_ >= 0)
      ::close(socket_);
    socket_ = ::socket(a.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket_ < 0) {
      last_failure_ = system_text(errno);
      continue;
    }
    int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    phase_ = phase::connecting;
    deadline_ = at + connect_limit;
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&a.bytes), a.size) == 0 || errno == EINPROGRESS)
      return {};
    last_failure_ = system_text(errno);
  }
  return failed(last_failure_.empty() ? "its name has no address" : last_failure_);
}

/// Asks whether the connection in the making stands.
status wire_connection::finish(clock::time_point at) {
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &code, &size);
  if (code == 0) {
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof peer;
    if (::getpeername(socket_, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0) {
      phase_ = phase::open;
      return {};
    }
    if (at < deadline_)
      return {};
    code = ETIMEDOUT;
  }
  last_failure_ = system_text(code);
  ++next_address_;
  return try_next(at);
}

status wire_connection::drive(clock::time_point at) {
  if (phase_ == phase::resolving)
    TIDEMILL_CHECK(look(at));
  if (phase_ == phase::connecting)
    TIDEMILL_CHECK(finish(at));
  while (phase_ == phase::open && !unsent_.empty()) {
    auto n = ::send(socket_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return {};
    if (n < 0)
      return failed(system_text(errno));
    unsent_.erase(0, static_cast<std::size_t>(n));
  }
  return {};
}

status wire_connection::send(std::string bytes) {
  unsent_ = unsent_.empty() ? std::move(bytes) : unsent_ + bytes;
  return drive(clock::now());
}

void wire_connection::wake_at(std::size_t bytes) noexcept {
  auto wanted = static_cast<int>(bytes);
  if (bytes != wakes_at_ && ::setsockopt(socket_, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted) == 0)
    wakes_at_ = bytes;
}

result<std::size_t> wire_connection::receive(std::span<char> to, std::span<char> then) {
  std::array<iovec, 2> into{iovec{to.data(), to.size()}, iovec{then.data(), then.size()}};
  for (;;) {
    auto n = ::readv(socket_, into.data(), then.empty() ? 1 : 2);
    if (n > 0)
      return static_cast<std::size_t>(n);
    if (n == 0)
      return failed("it closed the connection");
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      return std::size_t{0};
    if (errno != EINTR)
      return failed(system_text(errno));
  }
}

} // namespace tidemill
