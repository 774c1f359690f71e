#pragma once

#include "event/type.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// How a timestamp field is written in the input.
enum class time_format : std::uint8_t { rfc3339, epoch_s, epoch_ms, epoch_us };

/// One declared field of a stream.
struct field {
  std::string name;
  type of;
  /// Where a JSON codec finds it: object keys from the root (`user.id` → {"user", "id"}). Empty: {name}.
  std::vector<std::string> path;
  time_format time = time_format::rfc3339;
};

/// The fields of a stream in declared order; names are unique.
class schema {
public:
  schema() = default;
  explicit schema(std::vector<field> fields) : fields_(std::move(fields)) {}

  [[nodiscard]] const std::vector<field>& fields() const noexcept { return fields_; }
  [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
  [[nodiscard]] const field& operator[](std::size_t i) const { return fields_[i]; }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const noexcept;
  /// Adds a field, or replaces the type of the one of that name; returns its index.
  std::size_t set(field f);

private:
  std::vector<field> fields_;
};

/// Reads a type of a schema: `bool int uint double decimal string bytes timestamp timestamp_s
/// timestamp_ms timestamp_us duration dyn`, `[T]`, each with an optional `?`. Nothing if it is none; `time`
/// receives the form of a timestamp.
[[nodiscard]] std::optional<type> parse_type(std::string_view text, time_format& time);

} // namespace tidemill
