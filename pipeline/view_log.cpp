// How the durable state of a view is written to its log, and read back.
#include "pipeline/row_parts.hpp"
#include "pipeline/view_state.hpp"

namespace tidemill {
namespace {

// Besides those of `view_log_frame`.
constexpr char sealed_kind = 'S', rows_kind = 'R', key_kind = 'K';

} // namespace

void view_state::begin_sealed(byte_writer& out, std::int64_t s) {
  out.u8(static_cast<std::uint8_t>(sealed_kind));
  out.svarint(s);
}

std::shared_ptr<row> view_state::read_sealed(byte_reader& in, std::int64_t e) const {
  auto r = read_row(in, *what_.schema);
  if (r) {
    r->window_end = what_.window.end_of(e);
    r->window_start = what_.window.window_start(e);
    r->state = row_state::sealed;
  }
  return r;
}

std::vector<std::string> view_state::head() const {
  std::vector<std::string> records{frame.head_record()};
  auto begin = [&](char kind) { return byte_writer{records.emplace_back(1, kind)}; };
  for (const auto& [e, rows] : rows_) {
    auto out = begin(rows_kind);
    out.svarint(e);
    out.varint(rows.size());
    for (const auto& r : rows)
      write_row(out, what_.by.size(), *r, cells_);
  }
  for (const auto* k : keys_.all()) {
    if (!k->history)
      continue;
    const auto& h = *k->history;
    if (h.sealed.empty() && !h.had && h.models.empty())
      continue;
    auto out = begin(key_kind);
    out.text(k->key);
    out.u8(h.had ? 1 : 0);
    out.varint(h.sealed.joined());
    out.varint(h.sealed.slices().size());
    for (std::size_t i = 0; i < h.sealed.slices().size(); ++i) {
      const auto s = h.sealed.slices()[i].slice;
      std::string state;
      byte_writer w{state};
      what_.layout->save(h.sealed.state(i), w);
      auto late = h.late.find(s);
      out.svarint(s);
      save(late == h.late.end() ? late_counts{} : late->second, out);
      out.text(state);
    }
    h.models.save(out);
  }
  records.push_back(view_log_frame::end_record());
  return records;
}

status view_state::recover(std::string_view record) {
  TIDEMILL_TRY(auto mine, frame.open(record, "RK"));
  if (!mine) {
    sealed_through = frame.through;
    return {};
  }
  auto& in = mine->body;
  const auto sound = mine->kind == sealed_kind ? recover_sealed(in)
                     : mine->kind == rows_kind ? recover_rows(in)
                                               : mine->kind == key_kind && recover_key(in);
  return sound && in.ok() && in.at_end() ? status{} : damaged_view_log();
}

bool view_state::recover_rows(byte_reader& in) {
  const auto e = in.svarint();
  for (auto n = in.varint(); n > 0; --n) {
    auto r = read_sealed(in, e);
    if (!r)
      return false;
    rows_[e].push_back(std::move(r));
  }
  return true;
}

bool view_state::recover_slice(key_state& k, std::int64_t s, byte_reader& in) {
  late_counts late;
  if (!load(late, in))
    return false;
  byte_reader state{in.text()};
  if (!in.ok() || (k.any_sealed() && k.history->sealed.newest() >= s))
    return false;
  enter_live(k);
  auto& h = history(k);
  if (!late.empty())
    h.late[s] = std::move(late);
  return what_.layout->load(h.sealed.push(s), state) && state.at_end();
}

bool view_state::recover_sealed(byte_reader& in) {
  auto s = in.svarint();
  if (!in.ok() || (sealed_through != nothing_sealed && s <= sealed_through))
    return false;
  sealed_through = frame.through = s;
  for (auto n = in.varint(); n > 0; --n) {
    auto bytes = in.text();
    if (!in.ok() || !recover_slice(keys_.at(bytes), s, in))
      return false;
  }
  std::vector<row_ptr> rows;
  for (auto n = in.varint(); n > 0; --n) {
    auto r = read_sealed(in, s);
    if (!r)
      return false;
    if (sliding() || !what_.scores.empty()) { // else nothing of the key outlives its window
      auto& k = keys_.at(r->key);
      if (!what_.scores.empty()) { // scoring again brings the models where they were
        auto learned = *r;
        learned.columns.resize(learned.columns.size() - what_.scores.size());
        history(k).models.score(what_, learned);
      }
      window_done(k, s);
    }
    rows.push_back(std::move(r));
  }
  if (!rows.empty())
    rows_[s] = std::move(rows);
  return true;
}

bool view_state::recover_key(byte_reader& in) {
  auto& k = keys_.at(in.text());
  auto& h = history(k);
  enter_live(k);
  h.had = in.u8() != 0;
  const auto joined = in.varint();
  for (auto n = in.varint(); n > 0; --n) {
    auto s = in.svarint();
    if (!in.ok() || !recover_slice(k, s, in))
      return false;
  }
  look_at(k); // its models may be of no use any more
  return h.sealed.set_joined(joined) && h.models.load(what_, in);
}

} // namespace tidemill
