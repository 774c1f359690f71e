#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidemill {

/// How long a request may be before it is understood.
struct header_limits {
  std::size_t bytes = 8192, url = 4096, fields = 64;
};

/// Why a request is refused; the connection is closed after the answer.
struct rejection {
  int status = 400;
  std::string code, detail;
};

/// What the guard learned about a header block it let pass.
struct guarded_head {
  std::uint64_t content_length = 0;
  bool has_length = false;
  bool expect_continue = false;
  bool keep_alive = true;
  bool websocket = false; ///< asks to be upgraded
};

/// Where the header block at the front of `text` ends (one past its empty line), or nothing yet. A block that
/// ends in bare line feeds counts, so that the guard can refuse it instead of waiting for more.
[[nodiscard]] std::optional<std::size_t> header_end(std::string_view text, std::size_t from = 0) noexcept;

/// Checks a whole header block, from the request line to the empty line, before any parser sees it.
///
/// It lets pass only what every HTTP implementation frames alike: CRLF lines, no folding, one Host, at most
/// one Content-Length of digits, no Transfer-Encoding (411 if it is the only fault, else 400), no body on GET
/// and HEAD, no body with HTTP/1.0 keep-alive. Whatever two parsers could read in two ways is refused, so
/// nobody in front of us can be made to see other requests than we do.
[[nodiscard]] std::optional<rejection> guard(std::string_view block, const header_limits& limits,
                                             guarded_head& head);

} // namespace tidemill
