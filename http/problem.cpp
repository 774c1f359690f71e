#include "http/problem.hpp"

#include "event/value.hpp"

namespace tidemill {

std::string_view reason_phrase(int number) noexcept {
  switch (number) {
  case 200:
    return "OK";
  case 202:
    return "Accepted";
  case 204:
    return "No Content";
  case 304:
    return "Not Modified";
  case 400:
    return "Bad Request";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 406:
    return "Not Acceptable";
  case 408:
    return "Request Timeout";
  case 410:
    return "Gone";
  case 411:
    return "Length Required";
  case 413:
    return "Content Too Large";
  case 414:
    return "URI Too Long";
  case 415:
    return "Unsupported Media Type";
  case 417:
    return "Expectation Failed";
  case 426:
    return "Upgrade Required";
  case 429:
    return "Too Many Requests";
  case 431:
    return "Request Header Fields Too Large";
  case 500:
    return "Internal Server Error";
  case 503:
    return "Service Unavailable";
  case 505:
    return "HTTP Version Not Supported";
  default:
    return "Unknown";
  }
}

int status_of(errc code) noexcept {
  switch (code) {
  case errc::none:
    return 200;
  case errc::expression_invalid:
  case errc::event_malformed:
  case errc::event_type:
  case errc::event_missing:
  case errc::event_encoding:
  case errc::event_time:
  case errc::event_future:
  case errc::event_late:
  case errc::evaluation:
  case errc::lookup_miss:
  case errc::poison:
  case errc::refused:
    return 400;
  case errc::event_too_large:
    return 413;
  case errc::out_of_range:
    return 410;
  case errc::full:
    return 429;
  case errc::config_invalid:
  case errc::config_unreadable:
  case errc::bug:
    return 500;
  case errc::io:
  case errc::corrupt:
  case errc::locked:
  case errc::mismatch:
  case errc::unavailable:
  case errc::address_in_use:
  case errc::fenced:
    return 503;
  }
  return 500;
}

std::string_view word_of(errc code) noexcept {
  switch (code) {
  case errc::none:
    return "none";
  case errc::config_invalid:
    return "config_invalid";
  case errc::config_unreadable:
    return "config_unreadable";
  case errc::expression_invalid:
    return "expression_invalid";
  case errc::event_malformed:
    return "event_malformed";
  case errc::event_type:
    return "event_type";
  case errc::event_missing:
    return "event_missing";
  case errc::event_too_large:
    return "event_too_large";
  case errc::event_encoding:
    return "event_encoding";
  case errc::event_time:
    return "event_time";
  case errc::event_future:
    return "event_future";
  case errc::event_late:
    return "event_late";
  case errc::evaluation:
    return "evaluation";
  case errc::lookup_miss:
    return "lookup_miss";
  case errc::poison:
    return "poison";
  case errc::io:
    return "io";
  case errc::corrupt:
    return "corrupt";
  case errc::out_of_range:
    return "out_of_range";
  case errc::locked:
    return "locked";
  case errc::mismatch:
    return "mismatch";
  case errc::full:
    return "full";
  case errc::unavailable:
    return "unavailable";
  case errc::refused:
    return "refused";
  case errc::address_in_use:
    return "address_in_use";
  case errc::fenced:
    return "fenced";
  case errc::bug:
    return "bug";
  }
  return "bug";
}

http_response problem(int number, std::string_view code, std::string_view detail, std::string_view extra) {
  http_response r{number, "application/problem+json", {{"Cache-Control", "no-store"}}, {}};
  if (number == 429 || number == 503)
    r.fields.emplace_back("Retry-After", "1");
  r.body = "{\"type\":\"urn:tidemill:" + std::string{code} + "\",\"title\":\"";
  r.body += reason_phrase(number);
  r.body += "\",\"status\":" + std::to_string(number) + ",\"code\":\"" + std::string{code} + "\",\"detail\":";
  append_json_string(r.body, detail);
  r.body += extra;
  r.body += "}\n";
  return r;
}

http_response problem(const error& e) {
  return problem(status_of(e.code()), word_of(e.code()), e.text());
}

} // namespace tidemill
