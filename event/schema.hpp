#pragma once

#include "event/result.hpp"
#include "event/type.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

class options;
class time_pattern;

/// How a timestamp field is written in the input. Numbers are part of state ids.
enum class time_format : std::uint8_t { rfc3339, epoch_s, epoch_ms, epoch_us, epoch_ns, pattern };

/// One declared field of a stream.
struct field {
  std::string name;
  type of;
  /// Where a JSON codec finds it: object keys from the root (`user.id` → {"user", "id"}). Empty: {name}.
  std::vector<std::string> path;
  time_format time = time_format::rfc3339;
  std::shared_ptr<const time_pattern> pattern = {}; ///< of `time_format::pattern`
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
/// timestamp_ms timestamp_us timestamp_ns duration dyn`, `[T]`, each with an optional `?`. Nothing if it is
/// none; `time` receives the form of a timestamp.
[[nodiscard]] std::optional<type> parse_type(std::string_view text, time_format& time);

/// The field that an entry under `schema:` or `columns:` declares, as `config/` hands it over: `type`, `path`
/// with points between keys, and `format` of a timestamp: `rfc3339 unix_s unix_ms unix_us unix_ns`, or a
/// `time_pattern`. Errors: `config_invalid`.
[[nodiscard]] result<field> read_field(std::string_view name, const options& declared);

} // namespace tidemill
