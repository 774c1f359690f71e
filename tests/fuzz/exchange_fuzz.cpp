// Links: tidemill_pipeline
// Records of the log of an exchange, and the events in them: damaged ones are refused; of a whole one the
// ways to read it agree, and what is written again is read as the same.

#include "event/encoded_cells.hpp"
#include "event/exchange_record.hpp"
#include "pipeline/exchange_body.hpp"
#include "tests/fuzz/fuzz_target.hpp"

#include <array>

namespace tidemill::test {
namespace {

const schema& fields() {
  static const schema all{{{"a", kind::string, {}},
                           {"b", type{kind::integer, true}, {}},
                           {"c", kind::real, {}},
                           {"d", type::list_of(kind::string), {}},
                           {"e", type{kind::decimal, true}, {}},
                           {"f", kind::timestamp, {}},
                           {"g", kind::dyn, {}}}};
  return all;
}

event_batch one_row() {
  event_batch batch;
  for (const auto& f : fields().fields()) {
    batch.columns.emplace_back(f.of);
    batch.columns.back().resize(1);
  }
  batch.records.resize(1);
  batch.times.resize(1);
  return batch;
}

void read_body(std::string_view body) {
  (void)body_json(body, fields());
  const std::array<std::size_t, 2> key{1, 0};
  body_key found;
  const auto has_key = key_of_body(body, fields().size(), key, found);
  auto batch = one_row();
  std::vector<std::optional<std::size_t>> all, none(fields().size());
  for (std::size_t i = 0; i < fields().size(); ++i)
    all.emplace_back(i);
  const auto time = time_of_body(body);
  const auto whole = take_body(body, all, batch, 0);
  if (whole && (!time || !has_key || !take_body(body, none, batch, 0)))
    finding("a body is whole, and its parts are not");
  if (!whole)
    return;
  batch.times[0] = *time;
  const std::array<std::size_t, 7> slots{0, 1, 2, 3, 4, 5, 6};
  std::string again;
  append_body(again, batch, 0, slots);
  auto second = one_row();
  if (!take_body(again, all, second, 0))
    finding("what was written is not read");
  std::string twice;
  second.times[0] = *time;
  append_body(twice, second, 0, slots);
  if (again != twice)
    finding("two forms of one body");
}

} // namespace

void fuzz_one(std::string_view input) {
  exchange_event event;
  exchange_frontier frontier;
  std::string again;
  switch (read_record(input, event, frontier)) {
  case exchange_kind::event:
    read_body(event.body);
    append_record(again, event);
    break;
  case exchange_kind::frontier:
    append_record(again, frontier);
    break;
  case exchange_kind::damaged:
    read_body(input);
    return;
  }
  exchange_event same;
  exchange_frontier too;
  if (read_record(again, same, too) == exchange_kind::damaged || same.origin != event.origin ||
      same.body != event.body || too != frontier)
    finding("a record that was written is not read");
}

} // namespace tidemill::test
