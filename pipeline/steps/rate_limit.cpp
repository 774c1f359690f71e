#include "pipeline/steps/bucket_state.hpp"
#include "pipeline/steps/keyed.hpp"
#include "pipeline/steps/steps.hpp"

namespace tidemill {
namespace {

struct limit_settings {
  std::vector<std::size_t> by;
  std::int64_t events = 0;
  microseconds per{};
  std::size_t max_keys = 0;
  bool drop = false; ///< what is over; else: dead
};

/// Buckets are periods of event time; a key has a number in each: of the events that have passed.
class rate_limit final : public step {
public:
  explicit rate_limit(const limit_settings& s) : s_(s), passed_(s.max_keys) {}

  step_state* state() noexcept override { return &passed_; }

  void apply(event_batch& batch, const step_context& context,
             std::vector<cel::row_error>& failures) override {
    std::erase_if(batch.selected, [&](std::uint32_t row) {
      auto judged = judge(batch, row, context.watermarks[row]);
      if (over_ && s_.drop)
        ++passed_.dropped;
      else if (judged.code() != errc::none)
        failures.push_back({row, judged});
      return judged.code() != errc::none;
    });
  }

private:
  [[nodiscard]] std::int64_t period_of(event_time t) const noexcept {
    return floor_div(t.time_since_epoch().count(), s_.per.count());
  }

  /// `over_`: the limit is reached.
  error judge(const event_batch& batch, std::uint32_t row, event_time watermark) {
    over_ = false;
    auto oldest = watermark - s_.per;
    passed_.table.drop_below(period_of(oldest));
    auto at = batch.times[row];
    if (at < oldest)
      return {errc::event_late, "its time lies more than " + format_config_duration(s_.per) +
                                    " behind the watermark " + format_rfc3339(watermark) +
                                    ": how many events its period had is not known any more"};
    auto key = key_of_row(batch, s_.by, row, scratch_);
    auto period = period_of(at);
    const auto* known = passed_.table.find(period, key);
    over_ = known != nullptr && known->of >= s_.events;
    if (over_)
      return {errc::full, "its key has had " + std::to_string(s_.events) + " events in the " +
                              format_config_duration(s_.per) + " from " +
                              format_rfc3339(event_time{s_.per * period})};
    if (known == nullptr && passed_.full())
      return {errc::full, "rate_limit counts " + std::to_string(s_.max_keys) +
                              " keys already, this one is new: raise max_keys, or shorten per"};
    ++passed_.table.change(period, key, batch.records[row].end);
    return {};
  }

  limit_settings s_;
  bucket_state passed_;
  bool over_ = false;
  std::string scratch_;
};

class rate_limit_plan final : public step_plan {
public:
  explicit rate_limit_plan(limit_settings s) : s_(std::move(s)) {}
  std::unique_ptr<step> instance() const override { return std::make_unique<rate_limit>(s_); }
  bool stateful() const noexcept override { return true; }

private:
  limit_settings s_;
};

std::unique_ptr<step_plan> compile(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  auto by = read_step_key(c, scope, out);
  auto events = c.settings.integer("events");
  if (events < 1)
    out.push_back(fault_at(c.settings.where("events"), "rate_limit.events", "events must be at least 1",
                           "to keep none, filter: 'false'"));
  auto per = read_stretch(c, "per", "events: 100 with per: 1m", out);
  auto max_keys = read_max_keys(c, out);
  if (!by || events < 1 || !per || !max_keys)
    return nullptr;
  return std::make_unique<rate_limit_plan>(
      limit_settings{std::move(*by), events, *per, *max_keys, c.settings.text("on_limit") == "drop"});
}

} // namespace

step_entry rate_limit_step() {
  return {
      {.name = "rate_limit",
       .summary = "Lets so many events of a key pass in each period of event time; periods follow each "
                  "other from 1970-01-01T00:00:00Z.",
       .example = "rate_limit: {by: user, events: 100, per: 1m}",
       .fields =
           {{.name = "by",
             .type = field_type::texts,
             .text = "Fields whose values are counted by.",
             .required = true,
             .foreign = {"key", "keys", "key_field", "group_by"}},
            {.name = "events",
             .type = field_type::integer,
             .text = "How many events of a key pass in a period.",
             .required = true,
             .foreign = {"count", "limit", "threshold", "rate"}},
            {.name = "per",
             .type = field_type::duration,
             .text = "How long a period is. An event this far behind the watermark can't be judged: "
                     "a dead letter, code 2007.",
             .required = true,
             .foreign = {"window", "interval", "window_secs", "period"}},
            {.name = "on_limit",
             .type = field_type::choice,
             .text = "What becomes of an event over the limit: `dead`, code 3005; or `drop`, and it is "
                     "only counted.",
             .fallback = "dead",
             .choices = {"dead", "drop"}},
            {.name = "max_keys",
             .type = field_type::integer,
             .text = "Keys that a partition counts, over all periods that are not past, about 50 bytes each. "
                     "An event with one more is a dead letter, code 3005.",
             .fallback = "1000000",
             .foreign = {"capacity", "cap"}}}},
      compile};
}

} // namespace tidemill
