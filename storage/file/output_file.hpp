#pragma once

#include "event/result.hpp"
#include "storage/disk_file.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace tidemill {

/// A file that is appended to, with a side file that says how much of it counts: what both file sinks stand
/// on.
///
///     append ── OUT grows ── commit ── OUT is durable ── OUT.cursor names its length and a note
///
/// After a crash OUT is cut to the length in OUT.cursor, and whoever writes goes on from the note: nothing is
/// there twice, nothing is missing. A file that was not written through this class is never touched.
///
/// Not thread-safe. One process at a time has the file.
class output_file {
public:
  /// `form` says what is in the file (`ndjson`, `csv a,b`); a file of another form is not continued.
  output_file(std::filesystem::path path, std::string form)
      : path_(std::move(path)), form_(std::move(form)) {}

  /// Opens or creates the file, cuts off what was not committed and returns the note of the last commit;
  /// nothing if there was none. Errors: `refused` (somebody else's file), `locked`, `mismatch` (another
  /// form), `corrupt` (shorter than promised, changed, missing; a damaged OUT.cursor), `io`, `full`.
  [[nodiscard]] result<std::optional<std::string>> resume();
  /// After an error nothing was appended. Errors: `full`, `io`.
  status append(std::string_view bytes);
  /// Makes all that was appended durable, with a note. After an error it is not promised; may be repeated
  /// if the error is `full`.
  status commit(std::string_view note);
  /// Takes back what was appended after `length`, if it was not committed.
  status cut(std::uint64_t length);
  [[nodiscard]] std::uint64_t length() const noexcept { return length_; }

private:
  [[nodiscard]] result<std::optional<std::string>> begin_new();
  [[nodiscard]] result<std::optional<std::string>> go_on();
  [[nodiscard]] result<std::uint64_t> hash_of_end(std::uint64_t length) const;
  [[nodiscard]] result<std::string> encode_cursor(std::string_view note) const;
  [[nodiscard]] std::filesystem::path cursor_path() const;
  error breaks(const error& why);

  std::filesystem::path path_;
  std::string form_;
  disk_file file_;
  std::uint64_t length_ = 0;
  /// Set when it is unknown what is on the disk: only a new `resume` helps.
  std::optional<error> broken_ = error{errc::bug, "an output file was used before resume"};
};

} // namespace tidemill
