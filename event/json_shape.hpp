#pragma once

#include "event/json_bytes.hpp"
#include "event/json_tokens.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What JSON texts of one producer have in common: all bytes but those of scalar values.
///
/// A text of the same literals with other scalars between them is JSON as well, with the same keys. That is
/// checked in full, but without tokens: stretches of bytes at fixed places are compared with masks, values
/// whose size varies stand between them. Which ones vary is learnt. Texts with escapes or control characters
/// never match, nor do texts shorter than 32 bytes.
class json_shape {
public:
  /// The shape of a text that was accepted as valid JSON. `wanted`: where the scalars begin that `match`
  /// shall find, ascending. Nothing: one of them is no scalar, or there is too much of something.
  [[nodiscard]] static std::optional<json_shape> of(std::string_view text, const json_tokens& tokens,
                                                    std::span<const std::uint32_t> wanted);

  /// Whether a text has this shape, and the wanted scalars, strings with their quotes. Strings are fit to be
  /// used; numbers and literals that are wanted may be no JSON: who reads them must be as strict.
  [[nodiscard]] bool match(std::string_view text, std::vector<std::string_view>& found);

private:
  struct hole {
    std::uint32_t before = 0; // bytes of the literal in front of it
    std::uint32_t size = 0;   // when it was learnt
    bool quoted = false, wanted = false;
    bool steady = true; // all texts so far had this size
  };
  /// A steady hole that has to be looked at: from the beginning of its stretch.
  struct place {
    std::uint32_t at = 0, size = 0;
    bool wanted = false;
  };
  /// Literals and steady holes, then a hole that varies, or the end.
  struct stretch {
    std::uint32_t at = 0, size = 0; // in `text_`, `literal_`, `inside_`
    std::uint32_t places = 0;       // as many of `places_`
    std::uint32_t then = 0;         // number of the hole behind it; as many as there are: the text ends
  };

  void lay_out();
  [[nodiscard]] bool fit(std::string_view text);
  [[nodiscard]] bool match_stretches(std::string_view text, std::string_view* found, bool& high) const;
  [[nodiscard]] const char* match_hole(const hole& h, const char* at, const char* end, char stop,
                                       std::string_view*& found, bool& high) const;

  std::string literals_;
  std::vector<hole> holes_;
  std::size_t wanted_ = 0;
  json_byte_functions bytes_ = best_json_functions();

  std::vector<stretch> stretches_;
  std::vector<place> places_;
  std::string text_, literal_, inside_; // of all stretches, with a window of zeros before and behind each
};

} // namespace tidemill
