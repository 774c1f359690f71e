#pragma once

#include "actors/credit.hpp"
#include "event/batch.hpp"
#include "pipeline/link.hpp"
#include "pipeline/view.hpp"
#include "storage/checkpoint/checkpoint_store.hpp"
#include "storage/event_sink.hpp"

#include <caf/actor.hpp>
#include <caf/atom.hpp>
#include <caf/config.hpp>
#include <caf/error.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <memory>
#include <vector>

static_assert(CAF_VERSION == 1706,
              "written for CAF 0.17.6: later versions have other idioms and message rules");

namespace tidemill {

/// One batch on its way to a worker, with its credit.
struct work {
  record_batch_ptr batch;
  token_ptr token;
};
using work_ptr = std::shared_ptr<const work>;
using flush_ptr = std::shared_ptr<const std::vector<link_flush>>;
/// Events on their way to a sink; the token is returned when they are written.
struct sink_work {
  outgoing_batch batch;
  token_ptr token;
};
using sink_work_ptr = std::shared_ptr<const sink_work>;
using tick_ptr = std::shared_ptr<const view_tick>;
using sealed_ptr = std::shared_ptr<const std::vector<std::pair<event_time, std::vector<row_ptr>>>>;
using checkpoint_ptr = std::shared_ptr<const checkpoint>;

enum class actor_errc : std::uint8_t { failed = 1, final };
std::string to_string(actor_errc x);

} // namespace tidemill

CAF_BEGIN_TYPE_ID_BLOCK(tidemill, first_custom_type_id)
  CAF_ADD_TYPE_ID(tidemill, (tidemill::actor_errc))
  CAF_ADD_ATOM(tidemill, tidemill::atom, drain, "drain")
  CAF_ADD_ATOM(tidemill, tidemill::atom, drained, "drained")
  CAF_ADD_ATOM(tidemill, tidemill::atom, restart, "restart")
  CAF_ADD_ATOM(tidemill, tidemill::atom, fatal, "fatal")
  CAF_ADD_ATOM(tidemill, tidemill::atom, beat, "beat")
  CAF_ADD_ATOM(tidemill, tidemill::atom, open, "open")
  CAF_ADD_ATOM(tidemill, tidemill::atom, view_up, "viewup")
  CAF_ADD_ATOM(tidemill, tidemill::atom, resume, "resume")
  CAF_ADD_ATOM(tidemill, tidemill::atom, durable, "durable")
  CAF_ADD_ATOM(tidemill, tidemill::atom, saved, "saved")
  CAF_ADD_ATOM(tidemill, tidemill::atom, ended, "ended")
  CAF_ADD_ATOM(tidemill, tidemill::atom, gap, "gap")
  CAF_ADD_ATOM(tidemill, tidemill::atom, rows, "rows")
  CAF_ADD_ATOM(tidemill, tidemill::atom, finish, "finish")
  CAF_ADD_ATOM(tidemill, tidemill::atom, assigned, "assigned")
  CAF_ADD_ATOM(tidemill, tidemill::atom, revoked, "revoked")
  CAF_ADD_ATOM(tidemill, tidemill::atom, halted, "halted")
CAF_END_TYPE_ID_BLOCK(tidemill)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tidemill::work_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tidemill::flush_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tidemill::sink_work_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tidemill::tick_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tidemill::sealed_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tidemill::checkpoint_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::shared_ptr<const tidemill::view_schema>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tidemill::link_hello)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tidemill::link_ack)
CAF_ERROR_CODE_ENUM(tidemill::actor_errc, "tidemill")

namespace tidemill {

/// The PARTITION WORKER interface. Views and sinks are named by their index in the plan.
using worker_actor = caf::typed_actor<
    // One batch, in offset order. Its credit returns when it is applied and its events are with the sinks.
    caf::reacts_to<work_ptr>,
    // The source has brought the last record; none will follow behind this offset.
    caf::reacts_to<atom::ended, std::uint64_t>,
    // The source no longer has the records from the first offset up to the second.
    caf::reacts_to<atom::gap, std::uint64_t, std::uint64_t>,
    // A view opens its link, or acknowledges a flush.
    caf::reacts_to<std::uint32_t, link_hello>, caf::reacts_to<std::uint32_t, link_ack>,
    // A view has started (again): ask it to open a link.
    caf::reacts_to<atom::view_up, std::uint32_t, caf::actor>,
    // A sink tells what it holds, and from where on it has never had anything, once after each start of the
    // worker; then what is durable.
    caf::reacts_to<atom::resume, std::uint32_t, std::uint64_t, std::uint64_t>,
    caf::reacts_to<atom::durable, std::uint32_t, std::uint64_t>,
    // A checkpoint at this offset is stored; nothing before the second, and no journal entry before the third
    // is needed.
    caf::reacts_to<atom::saved, std::uint64_t, std::uint64_t, std::uint64_t>,
    // Internal: time to flush, to look for idleness, to save.
    caf::reacts_to<atom::beat>,
    // Flush and save what there is, then answer `drained` to the supervisor and quit.
    caf::reacts_to<atom::drain>>;

} // namespace tidemill
