#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"
#include "event/time.hpp"
#include "storage/sink_input.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What a writer commits together with its records: how far it is.
struct sink_note {
  std::uint64_t generation = 0; ///< of the writer: each that takes over adds one
  std::uint64_t sequence = 0;   ///< of the commit within the generation
  std::string body;             ///< what the sink makes of it, binary
  friend bool operator==(const sink_note&, const sink_note&) = default;
};

/// The broker's default of `offset.metadata.max.bytes`, and how many partitions a note may spread over.
inline constexpr std::size_t longest_metadata = 4096;
inline constexpr std::size_t most_note_texts = 64;
/// How long a body may be if a topic has this many partitions; each holds one text of a note.
[[nodiscard]] std::size_t note_capacity(std::size_t partitions);

/// A note as printable texts of at most `longest_metadata` bytes: `tidemill/1 0/2 <base64>`. The caller has
/// looked at `note_capacity`. With `whole`, one text of any length.
[[nodiscard]] std::vector<std::string> encode_note(const sink_note& note, bool whole = false);
/// Reads texts in the order of partitions; those behind the last one of the note are ignored. Nothing if the
/// first is empty. Errors: `mismatch` (another program's), `corrupt` (incomplete or damaged).
[[nodiscard]] result<std::optional<sink_note>> decode_note(const std::vector<std::string>& texts);

/// `clicks/3/1042/0`: source, its partition, offset, index.
[[nodiscard]] std::string id_text(const event_id& id, const std::vector<sink_input>& inputs);

} // namespace tidemill
