#include "actors/process_metrics.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace tidemill {
namespace {

void add(std::string& out, std::string_view name, std::string_view kind, std::string_view help, double x) {
  char number[40];
  std::snprintf(number, sizeof number, "%.15g", x);
  const auto metric = "process_" + std::string{name};
  out += "# HELP " + metric + ' ' + std::string{help} + "\n# TYPE " + metric + ' ' + std::string{kind} +
         '\n' + metric + ' ' + number + '\n';
}

/// Fields of /proc/self/stat from the third on, which is the first behind the name of the program.
std::vector<std::string> stat_fields() {
  std::ifstream file{"/proc/self/stat"};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  std::vector<std::string> fields;
  auto at = text.rfind(')');
  if (at == std::string::npos)
    return fields;
  for (++at; at < text.size();) {
    at = text.find_first_not_of(" \n", at);
    if (at == std::string::npos)
      break;
    auto end = std::min(text.find_first_of(" \n", at), text.size());
    fields.push_back(text.substr(at, end - at));
    at = end;
  }
  return fields;
}

/// Seconds since 1970 at which the machine started.
std::optional<double> boot_time() {
  std::ifstream file{"/proc/stat"};
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("btime "))
      return std::stod(line.substr(6));
  return std::nullopt;
}

} // namespace

std::string process_metrics() {
  std::string out;
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    add(out, "cpu_seconds_total", "counter", "Processor time, of user and system.",
        seconds(used.ru_utime) + seconds(used.ru_stime));
  }
  // The numbers of proc(5), less the three that the first one here has there.
  constexpr std::size_t threads = 17, start = 19, virtual_bytes = 20, resident_pages = 21;
  if (const auto stat = stat_fields(); stat.size() > resident_pages) {
    add(out, "virtual_memory_bytes", "gauge", "Address space.", std::stod(stat[virtual_bytes]));
    add(out, "resident_memory_bytes", "gauge", "Memory in use.",
        std::stod(stat[resident_pages]) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    add(out, "threads", "gauge", "Threads.", std::stod(stat[threads]));
    if (auto boot = boot_time())
      add(out, "start_time_seconds", "gauge", "When the process started, seconds since 1970.",
          *boot + std::stod(stat[start]) / static_cast<double>(::sysconf(_SC_CLK_TCK)));
  }
  std::error_code failed;
  std::filesystem::directory_iterator files{"/proc/self/fd", failed}, none;
  std::size_t open = 0;
  for (; !failed && files != none; files.increment(failed))
    ++open;
  if (!failed)
    add(out, "open_fds", "gauge", "Open files and sockets.", static_cast<double>(open));
  rlimit most{};
  if (::getrlimit(RLIMIT_NOFILE, &most) == 0 && most.rlim_cur != RLIM_INFINITY)
    add(out, "max_fds", "gauge", "How many may be open.", static_cast<double>(most.rlim_cur));
  return out;
}

} // namespace tidemill
