#pragma once

#include "event/codec.hpp"

#include <memory>
#include <vector>

namespace tidemill {

/// Lines of a web server in the combined log format:
///
///     ip ident user [17/May/2015:10:05:03 +0000] "GET /path HTTP/1.1" 200 1234 "referer" "agent"
///
/// - `-` is null for `bytes`, and stays `-` elsewhere.
/// - A request that is not `method path HTTP/…` (`-`, a TLS handshake) has its whole text as `path`, and an
///   empty `method` and `protocol`. A path may hold spaces.
/// - `\"`, `\\`, `\n` … and `\xHH` are undone, unless the bytes are not UTF-8 then: the text stays as
/// written.
/// - A blank record is no event: no row, no failure.
[[nodiscard]] const schema& combined_log_schema();

/// `fields` are those of `combined_log_schema`, or some of them, under other names by `path`.
/// Errors: `config_invalid` (an unknown field, or another type).
[[nodiscard]] result<std::unique_ptr<codec>>
make_combined_log_codec(const format_options& options, const schema& fields, std::vector<bool> needed);

} // namespace tidemill
