#include "http/ingest_body.hpp"

#include "http/json.hpp"
#include "http/request.hpp"

#include <algorithm>
#include <string>

namespace tidemill {
namespace {

error too_many() {
  return {errc::event_too_large,
          "more than " + std::to_string(max_records) + " records in one request; send several requests"};
}

result<std::vector<std::string_view>> split_lines(std::string_view body) {
  std::vector<std::string_view> records;
  for (std::size_t line = 1, begin = 0; begin < body.size(); ++line) {
    const auto end = std::min(body.find('\n', begin), body.size());
    const auto text = body.substr(begin, end - begin);
    begin = end + 1;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos)
      continue;
    if (auto fault = check_json(text, json_root::object))
      return error{errc::event_malformed, "line " + std::to_string(line) + ", column " +
                                              std::to_string(fault->at + 1) + ": " + fault->why};
    if (records.size() == max_records)
      return too_many();
    records.push_back(text.substr(0, text.find_last_not_of(" \t\r") + 1));
  }
  return records;
}

result<std::vector<std::string_view>> split_array(std::string_view body) {
  std::vector<std::string_view> records;
  if (auto wrong = split_json_array(body, max_records, records)) {
    if (wrong->index == max_records)
      return too_many();
    const auto where = wrong->index ? "element " + std::to_string(*wrong->index) : std::string{"the array"};
    return error{errc::event_malformed,
                 where + ", byte " + std::to_string(wrong->fault.at) + ": " + wrong->fault.why};
  }
  return records;
}

} // namespace

std::optional<body_format> body_format_of(std::string_view content_type) {
  const auto type = media_type(content_type);
  if (type == "application/x-ndjson" || type == "application/ndjson" || type == "text/plain")
    return body_format::ndjson;
  if (type == "application/json")
    return body_format::json_array;
  return std::nullopt;
}

result<std::vector<std::string_view>> split_records(body_format format, std::string_view body) {
  auto records = format == body_format::ndjson ? split_lines(body) : split_array(body);
  if (records && records->empty())
    return error{errc::event_malformed, "the body holds no record"};
  return records;
}

} // namespace tidemill
