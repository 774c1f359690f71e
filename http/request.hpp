#pragma once

#include "event/result.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// A request target, split and decoded: `/v1/views/a%20b?x=1` → segments {"v1", "views", "a b"}, query x = 1.
struct request_target {
  std::string path; ///< as sent, without the query
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query; ///< in order, repeated names kept

  /// The first value of a parameter, or null.
  [[nodiscard]] const std::string* find(std::string_view name) const noexcept;
};

/// Accepts the origin form and the absolute form (`http://host/path`). In the query, `+` is a space. Errors:
/// `refused` for a broken escape, a control character or text that is not UTF-8, naming the place.
[[nodiscard]] result<request_target> parse_target(std::string_view target);

/// Encodes a text so that it can stand in a path segment or a query value.
[[nodiscard]] std::string percent_encode(std::string_view text);

enum class http_method { get, head, post, options, other };
[[nodiscard]] http_method parse_method(std::string_view text) noexcept;

/// A request without its body: all that routes look at.
struct http_request {
  http_method method = http_method::get;
  request_target target;
  std::string accept, content_type, content_encoding, if_none_match;
  std::string host, origin; ///< for the check of cross-site requests
  bool has_origin = false;
  bool versioned = false; ///< offers the WebSocket subprotocol `tidemill.v1`
};

/// The offer (a media type) that an `Accept` field prefers, or -1 if it takes none. Ties go to the earlier
/// offer; an empty or unreadable field takes the first.
[[nodiscard]] int negotiate(std::string_view accept, std::span<const std::string_view> offers);

/// `text/csv` of `Text/CSV; charset=utf-8`.
[[nodiscard]] std::string media_type(std::string_view content_type);

/// Whether a page of `origin` may talk to us: same host and port as `host`, or listed. `null` never.
[[nodiscard]] bool origin_allowed(std::string_view origin, std::string_view host,
                                  const std::vector<std::string>& listed);

/// ASCII comparison without case.
[[nodiscard]] bool same_word(std::string_view a, std::string_view b) noexcept;
/// Whether a comma-separated list holds a word, without case.
[[nodiscard]] bool lists_word(std::string_view list, std::string_view word) noexcept;
/// Without spaces and tabs at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

} // namespace tidemill
