#pragma once

#include "event/result.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace tidemill {

/// How the records of an ingest request are written one after another.
enum class body_format { ndjson, json_array };

/// By `Content-Type`: `application/x-ndjson`, `application/ndjson` and `text/plain` are lines,
/// `application/json` is an array. Nothing for other types.
[[nodiscard]] std::optional<body_format> body_format_of(std::string_view content_type);

/// Most records of one request.
inline constexpr std::size_t max_records = 200'000;

/// Cuts a body into records, views into `body`, each of them a strict JSON object. Blank lines are skipped.
/// All or nothing: one bad record is an error that names its line (from 1) or its index in the array (from
/// 0). Errors: `event_malformed`, `event_too_large`. Linear.
[[nodiscard]] result<std::vector<std::string_view>> split_records(body_format format, std::string_view body);

} // namespace tidemill
