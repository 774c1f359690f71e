#pragma once

#include "http/http_client.hpp"
#include "storage/record_writer.hpp"

#include <memory>

namespace tidemill {

/// Posts the values of records to an HTTP source of a running pipeline, many a request. A request is taken as
/// a whole or not at all; one that is refused for its content is sent again record by record, so that only
/// those at fault are unwritten. Waits while the server asks for it. Errors: `unavailable`, `refused`.
[[nodiscard]] std::unique_ptr<record_writer> make_http_writer(http_target to);

} // namespace tidemill
