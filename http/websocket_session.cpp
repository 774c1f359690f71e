#include "http/lane.hpp"

#include "http/conversation.hpp"
#include "http/socket.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <array>

namespace tidemill {
namespace {

namespace websocket = boost::beast::websocket;
// Without deflate: it costs 185 KB a connection, and a proxy in front can do it.
using socket_stream = websocket::stream<tcp_socket, false>;

/// A WebSocket client: moves messages between its socket and its `conversation`, one write at a time.
class websocket_session final : public connection {
public:
  websocket_session(lane& l, tcp_socket socket, std::string received, bool versioned)
      : connection(l), versioned_(versioned), stream_(std::move(socket)), received_(std::move(received)),
        in_(l.state.limits.message), talk_(l.readers, l.state.settings.tick, std::chrono::steady_clock::now(),
                                           l.state.limits.conversation) {
    ++state().websockets;
  }
  ~websocket_session() override { --state().websockets; }

  void start() {
    const auto& limits = state().limits;
    tune_push(stream_.next_layer().native_handle());
    websocket::stream_base::timeout times{};
    times.handshake_timeout = limits.farewell;
    times.idle_timeout = limits.silence;
    times.keep_alive_pings = true;
    stream_.set_option(times);
    stream_.set_option(
        websocket::stream_base::decorator([versioned = versioned_](websocket::response_type& response) {
          response.set(boost::beast::http::field::server, "tidemill");
          if (versioned)
            response.set(boost::beast::http::field::sec_websocket_protocol, "tidemill.v1");
        }));
    stream_.read_message_max(limits.message);
    stream_.auto_fragment(false); // else every message over 4 KB takes several system calls
    stream_.text(true);
    // The whole handshake is given, so that frames sent right behind it are not lost.
    stream_.async_accept(asio::buffer(received_), [me = self()](const boost::system::error_code& failure) {
      me->received_ = {};
      if (failure)
        return me->cut();
      me->open_ = true;
      me->read();
      me->push();
    });
  }

  void check(steady_time now) override {
    if (closing_ && now > close_end_)
      return cut();
    if (!open_)
      return;
    if (writing_ && watch_.stalled(fd(), now, state().limits.stall))
      return cut(); // nothing can be said to a peer that takes nothing
    if (talk_.too_slow(now))
      return close(close_code::slow);
    if (talk_.too_costly())
      return close(close_code::costly);
    push();
  }

  void leave(steady_time) override { close(close_code::shutting_down); }

private:
  [[nodiscard]] std::shared_ptr<websocket_session> self() {
    return std::static_pointer_cast<websocket_session>(shared_from_this());
  }
  [[nodiscard]] int fd() { return stream_.next_layer().native_handle(); }

  void cut() {
    boost::system::error_code ignored;
    open_ = false;
    stream_.next_layer().close(ignored);
  }

  void close(close_code code) {
    if (closing_)
      return;
    closing_ = true;
    close_end_ = std::chrono::steady_clock::now() + state().limits.farewell;
    if (!open_)
      return cut();
    const auto reason = reason_of(code);
    stream_.async_close(
        websocket::close_reason{static_cast<websocket::close_code>(code), {reason.data(), reason.size()}},
        [me = self()](const boost::system::error_code&) { me->cut(); });
  }

  void read() {
    reading_ = true;
    stream_.async_read(in_, [me = self()](const boost::system::error_code& failure, std::size_t) {
      me->reading_ = false;
      me->on_message(failure);
    });
  }

  void on_message(const boost::system::error_code& failure) {
    if (closing_)
      return;
    if (failure)
      return cut();
    if (!stream_.got_text())
      return close(close_code::unsupported);
    const auto data = in_.cdata();
    const auto verdict =
        talk_.receive({static_cast<const char*>(data.data()), data.size()}, std::chrono::steady_clock::now());
    in_.consume(data.size());
    if (in_.capacity() > (16u << 10))
      in_.shrink_to_fit();
    if (verdict)
      return close(*verdict);
    push();
    // A client that sends commands and takes no answers is not listened to either.
    if (!talk_.congested())
      read();
  }

  void push() {
    if (writing_ || closing_ || !open_)
      return;
    if (!why_withheld(lane_.readers.content()).empty())
      return close(close_code::withheld);
    const auto now = std::chrono::steady_clock::now();
    auto message = talk_.next(now);
    if (!message)
      return;
    out_ = std::move(*message);
    writing_ = true;
    watch_.start(fd(), now);
    const std::string_view body = out_.push ? std::string_view{out_.push->body} : std::string_view{};
    stream_.async_write(
        std::array{asio::const_buffer{asio::buffer(out_.head)}, asio::const_buffer{body.data(), body.size()}},
        [me = self()](const boost::system::error_code& failure, std::size_t) { me->on_written(failure); });
  }

  void on_written(const boost::system::error_code& failure) {
    writing_ = false;
    ++state().frames;
    if (out_.push)
      state().merged += out_.push->merged;
    out_ = {};
    if (failure || closing_)
      return;
    if (!reading_ && !talk_.congested())
      read();
    push();
  }

  const bool versioned_; ///< the client named our subprotocol and must hear it
  socket_stream stream_;
  std::string received_;
  boost::beast::flat_buffer in_;
  conversation talk_;
  conversation::message out_; ///< being written
  write_watch watch_;
  steady_time close_end_{};
  bool open_ = false, reading_ = false, writing_ = false, closing_ = false;
};

} // namespace

void start_websocket_session(lane& l, tcp_socket socket, std::string received, bool versioned) {
  auto session = std::make_shared<websocket_session>(l, std::move(socket), std::move(received), versioned);
  session->enter();
  session->start();
}

} // namespace tidemill
