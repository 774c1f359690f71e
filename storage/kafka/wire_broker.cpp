#include "storage/kafka/wire_broker.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace tidemill {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Room for what stands between the records of partitions; enough for many small partitions at once.
constexpr std::size_t staging_size = 16u << 10;
/// No head of a partition and no other answer is larger.
constexpr std::size_t largest_staging = 64u << 20, kept_staging = 1u << 20;
/// A long poll takes much less.
constexpr seconds answer_limit{30}, silence_told{5};
/// Bytes to be woken for, where as many are sure to come; and how long at most, as they may come slowly.
constexpr std::size_t gathered = 512u << 10;
constexpr milliseconds gathering_limit{200};
constexpr milliseconds first_pause{50}, longest_pause{2'000}, while_resolving{10};

error lost(const std::string& why) {
  return {errc::unavailable, why};
}

} // namespace

wire_broker::wire_broker(std::int32_t node, broker_address to, std::string client_id, wire_buffer_pool& pool,
                         wire_listener& listener)
    : node_(node), client_id_(std::move(client_id)), pool_(pool), listener_(listener),
      connection_(std::move(to)), staging_(staging_size) {}

void wire_broker::fail(clock::time_point at, const error& why) {
  connection_.close();
  versions_.reset();
  auto was_asked = asked_.has_value();
  asked_.reset();
  answer_.reset();
  part_.reset();
  gathering_ = false;
  staged_ = used_ = 0;
  trouble_ = why.text();
  // The first time at once: brokers close connections that were not used for a while.
  retry_at_ = at + (failures_ == 0 ? milliseconds{0}
                                   : std::min(longest_pause, first_pause * (1 << std::min(failures_, 6u))));
  ++failures_;
  if (was_asked)
    listener_.on_lost(*this);
}

std::string wire_broker::trouble(clock::time_point at) const {
  auto who = "broker " + address().host + ":" + std::to_string(address().port);
  if (!versions_ && failures_ > 1)
    return who + " is not reachable: " + trouble_;
  if (asked_ && at - heard_ > silence_told)
    return who + " does not answer";
  return {};
}

wire_broker::clock::time_point wire_broker::due(clock::time_point at) const {
  switch (connection_.now()) {
  case wire_connection::phase::closed:
    return retry_at_;
  case wire_connection::phase::resolving:
    return at + while_resolving;
  case wire_connection::phase::connecting:
    return at + seconds{1};
  case wire_connection::phase::open:
    if (gathering_)
      return std::max(heard_, looked_) + gathering_limit;
    return asked_ ? heard_ + answer_limit : clock::time_point::max();
  }
  return clock::time_point::max();
}

void wire_broker::drive(clock::time_point at, bool readable) {
  using enum wire_connection::phase;
  if (connection_.now() == closed) {
    if (at < retry_at_)
      return;
    connection_.open(at);
  }
  if (auto done = connection_.drive(at); !done)
    return fail(at, done.error());
  if (connection_.now() != open)
    return;
  if (!versions_ && !asked_) {
    ++connects_;
    ask(at, wire_api::api_versions, 0, encode_api_versions(header()));
  } else if (readable || (gathering_ && at - std::max(heard_, looked_) >= gathering_limit)) {
    looked_ = at;
    if (auto done = receive(at); !done)
      return fail(at, done.error());
    wait_for_more();
  }
  if (asked_ && at - heard_ > answer_limit)
    fail(at, lost("no answer within " + std::to_string(answer_limit.count()) + " s"));
}

void wire_broker::ask(clock::time_point at, wire_api api, std::int16_t version, std::string request) {
  asked_ = api;
  asked_version_ = version;
  heard_ = at;
  if (auto sent = connection_.send(std::move(request)); !sent)
    fail(at, sent.error());
}

void wire_broker::ask_metadata(clock::time_point at, std::span<const std::string_view> topics) {
  auto v = versions_->metadata;
  ask(at, wire_api::metadata, v, encode_metadata(header(), v, topics));
}

void wire_broker::ask_offsets(clock::time_point at, std::span<const wire_partition_ask> of) {
  auto v = versions_->list_offsets;
  ask(at, wire_api::list_offsets, v, encode_list_offsets(header(), v, of));
}

void wire_broker::ask_fetch(clock::time_point at, const wire_fetch_terms& t,
                            std::span<const wire_partition_ask> of) {
  auto named = std::ranges::any_of(of, [](const auto& p) { return p.id == topic_uuid{}; });
  auto v = named ? std::min<std::int16_t>(versions_->fetch, 12) : versions_->fetch;
  ask(at, wire_api::fetch, v, encode_fetch(header(), v, t, of));
}

/// Receives until nothing is there. Records go right where they stay; what comes behind them is staged.
status wire_broker::receive(clock::time_point at) {
  for (;;) {
    if (used_ == staged_)
      used_ = staged_ = 0;
    if (staged_ == 0 && staging_.size() > kept_staging)
      staging_ = std::vector<char>(staging_size);
    if (staged_ == staging_.size()) {
      if (used_ == 0)
        staging_.resize(2 * staging_.size());
      std::memmove(staging_.data(), staging_.data() + used_, staged_ - used_);
      staged_ -= std::exchange(used_, 0);
    }
    auto room = std::span{staging_}.subspan(staged_);
    std::size_t wanted = 0, direct = 0;
    result<std::size_t> got = std::size_t{0};
    if (part_ && part_->buffer) {
      wanted = fetch_.head().records - part_->received;
      got = connection_.receive({part_->buffer->data() + part_->received, wanted}, room);
    } else {
      got = connection_.receive(room);
    }
    TIDEMILL_CHECK(got);
    if (*got == 0)
      return {};
    heard_ = at;
    direct = std::min(*got, wanted);
    if (part_)
      part_->received += direct;
    staged_ += *got - direct;
    TIDEMILL_CHECK(use_received());
    if (!asked_ || *got < wanted + room.size())
      return {};
  }
}

/// The rest of a partition's records is worth a few wake-ups, not one for each packet.
void wire_broker::wait_for_more() noexcept {
  auto left = part_ ? fetch_.head().records - part_->received : 0;
  gathering_ = left > 1;
  connection_.wake_at(std::clamp<std::size_t>(left, 1, gathered));
}

/// Uses what is staged as far as it goes.
status wire_broker::use_received() {
  for (bool more = true; more;) {
    if (part_) {
      auto rest = std::min(fetch_.head().records - part_->received, staged_ - used_);
      if (part_->buffer && rest != 0)
        std::memcpy(part_->buffer->data() + part_->received, staging_.data() + used_, rest);
      part_->received += rest;
      used_ += rest;
      if (part_->received < fetch_.head().records)
        return {};
      end_part();
    }
    if (!answer_)
      TIDEMILL_CHECK(begin_answer(more));
    if (more && answer_)
      TIDEMILL_CHECK(asked_ == wire_api::fetch ? use_fetch(more) : use_plain(more));
  }
  return {};
}

status wire_broker::begin_answer(bool& more) {
  wire_reader r{{staging_.data() + used_, staged_ - used_}};
  auto size = r.i32(), id = r.i32();
  if (!r.ok()) {
    more = false;
    return {};
  }
  if (size < 4 || !asked_ || id != last_id_)
    return lost("its answer does not belong to any question; is this a Kafka broker without TLS?");
  used_ += 8;
  answer_ = static_cast<std::size_t>(size) - 4;
  if (asked_ == wire_api::fetch)
    fetch_ = fetch_answer_reader{asked_version_, *answer_};
  else if (*answer_ > largest_staging)
    return lost("its answer of " + std::to_string(*answer_ >> 20) + " MiB is too large");
  return {};
}

status wire_broker::use_fetch(bool& more) {
  std::string_view bytes{staging_.data() + used_, staged_ - used_};
  auto step = fetch_.feed(bytes);
  used_ = staged_ - bytes.size();
  switch (step) {
  case fetch_answer_reader::step::more:
    more = false;
    if (bytes.size() >= largest_staging)
      return lost("its answer to Fetch does not decode");
    return {};
  case fetch_answer_reader::step::broken:
    return lost("its answer to Fetch does not decode");
  case fetch_answer_reader::step::partition:
    begin_part();
    return {};
  case fetch_answer_reader::step::end:
    answer_.reset();
    asked_.reset();
    listener_.on_fetched(*this, fetch_.error(), milliseconds{std::max(fetch_.throttle_ms(), 0)});
    return {};
  }
  return {};
}

void wire_broker::begin_part() {
  auto size = fetch_.head().records;
  part_.emplace();
  if (size != 0 && size <= largest_part)
    part_->buffer = pool_.take(size);
}

void wire_broker::end_part() {
  auto buffer = std::move(part_->buffer);
  part_.reset();
  // Whoever parses may look a little further.
  if (buffer)
    std::memset(buffer->data() + fetch_.head().records, 0,
                std::min(wire_buffer::padding, buffer->capacity() - fetch_.head().records));
  listener_.on_records(*this, fetch_.head(), std::move(buffer));
}

/// An answer that is decoded once it is all there.
status wire_broker::use_plain(bool& more) {
  if (staged_ - used_ < *answer_) {
    more = false;
    return {};
  }
  std::string_view body{staging_.data() + used_, *answer_};
  used_ += *answer_;
  answer_.reset();
  if (asked_ == wire_api::api_versions) {
    TIDEMILL_TRY(auto common, decode_api_versions(body));
    asked_.reset();
    versions_ = common;
    trouble_.clear();
    failures_ = 0;
  } else if (asked_ == wire_api::metadata) {
    TIDEMILL_TRY(auto a, decode_metadata(body, asked_version_));
    asked_.reset();
    listener_.on_metadata(std::move(a));
  } else {
    TIDEMILL_TRY(auto a, decode_list_offsets(body, asked_version_));
    asked_.reset();
    listener_.on_offsets(*this, std::move(a));
  }
  return {};
}

} // namespace tidemill
