// cel_conformance FILE.jsonl…: runs the cases of the CEL specification and prints a table.

#include "storage/time_zone_files.hpp"
#include "tests/cel_conformance/conformance_run.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>

namespace tidemill::test {
namespace {

constexpr const char* usage = R"(cel_conformance: runs cases of the CEL specification

  cel_conformance [--skip-absent] PATH…
      each PATH is a file with one case a line (.jsonl), or a folder of such files. Every case is evaluated
      alone, as 1,000 copies in a batch, with a random selection of them, and among rows that fail.
        --skip-absent   if a PATH isn't there, say so and exit with 77

Exit codes: 0 no case failed, 1 some failed, 2 a file is missing or wrong
)";
constexpr int exit_failed = 1, exit_wrong = 2, exit_skipped = 77;

struct tally {
  int passed = 0, failed = 0, skipped = 0;

  void count(const conformance_outcome& o) {
    ++(!o.skip.empty() ? skipped : !o.fault.empty() ? failed : passed);
  }
};

struct report {
  std::vector<std::pair<std::string, tally>> files;
  std::map<std::string, tally> needs;
  std::map<std::string, int> reasons;
  tally all;
  int no_batches = 0;
};

void print(const std::string& name, const tally& t) {
  std::printf("%-28s %8d %8d %8d\n", name.c_str(), t.passed, t.failed, t.skipped);
}

void print(const report& r) {
  std::printf("%-28s %8s %8s %8s\n", "file", "passed", "failed", "skipped");
  for (const auto& [name, t] : r.files)
    print(name, t);
  std::printf("\n%-28s %8s %8s %8s\n", "needs", "passed", "failed", "skipped");
  for (const auto& [name, t] : r.needs)
    print(name, t);
  std::printf("\n");
  for (const auto& [why, n] : r.reasons)
    std::printf("%d skipped: %s\n", n, why.c_str());
  if (r.no_batches)
    std::printf("%d passed alone only: a variable without a value, which a column can't be\n", r.no_batches);
  std::printf("%d passed, %d failed, %d skipped\n", r.all.passed, r.all.failed, r.all.skipped);
}

/// Runs the cases of one file; what is wrong with the file is said on standard error.
bool run_file(const std::filesystem::path& path, report& r) {
  std::ifstream in{path, std::ios::binary};
  auto wrong = [&](const std::string& why) {
    std::cerr << "cel_conformance: " << path.string() << why << '\n';
    return false;
  };
  if (!in)
    return wrong(": can't be read");
  auto& of_file = r.files.emplace_back(path.stem().string(), tally{}).second;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    auto c = parse_conformance_case(line);
    if (!c)
      return wrong(":" + std::to_string(number) + ": " + c.error().text());
    auto outcome = run_conformance_case(*c);
    of_file.count(outcome);
    r.all.count(outcome);
    if (c->needs.empty())
      r.needs["(core)"].count(outcome);
    for (const auto& need : c->needs)
      r.needs[need].count(outcome);
    r.no_batches += outcome.no_batches ? 1 : 0;
    if (!outcome.skip.empty())
      ++r.reasons[outcome.skip];
    if (!outcome.fault.empty())
      std::printf("FAILED %s: %s\n    %s\n", c->id.c_str(), outcome.fault.c_str(), c->expr.c_str());
  }
  return !in.bad() || wrong(": can't be read to its end");
}

/// The files that the arguments name; folders are looked into.
std::vector<std::filesystem::path> files_of(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> out;
  for (const auto& path : paths) {
    std::error_code none;
    if (!std::filesystem::is_directory(path, none)) {
      out.emplace_back(path);
      continue;
    }
    auto first = static_cast<std::ptrdiff_t>(out.size());
    for (const auto& entry : std::filesystem::directory_iterator{path})
      if (entry.path().extension() == ".jsonl")
        out.push_back(entry.path());
    std::sort(out.begin() + first, out.end());
  }
  return out;
}

int main_of(std::vector<std::string> arguments) {
  bool skip_absent = std::erase(arguments, "--skip-absent") > 0;
  if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
    std::cout << usage;
    return 0;
  }
  if (arguments.empty() || arguments.front().starts_with("--")) {
    std::cerr << "cel_conformance: which files?\n" << usage;
    return exit_wrong;
  }
  for (const auto& path : arguments)
    if (!std::filesystem::exists(path)) {
      std::cerr << "cel_conformance: " << path << ": there is no such file\n";
      return skip_absent ? exit_skipped : exit_wrong;
    }
  install_time_zones(std::make_shared<const time_zone_files>());
  report r;
  bool sound = true;
  for (const auto& path : files_of(arguments))
    sound &= run_file(path, r);
  if (r.files.empty()) {
    std::cerr << "cel_conformance: no .jsonl file there\n";
    sound = false;
  }
  print(r);
  return !sound ? exit_wrong : r.all.failed ? exit_failed : 0;
}

} // namespace
} // namespace tidemill::test

int main(int argc, char** argv) {
  return tidemill::test::main_of({argv + 1, argv + argc});
}
