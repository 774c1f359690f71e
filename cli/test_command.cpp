#include "cli/test_command.hpp"

#include "actors/platform.hpp"
#include "actors/test_run.hpp"
#include "cli/commands.hpp"
#include "cli/load_pipeline.hpp"
#include "config/load.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>

namespace tidemill {
namespace {

constexpr const char* usage = R"(tidemill test: runs the tests of pipelines

  tidemill test FILE… [--only TEXT]
      runs the section `tests` of each file, and FILE.tests.yaml beside FILE.yaml; each test twice, the second
      time with a crash of the process after every batch. No broker, no clock, no data folder.
        --only TEXT   only tests whose name holds this

Exit codes: 0 all passed, 1 some failed, 78 a file or the command line is wrong, or --only fits no test.
How to write tests: docs/testing.md
)";

struct totals {
  std::size_t passed = 0, failed = 0;
};

struct command_line {
  std::vector<std::string> files;
  std::string only;
};

std::string parse(const std::vector<std::string>& arguments, command_line& c) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& a = arguments[i];
    if (a == "--only") {
      if (++i == arguments.size())
        return "--only needs a text";
      c.only = arguments[i];
    } else if (a.starts_with('-')) {
      return "unknown option " + a;
    } else {
      c.files.push_back(a);
    }
  }
  return c.files.empty() ? "which files?" : "";
}

/// Tests of a pipeline and where they are written.
struct suite {
  std::string file;
  std::vector<test_case> tests;
};

/// Prints faults; false if one is an error.
bool sound(const std::vector<diagnostic>& all, const std::string& file) {
  for (const auto& d : all)
    std::cerr << to_string(d, file) << '\n';
  return !has_errors(all);
}

std::string tests_file(const std::string& file) {
  auto path = std::filesystem::path{file};
  return (path.parent_path() / (path.stem().string() + ".tests.yaml")).string();
}

/// The pipeline beside which a file of tests lies; empty: it is none.
std::string pipeline_of(std::string_view file) {
  constexpr std::string_view end = ".tests.yaml";
  return file.ends_with(end) ? std::string{file.substr(0, file.size() - end.size())} + ".yaml" : "";
}

void show(const suite& s, const test_case& t, const std::vector<test_fault>& faults, bool crashed) {
  std::cout << "  FAIL  " << t.name.text << (crashed ? ", with crashes" : "") << '\n';
  for (const auto& f : faults) {
    std::string text = f.text;
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 9)
      text.insert(at + 1, "        ");
    std::cout << "        " << s.file << ':' << f.at.line << ':' << f.at.column << ": " << text << '\n';
  }
}

void run_suite(const std::shared_ptr<const plan>& made, const suite& s, const std::string& only,
               totals& sum) {
  for (const auto& t : s.tests) {
    if (t.name.text.find(only) == std::string::npos)
      continue;
    auto crashed = false;
    auto faults = run_test(made, t, crashed);
    if (faults.empty())
      faults = run_test(made, t, crashed = true);
    ++(faults.empty() ? sum.passed : sum.failed);
    if (faults.empty())
      std::cout << "  ok    " << t.name.text << '\n';
    else
      show(s, t, faults, crashed);
  }
}

/// False: the file is wrong.
bool run_file(const std::string& file, const std::string& only, totals& sum) {
  auto read = load_file(file, environment_variable);
  if (!sound(read.diagnostics, file))
    return false;
  std::vector<suite> suites{{file, read.pipeline.tests}};
  std::error_code ignored;
  if (auto beside = tests_file(file); std::filesystem::exists(beside, ignored)) {
    auto more = load_tests_file(beside);
    if (!sound(more.diagnostics, beside))
      return false;
    suites.push_back({beside, more.pipeline.tests});
    read.pipeline.tests.insert(read.pipeline.tests.end(), more.pipeline.tests.begin(),
                               more.pipeline.tests.end());
  }
  std::vector<diagnostic> faults;
  auto made = compile(with_takers(std::move(read.pipeline)), faults);
  if (!sound(faults, file) || !made)
    return false;
  std::cout << file << '\n';
  for (const auto& s : suites)
    run_suite(made, s, only, sum);
  return true;
}

} // namespace

int test_command(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && (arguments[0] == "--help" || arguments[0] == "-h")) {
    std::cout << usage;
    return 0;
  }
  command_line c;
  if (auto fault = parse(arguments, c); !fault.empty()) {
    std::cerr << "tidemill test: " << fault << "; see tidemill test --help\n";
    return exit_config;
  }
  totals sum;
  auto wrong = false;
  for (const auto& file : c.files) {
    const auto of = pipeline_of(file);
    if (of.empty()) {
      wrong |= !run_file(file, c.only, sum);
    } else if (std::ranges::find(c.files, of) == c.files.end()) { // else they are run with it
      std::cerr << file << ": error: these are tests of a pipeline: name its file, " << of << '\n';
      wrong = true;
    }
  }
  std::cout << sum.passed << " passed, " << sum.failed << " failed\n";
  if (!wrong && sum.passed + sum.failed == 0) {
    std::cerr << "tidemill test: "
              << (c.only.empty() ? "there are no tests" : "no test has \"" + c.only + "\" in its name")
              << "; see tidemill test --help\n";
    return c.only.empty() ? 0 : exit_config;
  }
  return wrong ? exit_config : sum.failed > 0 ? exit_failed : 0;
}

} // namespace tidemill
