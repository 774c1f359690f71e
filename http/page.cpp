#include "http/page.hpp"

#include "event/hash.hpp"
#include "http/embedded.hpp"

namespace tidemill {
namespace {

std::string_view type_of(std::string_view name) {
  const auto ends = [&](std::string_view tail) {
    return name.size() >= tail.size() && name.substr(name.size() - tail.size()) == tail;
  };
  if (ends(".html"))
    return "text/html; charset=utf-8";
  if (ends(".css"))
    return "text/css; charset=utf-8";
  if (ends(".js"))
    return "text/javascript; charset=utf-8";
  return ends(".svg") ? "image/svg+xml" : "application/octet-stream";
}

// The page loads nothing but its own files, and nobody may frame it.
constexpr std::string_view policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

} // namespace

std::optional<http_response> page_file(const http_request& request) {
  const auto& path = request.target.segments;
  std::string_view name = "index.html";
  if (path.size() == 2 && path[0] == "dashboard")
    name = path[1];
  else if (!path.empty())
    return std::nullopt;
  for (const auto& file : embedded_files()) {
    if (file.name != name)
      continue;
    const auto tag = "\"" + content_id(file.content) + "\"";
    http_response r{200, std::string{type_of(name)}, {}, {}};
    r.fields = {{"ETag", tag},
                {"Cache-Control", "no-cache"},
                {"Content-Security-Policy", std::string{policy}},
                {"Referrer-Policy", "no-referrer"}};
    if (request.if_none_match.find(tag) != std::string::npos)
      r.status = 304;
    else
      r.body = file.content;
    return r;
  }
  return std::nullopt;
}

} // namespace tidemill
