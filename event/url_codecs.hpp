#pragma once

#include "event/codec.hpp"

#include <memory>
#include <vector>

namespace tidemill {

/// Records that are a query string: `q=two+words&page=3&tag=a&tag=b`, with or without `?` before it.
///
/// A field is the parameter of its name, or of its `path`, which may hold dots; a list takes all of that
/// name, other fields the first. `%XX` and `+` are undone in names and values. A name without `=` has an
/// empty value, which is null where the field is no text. A parameter that is absent is null, or an empty
/// list. A blank record is one without parameters. Errors: `config_invalid` (a field of type dyn).
[[nodiscard]] result<std::unique_ptr<codec>> make_query_codec(const format_options& options,
                                                              const schema& fields, std::vector<bool> needed);

/// Records that are a URL reference; see `split_url`.
///
/// A field is the part of its name or `path`: `scheme` and `host` in small letters, the address of an IPv6
/// host without brackets, `user` and `password` with `%XX` undone, `port`, `path`, `query`, `fragment` as
/// written; `query.NAME` is a parameter, as above. A part that is absent is null. A blank record is no event.
/// Errors: `config_invalid` (no such part, a field of type dyn).
[[nodiscard]] result<std::unique_ptr<codec>> make_url_codec(const format_options& options,
                                                            const schema& fields, std::vector<bool> needed);

} // namespace tidemill
