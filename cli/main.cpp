#include "cli/commands.hpp"

#include <csignal>
#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  // A closed terminal or a file size limit is an error of a write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return tidemill::run_command({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::cerr << "tidemill: " << e.what() << '\n';
    return 1;
  }
}
