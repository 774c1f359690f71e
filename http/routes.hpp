#pragma once

#include "http/server.hpp"

#include "http/ingest_body.hpp"
#include "http/problem.hpp"
#include "http/request.hpp"

#include <cstdint>
#include <variant>

namespace tidemill {

/// The answer to a request without a body: a function of the request, the content and the wall clock `now`.
/// A null `content` is a server that has not been told yet what to serve: 503, only `/livez` is fine.
[[nodiscard]] http_response answer(const server_content* content, const http_request& request,
                                   event_time now);

/// The answer to a browser that asks whether a page of another origin may send what it is about to send.
/// Nothing if the request is no such question.
[[nodiscard]] std::optional<http_response> preflight(const http_request& request,
                                                     const std::vector<std::string>& origins);
/// Lets pages of a listed origin read the answer.
void allow_reading(http_response& response, const http_request& request,
                   const std::vector<std::string>& origins);

/// Where the body of a POST goes.
struct ingest_target {
  const served_source* source = nullptr;
  body_format format = body_format::ndjson;
};

/// Decides on a POST by its header alone, so that a body is read only if it can be taken.
[[nodiscard]] std::variant<http_response, ingest_target>
route_post(const server_content* content, const http_request& request, std::uint64_t content_length);

/// Cuts the body into records, appends them and answers 202. May block as long as `append` does.
[[nodiscard]] http_response ingest(const ingest_target& target, std::string_view body);

/// The path of the WebSocket.
inline constexpr std::string_view websocket_path = "/v1/ws";

} // namespace tidemill
