#include "cli/checkpoint_command.hpp"

#include "actors/checkpoint_tools.hpp"
#include "cli/commands.hpp"
#include "cli/load_pipeline.hpp"

#include <chrono>
#include <filesystem>
#include <iostream>

namespace tidemill {
namespace {

constexpr const char* usage = R"(tidemill checkpoint: what a pipeline has stored, and what a change would cost

  tidemill checkpoint ls FILE [--data DIR]
      all checkpoints: partition, offset, age, bytes, and whose state is in them
  tidemill checkpoint show FILE SOURCE/PARTITION [--data DIR]
      everything about those of one partition
  tidemill checkpoint diff OLD.yaml NEW.yaml
      what a change of the definition keeps, renames, or loses; exit code 1 if something is lost

A pipeline may run on the folder meanwhile; nothing is locked or changed.
)";

struct command_line {
  std::string command;
  std::vector<std::string> words;
  std::filesystem::path data;
};

/// What is wrong; empty: nothing.
std::string parse(const std::vector<std::string>& arguments, command_line& c) {
  if (!arguments.empty())
    c.command = arguments[0];
  if (c.command != "ls" && c.command != "show" && c.command != "diff")
    return c.command.empty() ? "ls, show or diff?" : "unknown command " + c.command;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto& a = arguments[i];
    if (a == "--data" && c.command != "diff") {
      if (++i == arguments.size())
        return "--data needs a folder";
      c.data = arguments[i];
    } else if (a.starts_with('-')) {
      return "unknown option " + a;
    } else {
      c.words.push_back(a);
    }
  }
  auto wanted = c.command == "ls" ? std::size_t{1} : std::size_t{2};
  if (c.words.size() > wanted)
    return "unexpected argument " + c.words[wanted];
  if (c.words.size() == wanted)
    return {};
  return c.command == "diff" ? "diff needs two files of pipelines, the old and the new one"
         : c.words.empty()   ? c.command + " needs the file of a pipeline"
                             : "show needs a partition: clicks/3";
}

int failed(const error& e) {
  std::cerr << "tidemill checkpoint: " << e.text() << '\n';
  return exit_failed;
}

int diff(const command_line& c, const plan& before) {
  definition written;
  auto after = load_pipeline(c.words[1], written);
  if (!after)
    return exit_config;
  auto changes = compare_state(before, *after);
  std::cout << changes.text;
  return changes.loses ? exit_failed : 0;
}

} // namespace

int checkpoint_command(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help")) {
    std::cout << usage;
    return 0;
  }
  command_line c;
  if (auto fault = parse(arguments, c); !fault.empty()) {
    std::cerr << "tidemill checkpoint: " << fault << "; see tidemill checkpoint --help\n";
    return exit_config;
  }
  definition written;
  auto made = load_pipeline(c.words[0], written);
  if (!made)
    return exit_config;
  if (c.command == "diff")
    return diff(c, *made);
  if (c.data.empty())
    c.data = "data/" + (written.name.empty() ? "tidemill" : written.name);
  auto now = std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
  auto text = c.command == "ls" ? list_checkpoints(*made, c.data, now)
                                : show_checkpoints(*made, c.data, c.words[1], now);
  if (!text)
    return failed(text.error());
  std::cout << *text;
  return 0;
}

} // namespace tidemill
