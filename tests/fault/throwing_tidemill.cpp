// The program with one more step, which throws: a bug in a step, as the fault harness wants it.
#include "cli/commands.hpp"
#include "pipeline/steps/steps.hpp"

#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>

namespace tidemill {
namespace {

/// Throws at every row for which `when` holds, and at any row if there is a file `once`, which it removes.
class throwing : public step, public step_plan {
public:
  throwing(cel::expression when, std::filesystem::path once)
      : when_(std::move(when)), once_(std::move(once)) {}

  std::unique_ptr<step> instance() const override { return std::make_unique<throwing>(*this); }

  void apply(event_batch& batch, const step_context&, std::vector<cel::row_error>& failures) override {
    std::error_code ignored;
    if (!once_.empty() && !batch.selected.empty() && std::filesystem::remove(once_, ignored))
      throw std::runtime_error{"a bug that shows once"};
    column out;
    when_.evaluate(batch, batch.selected, out, failures);
    const auto& bits = out.as<std::uint8_t>();
    for (auto row : batch.selected)
      if (!out.is_null(row) && bits[row] != 0)
        throw std::runtime_error{"a bug that shows at one record"};
  }

private:
  cel::expression when_;
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
  return std::make_unique<throwing>(std::move(*when), c.settings.text("once"));
}

step_entry throwing_step() {
  return {{.name = "throw",
           .summary = "Throws, as a step with a bug would.",
           .example = "throw: {when: 'amount < 0'}",
           .fields = {{.name = "when",
                       .type = field_type::expression,
                       .text = "At which events, whenever they are read.",
                       .required = true},
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
