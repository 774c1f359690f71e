#pragma once

#include "event/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tidemill {

/// The parts of a URL reference (RFC 3986, appendix B) as they are written, without delimiters; views into
/// it.
///
///     https://ann:pw@[2001:db8::1]:8443/a%20b?q=1&r#top
///     scheme  user pw host        port  path  query fragment
///
/// What isn't there is nothing; the path always is, and may be empty.
struct url_parts {
  std::optional<std::string_view> scheme, user, password, host, port;
  std::string_view path;
  std::optional<std::string_view> query, fragment;
};

/// Takes a URL apart. Letters beyond ASCII are taken as they are. Errors: `event_malformed` for white space,
/// control characters, a scheme, port or IPv6 address that is none.
[[nodiscard]] result<url_parts> split_url(std::string_view text);

/// One `name=value` of a query string, as written; `value` is empty without `=`.
struct url_parameter {
  std::string_view name, value;
};
/// Removes the first parameter from a query string; nothing if there is none left. Empty ones (`&&`) are
/// passed over.
[[nodiscard]] std::optional<url_parameter> take_parameter(std::string_view& query) noexcept;

/// Appends a text with `%XX` undone, and with `+` as a space if it is of a form. A percent sign that two hex
/// digits don't follow stands for itself, as in browsers. The result may be any bytes.
void append_percent_decoded(std::string& out, std::string_view text, bool of_form);

} // namespace tidemill
