#pragma once

#include "event/options.hpp"
#include "event/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tidemill {

/// A value as written in a test, as JSON text.
struct json_at {
  std::string json;
  position at;
};

/// Records for one partition. A record is a JSON value to be encoded in the source's format, or raw text.
struct test_send {
  struct record {
    std::string text;
    bool raw = false;
    position at;
    std::optional<std::string> key{};                                          ///< `$key`
    std::vector<std::pair<std::string, std::optional<std::string>>> headers{}; ///< `$headers`
    bool tombstone = false; ///< `$value: null`; `text` is empty and raw
  };
  text_at source;
  std::uint32_t partition = 0;
  std::vector<record> records;
  std::string
      file; ///< lines of this file instead of `records`; relative to the folder of the pipeline's file
};

struct test_advance {
  microseconds by{};
};

struct test_crash {
  enum class what : std::uint8_t { worker, view, process } of = what::process;
};

/// From here on a table has these rows.
struct test_table {
  text_at table;
  std::vector<json_at> rows; ///< objects
};

/// Every source has ended.
struct test_end {};

/// What must be there now.
struct test_expect {
  struct list {
    text_at of; ///< a view, a stream, a side output or an alert
    std::vector<json_at> items;
    bool some = false; ///< others may be there, too
  };
  std::vector<list> rows, events;
  std::vector<list> alerts; ///< of a rule: all entries of its log
};

struct test_step {
  std::variant<test_send, test_advance, test_crash, test_table, test_end, test_expect> of;
  position at;
};

/// A test of a pipeline: see docs/testing.md.
struct test_case {
  text_at name;
  std::optional<event_time>
      clock; ///< the arrival time of the first records; none: records have no arrival time
  std::vector<test_step> steps;
};

} // namespace tidemill
