// What decides the partition of an event: steps that remember keys need all events of a key in one.
#include "pipeline/plan_compiler.hpp"
#include "pipeline/steps/steps.hpp"

#include <algorithm>

namespace tidemill {
namespace {

bool is_pattern(const std::string& path) {
  return path.find_first_of("*?[") != std::string::npos;
}

/// Whether the source has one partition whatever happens.
bool has_one_partition(const component& c, bool divided) {
  if (c.type == "kafka")
    return false;
  if (c.type == "file" && !divided)
    return !is_pattern(c.settings.text("path"));
  return c.settings.integer("partitions", c.type == "generate" ? 4 : 1) == 1;
}

} // namespace

/// The promise of the producer, or what the source does itself: it hashes an expression, which is a function
/// of the fields that it reads.
void plan_compiler::read_partitions(const component& c, source_plan& s, step_scope& scope) {
  auto& parts = scope.partitions;
  parts.origin = s.name;
  parts.fields = s.fields;
  auto path = "sources." + s.name + ".partitioned_by";
  std::vector<std::string> known;
  for (const auto& f : s.fields.fields())
    known.push_back(f.name);
  for (const auto& name : c.settings.texts("partitioned_by")) {
    auto at = s.fields.find(name.text);
    if (!at) {
      fault(name.at, path, "the schema has no field \"" + name.text + "\"", did_you_mean(name.text, known));
      continue;
    }
    if (std::ranges::find(s.promised, *at) == s.promised.end())
      s.promised.push_back(*at);
    s.needed[*at] = true;
  }
  if (!s.promised.empty() && c.settings.has("partition_by"))
    fault(c.settings.where("partitioned_by"), path, "partition_by decides the partition, not the producer",
          "remove partitioned_by");
  if (has_one_partition(c, s.partition_by.has_value()))
    parts.by.emplace();
  else if (s.partition_by)
    parts.by = s.partition_by->slots();
  else if (!s.promised.empty())
    parts.by = s.promised;
  else if (auto user = s.fields.find("user"); c.type == "generate" && user && s.fields[*user].path.empty())
    parts.by.emplace({*user});
}

/// An exchange hashes its key. The fields of its first input come first in its events, so their columns are
/// the same; those of the key of the other side are equal to them.
void plan_compiler::partition_by_key(const source_plan& exchange, step_scope& scope) {
  scope.partitions.origin = exchange.name;
  scope.partitions.fields = exchange.fields;
  if (exchange.exchange->partitions == 1)
    scope.partitions.by.emplace();
  else
    scope.partitions.by = exchange.exchange->inputs.front().key;
}

} // namespace tidemill
