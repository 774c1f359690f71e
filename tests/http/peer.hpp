#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tidemill::test {

/// A client on a plain blocking socket, for input that no HTTP library would send. Reads give up after 10 s.
class peer {
public:
  explicit peer(std::uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
      const int segment = 1400; // loopback's 64 KB segments would let the kernel hide megabytes
      ::setsockopt(fd_, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    const timeval patience{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~peer() { ::close(fd_); }
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;

  [[nodiscard]] bool connected() const noexcept { return connected_; }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0)
        return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void finish() { ::shutdown(fd_, SHUT_WR); }

  /// One HTTP answer: header and body. Empty at the end of the connection.
  std::string answer(bool head = false) {
    if (!fill_until("\r\n\r\n"))
      return std::exchange(in_, {});
    const auto end = in_.find("\r\n\r\n") + 4;
    const auto length = in_.substr(0, end).find("Content-Length: ");
    std::size_t body = 0;
    if (length != std::string::npos && !head)
      body = std::stoul(in_.substr(length + 16));
    while (in_.size() < end + body && fill()) {
    }
    auto out = in_.substr(0, end + body);
    in_.erase(0, out.size());
    return out;
  }
  /// True if the server has closed; unread bytes are dropped.
  bool closed() {
    while (fill())
      in_.clear();
    return !timed_out_;
  }
  std::string all() {
    while (fill()) {
    }
    return std::exchange(in_, {});
  }

  /// A masked client frame.
  void frame(int opcode, std::string_view payload, bool last = true) {
    std::string out{static_cast<char>((last ? 0x80 : 0) | opcode)};
    if (payload.size() < 126) {
      out.push_back(static_cast<char>(0x80 | payload.size()));
    } else if (payload.size() < 65536) {
      out.push_back(static_cast<char>(0x80 | 126));
      out.push_back(static_cast<char>(payload.size() >> 8));
      out.push_back(static_cast<char>(payload.size()));
    } else {
      out.push_back(static_cast<char>(0x80 | 127));
      for (int shift = 56; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(static_cast<std::uint64_t>(payload.size()) >> shift));
    }
    constexpr std::string_view mask = "\x11\x22\x33\x44";
    out += mask;
    for (std::size_t i = 0; i < payload.size(); ++i)
      out.push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
    send(out);
  }
  void say(std::string_view text) { frame(1, text); }

  struct heard {
    int opcode = -1;
    std::string payload;
    /// Of a close frame.
    [[nodiscard]] int code() const {
      return payload.size() < 2
                 ? 0
                 : static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
    }
  };
  /// The next server frame; opcode -1 at the end of the connection.
  heard hear() {
    const auto need = [&](std::size_t n) {
      while (in_.size() < n)
        if (!fill())
          return false;
      return true;
    };
    const auto byte = [&](std::size_t i) {
      return static_cast<std::uint64_t>(static_cast<unsigned char>(in_[i]));
    };
    if (!need(2))
      return {};
    std::size_t head = 2;
    std::uint64_t size = byte(1) & 0x7F;
    if (size >= 126) {
      const std::size_t extra = size == 126 ? 2 : 8;
      if (!need(2 + extra))
        return {};
      size = 0;
      for (; head < 2 + extra; ++head)
        size = size << 8 | byte(head);
    }
    if (!need(head + size))
      return {};
    heard out{static_cast<int>(byte(0) & 0x0F), in_.substr(head, size)};
    in_.erase(0, head + size);
    return out;
  }
  /// The next text message; empty at the end.
  std::string hear_text() {
    for (;;) {
      auto h = hear();
      if (h.opcode == 1 || h.opcode == -1 || h.opcode == 8)
        return h.opcode == 1 ? h.payload : "";
    }
  }
  [[nodiscard]] const std::string& buffered() const noexcept { return in_; }

private:
  bool fill() {
    char chunk[65536];
    const auto n = ::recv(fd_, chunk, sizeof chunk, 0);
    timed_out_ = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (n <= 0)
      return false;
    in_.append(chunk, static_cast<std::size_t>(n));
    return true;
  }
  bool fill_until(std::string_view mark) {
    while (in_.find(mark) == std::string::npos)
      if (!fill())
        return false;
    return true;
  }

  int fd_;
  bool connected_ = false, timed_out_ = false;
  std::string in_;
};

} // namespace tidemill::test
