#include "actors/process_metrics.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <map>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

using namespace tidemill;

namespace {

std::map<std::string, double> samples() {
  std::map<std::string, double> out;
  std::istringstream text{process_metrics()};
  for (std::string line; std::getline(text, line);)
    if (!line.starts_with('#')) {
      auto space = line.find(' ');
      REQUIRE(space != std::string::npos);
      out[line.substr(0, space)] = std::stod(line.substr(space));
    }
  return out;
}

} // namespace

TEST_CASE("the process tells its memory, time, threads and files") {
  auto before = samples();
  std::vector<char> memory(64 << 20, 'x');
  int files[2];
  REQUIRE(::pipe(files) == 0);
  auto after = samples();
  ::close(files[0]);
  ::close(files[1]);
  CHECK(memory[memory.size() / 2] == 'x');
  CHECK(after["process_resident_memory_bytes"] >= before["process_resident_memory_bytes"] + (48 << 20));
  CHECK(after["process_virtual_memory_bytes"] > after["process_resident_memory_bytes"]);
  CHECK(after["process_open_fds"] == before["process_open_fds"] + 2);
  CHECK(after["process_max_fds"] >= after["process_open_fds"]);
  CHECK(after["process_cpu_seconds_total"] >= before["process_cpu_seconds_total"]);
  CHECK(after["process_cpu_seconds_total"] > 0);
  CHECK(after["process_threads"] >= 1);
  auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(after["process_start_time_seconds"] > now - 3600);
  CHECK(after["process_start_time_seconds"] < now + 2); // ticks and boot time are coarse
}

TEST_CASE("each metric of the process has help and type before it") {
  std::istringstream text{process_metrics()};
  std::string help, type, sample;
  std::size_t n = 0;
  for (; std::getline(text, help) && std::getline(text, type) && std::getline(text, sample); ++n) {
    auto name = sample.substr(0, sample.find(' '));
    CHECK(help.starts_with("# HELP " + name + ' '));
    CHECK(type.starts_with("# TYPE " + name + ' '));
  }
  CHECK(n == 7);
}
