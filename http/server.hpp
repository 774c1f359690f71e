#pragma once

#include "event/alerts.hpp"
#include "event/result.hpp"
#include "event/rows.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// Decides whether a row belongs to an answer; compiled from `where`. Thread-safe.
using row_predicate = std::function<bool(const row&)>;

/// A view as the server sees it.
struct served_view {
  std::shared_ptr<const view_schema> schema;
  std::shared_ptr<const view_cell> cell;
  /// Compiles a CEL filter over the row's columns, window_start, window_end, state, revision.
  std::function<result<row_predicate>(std::string_view where)> compile_filter;
};

/// The log of a rule as the server sees it.
struct served_alert {
  std::shared_ptr<const alert_cell> cell;
};

/// What an ingest request gets back.
struct ingest_receipt {
  std::uint64_t count = 0;
  /// Per partition: [first, last + 1) offsets of the accepted records.
  std::vector<std::pair<std::uint32_t, std::pair<std::uint64_t, std::uint64_t>>> ranges;
};

/// An HTTP source. `append` may block on fsync: it is called on the server's ingest thread, never on an
/// io thread. Errors → status: event_malformed 400, event_too_large 413, full 429, else 503.
struct served_source {
  std::string name;
  std::size_t max_body = 16u << 20;
  std::function<result<ingest_receipt>(const std::vector<std::string_view>& records)> append;
};

/// What `GET /v1/streams/{stream}/events` asks for.
struct tap_query {
  std::string stream;    ///< a source or a stream
  std::size_t after = 0; ///< its steps that are done
  std::string where;     ///< CEL over the event as it is there; empty: all
  double per_second = 100;
  bool raw = false;                  ///< with the record's bytes
  std::optional<std::uint64_t> from; ///< events since this number; nothing: from now on
  std::size_t limit = 1000;
};

/// Everything the routes answer from; filled by the platform. All functions are thread-safe and quick.
struct server_content {
  std::string pipeline; ///< its name
  std::vector<served_view> views;
  std::vector<served_alert> alerts;
  std::vector<served_source> sources;
  std::function<std::string()> pipeline_json; ///< GET /v1/pipeline
  /// GET /v1/dead-letters: newest first, at most `limit`, of one stream (`log.dead`) or of all if empty. JSON
  /// object. Errors: `refused`: there is no such stream.
  std::function<result<std::string>(std::string_view stream, std::size_t limit)> dead_letters_json;
  /// The steps of a source or stream; nothing: there is none of this name.
  std::function<std::optional<std::size_t>(std::string_view stream)> steps_of;
  /// Events between steps, as JSON. Errors: `refused`, `expression_invalid`, `full`. Null: not offered.
  std::function<result<std::string>(const tap_query& query)> tap;
  std::function<std::string()> metrics; ///< Prometheus text
  /// Empty: ready. Else why not, one sentence each.
  std::function<std::vector<std::string>()> not_ready;
  /// Not empty: why no rows may be told now, as another process may know newer ones. Then views are answered
  /// with 503, and WebSockets refused and closed.
  std::function<std::string()> withheld;
};
[[nodiscard]] std::string why_withheld(const server_content* content);

struct server_limits;

/// HTTP and WebSocket on one address; owns its threads. Shows no Boost type.
class http_server {
public:
  struct settings {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080; ///< 0: any free one
    unsigned threads = 1;
    std::vector<std::string> origins; ///< extra allowed `Origin`s for WebSocket; same origin always
    std::size_t max_connections = 20'000;
    std::chrono::milliseconds tick{100}; ///< how often changed views are pushed
  };

  /// Binds and listens, but answers 503 until `serve`. Errors: `address_in_use`, `io`.
  [[nodiscard]] static result<std::unique_ptr<http_server>> listen(const settings& s);
  /// The same with other bounds (http/limits.hpp) than the defaults.
  [[nodiscard]] static result<std::unique_ptr<http_server>> listen(const settings& s,
                                                                   const server_limits& limits);
  ~http_server(); ///< closes all connections (WebSocket 3001, "shutting down") and joins the threads
  void serve(server_content content); ///< once
  [[nodiscard]] std::uint16_t port() const noexcept;

  /// Since the start; `connections` and `websockets` are those open now.
  struct counters {
    std::uint64_t requests = 0, errors = 0, connections = 0, websockets = 0, frames = 0, merged = 0;
  };
  [[nodiscard]] counters count() const;

private:
  struct impl;
  explicit http_server(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
