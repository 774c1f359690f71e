#include "event/bytes.hpp"
#include "event/hash.hpp"
#include "pipeline/steps/steps.hpp"

#include <cmath>
#include <limits>

namespace tidemill {
namespace {

/// What is kept is decided by a hash: a replay keeps the same, and with a key all events of a key go one way.
class sample : public step, public step_plan {
public:
  sample(std::optional<cel::expression> by, double rate)
      : by_(std::move(by)), all_(rate >= 1),
        below_(all_ ? 0 : static_cast<std::uint64_t>(std::ldexp(rate, 64))) {}

  std::unique_ptr<step> instance() const override { return std::make_unique<sample>(*this); }

  void apply(event_batch& batch, const step_context&, std::vector<cel::row_error>& failures) override {
    if (all_)
      return;
    if (by_) {
      auto before = failures.size();
      by_->evaluate(batch, batch.selected, keys_, failures);
      drop_failed(batch.selected, std::span{failures}.subspan(before));
    }
    std::erase_if(batch.selected, [&](std::uint32_t row) { return hash_of(batch, row) >= below_; });
  }

private:
  [[nodiscard]] std::uint64_t hash_of(const event_batch& batch, std::uint32_t row) {
    bytes_.clear();
    byte_writer out{bytes_};
    if (by_) {
      append_encoded(bytes_, keys_, row);
    } else {
      out.fixed(to_index(batch.partition));
      out.fixed(batch.records[row].at);
    }
    return hash64(bytes_, seed);
  }

  static constexpr std::uint64_t seed = 0x73616d706c65; // else what `partition_by` sends here would be biased

  std::optional<cel::expression> by_;
  bool all_;
  std::uint64_t below_;
  column keys_;
  std::string bytes_;
};

std::unique_ptr<step_plan> compile(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  const auto rate = c.settings.number("rate");
  if (!(rate >= 0 && rate <= 1)) {
    out.push_back(
        fault_at(c.settings.where("rate"), "sample.rate", "a rate is between 0 and 1", "0.1 keeps a tenth"));
    return nullptr;
  }
  std::optional<cel::expression> by;
  if (c.settings.has("by")) {
    by = compile_at({c.settings.text("by"), c.settings.where("by")}, scope.environment(), "sample.by", out);
    if (!by)
      return nullptr;
    for (auto slot : by->slots())
      scope.reads(slot);
  }
  return std::make_unique<sample>(std::move(by), rate);
}

} // namespace

step_entry sample_step() {
  return {
      {.name = "sample",
       .summary = "Keeps a share of the events, the same ones whenever they are read.",
       .example = "sample: {rate: 0.1, by: user}",
       .fields = {{.name = "rate",
                   .type = field_type::number,
                   .text = "The share that is kept, from 0 to 1.",
                   .required = true,
                   .foreign = {"ratio", "probability", "percentage"}},
                  {.name = "by",
                   .type = field_type::expression,
                   .text = "A key: its events are kept or dropped together; absent: each event for itself.",
                   .foreign = {"key", "key_field", "group_by"}}}},
      compile};
}

} // namespace tidemill
