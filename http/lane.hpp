#pragma once

#include "http/ingest_queue.hpp"
#include "http/limits.hpp"
#include "http/server.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace tidemill {

namespace asio = boost::asio;

// Concrete executors: every lane has one thread, nothing is dispatched through a virtual call or a strand.
using lane_executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, lane_executor>;
using lane_timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                              asio::wait_traits<std::chrono::steady_clock>, lane_executor>;

/// What all lanes share.
struct server_state {
  server_state(http_server::settings s, server_limits l)
      : settings(std::move(s)), limits(l), ingest(limits.ingest_jobs) {}

  const http_server::settings settings;
  const server_limits limits;
  ingest_queue ingest;
  std::atomic<std::shared_ptr<const server_content>> content{};
  std::atomic<bool> stopping = false;
  std::atomic<std::size_t> memory = 0; ///< bytes of bodies held
  std::atomic<std::uint64_t> requests = 0, errors = 0, connections = 0, websockets = 0, frames = 0,
                             merged = 0;
};

/// A share of `server_state::memory`, given back at the end.
class memory_share {
public:
  explicit memory_share(server_state& state) : state_(state) {}
  ~memory_share() { resize(0); }
  memory_share(const memory_share&) = delete;
  memory_share& operator=(const memory_share&) = delete;

  /// False if the server holds too much; the share is as large as asked for either way.
  bool resize(std::size_t bytes) {
    const auto all = state_.memory += bytes - std::exchange(bytes_, bytes);
    return all <= state_.limits.memory;
  }

private:
  server_state& state_;
  std::size_t bytes_ = 0;
};

class connection;

/// One io thread with its connections and its hub. Everything in it is touched by that thread alone.
struct lane {
  explicit lane(server_state& s)
      : state(s), timer(context), readers(s.limits.hub), scratch(64u << 10, '\0') {}

  /// Runs until the server stops; an exception drops the connection whose handler threw it, nothing else.
  void run();
  /// Once a tick: new snapshots, deadlines, pushes.
  void tick();
  void wait_for_tick();

  server_state& state;
  asio::io_context context{1};
  lane_timer timer;
  hub readers;
  std::unordered_map<connection*, std::weak_ptr<connection>> connections;
  std::string scratch; ///< what a readable socket is read into
  std::string date;    ///< the `Date` field of this second
  std::time_t date_of = 0;
  bool said_goodbye = false;
  steady_time end{}; ///< when connections that have not left are cut
  std::thread thread;
};

/// A client on a lane. Asio's pending handlers own it; without any it is gone, and its socket closed.
class connection : public std::enable_shared_from_this<connection> {
public:
  explicit connection(lane& l) : lane_(l) {}
  virtual ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Registers it; call once, when a shared_ptr owns it.
  void enter();
  /// Once a tick: enforces deadlines, pushes what is new.
  virtual void check(steady_time now) = 0;
  /// The server is going.
  virtual void leave(steady_time now) = 0;

protected:
  [[nodiscard]] server_state& state() const noexcept { return lane_.state; }

  lane& lane_;
};

/// Watches whether a write moves: the bytes that the peer acknowledges must grow.
class write_watch {
public:
  void start(int fd, steady_time now);
  /// True if nothing has moved for `patience`.
  [[nodiscard]] bool stalled(int fd, steady_time now, std::chrono::milliseconds patience);

private:
  std::uint64_t acknowledged_ = 0;
  steady_time moved_{};
};

/// Serves HTTP on a new connection.
void start_http_session(lane& l, tcp_socket socket);
/// Goes on as a WebSocket: `received` is all that was read, from the request line on; `versioned`: the client
/// offers the subprotocol `tidemill.v1`.
void start_websocket_session(lane& l, tcp_socket socket, std::string received, bool versioned);

} // namespace tidemill
