// The program with one more step, which throws or ends the process: a bug in a step, as the fault harness
// wants it.
#include "cli/commands.hpp"
#include "pipeline/steps/steps.hpp"

#include <algorithm>
#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <stdexcept>

namespace tidemill {
namespace {

/// Throws at every row for which `when` holds, and at any row if there is a file `once`, which it removes.
/// Ends the process at every row for which `ends` holds.
class throwing : public step, public step_plan {
public:
  throwing(cel::expression when, std::optional<cel::expression> ends, std::filesystem::path once)
      : when_(std::move(when)), ends_(std::move(ends)), once_(std::move(once)) {}

  std::unique_ptr<step> instance() const override { return std::make_unique<throwing>(*this); }

  void apply(event_batch& batch, const step_context&, std::vector<cel::row_error>& failures) override {
    std::error_code ignored;
    if (!once_.empty() && !batch.selected.empty() && std::filesystem::remove(once_, ignored))
      throw std::runtime_error{"a bug that shows once"};
    if (holds(when_, batch, failures))
      throw std::runtime_error{"a bug that shows at one record"};
    if (ends_ && holds(*ends_, batch, failures))
      std::raise(SIGKILL);
  }

private:
  static bool holds(cel::expression& what, event_batch& batch, std::vector<cel::row_error>& failures) {
    column out;
    what.evaluate(batch, batch.selected, out, failures);
    const auto& bits = out.as<std::uint8_t>();
    return std::ranges::any_of(batch.selected, [&](auto row) { return !out.is_null(row) && bits[row] != 0; });
  }

  cel::expression when_;
  std::optional<cel::expression> ends_;
  std::filesystem::path once_;
};

std::unique_ptr<step_plan> compile_throwing(const component& c, step_scope& scope,
                                            std::vector<diagnostic>& out) {
  auto when =
      compile_at({c.settings.text("when"), c.settings.where("when")}, scope.environment(), "throw.when", out);
  if (!when)
    return nullptr;
  for (auto slot : when->slots())
    scope.reads(slot);
  std::optional<cel::expression> ends;
  if (c.settings.has("ends")) {
    ends = compile_at({c.settings.text("ends"), c.settings.where("ends")}, scope.environment(), "throw.ends",
                      out);
    if (!ends)
      return nullptr;
    for (auto slot : ends->slots())
      scope.reads(slot);
  }
  return std::make_unique<throwing>(std::move(*when), std::move(ends), c.settings.text("once"));
}

step_entry throwing_step() {
  return {{.name = "throw",
           .summary = "Throws, as a step with a bug would.",
           .example = "throw: {when: 'amount < 0'}",
           .fields = {{.name = "when",
                       .type = field_type::expression,
                       .text = "At which events, whenever they are read.",
                       .required = true},
                      {.name = "ends",
                       .type = field_type::expression,
                       .text = "At which events the process is killed instead."},
                      {.name = "once",
                       .type = field_type::text,
                       .text = "A file; if it is there it is removed, and the step throws."}}},
          compile_throwing};
}

} // namespace
} // namespace tidemill

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    tidemill::add_step(tidemill::throwing_step());
    return tidemill::run_command({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::cerr << "tidemill: " << e.what() << '\n';
    return 1;
  }
}
