#include "http/server.hpp"

#include "http/lane.hpp"
#include "http/problem.hpp"
#include "http/socket.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>

namespace tidemill {
namespace {

using tcp_acceptor = asio::basic_socket_acceptor<asio::ip::tcp, lane_executor>;

constexpr int backlog = 4096;
const std::string& full_answer() {
  static const std::string text = [] {
    const auto r = problem(503, "connections", "too many connections are open; try again later");
    return "HTTP/1.1 503 Service Unavailable\r\nServer: tidemill\r\nContent-Type: " + r.content_type +
           "\r\nContent-Length: " + std::to_string(r.body.size()) +
           "\r\nRetry-After: 5\r\nConnection: close\r\n\r\n" + r.body;
  }();
  return text;
}

std::string shown(const http_server::settings& s) {
  const bool v6 = s.address.find(':') != std::string::npos;
  return (v6 ? "[" + s.address + "]" : s.address) + ":" + std::to_string(s.port);
}

error listen_error(const http_server::settings& s, const boost::system::error_code& failure) {
  if (failure == asio::error::address_in_use)
    return {errc::address_in_use, shown(s) +
                                      " is taken by another program; stop it, or set another address under "
                                      "serve: http"};
  if (failure == asio::error::access_denied)
    return {errc::io, "listening on " + shown(s) +
                          " is not permitted; ports below 1024 need a privilege, take a "
                          "higher one under serve: http"};
  return {errc::io, "can't listen on " + shown(s) + ": " + failure.message()};
}

status open(tcp_acceptor& acceptor, const http_server::settings& s) {
  boost::system::error_code failure;
  const auto address = asio::ip::make_address(s.address == "localhost" ? "127.0.0.1" : s.address, failure);
  if (failure)
    return error{errc::io, "\"" + s.address +
                               "\" is not an IP address; write 127.0.0.1 for this machine alone, "
                               "0.0.0.0 for all its networks"};
  const asio::ip::tcp::endpoint endpoint{address, s.port};
  acceptor.open(endpoint.protocol(), failure);
  if (!failure)
    acceptor.set_option(asio::socket_base::reuse_address{true}, failure);
  if (!failure)
    acceptor.bind(endpoint, failure);
  if (!failure)
    acceptor.listen(backlog, failure);
  if (failure)
    return listen_error(s, failure);
  return {};
}

} // namespace

struct http_server::impl {
  impl(const settings& s, const server_limits& limits) : state(s, limits) {
    for (unsigned i = 0; i < std::max(1u, s.threads); ++i)
      lanes.push_back(std::make_unique<lane>(state));
    acceptor = std::make_unique<tcp_acceptor>(lanes.front()->context);
    retry = std::make_unique<lane_timer>(lanes.front()->context);
  }

  ~impl() {
    state.stopping = true;
    asio::post(lanes.front()->context, [this] {
      boost::system::error_code ignored;
      acceptor->close(ignored);
      retry->cancel();
    });
    for (auto& l : lanes)
      if (l->thread.joinable())
        l->thread.join();
    state.ingest.stop();
    acceptor = nullptr;
    retry = nullptr;
    lanes.clear();
  }

  void start() {
    port = acceptor->local_endpoint().port();
    accept();
    for (auto& l : lanes)
      l->thread = std::thread{[&l = *l] { l.run(); }};
  }

  void accept() {
    auto& target = *lanes[turn++ % lanes.size()];
    acceptor->async_accept(target.context.get_executor(),
                           [this, &target](const boost::system::error_code& failure, tcp_socket socket) {
                             if (state.stopping)
                               return;
                             if (!failure)
                               admit(target, std::move(socket));
                             else if (failure != asio::error::connection_aborted)
                               return accept_later();
                             accept();
                           });
  }

  // Out of descriptors, most likely: others must leave first.
  void accept_later() {
    ++state.errors;
    retry->expires_after(std::chrono::milliseconds{100});
    retry->async_wait([this](const boost::system::error_code& failure) {
      if (!failure && !state.stopping)
        accept();
    });
  }

  void admit(lane& target, tcp_socket socket) {
    if (state.connections >= state.settings.max_connections) {
      ++state.errors;
      boost::system::error_code ignored;
      socket.non_blocking(true, ignored);
      socket.write_some(asio::buffer(full_answer()), ignored);
      socket.shutdown(tcp_socket::shutdown_send, ignored);
      return;
    }
    asio::post(target.context,
               [&target, s = std::move(socket)]() mutable { start_http_session(target, std::move(s)); });
  }

  server_state state;
  std::vector<std::unique_ptr<lane>> lanes;
  std::unique_ptr<tcp_acceptor> acceptor;
  std::unique_ptr<lane_timer> retry;
  std::size_t turn = 0;
  std::uint16_t port = 0;
};

http_server::http_server(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
http_server::~http_server() = default;

result<std::unique_ptr<http_server>> http_server::listen(const settings& s) {
  return listen(s, server_limits{});
}

result<std::unique_ptr<http_server>> http_server::listen(const settings& s, const server_limits& limits) {
  raise_descriptor_limit(s.max_connections);
  auto made = std::make_unique<impl>(s, limits);
  TIDEMILL_CHECK(open(*made->acceptor, s));
  made->start();
  return std::unique_ptr<http_server>{new http_server(std::move(made))};
}

void http_server::serve(server_content content) {
  impl_->state.content = std::make_shared<const server_content>(std::move(content));
}

std::uint16_t http_server::port() const noexcept {
  return impl_->port;
}

http_server::counters http_server::count() const {
  const auto& s = impl_->state;
  return {s.requests, s.errors, s.connections, s.websockets, s.frames, s.merged};
}

} // namespace tidemill
