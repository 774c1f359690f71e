#pragma once

#include "actors/board.hpp"
#include "http/server.hpp"

#include <string>
#include <vector>

namespace tidemill {

/// One sentence on what holds the watermark of a source back, naming the partition; empty if nothing does.
[[nodiscard]] std::string what_holds(const source_board& s);
/// GET /v1/pipeline.
[[nodiscard]] std::string pipeline_json(const std::string& name, const board& b, double events_per_second);
/// GET /metrics, Prometheus text format 0.0.4.
[[nodiscard]] std::string metrics_text(const std::string& name, const board& b,
                                       const http_server::counters& http);
/// Why the pipeline makes no progress, a sentence each; empty: ready.
[[nodiscard]] std::vector<std::string> not_ready(const board& b);

} // namespace tidemill
