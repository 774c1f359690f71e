#pragma once

#include "event/result.hpp"
#include "event/time.hpp"
#include "storage/log/dead_letter.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

struct plan;

// What `tidemill dlq` does with the dead letters of a data folder. Reading takes no lock and changes nothing,
// so a pipeline may run on the folder meanwhile.

/// Which letters; a letter must satisfy all that is set.
struct letter_filter {
  std::string stream;               ///< `hits.dead`; empty: any
  std::optional<std::int64_t> code; ///< as in event/error.hpp
  std::optional<event_time> since;  ///< written, or else received, then or later
  std::string where;                ///< CEL over `letter_columns`
};

/// Names and types of what `where` may use, for help texts: `code int`.
[[nodiscard]] std::vector<std::string> letter_columns();

/// Where a data folder keeps its dead letters. Errors: `io` if there are none.
[[nodiscard]] result<std::filesystem::path> dead_letter_folder(const std::filesystem::path& data);

/// Shows every stored letter in the order in which they were written, and whether it matches.
status visit_letters(const std::filesystem::path& folder, const letter_filter& filter,
                     const std::function<status(const dead_letter& l, bool matches)>& visit);

/// Letters alike.
struct letter_count {
  std::string stream, step;
  std::int64_t code = 0;
  std::uint64_t letters = 0;
  std::string reason;               ///< of the newest
  std::optional<event_time> newest; ///< when
};
struct letter_summary {
  std::vector<letter_count> counts; ///< by stream, step, code
  std::vector<dead_letter> newest;  ///< newest first
  std::uint64_t letters = 0;        ///< that match
  std::uint64_t stored = 0;         ///< in all
  std::uint64_t dropped = 0;        ///< of all ever stored, to keep the log small
  std::uint64_t replayed = 0;       ///< of those that match
};
/// Counts, and the `newest` letters. Errors: `io`, `corrupt`, `expression_invalid`.
[[nodiscard]] result<letter_summary> summarize_letters(const std::filesystem::path& data,
                                                       const letter_filter& filter, std::size_t newest);
/// The letters of one record: `place` is `source/partition/offset`. Errors: as above.
[[nodiscard]] result<std::vector<dead_letter>>
find_letters(const std::filesystem::path& data, const std::string& stream, const std::string& place);

struct replay_settings {
  std::string to;           ///< a file, `-`, `http://…`, `kafka`
  bool dry_run = false;     ///< writes nothing
  bool again = false;       ///< also what was replayed before
  bool without_key = false; ///< to Kafka: also letters that don't hold their record's key and headers
};
struct replay_report {
  std::uint64_t matching = 0;                     ///< letters that the filter chooses
  std::uint64_t before = 0;                       ///< of those, replayed earlier
  std::uint64_t written = 0;                      ///< now; in a dry run: would be
  std::map<std::string, std::uint64_t> unwritten; ///< by reason
};
/// Writes the original bytes of the letters that the filter chooses (without a stream: of all `.dead`
/// streams) to the target, in the order in which they became dead letters, and notes durably what was
/// written, each time that the target has confirmed some. After an error what was noted so far counts, and
/// up to the last thousand may be written twice by the next call. Errors: those of reading; `locked`;
/// `config_invalid` (the target); those of the target.
[[nodiscard]] result<replay_report> replay_letters(const plan& all, const std::filesystem::path& data,
                                                   const letter_filter& filter,
                                                   const replay_settings& settings);

} // namespace tidemill
