#include "http/guard.hpp"

#include "http/request.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace tidemill {
namespace {

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  });
}

bool is_field_text(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
  });
}

bool is_host(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7F && std::string_view{"/\\@,?#<>\"{}|^`"}.find(c) == std::string_view::npos;
  });
}

rejection bad(std::string detail) {
  return {400, "bad_request", std::move(detail)};
}

/// Fields of which a second one would leave open which counts.
constexpr std::array<std::string_view, 9> single = {
    "host",    "content-length",    "content-type",          "expect",       "origin",
    "upgrade", "sec-websocket-key", "sec-websocket-version", "authorization"};

/// Collects what the fields say; `finish` judges them together.
class head_reader {
public:
  head_reader(std::string_view method, bool http10, guarded_head& head)
      : method_(method), http10_(http10), head_(head) {}

  [[nodiscard]] std::optional<rejection> field(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t')
      return bad("a folded header line; send each field on one line");
    const auto colon = line.find(':');
    if (colon == std::string_view::npos)
      return bad("a header line without a colon");
    const auto name = line.substr(0, colon);
    const auto text = trimmed(line.substr(colon + 1));
    if (!is_token(name))
      return bad("a field name must be a token directly before its colon");
    if (!is_field_text(text))
      return bad("a control character in field " + std::string{name});
    for (std::size_t i = 0; i < single.size(); ++i)
      if (same_word(name, single[i]) && std::exchange(seen_[i], true))
        return bad("field " + std::string{name} + " is repeated");
    return take(name, text);
  }

  [[nodiscard]] std::optional<rejection> finish() {
    if (!seen_[0] && !http10_)
      return bad("field Host is missing");
    if (transfer_encoding_) {
      if (plain_chunked_ && !head_.has_length && !http10_)
        return rejection{411, "length_required", "chunked bodies are not taken; send Content-Length"};
      return bad("Transfer-Encoding is not taken; send Content-Length alone");
    }
    if (head_.content_length > 0 && (method_ == "GET" || method_ == "HEAD"))
      return bad("a " + std::string{method_} + " request has no body");
    if (http10_ && head_.content_length > 0 && asked_keep_alive_)
      return bad("HTTP/1.0 keep-alive with a body; use HTTP/1.1");
    head_.keep_alive = !http10_ && !asked_close_;
    head_.websocket = upgrade_ && asked_upgrade_ && !http10_;
    head_.expect_continue = head_.expect_continue && !http10_;
    return std::nullopt;
  }

private:
  [[nodiscard]] std::optional<rejection> take(std::string_view name, std::string_view text) {
    if (same_word(name, "host") && !is_host(text))
      return bad("field Host is not a host");
    if (same_word(name, "content-length"))
      return length(text);
    if (same_word(name, "transfer-encoding")) {
      plain_chunked_ = !std::exchange(transfer_encoding_, true) && same_word(text, "chunked");
    } else if (same_word(name, "expect")) {
      if (!same_word(text, "100-continue"))
        return rejection{417, "expectation_failed", "the only expectation known is 100-continue"};
      head_.expect_continue = true;
    } else if (same_word(name, "connection")) {
      asked_close_ = asked_close_ || lists_word(text, "close");
      asked_keep_alive_ = asked_keep_alive_ || lists_word(text, "keep-alive");
      asked_upgrade_ = asked_upgrade_ || lists_word(text, "upgrade");
    } else if (same_word(name, "upgrade")) {
      upgrade_ = lists_word(text, "websocket");
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<rejection> length(std::string_view text) {
    const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (text.empty() || text.size() > 18 || !digits)
      return bad("field Content-Length is not a number");
    std::from_chars(text.data(), text.data() + text.size(), head_.content_length);
    head_.has_length = true;
    return std::nullopt;
  }

  std::string_view method_;
  bool http10_;
  guarded_head& head_;
  std::array<bool, single.size()> seen_{};
  bool transfer_encoding_ = false, plain_chunked_ = false, upgrade_ = false;
  bool asked_close_ = false, asked_keep_alive_ = false, asked_upgrade_ = false;
};

struct request_line {
  std::string_view method, target, version;
};

std::optional<rejection> check_request_line(std::string_view line, const header_limits& limits,
                                            request_line& out) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return bad("the request line must be METHOD TARGET HTTP/1.1");
  out = {line.substr(0, first), line.substr(first + 1, last - first - 1), line.substr(last + 1)};
  if (!is_token(out.method))
    return bad("the method is not a token");
  const auto& t = out.target;
  if (t.empty() || !std::all_of(t.begin(), t.end(), [](char c) { return c > 0x20 && c < 0x7F; }))
    return bad("the request target must be visible ASCII; percent-encode the rest");
  if (t.size() > limits.url)
    return rejection{414, "uri_too_long",
                     "the request target is longer than " + std::to_string(limits.url) + " bytes"};
  if (out.version == "HTTP/1.1" || out.version == "HTTP/1.0")
    return std::nullopt;
  if (out.version.substr(0, 5) == "HTTP/")
    return rejection{505, "version_not_supported", "HTTP/1.1 is spoken here"};
  return bad("the request line must end in HTTP/1.1");
}

} // namespace

std::optional<std::size_t> header_end(std::string_view text, std::size_t from) noexcept {
  for (auto i = text.find('\n', from < 2 ? 0 : from - 2); i != std::string_view::npos;
       i = text.find('\n', i + 1)) {
    if (text.substr(i + 1, 1) == "\n")
      return i + 2;
    if (text.substr(i + 1, 2) == "\r\n")
      return i + 3;
  }
  return std::nullopt;
}

std::optional<rejection> guard(std::string_view block, const header_limits& limits, guarded_head& head) {
  head = {};
  if (block.size() > limits.bytes)
    return rejection{431, "header_too_large",
                     "the header is longer than " + std::to_string(limits.bytes) + " bytes"};
  request_line start;
  std::optional<head_reader> reader;
  for (std::size_t fields = 0;; ++fields) {
    const auto end = block.find('\n');
    if (end == std::string_view::npos)
      return bad("the header is not complete");
    if (end == 0 || block[end - 1] != '\r')
      return bad("a line that ends in a bare line feed");
    const auto line = block.substr(0, end - 1);
    block.remove_prefix(end + 1);
    if (line.find('\r') != std::string_view::npos)
      return bad("a bare carriage return");
    if (!reader) {
      if (auto wrong = check_request_line(line, limits, start))
        return wrong;
      reader.emplace(start.method, start.version == "HTTP/1.0", head);
    } else if (line.empty()) {
      return block.empty() ? reader->finish() : bad("bytes after the header");
    } else if (fields > limits.fields) {
      return rejection{431, "header_too_large", "more than " + std::to_string(limits.fields) + " fields"};
    } else if (auto wrong = reader->field(line)) {
      return wrong;
    }
  }
}

} // namespace tidemill
