#pragma once

#include "event/codec.hpp"

#include <memory>
#include <vector>

namespace tidemill {

/// Lines that a regular expression (RE2) takes apart: a field is the group of its name, or of its `path`.
///
/// The expression may match anywhere: write `^` and `$`. A line that it doesn't match is malformed. A group
/// that took no part is null, as is an empty one where the field is no text. A blank record is no event.
/// Errors: `config_invalid` (no expression, a field without a group, one of type dyn).
[[nodiscard]] result<std::unique_ptr<codec>> make_regex_codec(const format_options& options,
                                                              const schema& fields, std::vector<bool> needed);

/// Lines of pairs, as logfmt has them: `level=info msg="it \"works\"" took=12ms cached`.
///
/// A field is the pair of its name, or of its `path`, which may hold dots; the first of several counts. A key
/// alone stands for `true`. In quotes `\"`, `\\`, `\n`, `\r`, `\t` and `\uXXXX` are undone. An empty value is
/// null where the field is no text; an absent pair is null. A blank record is no event. Errors:
/// `config_invalid` (a field of type dyn).
[[nodiscard]] result<std::unique_ptr<codec>>
make_logfmt_codec(const format_options& options, const schema& fields, std::vector<bool> needed);

} // namespace tidemill
