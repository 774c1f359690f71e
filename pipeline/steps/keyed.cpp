#include "pipeline/steps/keyed.hpp"

#include "pipeline/steps/steps.hpp"

#include <algorithm>

namespace tidemill {
namespace {

std::string names_of(const step_scope& scope, std::span<const std::size_t> slots) {
  std::string all;
  for (auto slot : slots) {
    auto at = std::ranges::find(scope.slots, slot);
    auto name = at == scope.slots.end()
                    ? scope.partitions.fields[slot].name
                    : scope.fields[static_cast<std::size_t>(at - scope.slots.begin())].name;
    all += (all.empty() ? "" : ", ") + name;
  }
  return all;
}

/// Events of one key must meet in one partition: then the key decides the partition.
void check_partitions(const component& c, std::span<const std::size_t> key, const step_scope& scope,
                      std::vector<diagnostic>& out) {
  const auto& parts = scope.partitions;
  auto in_key = [&](std::size_t slot) { return std::ranges::find(key, slot) != key.end(); };
  if (parts.by && std::ranges::all_of(*parts.by, in_key))
    return;
  auto key_text = names_of(scope, key);
  auto path = c.type + ".by";
  if (parts.by)
    return out.push_back(fault_at(
        c.settings.where("by"), path,
        '"' + parts.origin + "\" is partitioned by " + names_of(scope, *parts.by) +
            ": events of one key could be in several partitions, and " + c.type + " sees each for itself",
        "put that into `by` as it comes from the source; or repartition: a stream with key_by: [" + key_text +
            "]"));
  out.push_back(
      fault_at(c.settings.where("by"), path,
               '"' + parts.origin +
                   "\" may have several partitions: events of one key could be in more than one, and " +
                   c.type + " sees each for itself",
               "if the producer keeps them together, say so on the source: partitioned_by: [" + key_text +
                   "]; a source of type file or http can do it: partition_by; else a stream with key_by: [" +
                   key_text + "]"));
}

} // namespace

bool can_be_key(const type& t) {
  return !t.is(kind::list) && !t.is(kind::map) && !t.is(kind::dyn) && can_be_field(t);
}

std::optional<std::vector<std::size_t>> read_step_key(const component& c, step_scope& scope,
                                                      std::vector<diagnostic>& out) {
  auto before = out.size();
  std::vector<std::string> known;
  for (const auto& f : scope.fields.fields())
    known.push_back(f.name);
  std::vector<std::size_t> key;
  for (const auto& name : c.settings.texts("by")) {
    auto at = scope.fields.find(name.text);
    if (!at) {
      out.push_back(fault_at(name.at, c.type + ".by", "no field \"" + name.text + "\"",
                             name.text.starts_with("meta.")
                                 ? "make a field of it: `set: {…: '" + name.text + "'}`"
                                 : did_you_mean(name.text, known)));
      continue;
    }
    if (!can_be_key(scope.fields[*at].of))
      out.push_back(fault_at(name.at, c.type + ".by", "a key can't be " + to_string(scope.fields[*at].of)));
    key.push_back(scope.slots[*at]);
    scope.reads(key.back());
  }
  if (key.empty() && out.size() == before)
    out.push_back(fault_at(c.settings.where("by"), c.type + ".by", "by names no field"));
  if (out.size() == before)
    check_partitions(c, key, scope, out);
  if (out.size() != before)
    return std::nullopt;
  return key;
}

hash128 key_of_row(const event_batch& batch, std::span<const std::size_t> slots, std::size_t row,
                   std::string& scratch) {
  scratch.clear();
  for (auto slot : slots)
    append_encoded(scratch, batch.columns[slot], row);
  return hash128_of(scratch);
}

} // namespace tidemill
