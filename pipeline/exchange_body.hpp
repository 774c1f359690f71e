#pragma once

#include "event/batch.hpp"
#include "event/schema.hpp"
#include "event/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tidemill {

/// An event of a stream on its way through an exchange.
///
///     body: time i64, cells: `append_encoded` of each field

/// Appends row `row`; `slots` are the columns of its fields.
void append_body(std::string& out, const event_batch& batch, std::size_t row,
                 std::span<const std::size_t> slots);

/// The cells of `fields` that are wanted, from a body: `to[i]` is the column that gets field i, if any. They
/// are stored at `row`, which the columns have. False: the bytes are damaged, the row is spoilt.
[[nodiscard]] bool take_body(std::string_view body, std::span<const std::optional<std::size_t>> to,
                             event_batch& batch, std::size_t row);
/// The time alone; nothing if there is none.
[[nodiscard]] std::optional<event_time> time_of_body(std::string_view body);
/// The fields `key` as one encoded key, and whether one of them is null. False: the bytes are damaged.
struct body_key {
  std::string bytes;
  bool has_null = false;
};
[[nodiscard]] bool key_of_body(std::string_view body, std::size_t fields, std::span<const std::size_t> key,
                               body_key& out);
/// As a JSON object, for people; damaged bytes give what could be read.
[[nodiscard]] std::string body_json(std::string_view body, const schema& fields);

} // namespace tidemill
