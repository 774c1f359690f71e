#include "http/lane.hpp"

#include "http/guard.hpp"
#include "http/routes.hpp"
#include "http/socket.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <array>

namespace tidemill {
namespace {

namespace beast_http = boost::beast::http;
using parsed_request = beast_http::request<beast_http::empty_body>;

event_time wall_clock() {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

http_request to_request(const parsed_request& parsed, request_target target) {
  const auto field = [&](beast_http::field name) {
    const auto text = parsed[name];
    return std::string{text.data(), text.size()};
  };
  http_request out;
  const auto method = parsed.method_string();
  out.method = parse_method({method.data(), method.size()});
  out.target = std::move(target);
  out.accept = field(beast_http::field::accept);
  out.content_type = field(beast_http::field::content_type);
  out.content_encoding = field(beast_http::field::content_encoding);
  out.if_none_match = field(beast_http::field::if_none_match);
  out.host = field(beast_http::field::host);
  out.origin = field(beast_http::field::origin);
  out.has_origin = parsed.find(beast_http::field::origin) != parsed.end();
  const auto protocols = field(beast_http::field::sec_websocket_protocol);
  out.versioned = lists_word(protocols, "tidemill.v1");
  return out;
}

/// One HTTP/1.1 connection: one request at a time, each through the guard before Beast's parser sees it.
class http_session final : public connection {
public:
  http_session(lane& l, tcp_socket socket) : connection(l), socket_(std::move(socket)), share_(l.state) {}

  void start() {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    tune_connection(socket_.native_handle(), state().limits.stall * 2);
    await_request();
  }

  void check(steady_time now) override {
    if (stage_ == stage::writing) {
      if (watch_.stalled(socket_.native_handle(), now, state().limits.stall))
        close();
    } else if (stage_ != stage::working && stage_ != stage::gone && now > deadline_) {
      expire();
    }
  }

  void leave(steady_time) override {
    closing_ = true;
    if (stage_ == stage::head && in_.empty())
      close();
  }

private:
  enum class stage { head, body, working, writing, lingering, gone };

  [[nodiscard]] std::shared_ptr<http_session> self() {
    return std::static_pointer_cast<http_session>(shared_from_this());
  }

  void close() {
    boost::system::error_code ignored;
    stage_ = stage::gone;
    socket_.close(ignored);
  }

  void expire() {
    if (stage_ == stage::body || (stage_ == stage::head && !in_.empty()))
      refuse(408, "request_timeout", "the request took too long to arrive");
    else
      close();
  }

  void await_request() {
    stage_ = stage::head;
    searched_ = 0;
    head_request_ = false;
    asked_ = {};
    if (in_.capacity() > (16u << 10) && in_.size() < in_.capacity() / 4)
      in_.shrink_to_fit();
    deadline_ =
        std::chrono::steady_clock::now() + (in_.empty() ? state().limits.idle : state().limits.header_time);
    if (in_.empty())
      wait_for_bytes();
    else // posted, as pipelined requests would nest without end
      asio::post(socket_.get_executor(), [me = self()] { me->take_head(); });
  }

  // Waits without a buffer: an idle connection costs no memory for what it may send.
  void wait_for_bytes() {
    socket_.async_wait(tcp_socket::wait_read, [me = self()](const boost::system::error_code& failure) {
      if (failure)
        me->close();
      else
        me->on_readable();
    });
  }

  void on_readable() {
    if (stage_ == stage::gone || stage_ == stage::working || stage_ == stage::writing)
      return;
    boost::system::error_code failure;
    const auto n = socket_.read_some(asio::buffer(lane_.scratch), failure);
    if (failure == asio::error::would_block)
      return wait_for_bytes();
    if (failure)
      return close();
    if (stage_ == stage::lingering)
      return discard(n);
    if (stage_ == stage::head && in_.empty())
      deadline_ = std::chrono::steady_clock::now() + state().limits.header_time;
    in_.append(lane_.scratch, 0, n);
    if (stage_ == stage::head)
      take_head();
    else
      take_body();
  }

  void take_head() {
    if (stage_ != stage::head)
      return;
    const auto& limits = state().limits;
    const auto end = header_end(in_, searched_);
    searched_ = in_.size();
    if (!end && in_.size() <= limits.header.bytes)
      return wait_for_bytes();
    ++state().requests;
    guarded_head head;
    const auto block = std::string_view{in_}.substr(0, end.value_or(in_.size()));
    if (auto wrong = guard(block, limits.header, head))
      return refuse(wrong->status, wrong->code, wrong->detail);
    beast_http::request_parser<beast_http::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(limits.header.bytes));
    parser.body_limit(boost::none);
    boost::system::error_code failure;
    parser.put(asio::buffer(block.data(), block.size()), failure);
    if ((failure && failure != beast_http::error::need_more) || !parser.is_header_done())
      return refuse(400, "bad_request", "the header can't be read: " + failure.message());
    const auto target = parser.get().target();
    auto parsed = parse_target({target.data(), target.size()});
    closing_ = closing_ || !head.keep_alive || ++served_ >= limits.requests;
    if (!parsed)
      return refuse(400, "bad_target", parsed.error().text());
    route(to_request(parser.get(), std::move(*parsed)), head, block.size());
  }

  void route(http_request request, const guarded_head& head, std::size_t head_size) {
    head_request_ = request.method == http_method::head;
    const bool foreign =
        request.has_origin && !origin_allowed(request.origin, request.host, state().settings.origins);
    // A page of another site could post or subscribe in the name of whoever opened it.
    if (foreign && (head.websocket || request.method == http_method::post))
      return refuse(403, "foreign_origin",
                    "pages of " + request.origin + " may not do this; list the origin under serve: origins");
    if (head.websocket && request.method == http_method::get && request.target.path == websocket_path) {
      if (const auto why = why_withheld(state().content.load().get()); !why.empty())
        return refuse(503, "withheld", why);
      return upgrade(request.versioned);
    }
    in_.erase(0, head_size);
    asked_.has_origin = request.has_origin;
    asked_.origin = request.origin;
    if (auto allowed = preflight(request, state().settings.origins))
      return respond(std::move(*allowed));
    content_ = state().content.load();
    if (request.method == http_method::post) {
      auto routed = route_post(content_.get(), request, head.content_length);
      if (const auto* target = std::get_if<ingest_target>(&routed))
        return read_body(*target, head);
      closing_ = closing_ || head.content_length > 0; // the body is not read
      return respond(std::move(std::get<http_response>(routed)));
    }
    closing_ = closing_ || head.content_length > 0;
    respond(answer(content_.get(), request, wall_clock()));
  }

  void upgrade(bool versioned) {
    stage_ = stage::gone;
    start_websocket_session(lane_, std::move(socket_), std::move(in_), versioned);
  }

  void read_body(const ingest_target& target, const guarded_head& head) {
    target_ = target;
    length_ = head.content_length;
    stage_ = stage::body;
    const auto& limits = state().limits;
    body_end_ = std::chrono::steady_clock::now() + limits.body_grace +
                std::chrono::milliseconds{length_ * 1000 / limits.body_rate};
    if (head.expect_continue && in_.size() < length_) {
      // Nothing else has been sent yet, so these few bytes find room.
      static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      boost::system::error_code ignored;
      socket_.write_some(asio::buffer(go_on.data(), go_on.size()), ignored);
    }
    take_body();
  }

  void take_body() {
    if (!share_.resize(in_.size()))
      return refuse(503, "overloaded", "the server holds too many requests; try again in a moment");
    if (in_.size() < length_) {
      deadline_ = std::min(body_end_, std::chrono::steady_clock::now() + state().limits.body_gap);
      return wait_for_bytes();
    }
    stage_ = stage::working;
    std::string body = std::exchange(in_, {});
    in_.assign(body, length_);
    body.resize(length_);
    // The queue wants copyable jobs; this one is called once and hands the session back to its lane.
    struct job {
      std::shared_ptr<http_session> session;
      std::shared_ptr<const server_content> content;
      ingest_target target;
      std::string body;
    };
    auto work = std::make_shared<job>(job{self(), content_, target_, std::move(body)});
    if (!state().ingest.push([work] { run_ingest(work->target, work->body, std::move(work->session)); }))
      respond(problem(429, "full", "too many requests wait to be stored; try again in a moment"));
  }

  static void run_ingest(const ingest_target& target, std::string_view body,
                         std::shared_ptr<http_session> me) {
    http_response response;
    try {
      response = ingest(target, body);
    } catch (const std::exception& e) {
      response = problem(500, "bug", std::string{"storing the records failed: "} + e.what());
    }
    auto executor = me->socket_.get_executor();
    asio::post(executor, [me = std::move(me), response = std::move(response)]() mutable {
      me->respond(std::move(response));
    });
  }

  void refuse(int number, std::string_view code, std::string_view detail) {
    closing_ = true;
    respond(problem(number, code, detail));
  }

  void respond(http_response response) {
    if (stage_ == stage::gone)
      return;
    stage_ = stage::writing;
    if (response.status >= 400)
      ++state().errors;
    content_ = nullptr;
    closing_ = closing_ || state().stopping;
    allow_reading(response, asked_, state().settings.origins);
    out_head_ = header_of(response);
    out_body_ = head_request_ || response.status == 304 ? std::string{} : std::move(response.body);
    if (!share_.resize(out_body_.size()) && response.status < 400)
      return refuse(503, "overloaded", "the server holds too many answers; try again in a moment");
    watch_.start(socket_.native_handle(), std::chrono::steady_clock::now());
    asio::async_write(
        socket_,
        std::array{asio::const_buffer{asio::buffer(out_head_)}, asio::const_buffer{asio::buffer(out_body_)}},
        [me = self()](const boost::system::error_code& failure, std::size_t) { me->on_written(failure); });
  }

  [[nodiscard]] std::string header_of(const http_response& response) const {
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
    out += reason_phrase(response.status);
    out += "\r\nServer: tidemill\r\nX-Content-Type-Options: nosniff\r\n";
    if (!lane_.date.empty())
      out += "Date: " + lane_.date + "\r\n";
    if (response.status != 304 && response.status != 204)
      out += "Content-Type: " + response.content_type +
             "\r\nContent-Length: " + std::to_string(response.body.size()) + "\r\n";
    for (const auto& [name, text] : response.fields)
      out += name + ": " + text + "\r\n";
    return out + (closing_ ? "Connection: close\r\n\r\n" : "\r\n");
  }

  void on_written(const boost::system::error_code& failure) {
    out_head_ = {};
    out_body_ = {};
    share_.resize(0);
    if (failure || stage_ == stage::gone)
      return close();
    if (!closing_)
      return await_request();
    // Closing with unread bytes would reset the connection and could take the answer with it.
    boost::system::error_code ignored;
    socket_.shutdown(tcp_socket::shutdown_send, ignored);
    stage_ = stage::lingering;
    deadline_ = std::chrono::steady_clock::now() + state().limits.linger;
    in_ = {};
    wait_for_bytes();
  }

  void discard(std::size_t n) {
    discarded_ += n;
    if (discarded_ > (1u << 20))
      close();
    else
      wait_for_bytes();
  }

  tcp_socket socket_;
  stage stage_ = stage::head;
  steady_time deadline_{}, body_end_{};
  write_watch watch_;
  memory_share share_;
  std::string in_, out_head_, out_body_;
  std::size_t searched_ = 0, served_ = 0, discarded_ = 0;
  bool closing_ = false, head_request_ = false;
  std::shared_ptr<const server_content> content_; ///< keeps `target_` alive
  http_request asked_;                            ///< who asked, for what the answer may let it read
  ingest_target target_;
  std::uint64_t length_ = 0;
};

} // namespace

void start_http_session(lane& l, tcp_socket socket) {
  auto session = std::make_shared<http_session>(l, std::move(socket));
  session->enter();
  session->start();
}

} // namespace tidemill
