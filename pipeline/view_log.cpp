// How the durable state of a view is written to its log, and read back.
#include "pipeline/view_state.hpp"

namespace tidemill {
namespace {

enum class record_kind : std::uint8_t {
  frontier = 'F',
  sealed = 'S',
  head = 'B',
  rows = 'R',
  key = 'K',
  end = 'E'
};
constexpr std::uint8_t format_version = 1;
const error damaged{errc::corrupt, "a record of the view log doesn't decode"};

} // namespace

std::string view_state::frontier_record() const {
  std::string bytes;
  byte_writer out{bytes};
  out.u8(static_cast<std::uint8_t>(record_kind::frontier));
  out.varint(frontier.size());
  for (auto o : frontier)
    out.varint(o);
  return bytes;
}

void view_state::begin_sealed(byte_writer& out, std::int64_t s) {
  out.u8(static_cast<std::uint8_t>(record_kind::sealed));
  out.svarint(s);
}

void view_state::write_row(byte_writer& out, const row& r) const {
  out.text(r.key);
  out.varint(r.revision);
  cells_.clear();
  for (std::size_t i = what_.by.size(); i < r.columns.size(); ++i)
    append_encoded(cells_, r.columns[i]);
  out.text(cells_);
}

std::shared_ptr<row> view_state::read_row(byte_reader& in, std::int64_t e) const {
  auto r = std::make_shared<row>();
  r->window_end = what_.window.end_of(e);
  r->window_start = what_.window.window_start(e);
  r->key = std::string{in.text()};
  r->state = row_state::sealed;
  r->revision = static_cast<std::uint32_t>(in.varint());
  auto cells = in.text();
  for (auto part : {std::string_view{r->key}, cells})
    while (!part.empty()) {
      auto v = take_encoded(part);
      if (!v)
        return nullptr;
      r->columns.push_back(std::move(*v));
    }
  return in.ok() && r->columns.size() == what_.schema->columns.size() ? r : nullptr;
}

std::vector<std::string> view_state::head() const {
  std::vector<std::string> records;
  auto begin = [&](record_kind kind) {
    records.emplace_back();
    byte_writer out{records.back()};
    out.u8(static_cast<std::uint8_t>(kind));
    return out;
  };
  auto out = begin(record_kind::head);
  out.u8(format_version);
  out.text(what_.state_id);
  out.text(what_.rows_id);
  out.svarint(durable_through);
  out.svarint(trimmed_.time_since_epoch().count());
  out.varint(frontier.size());
  for (auto o : frontier)
    out.varint(o);
  for (const auto& [e, rows] : rows_) {
    out = begin(record_kind::rows);
    out.svarint(e);
    out.varint(rows.size());
    for (const auto& r : rows)
      write_row(out, *r);
  }
  keys_.for_each([&](const key_state& k) {
    if (!k.history)
      return;
    const auto& h = *k.history;
    if (h.sealed.empty() && !h.had && h.models.empty())
      return;
    out = begin(record_kind::key);
    out.text(k.key);
    out.u8(h.had ? 1 : 0);
    out.svarint(h.last_row);
    out.varint(h.sealed.slices().size());
    for (const auto& [s, a] : h.sealed.slices()) {
      std::string state;
      byte_writer w{state};
      a.save(w);
      auto late = h.late.find(s);
      out.svarint(s);
      save(late == h.late.end() ? late_counts{} : late->second, out);
      out.text(state);
    }
    out.varint(h.models.size());
    for (const auto& m : h.models) {
      std::string state;
      byte_writer w{state};
      m->save(w);
      out.text(state);
    }
  });
  begin(record_kind::end);
  return records;
}

status view_state::recover(std::string_view record) {
  byte_reader in{record};
  auto kind = static_cast<record_kind>(in.u8());
  auto of_head = kind == record_kind::rows || kind == record_kind::key || kind == record_kind::end;
  if (kind == record_kind::head) {
    // A head repeats what the records before it have said; only the first in the log is new.
    in_head_ = true;
    skip_head_ = !fresh_;
    if (in.u8() != format_version)
      return error{errc::mismatch, "the view log was written by another version of tidemill"};
    if (in.text() != what_.state_id || in.text() != what_.rows_id)
      return error{errc::mismatch, "the view log belongs to another definition of view " + what_.name};
    if (skip_head_)
      return {};
    fresh_ = false;
    sealed_through = durable_through = in.svarint();
    trimmed_ = event_time{microseconds{in.svarint()}};
    auto partitions = in.varint();
    if (partitions > frontier.size())
      return error{errc::mismatch, "the view log was written with more partitions (" +
                                       std::to_string(partitions) + ") than there are now (" +
                                       std::to_string(frontier.size()) + ")"};
    for (std::size_t p = 0; p < partitions; ++p) // those added since have not been seen by anybody
      frontier[p] = in.varint();
    return in.ok() ? status{} : damaged;
  }
  if (of_head && (!in_head_ || skip_head_)) {
    in_head_ = in_head_ && kind != record_kind::end;
    return {};
  }
  in_head_ = of_head && kind != record_kind::end;
  auto sound = true;
  switch (kind) {
  case record_kind::frontier: {
    auto partitions = in.varint();
    sound = partitions <= frontier.size();
    for (std::size_t p = 0; sound && p < partitions; ++p)
      frontier[p] = std::max(frontier[p], in.varint());
    break;
  }
  case record_kind::sealed:
    sound = recover_sealed(in);
    break;
  case record_kind::rows: {
    auto e = in.svarint();
    for (auto n = in.varint(); n > 0 && sound; --n) {
      auto r = read_row(in, e);
      sound = r != nullptr;
      rows_[e].push_back(std::move(r));
    }
    break;
  }
  case record_kind::key:
    sound = recover_key(in);
    break;
  case record_kind::end:
    break;
  default:
    sound = false;
  }
  return sound && in.ok() && in.at_end() ? status{} : damaged;
}

bool view_state::recover_slice(key_state& k, std::int64_t s, byte_reader& in) {
  late_counts late;
  if (!load(late, in))
    return false;
  byte_reader state{in.text()};
  auto a = accumulator::load(what_.layout, state);
  if (!in.ok() || !a || !state.at_end() || (k.any_sealed() && k.history->sealed.newest() >= s))
    return false;
  auto& h = history(k);
  h.sealed.push(s, std::move(*a));
  if (!late.empty())
    h.late[s] = std::move(late);
  live_.insert(&k);
  return true;
}

bool view_state::recover_sealed(byte_reader& in) {
  auto s = in.svarint();
  if (!in.ok() || (sealed_through != nothing_sealed && s <= sealed_through))
    return false;
  sealed_through = durable_through = s;
  for (auto n = in.varint(); n > 0; --n) {
    auto bytes = in.text();
    if (!in.ok() || !recover_slice(key(bytes), s, in))
      return false;
  }
  std::vector<row_ptr> rows;
  for (auto n = in.varint(); n > 0; --n) {
    auto r = read_row(in, s);
    if (!r)
      return false;
    if (sliding() || !what_.scores.empty()) { // else nothing of the key outlives its window
      auto& k = key(r->key);
      auto learned = *r; // scoring again brings the models where they were
      score(models(k), learned);
      window_done(k, s);
    }
    rows.push_back(std::move(r));
  }
  if (!rows.empty())
    rows_[s] = std::move(rows);
  return true;
}

bool view_state::recover_key(byte_reader& in) {
  auto& k = key(in.text());
  auto& h = history(k);
  h.had = in.u8() != 0;
  h.last_row = in.svarint();
  for (auto n = in.varint(); n > 0; --n) {
    auto s = in.svarint();
    if (!in.ok() || !recover_slice(k, s, in))
      return false;
  }
  if (h.had)
    live_.insert(&k);
  auto trained = in.varint();
  if (trained == 0)
    return in.ok();
  auto& all = models(k);
  if (trained != all.size())
    return false;
  for (auto& m : all) {
    byte_reader state{in.text()};
    if (!in.ok() || !m->load(state) || !state.at_end())
      return false;
  }
  return true;
}

} // namespace tidemill
