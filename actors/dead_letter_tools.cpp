#include "actors/dead_letter_tools.hpp"

#include "event/value.hpp"
#include "pipeline/cel/expression.hpp"
#include "storage/log/data_layout.hpp"
#include "storage/log/replayed_letters.hpp"
#include "storage/log/segment_reader.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <tuple>

namespace tidemill {
namespace {

value text_or_null(const std::optional<std::string>& text) {
  return text && is_utf8(*text) ? value{*text} : value{};
}
value time_or_null(const std::optional<event_time>& t) {
  return t ? value{to_timestamp(*t)} : value{};
}

struct letter_column {
  const char* name;
  type of;
  value (*get)(const dead_letter&);
};

const auto& columns() {
  static const std::array<letter_column, 12> all{{
      {"stream", kind::string, [](const dead_letter& l) { return value{l.stream}; }},
      {"source", kind::string, [](const dead_letter& l) { return value{l.source}; }},
      {"partition", kind::integer,
       [](const dead_letter& l) { return value{std::int64_t{to_index(l.id.partition)}}; }},
      {"offset", kind::integer,
       [](const dead_letter& l) { return value{static_cast<std::int64_t>(l.id.at)}; }},
      {"step", kind::string, [](const dead_letter& l) { return value{l.step}; }},
      {"code", kind::integer, [](const dead_letter& l) { return value{l.code}; }},
      {"reason", kind::string, [](const dead_letter& l) { return value{l.reason}; }},
      {"raw", {kind::string, true}, [](const dead_letter& l) { return text_or_null(l.value); }},
      {"key", {kind::string, true}, [](const dead_letter& l) { return text_or_null(l.key); }},
      {"written", {kind::timestamp, true}, [](const dead_letter& l) { return time_or_null(l.written); }},
      {"received", {kind::timestamp, true}, [](const dead_letter& l) { return time_or_null(l.received); }},
      {"event_time", {kind::timestamp, true}, [](const dead_letter& l) { return time_or_null(l.event_at); }},
  }};
  return all;
}

result<std::optional<cel::expression>> compile_where(const std::string& text) {
  if (text.empty())
    return std::optional<cel::expression>{};
  cel::environment names;
  names.event = false;
  for (const auto& c : columns())
    names.variables.push_back({c.name, c.of, names.variables.size()});
  std::vector<cel::fault> faults;
  auto made = cel::expression::compile(text, names, faults);
  if (!made) {
    const auto& f = faults.front();
    return error{errc::expression_invalid, "--where, column " + std::to_string(f.column) + ": " + f.text +
                                               (f.hint.empty() ? "" : "; " + f.hint)};
  }
  if (!made->result().is(kind::boolean))
    return error{errc::expression_invalid, "--where must be a bool, this is " + to_string(made->result())};
  return made;
}

bool holds(const cel::expression& where, const dead_letter& l) {
  std::vector<value> cells;
  for (const auto& c : columns())
    cells.push_back(c.get(l));
  auto answer = where.evaluate(cells);
  const auto* yes = answer.get_if<bool>();
  return yes != nullptr && *yes; // an error is no match, as with rows
}

} // namespace

std::vector<std::string> letter_columns() {
  std::vector<std::string> all;
  for (const auto& c : columns())
    all.push_back(std::string{c.name} + ' ' + to_string(c.of));
  return all;
}

result<std::filesystem::path> dead_letter_folder(const std::filesystem::path& data) {
  auto folder = current_state_folder(data) / "dead_letters";
  std::error_code failed;
  if (std::filesystem::is_directory(folder, failed))
    return folder;
  return error{errc::io, std::filesystem::is_directory(data, failed)
                             ? data.string() + " holds no dead letters: is it the data folder of a pipeline?"
                             : "there is no data folder " + data.string() +
                                   "; name the one of the pipeline with --data"};
}

status visit_letters(const std::filesystem::path& folder, const letter_filter& filter,
                     const std::function<status(const dead_letter&, bool)>& visit) {
  TIDEMILL_TRY(auto where, compile_where(filter.where));
  status failed;
  TIDEMILL_CHECK(read_segments(folder, [&](std::uint64_t position, std::string_view bytes) {
    auto stored = decode_letter(bytes);
    if (!stored) {
      failed = error{errc::corrupt,
                     "record " + std::to_string(position) + " in " + folder.string() + " is no dead letter"};
      return false;
    }
    stored->position = position;
    auto l = read_letter(*stored);
    if (!l) {
      failed = l.error();
      return false;
    }
    auto matches = (filter.stream.empty() || l->stream == filter.stream) &&
                   (!filter.code || l->code == *filter.code) &&
                   (!filter.since || (l->at() && *l->at() >= *filter.since)) && (!where || holds(*where, *l));
    failed = visit(*l, matches);
    return failed.has_value();
  }));
  return failed;
}

result<letter_summary> summarize_letters(const std::filesystem::path& data, const letter_filter& filter,
                                         std::size_t newest) {
  TIDEMILL_TRY(auto folder, dead_letter_folder(data));
  TIDEMILL_TRY(auto replayed, replayed_letters::read(folder));
  letter_summary out;
  std::map<std::tuple<std::string, std::string, std::int64_t>, letter_count> counts;
  std::deque<dead_letter> last;
  TIDEMILL_CHECK(visit_letters(folder, filter, [&](const dead_letter& l, bool matches) -> status {
    if (out.stored++ == 0)
      out.dropped = l.position; // positions are dense, from 0 on
    if (!matches)
      return {};
    ++out.letters;
    out.replayed += replayed.contains(l.stream, l.position) ? 1 : 0;
    auto& c = counts[{l.stream, l.step, l.code}];
    c = {l.stream, l.step, l.code, c.letters + 1, l.reason, l.at()};
    if (newest > 0)
      last.push_front(l);
    if (last.size() > newest)
      last.pop_back();
    return {};
  }));
  for (auto& [key, c] : counts)
    out.counts.push_back(std::move(c));
  out.newest.assign(std::make_move_iterator(last.begin()), std::make_move_iterator(last.end()));
  return out;
}

result<std::vector<dead_letter>> find_letters(const std::filesystem::path& data, const std::string& stream,
                                              const std::string& place) {
  TIDEMILL_TRY(auto folder, dead_letter_folder(data));
  std::vector<dead_letter> found;
  letter_filter filter;
  filter.stream = stream;
  TIDEMILL_CHECK(visit_letters(folder, filter, [&](const dead_letter& l, bool matches) -> status {
    if (matches && l.place() == place)
      found.push_back(l);
    return {};
  }));
  return found;
}

} // namespace tidemill
