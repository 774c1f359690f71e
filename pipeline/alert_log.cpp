// How the state of a rule is written to the view's log, and read back.
#include "pipeline/alert_book.hpp"

#include "pipeline/row_parts.hpp"

namespace tidemill {
namespace {

constexpr std::uint8_t format_version = 1;
constexpr std::uint64_t most_in_record = 1u << 24; // of entries or keys
const error damaged{errc::corrupt, "a record of an alert in the view log doesn't decode"};

std::int64_t ticks(event_time t) {
  return t.time_since_epoch().count();
}

event_time time_of(std::int64_t t) {
  return event_time{microseconds{t}};
}

std::optional<alert_state> state_of(std::uint8_t byte) {
  return byte <= static_cast<std::uint8_t>(alert_state::firing)
             ? std::optional{static_cast<alert_state>(byte)}
             : std::nullopt;
}

} // namespace

/// Mark, rule and format; then whether the record holds everything, and how far it goes.
std::string alert_book::begin_record(bool whole) const {
  std::string bytes;
  byte_writer out{bytes};
  out.u8(static_cast<std::uint8_t>(record_mark));
  out.text(rule_.schema->name);
  out.u8(format_version);
  out.text(rule_.id);
  out.u8(whole ? 1 : 0);
  out.varint(epoch_);
  out.svarint(ticks(through_));
  out.varint(begin_);
  return bytes;
}

std::string_view alert_book::rule_of(std::string_view record) {
  byte_reader in{record};
  (void)in.u8();
  return in.text();
}

void alert_book::write_entry(byte_writer& out, const alert_entry& e) const {
  out.varint(e.offset);
  out.u8(static_cast<std::uint8_t>(e.state));
  out.u8(static_cast<std::uint8_t>(e.was));
  out.svarint(ticks(e.since));
  out.svarint(ticks(e.data->window_start));
  out.svarint(ticks(e.data->window_end));
  out.u8(static_cast<std::uint8_t>(e.data->state));
  out.varint(e.data->revision);
  out.text(e.data->key);
  std::string cells;
  append_cells(cells, view_.by.size(), *e.data);
  out.text(cells);
  out.text(e.message);
}

alert_entry_ptr alert_book::read_entry(byte_reader& in) const {
  auto e = std::make_shared<alert_entry>();
  auto r = std::make_shared<row>();
  e->offset = in.varint();
  auto state = state_of(in.u8()), was = state_of(in.u8());
  e->since = time_of(in.svarint());
  r->window_start = time_of(in.svarint());
  r->window_end = time_of(in.svarint());
  auto row_byte = in.u8();
  r->revision = static_cast<std::uint32_t>(in.varint());
  r->key = std::string{in.text()};
  auto cells = in.text();
  e->message = std::string{in.text()};
  if (!in.ok() || !state || !was || row_byte > static_cast<std::uint8_t>(row_state::sealed))
    return nullptr;
  e->state = *state;
  e->was = *was;
  r->state = static_cast<row_state>(row_byte);
  if (!take_cells(r->key, r->columns) || !take_cells(cells, r->columns))
    return nullptr;
  if (r->columns.size() != view_.schema->columns.size())
    return nullptr;
  e->data = std::move(r);
  e->json = to_json(*rule_.schema, *e);
  return e;
}

/// `whole`: with the entry, which records before may not have.
void alert_book::write_key(byte_writer& out, const std::string& key, bool whole) const {
  out.text(key);
  auto at = active_.find(key);
  if (at == active_.end())
    return out.u8(0);
  out.u8(whole ? 2 : 1);
  out.svarint(ticks(at->second.held));
  out.svarint(ticks(at->second.seen));
  if (whole)
    write_entry(out, *at->second.newest);
  else
    out.varint(at->second.newest->offset);
}

bool alert_book::recover_key(byte_reader& in) {
  auto key = std::string{in.text()};
  auto how = in.u8();
  if (!in.ok() || how > 2)
    return false;
  if (how == 0) {
    active_.erase(key);
    return true;
  }
  active_key state;
  state.held = time_of(in.svarint());
  state.seen = time_of(in.svarint());
  if (how == 2) {
    state.newest = read_entry(in);
  } else {
    auto newest = in.varint();
    if (auto known = active_.find(key); known != active_.end() && known->second.newest->offset == newest)
      state.newest = known->second.newest;
    else if (in.ok() && newest >= begin_ && newest - begin_ < log_.size())
      state.newest = log_[newest - begin_];
  }
  if (!in.ok() || state.newest == nullptr || state.newest->state == alert_state::resolved ||
      state.newest->data->key != key)
    return false;
  active_[key] = std::move(state);
  return true;
}

std::string alert_book::take_record(bool& entries) {
  entries = recorded_ < begin_ + log_.size();
  if (!entries && unrecorded_.empty() && recorded_through_ == through_)
    return {};
  auto bytes = begin_record(false);
  byte_writer out{bytes};
  auto from = recorded_ - begin_;
  out.varint(log_.size() - from);
  for (auto i = from; i < log_.size(); ++i)
    write_entry(out, *log_[i]);
  out.varint(unrecorded_.size());
  for (const auto& key : unrecorded_)
    write_key(out, key, false);
  unrecorded_.clear();
  recorded_ = begin_ + log_.size();
  recorded_through_ = through_;
  trim();
  return bytes;
}

std::string alert_book::head_record() const {
  auto bytes = begin_record(true);
  byte_writer out{bytes};
  out.varint(log_.size());
  for (const auto& e : log_)
    write_entry(out, *e);
  out.varint(active_.size());
  for (const auto& [key, state] : active_)
    write_key(out, key, true);
  return bytes;
}

status alert_book::recover(std::string_view record) {
  byte_reader in{record};
  (void)in.u8();
  (void)in.text(); // the rule
  if (in.u8() != format_version)
    return error{errc::mismatch, "alerts in the view log were written by another version of tidemill"};
  const auto id = in.text();
  if (!in.ok())
    return damaged;
  if (id != rule_.id)
    return {}; // the condition was another: what it held for says nothing
  const bool whole = in.u8() != 0;
  epoch_ = in.varint();
  through_ = recorded_through_ = time_of(in.svarint());
  auto begin = in.varint();
  if (whole) {
    active_.clear();
    log_.clear();
    begin_ = begin;
  }
  auto entries = in.varint();
  if (!in.ok() || entries > most_in_record || begin < begin_)
    return damaged;
  for (; entries > 0; --entries) {
    auto e = read_entry(in);
    if (!e || e->offset != begin_ + log_.size())
      return damaged;
    log_.push_back(std::move(e));
  }
  auto keys = in.varint();
  if (!in.ok() || keys > most_in_record)
    return damaged;
  for (; keys > 0; --keys)
    if (!recover_key(in))
      return damaged;
  for (; begin_ < begin && !log_.empty(); ++begin_)
    log_.pop_front();
  recorded_ = begin_ + log_.size();
  must_remember_ = through_ != time_min;
  return in.ok() && in.at_end() && begin_ == begin ? status{} : damaged;
}

} // namespace tidemill
