#include "cli/commands.hpp"

#include "actors/platform.hpp"
#include "cli/checkpoint_command.hpp"
#include "cli/create_command.hpp"
#include "cli/dlq_command.hpp"
#include "cli/eval_command.hpp"
#include "cli/load_pipeline.hpp"
#include "cli/tap_command.hpp"
#include "cli/test_command.hpp"
#include "cli/verify_command.hpp"
#include "config/suggest.hpp"
#include "storage/time_zone_files.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <memory>
#include <optional>
#include <unistd.h>

namespace tidemill {
namespace {

constexpr const char* usage = R"(tidemill: real-time views over event streams, from one YAML file

  tidemill create NAME [--from generate|file|http|kafka]
      writes a commented pipeline to begin with
  tidemill run FILE [--data DIR] [--exit-at-end] [--accept-loss]
      runs the pipeline until SIGTERM or Ctrl-C
        --data DIR      where state is kept; default: data/NAME beside the current folder
        --exit-at-end   stop with 0 when finite sources are read and every window is sealed
        --accept-loss   go on though stored state belongs to another definition; that state is dropped
  tidemill check FILE
      finds all faults of a pipeline, each with line, column and hint; exit code 78 if there are any
  tidemill plan FILE [--data DIR]
      shows what would run, how large it is, and what state would be restored or lost
  tidemill test FILE…
      runs the tests of pipelines, see tidemill test --help
  tidemill eval 'EXPRESSION' [--event JSON]
      prints value and type of a CEL expression; without one, reads them line by line
  tidemill tap FILE STREAM[/STEPS] …
      shows events between the steps of a running pipeline, see tidemill tap --help
  tidemill dlq list|show|replay FILE …
      shows dead letters and sends them again, see tidemill dlq --help
  tidemill checkpoint ls|show|diff FILE …
      shows what is stored, and what a change of the file would lose, see tidemill checkpoint --help
  tidemill verify FILE …
      computes the final rows anew, by the plain way, and compares, see tidemill verify --help
  tidemill --version | --help

Exit codes: 0 fine, 1 failed while running, 78 the configuration or the command line is wrong.
)";

volatile std::sig_atomic_t asked_to_stop = 0;
void on_signal(int) {
  asked_to_stop = 1;
}

struct command_line {
  std::string command, file;
  run_settings settings;
};

/// Of a command that is misspelt.
std::string meant(std::string_view word) {
  const auto near =
      nearest(word, {"create", "run", "check", "plan", "test", "eval", "tap", "dlq", "checkpoint", "verify"});
  return near.empty() ? "" : " (did you mean " + std::string{near} + "?)";
}

std::optional<command_line> parse(const std::vector<std::string>& arguments, std::string& fault) {
  command_line c;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& a = arguments[i];
    if (a == "--exit-at-end" && c.command == "run") {
      c.settings.exit_at_end = true;
    } else if (a == "--accept-loss" && c.command == "run") {
      c.settings.accept_loss = true;
    } else if (a == "--data" && (c.command == "run" || c.command == "plan")) {
      if (++i == arguments.size())
        fault = "--data needs a folder";
      else
        c.settings.data = arguments[i];
    } else if (a.starts_with('-')) {
      fault = "unknown option " + a;
    } else if (c.command.empty()) {
      c.command = a;
    } else if (c.file.empty()) {
      c.file = a;
    } else {
      fault = "unexpected argument " + a;
    }
    if (!fault.empty())
      return std::nullopt;
  }
  if (c.command != "run" && c.command != "check" && c.command != "plan")
    fault = c.command.empty() ? "no command" : "unknown command " + c.command + meant(c.command);
  else if (c.file.empty())
    fault = c.command + " needs the file of a pipeline";
  return fault.empty() ? std::optional{c} : std::nullopt;
}

/// One line, rewritten on a terminal, else printed every ten seconds.
class progress_line {
public:
  void show(const progress& p, bool last) {
    tell(p.problems);
    auto now = std::chrono::steady_clock::now();
    auto every = terminal_ ? std::chrono::seconds{1} : std::chrono::seconds{10};
    if (!last && now - shown_ < every)
      return;
    auto seconds = std::chrono::duration<double>(now - shown_).count();
    auto rate = shown_ == std::chrono::steady_clock::time_point{} || p.events < events_
                    ? 0.0
                    : static_cast<double>(p.events - events_) / seconds;
    shown_ = now;
    events_ = p.events;
    char text[300];
    std::snprintf(text, sizeof text,
                  "%llu events, %.0f/s, watermark %s, lag %llu, late %llu, dead %llu, future %llu",
                  static_cast<unsigned long long>(p.events), rate,
                  p.watermark == time_min ? "none yet" : format_rfc3339(p.watermark).c_str(),
                  static_cast<unsigned long long>(p.lag), static_cast<unsigned long long>(p.late),
                  static_cast<unsigned long long>(p.dead), static_cast<unsigned long long>(p.future));
    if (terminal_)
      std::cout << '\r' << text << "\x1b[K" << (last ? "\n" : "") << std::flush;
    else
      std::cout << text << '\n' << std::flush;
  }

private:
  /// At once: some are gone a moment later, as a damaged checkpoint that the next one replaces.
  void tell(const std::vector<std::string>& problems) {
    for (const auto& problem : problems)
      if (std::ranges::find(told_, problem) == told_.end())
        std::cerr << (terminal_ ? "\n" : "") << "problem: " << problem << '\n';
    told_ = problems;
  }

  bool terminal_ = ::isatty(STDOUT_FILENO) == 1;
  std::chrono::steady_clock::time_point shown_{};
  std::uint64_t events_ = 0;
  std::vector<std::string> told_;
};

int run(command_line c) {
  definition written;
  auto made = load_pipeline(c.file, written);
  if (!made)
    return exit_config;
  if (c.settings.data.empty())
    c.settings.data = "data/" + (written.name.empty() ? "tidemill" : written.name);
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  for (;;) {
    auto started = platform::start(made, c.settings);
    if (!started) {
      std::cerr << c.file << ": " << started.error().text() << '\n';
      auto code = static_cast<int>(started.error().code());
      return code >= 1000 && code < 2000 ? exit_config : exit_failed;
    }
    if (auto address = (*started)->address(); !address.empty())
      std::cout << "dashboard: " << address << '\n' << std::flush;
    progress_line line;
    while (asked_to_stop == 0 && !(*started)->done()) {
      struct timespec pause {
        0, 20'000'000
      };
      ::nanosleep(&pause, nullptr);
      line.show((*started)->now(), false);
    }
    line.show((*started)->now(), true);
    auto again = asked_to_stop == 0 && (*started)->outgrown();
    auto failure = (*started)->stop();
    if (failure.empty() && again) {
      std::cout << "a source has more partitions now: starting again with them\n" << std::flush;
      continue;
    }
    if (failure.empty())
      return 0;
    std::cerr << c.file << ": " << failure << '\n';
    return exit_failed;
  }
}

} // namespace

int run_command(const std::vector<std::string>& arguments) {
  install_time_zones(std::make_shared<const time_zone_files>());
  if (arguments.size() == 1 && arguments[0] == "help") {
    std::cout << usage;
    return 0;
  }
  if (arguments.size() == 1 && arguments[0] == "--version") {
    std::cout << "tidemill " << TIDEMILL_VERSION << '\n';
    return 0;
  }
  if (!arguments.empty() && arguments[0] == "dlq")
    return dlq_command({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "create")
    return create_command({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "tap")
    return tap_command({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "eval")
    return eval_command({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "test")
    return test_command({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "checkpoint")
    return checkpoint_command({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "verify")
    return verify_command({arguments.begin() + 1, arguments.end()});
  if (std::ranges::any_of(arguments, [](const auto& a) { return a == "--help" || a == "-h"; })) {
    std::cout << usage;
    return 0;
  }
  std::string fault;
  auto c = parse(arguments, fault);
  if (!c) {
    std::cerr << "tidemill: " << fault << "; see tidemill --help\n";
    return exit_config;
  }
  if (c->command == "run")
    return run(*c);
  definition written;
  auto made = load_pipeline(c->file, written);
  if (!made)
    return exit_config;
  if (c->command == "check")
    std::cout << c->file << ": no faults\n";
  else
    std::cout << describe(*made, c->settings.data.empty() ? std::filesystem::path{"data/" + written.name}
                                                          : c->settings.data);
  return 0;
}

} // namespace tidemill
