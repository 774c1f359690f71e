#include "actors/verify_replay.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace tidemill {
namespace {

constexpr std::size_t poll_bytes = 1u << 20;
constexpr std::chrono::milliseconds poll_wait{50};
constexpr std::chrono::seconds patience{30}; ///< with a source that says it has more

/// Whether events depend on others that came long before.
bool has_memory(const source_plan& s) {
  return (s.exchange && s.exchange->join) || std::ranges::any_of(s.streams, [](const stream_plan& stream) {
           return std::ranges::any_of(stream.steps, [](const auto& step) { return step->stateful(); });
         });
}

} // namespace

struct source_replay::lane {
  partition_id id{};
  std::string name; ///< `clicks/3`
  const stored_journal* journal = nullptr;
  std::unique_ptr<partition> state;
  bool silent = false; ///< the source has nothing more
  // Doubts. Of gaps the end is known when the next record has come, see `partition::lost`.
  struct lost_records {
    event_time from;
    std::string why;
  };
  std::vector<lost_records> gaps;
  std::vector<doubtful_stretch> doubts;
  std::map<std::size_t, std::size_t> substituted;    ///< table → its doubt
  std::optional<std::pair<offset, std::size_t>> cut; ///< the journal is whole from this offset on; its doubt
};

source_replay::source_replay(setup s)
    : s_(std::move(s)), source_(s_.all->sources[s_.source]), remembers_(has_memory(source_)) {
  for (std::uint32_t p = 0; p < s_.records->partitions(); ++p) {
    auto& l = *lanes_.emplace_back(std::make_unique<lane>());
    l.id = static_cast<partition_id>(p);
    l.name = source_.name + "/" + std::to_string(p);
    l.journal = &s_.journals[p];
    l.state = std::make_unique<partition>(
        s_.all, s_.source, l.id, s_.records->has_arrival_times(),
        [this, &l](std::size_t t, const std::string& version) { return find_table(l, t, version); });
    l.state->divert(s_.to);
  }
}

source_replay::~source_replay() = default;

/// A version that is gone is replaced by another one; what is computed with that is doubtful.
table_ptr source_replay::find_table(lane& l, std::size_t table, const std::string& version) {
  if (auto before = l.substituted.extract(table))
    l.doubts[before.mapped()].until =
        l.state->watermark() == time_min ? time_min : l.state->watermark() + source_.out_of_order;
  if (auto found = version.empty() ? nullptr : s_.tables->find(table, version))
    return found;
  table_ptr other;
  for (const auto& e : l.journal->entries)
    if (!other && e.kind == journal_entry::what::table && table_of(e, source_.tables) == table)
      other = s_.tables->find(table, e.text);
  const auto& saved = s_.checkpoints[to_index(l.id)];
  if (!other && saved && table < saved->tables.size() && !saved->tables[table].empty())
    other = s_.tables->find(table, saved->tables[table]);
  l.substituted[table] = l.doubts.size();
  l.doubts.push_back(
      {l.state->watermark(), time_max,
       "the version of table " + source_.tables[table] + " that " + l.name + " used then is no longer kept"});
  return other; // null: the partition says that it is gone
}

status source_replay::start(lane& l) {
  auto entries = l.journal->entries;
  if (!l.journal->whole) {
    const auto& saved = s_.checkpoints[to_index(l.id)];
    l.cut = {!entries.empty() ? entries.front().at : saved ? saved->at : 0, l.doubts.size()};
    l.doubts.push_back({time_min, time_max, "the oldest entries of the journal of " + l.name + " are gone"});
    // Which version came first is gone with them.
    std::vector<journal_entry> first;
    for (std::size_t t = 0; t < source_.tables.size(); ++t) {
      auto later = std::ranges::any_of(entries, [&](const journal_entry& e) {
        return e.kind == journal_entry::what::table && table_of(e, source_.tables) == t;
      });
      auto known = !later && saved && t < saved->tables.size() ? saved->tables[t] : std::string{};
      first.push_back({0, journal_entry::what::table, {}, t, known});
    }
    entries.insert(entries.begin(), first.begin(), first.end());
  }
  l.state->start(s_.records->start(l.id));
  l.state->replay(std::move(entries));
  settle(l);
  return s_.records->seek(l.id, l.state->read_position());
}

/// Ends the doubt about what lies before the journal.
void source_replay::settle(lane& l) {
  if (!l.cut || l.state->position() < l.cut->first || l.state->watermark() == time_min)
    return;
  l.doubts[l.cut->second].until = l.state->watermark() + source_.out_of_order;
  l.cut.reset();
}

status source_replay::run(event_time target, const std::function<void()>& step) {
  lane* at_work = nullptr;
  try {
    for (auto& l : lanes_) {
      at_work = l.get();
      TIDEMILL_CHECK(start(*l));
    }
    auto last_news = std::chrono::steady_clock::now();
    for (auto asked = wanted(target); !asked.empty(); asked = wanted(target)) {
      std::vector<polled> out;
      auto read = s_.records->poll(asked, poll_bytes, poll_wait, out);
      auto waited = std::chrono::steady_clock::now() - last_news;
      if (!read && (read.error().code() != errc::unavailable || waited > patience))
        return read;
      if (!out.empty())
        last_news = std::chrono::steady_clock::now();
      else if (read && waited > 4 * poll_wait)
        end_silent(asked, waited > patience);
      for (const auto& what : out) {
        at_work = lane_of(what);
        take(what);
      }
      step();
    }
    for (const auto& l : lanes_)
      if (ended_early_.empty() && l->state->watermark() < target)
        ended_early_ = l->name + " ends at offset " + std::to_string(l->state->position()) +
                       ", before all records that these rows were made of";
    return {};
  } catch (const std::exception& e) { // as a worker would: of a table that is gone, say
    return error{errc::mismatch, (at_work != nullptr ? at_work->name + " at offset " +
                                                           std::to_string(at_work->state->position()) + ": "
                                                     : std::string{}) +
                                     e.what()};
  }
}

source_replay::lane* source_replay::lane_of(const polled& what) const {
  return std::visit(
      [&](const auto& x) -> lane* {
        if constexpr (requires { x->partition; })
          return lanes_.at(to_index(x->partition)).get();
        else if constexpr (requires { x.partition; })
          return lanes_.at(to_index(x.partition)).get();
        else
          return nullptr;
      },
      what);
}

void source_replay::take(const polled& what) {
  std::vector<emission> ignored;
  if (const auto* batch = std::get_if<record_batch_ptr>(&what)) {
    auto& l = *lanes_.at(to_index((*batch)->partition));
    l.state->apply(*batch, ignored);
    settle(l);
  } else if (const auto* gap = std::get_if<polled_gap>(&what)) {
    note_gap(*lanes_.at(to_index(gap->partition)), *gap);
  } else if (const auto* end = std::get_if<polled_end>(&what)) {
    lanes_.at(to_index(end->partition))->silent = true;
  } else if (const auto* halted = std::get_if<polled_halted>(&what)) {
    lanes_.at(to_index(halted->partition))->silent = true;
    if (ended_early_.empty())
      ended_early_ = halted->why;
  }
}

/// Records that were there when the rows were made and aren't now; those that were gone then already are in
/// the journal.
void source_replay::note_gap(lane& l, const polled_gap& gap) {
  auto at = l.state->read_position();
  if (gap.available <= at)
    return;
  auto known = std::ranges::any_of(l.journal->entries, [&](const journal_entry& e) {
    return e.kind == journal_entry::what::gap && e.at <= at && e.number >= gap.available;
  });
  if (!known)
    l.gaps.push_back({l.state->watermark(), "records of " + l.name + " before offset " +
                                                std::to_string(gap.available) +
                                                " are no longer in the source"});
  std::vector<emission> ignored;
  l.state->enter(
      {l.state->entry_offset(journal_entry::what::gap), journal_entry::what::gap, {}, gap.available, {}},
      ignored);
  settle(l);
}

event_time source_replay::watermark() const noexcept {
  auto least = time_max;
  for (const auto& l : lanes_)
    least = std::min(least, l->state->watermark());
  return least;
}

/// Those behind the target, and not far ahead of the slowest. Where one can't reach it, the others needn't.
std::vector<partition_id> source_replay::wanted(event_time target) const {
  for (const auto& l : lanes_)
    if (l->silent)
      target = std::min(target, l->state->watermark());
  auto least = time_max;
  std::vector<const lane*> behind;
  for (const auto& l : lanes_)
    if (!l->silent && l->state->watermark() < target) {
      least = std::min(least, l->state->watermark());
      behind.push_back(l.get());
    }
  std::vector<partition_id> out;
  for (const auto* l : behind)
    if (auto at = l->state->watermark(); at == least || at - source_.max_lead <= least)
      out.push_back(l->id);
  return out;
}

/// Partitions that have brought nothing, and won't.
void source_replay::end_silent(const std::vector<partition_id>& asked, bool all) {
  for (auto p : asked)
    if (all || s_.records->lag(p) == 0)
      lanes_[to_index(p)]->silent = true;
}

const std::string* source_replay::doubt(event_time begin, event_time end) const {
  auto over = [&](event_time from, event_time until) { return end > from && (begin <= until || remembers_); };
  for (const auto& l : lanes_) {
    for (const auto& d : l->doubts)
      if (over(d.from, d.until))
        return &d.why;
    for (const auto& g : l->gaps)
      for (const auto& lost : l->state->lost())
        if (lost.from <= g.from && g.from <= lost.until && over(lost.from, lost.until))
          return &g.why;
  }
  return nullptr;
}

bool source_replay::whole() const noexcept {
  return std::ranges::all_of(lanes_, [](const auto& l) { return l->gaps.empty() && l->doubts.empty(); });
}

} // namespace tidemill
