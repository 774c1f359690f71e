#include "cli/verify_command.hpp"

#include "actors/verify_tools.hpp"
#include "cli/commands.hpp"
#include "cli/load_pipeline.hpp"

#include <iostream>

namespace tidemill {
namespace {

constexpr int exit_unknown = 2;

constexpr const char* usage = R"(tidemill verify: are the final rows right?

  tidemill verify FILE [--view NAME] [--from TIME] [--to TIME] [--data DIR]
      reads the records of the sources once more, computes the final rows of windows from them
      by the plain way, and prints where the stored rows differ
        --view NAME   one view only
        --from TIME   only windows that begin at this time or later (2026-01-31T00:00:00Z)
        --to TIME     only windows that have ended by then
        --data DIR    where state is kept; default: data/NAME beside the current folder

A pipeline may run on the folder meanwhile; nothing is locked or changed. What can't be compared is said.

Exit codes: 0 all rows compared are equal, 1 some differ, 2 nothing was compared or it couldn't be done,
78 the configuration or the command line is wrong.
)";

struct command_line {
  std::string file;
  verify_settings settings;
};

/// What is wrong; empty: nothing.
std::string parse(const std::vector<std::string>& arguments, command_line& c) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& a = arguments[i];
    const auto takes_value = a == "--data" || a == "--view" || a == "--from" || a == "--to";
    if (takes_value && ++i == arguments.size())
      return a + " needs a value";
    if (a == "--data") {
      c.settings.data = arguments[i];
    } else if (a == "--view") {
      c.settings.view = arguments[i];
    } else if (takes_value) {
      auto at = parse_rfc3339(arguments[i]);
      if (!at)
        return a + ": " + at.error().text();
      (a == "--from" ? c.settings.from : c.settings.to) = to_event_time(*at);
    } else if (a.starts_with('-')) {
      return "unknown option " + a;
    } else if (c.file.empty()) {
      c.file = a;
    } else {
      return "unexpected argument " + a;
    }
  }
  if (c.file.empty())
    return "it needs the file of a pipeline";
  return c.settings.from < c.settings.to ? std::string{} : "--from must lie before --to";
}

} // namespace

int verify_command(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help")) {
    std::cout << usage;
    return 0;
  }
  command_line c;
  if (auto fault = parse(arguments, c); !fault.empty()) {
    std::cerr << "tidemill verify: " << fault << "; see tidemill verify --help\n";
    return exit_config;
  }
  definition written;
  auto made = load_pipeline(c.file, written);
  if (!made)
    return exit_config;
  if (c.settings.data.empty())
    c.settings.data = "data/" + (written.name.empty() ? "tidemill" : written.name);
  verify_listener listener{[](const std::string& line) { std::cout << line << '\n'; },
                           [](const std::string& line) { std::cout << "note: " << line << '\n'; }};
  auto report = verify_rows(made, c.settings, listener);
  if (!report) {
    std::cerr << "tidemill verify: " << report.error().text() << '\n';
    return report.error().code() == errc::out_of_range ? exit_config : exit_unknown;
  }
  std::cout << report->rows << " rows of " << report->windows << " windows compared, " << report->differ
            << " differ";
  if (report->left_out > 0)
    std::cout << "; " << report->left_out << " not compared";
  std::cout << '\n';
  return report->differ > 0 ? exit_failed : report->rows == 0 ? exit_unknown : 0;
}

} // namespace tidemill
