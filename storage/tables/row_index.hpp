#pragma once

#include "event/column.hpp"
#include "event/result.hpp"
#include "event/value.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace tidemill {

/// How rows of a table are found by a key, as settings say it; names are columns.
struct table_key {
  std::string key{};            ///< one value a row; or empty, and:
  std::string from{}, to{};     ///< both ends of a range, which belong to it
  bool addresses = false;       ///< the ends are texts of IP addresses
  std::string network{};        ///< a range as text: `10.0.0.0/8`
  std::string since{}, until{}; ///< with `key`: when a row is valid, `until` excluded; null: without end
  [[nodiscard]] bool timed() const noexcept { return !since.empty() || !until.empty(); }
};

/// Finds a row by its key. Immutable once made.
///
/// A number is found by any equal number, whatever its kind; an address by its text, v4 or v6 (a v4 address
/// is also found as `::ffff:a.b.c.d`); otherwise kinds must agree. Exact keys cost a hash, ranges and times a
/// binary search.
class row_index {
public:
  /// Column numbers of what `table_key` names, in a table of `rows` rows.
  struct columns_of {
    const column* key = nullptr;
    const column *from = nullptr, *to = nullptr;
    const column* network = nullptr;
    const column *since = nullptr, *until = nullptr;
    bool addresses = false;
  };
  /// A fault of one row, and the row that it contradicts.
  struct fault {
    std::uint32_t row = 0;
    std::string text;
    std::optional<std::uint32_t> other{};
  };
  /// Nothing if a row has no key, or two rows claim the same key, part of a range or time: `why` tells.
  [[nodiscard]] static std::optional<row_index> make(const columns_of& c, std::uint32_t rows, fault& why);

  /// `at`: for tables with times.
  [[nodiscard]] std::optional<std::uint32_t> find(const value& key, std::optional<timestamp> at) const;

private:
  struct span_of_row {
    std::string from, to; ///< encoded, both ends within
    std::uint32_t row = 0;
  };
  struct validity {
    std::int64_t since = 0, until = 0; ///< microseconds
    std::uint32_t row = 0;
  };
  [[nodiscard]] bool add_key(const columns_of& c, std::uint32_t row, fault& why);
  [[nodiscard]] bool add_span(const columns_of& c, std::uint32_t row, fault& why);
  [[nodiscard]] bool sort(fault& why);

  enum class how : std::uint8_t { exact, timed, spans } how_ = how::exact;
  kind key_kind_ = kind::string;
  bool addresses_ = false;
  std::unordered_map<std::string, std::uint32_t> rows_;
  std::unordered_map<std::string, std::vector<validity>> times_;
  std::vector<span_of_row> spans_; ///< by `from`
};

} // namespace tidemill
