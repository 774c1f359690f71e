#include "pipeline/steps/bucket_state.hpp"
#include "pipeline/steps/keyed.hpp"
#include "pipeline/steps/steps.hpp"

namespace tidemill {
namespace {

struct dedup_settings {
  std::vector<std::size_t> by;
  microseconds within{};
  std::size_t max_keys = 0;
  bool pass_when_full = false; ///< else: dead
};

/// Buckets are stretches of event time as long as `within`. What passed of a key lies more than `within`
/// apart, so a bucket has at most one time of it, and whatever may repeat it is in the bucket of its time or
/// beside.
class dedup final : public step {
public:
  explicit dedup(const dedup_settings& s) : s_(s), passed_(s.max_keys) {}

  step_state* state() noexcept override { return &passed_; }

  void apply(event_batch& batch, const step_context& context,
             std::vector<cel::row_error>& failures) override {
    auto passes = [&](std::uint32_t row) {
      auto judged = judge(batch, row, context.watermarks[row]);
      if (judged.code() != errc::none)
        failures.push_back({row, std::move(judged)});
      else if (!duplicate_)
        return true;
      else
        ++passed_.dropped;
      return false;
    };
    std::erase_if(batch.selected, [&](std::uint32_t row) { return !passes(row); });
  }

private:
  [[nodiscard]] std::int64_t bucket_of(event_time t) const noexcept {
    return floor_div(t.time_since_epoch().count(), s_.within.count());
  }

  /// No error: `duplicate_` says the rest.
  error judge(const event_batch& batch, std::uint32_t row, event_time watermark) {
    // Of the oldest event that may still come, what passed `within` before it.
    passed_.table.drop_below(bucket_of(watermark - 2 * s_.within));
    auto at = batch.times[row];
    if (at < watermark - s_.within)
      return {errc::event_late, "its time lies more than " + format_config_duration(s_.within) +
                                    " behind the watermark " + format_rfc3339(watermark) +
                                    ": whether it is a duplicate is not known any more"};
    auto key = key_of_row(batch, s_.by, row, scratch_);
    auto bucket = bucket_of(at);
    duplicate_ = false;
    for (auto b : {bucket, bucket - 1, bucket + 1})
      if (const auto* e = passed_.table.find(b, key)) {
        auto apart = at - event_time{microseconds{e->of}};
        duplicate_ |= apart <= s_.within && -apart <= s_.within;
      }
    if (duplicate_)
      return {};
    if (!passed_.full())
      passed_.table.change(bucket, key, batch.records[row].end) = at.time_since_epoch().count();
    else if (!s_.pass_when_full)
      return {errc::full, "dedup remembers " + std::to_string(s_.max_keys) +
                              " keys already, this one is new: raise max_keys, or shorten within"};
    return {};
  }

  dedup_settings s_;
  bucket_state passed_; // the time of each event that has passed
  bool duplicate_ = false;
  std::string scratch_;
};

class dedup_plan final : public step_plan {
public:
  explicit dedup_plan(dedup_settings s) : s_(std::move(s)) {}
  std::unique_ptr<step> instance() const override { return std::make_unique<dedup>(s_); }
  bool stateful() const noexcept override { return true; }

private:
  dedup_settings s_;
};

std::unique_ptr<step_plan> compile(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  auto by = read_step_key(c, scope, out);
  auto within =
      read_stretch(c, "within", "as long as a duplicate may come after the first: within: 10m", out);
  auto max_keys = read_max_keys(c, out);
  if (!by || !within || !max_keys)
    return nullptr;
  return std::make_unique<dedup_plan>(
      dedup_settings{std::move(*by), *within, *max_keys, c.settings.text("on_full") == "pass"});
}

} // namespace

step_entry dedup_step() {
  return {
      {.name = "dedup",
       .summary =
           "Drops an event whose key has passed at most `within` before it or after it, in event time.",
       .example = "dedup: {by: [user, ts], within: 10m}",
       .fields = {{.name = "by",
                   .type = field_type::texts,
                   .text = "Fields whose values make two events the same.",
                   .required = true,
                   .foreign = {"key", "keys", "fields", "match"}},
                  {.name = "within",
                   .type = field_type::duration,
                   .text = "How far two events of a key may lie apart and still be duplicates. An event this "
                           "far behind the watermark can't be judged: a dead letter, code 2007.",
                   .required = true,
                   .foreign = {"window", "ttl", "expire", "for"}},
                  {.name = "max_keys",
                   .type = field_type::integer,
                   .text = "Keys that a partition remembers, about 50 bytes each.",
                   .fallback = "5000000",
                   .foreign = {"capacity", "cap", "cache_size"}},
                  {.name = "on_full",
                   .type = field_type::choice,
                   .text =
                       "What becomes of an event with a new key when `max_keys` are remembered: `dead`, code "
                       "3005; or `pass`, and later ones like it pass too.",
                   .fallback = "dead",
                   .choices = {"dead", "pass"}}}},
      compile};
}

} // namespace tidemill
