#include "http/socket.hpp"

// <netinet/tcp.h> lacks tcpi_bytes_acked and can't be included together with this one.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>

namespace tidemill {
namespace {

void set(int fd, int level, int name, int number) noexcept {
  static_cast<void>(::setsockopt(fd, level, name, &number, sizeof number));
}

} // namespace

void tune_connection(int fd, std::chrono::milliseconds unacknowledged) noexcept {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(unacknowledged.count()));
}

void tune_push(int fd) noexcept {
  set(fd, SOL_SOCKET, SO_SNDBUF, 128 << 10);
  set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16 << 10);
}

std::uint64_t bytes_acknowledged(int fd) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
    return 0;
  return info.tcpi_bytes_acked;
}

void raise_descriptor_limit(std::size_t connections) noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  const rlim_t wanted = connections + 1024;
  if (limit.rlim_cur >= wanted)
    return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

} // namespace tidemill
