#pragma once

#include "event/error.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// An answer before it is put on the wire. Content-Length, Date and Connection are added there.
struct http_response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
};

/// `Not Found` of 404.
[[nodiscard]] std::string_view reason_phrase(int number) noexcept;

/// The HTTP status of an error; total.
[[nodiscard]] int status_of(errc code) noexcept;
/// A stable word for an error, used as `code` in answers: `expression_invalid`; total.
[[nodiscard]] std::string_view word_of(errc code) noexcept;

/// RFC 9457 `application/problem+json`: `type` (`urn:tidemill:CODE`), `title`, `status`, `code`, `detail`,
/// and `extra`: further members as JSON text, each beginning with a comma. 429 and 503 get `Retry-After`.
[[nodiscard]] http_response problem(int number, std::string_view code, std::string_view detail,
                                    std::string_view extra = {});
[[nodiscard]] http_response problem(const error& e);

} // namespace tidemill
