// The program around a fuzz target: runs what is kept of earlier runs, then damaged copies of it. Where the
// program is compiled with -fsanitize-coverage=trace-pc, copies that reach new code are damaged further.

#include "tests/fuzz/fuzz_coverage.hpp"
#include "tests/fuzz/fuzz_mutate.hpp"
#include "tests/fuzz/fuzz_target.hpp"

#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

extern "C" void __sanitizer_set_death_callback(void (*)()) __attribute__((weak));

namespace tidemill::test {
namespace {

volatile std::sig_atomic_t ticks = 0; // seconds that the input takes

constexpr std::size_t max_input = 1 << 14;
constexpr int longest_seconds = 20; // of one input, sanitized and on a busy machine

constexpr const char* usage = R"(usage: fuzz_NAME [options] PATH…
  each PATH is an input, or a folder of inputs; all are run, then damaged copies of them
    --seconds N      for how long; default 0: only the inputs as they are
    --seed N         of the random numbers; default 1
    --keep DIR       inputs that reach new code are written to this folder
    --merge DIR      no damage: of all inputs those that reach something of their own are written to this folder
    --crash FILE     where an input with a finding is written; default: fuzz_input
)";

struct command_line {
  std::vector<std::filesystem::path> paths;
  double seconds = 0;
  std::uint64_t seed = 1;
  std::filesystem::path keep, merge;
  std::string crash = "fuzz_input";
};

/// The input that is being run, for whoever comes to bury it. (Writing each down first would cost more than
/// most runs.)
const std::string* current = nullptr;
std::string current_path;

void bury() {
  if (!current)
    return;
  auto file = ::open(current_path.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
  bool good = file >= 0 && ::write(file, current->data(), current->size()) >= 0;
  for (const char* text :
       {"the input is in ", current_path.c_str(), good ? "\n" : ", which can't be written\n"})
    [[maybe_unused]] auto n = ::write(STDERR_FILENO, text, std::strlen(text));
  current = nullptr;
}

void on_death(int signal) {
  bury();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void on_tick(int) {
  ticks = ticks + 1;
  if (ticks < longest_seconds)
    return;
  constexpr char text[] = "FINDING: an input takes too long\n";
  [[maybe_unused]] auto n = ::write(STDERR_FILENO, text, sizeof text - 1);
  std::abort();
}

/// Runs an input; whether it reached something new.
bool run(const std::string& input) {
  auto block = std::make_unique<char[]>(input.size());
  std::copy(input.begin(), input.end(), block.get());
  ticks = 0;
  current = &input;
  coverage_begin();
  fuzz_one({block.get(), input.size()});
  auto fresh = coverage_end();
  current = nullptr;
  return fresh;
}

void set_signals() {
  // A sanitizer handles bad signals itself, and tells when it is about to end the program.
  if (__sanitizer_set_death_callback)
    __sanitizer_set_death_callback(bury);
  else
    for (auto signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL})
      std::signal(signal, on_death);
  std::signal(SIGABRT, on_death);
  // Of processor time: a busy machine is no finding.
  std::signal(SIGPROF, on_tick);
  itimerval each_second{{1, 0}, {1, 0}};
  ::setitimer(ITIMER_PROF, &each_second, nullptr);
}

std::string content(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// All inputs, the shortest first.
std::vector<std::string> inputs_of(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::string> out;
  for (const auto& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      out.push_back(content(path));
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator{path})
      if (entry.is_regular_file())
        out.push_back(content(entry.path()));
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; });
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/// Under a name made of the content (FNV-1a), so that two runs write it once.
void keep(const std::filesystem::path& folder, const std::string& input) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (auto c : input)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  char name[20];
  std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(hash));
  std::ofstream{folder / name, std::ios::binary} << input;
}

/// How many it ran; those that reach something new are added.
std::uint64_t fuzz(const command_line& c, std::vector<std::string>& inputs) {
  std::uint64_t runs = 0;
  std::mt19937_64 random{c.seed};
  auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>{c.seconds};
  while (std::chrono::steady_clock::now() < until) {
    // Half of the time one of the newest: it reached what others did not.
    auto newest = std::min<std::size_t>(inputs.size(), 32);
    auto pick = [&]() -> const std::string& {
      return inputs[random() % 2 ? random() % inputs.size() : inputs.size() - 1 - random() % newest];
    };
    // The shorter of two: what short ones find is found sooner, and damage rarely makes one shorter.
    const auto &one = pick(), &other = pick();
    auto input = mutate(random, one.size() < other.size() ? one : other, inputs, max_input);
    ++runs;
    if (!run(input))
      continue;
    if (!c.keep.empty())
      keep(c.keep, input);
    inputs.push_back(std::move(input));
  }
  return runs;
}

bool parse(const std::vector<std::string>& arguments, command_line& c) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& a = arguments[i];
    if (!a.starts_with("--")) {
      c.paths.emplace_back(a);
      continue;
    }
    if (++i == arguments.size())
      return false;
    const auto& v = arguments[i];
    if (a == "--seconds")
      c.seconds = std::atof(v.c_str());
    else if (a == "--seed")
      c.seed = std::strtoull(v.c_str(), nullptr, 10);
    else if (a == "--keep")
      c.keep = v;
    else if (a == "--merge")
      c.merge = v;
    else if (a == "--crash")
      c.crash = v;
    else
      return false;
  }
  for (const auto& path : c.paths)
    if (!std::filesystem::exists(path)) {
      std::fprintf(stderr, "%s: there is no such input\n", path.c_str());
      return false;
    }
  return true;
}

int main_of(const std::vector<std::string>& arguments) {
  command_line c;
  if (!parse(arguments, c)) {
    std::fputs(usage, stderr);
    return 2;
  }
  for (const auto& folder : {c.keep, c.merge})
    if (!folder.empty())
      std::filesystem::create_directories(folder);
  current_path = c.crash;
  set_signals();
  auto inputs = inputs_of(c.paths);
  if (inputs.empty())
    inputs.emplace_back();
  std::size_t of_their_own = 0;
  for (const auto& input : inputs)
    if (run(input)) {
      ++of_their_own;
      if (!c.merge.empty())
        keep(c.merge, input);
    }
  const auto kept = inputs.size();
  const auto runs = c.merge.empty() ? fuzz(c, inputs) : 0;
  std::printf("%zu inputs, %zu of them with something of their own; %llu runs, %zu new inputs; %zu places; "
              "no finding\n",
              kept, of_their_own, static_cast<unsigned long long>(runs), inputs.size() - kept,
              coverage_places());
  return 0;
}

} // namespace

void finding(const std::string& text) {
  std::fprintf(stderr, "FINDING: %s\n", text.c_str());
  std::abort();
}

} // namespace tidemill::test

int main(int argc, char** argv) {
  return tidemill::test::main_of({argv + 1, argv + argc});
}
