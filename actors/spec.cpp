#include "actors/spec.hpp"

namespace tidemill {
namespace {

const spec restart_spec{.name = "restart",
                        .summary =
                            "How a failed worker, view or sink comes back: exponential backoff with jitter.",
                        .example = "{initial: 100ms, max: 30s, reset_after: 10s, max_failures: 5}",
                        .fields = {{.name = "initial",
                                    .type = field_type::duration,
                                    .text = "Wait before the first restart.",
                                    .fallback = "100ms",
                                    .foreign = {"initial_backoff"}},
                                   {.name = "max",
                                    .type = field_type::duration,
                                    .text = "The longest wait.",
                                    .fallback = "30s",
                                    .foreign = {"max_backoff"}},
                                   {.name = "reset_after",
                                    .type = field_type::duration,
                                    .text = "Healthy for this long: failures are forgotten.",
                                    .fallback = "10s"},
                                   {.name = "max_failures",
                                    .type = field_type::integer,
                                    .text = "One more failure in a row ends the pipeline with exit code 1.",
                                    .fallback = "5"}}};

} // namespace

const spec& engine_spec() {
  static const spec all{
      .name = "engine",
      .summary = "How the pipeline runs.",
      .example = "{checkpoint: 5s, shutdown: 10s}",
      .fields = {
          {.name = "checkpoint",
           .type = field_type::duration,
           .text = "How often each partition saves its state.",
           .fallback = "5s",
           .foreign = {"checkpoint_interval"}},
          {.name = "checkpoint_bytes",
           .type = field_type::size,
           .text = "A partition that has read this much since its last checkpoint saves early: what is "
                   "replayed after a crash stays bounded.",
           .fallback = "1GiB"},
          {.name = "flush",
           .type = field_type::duration,
           .text = "How often a partition tells its views what changed; a slow view makes it rarer.",
           .fallback = "100ms"},
          {.name = "shutdown",
           .type = field_type::duration,
           .text = "After SIGTERM: the longest time to drain and save.",
           .fallback = "10s"},
          {.name = "memory",
           .type = field_type::size,
           .text = "Bytes of raw events in flight over all partitions; sources wait above it.",
           .fallback = "256MiB"},
          {.name = "lease",
           .type = field_type::duration,
           .text = "A standby takes the data folder over when its holder has been silent for this long.",
           .fallback = "5s",
           .foreign = {"session_timeout", "heartbeat"}},
          {.name = "threads",
           .type = field_type::integer,
           .text = "Threads for workers and views; 0: as many as cores.",
           .fallback = "0"},
          {.name = "restart", .type = field_type::section, .text = "Supervision.", .inner = &restart_spec}}};
  return all;
}

} // namespace tidemill
