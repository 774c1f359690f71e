#pragma once

#include "storage/redis/redis_connection.hpp"
#include "storage/redis_url.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace tidemill::test {

/// A Redis of the test's own on a Unix socket, empty at each start.
class redis_server {
public:
  explicit redis_server(std::vector<std::string> more = {}) : more_(std::move(more)) {
    static int count = 0;
    folder_ = std::filesystem::temp_directory_path() /
              ("tidemill_redis_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(folder_);
    start();
  }
  ~redis_server() {
    stop();
    std::filesystem::remove_all(folder_);
  }
  static bool installed() {
    if (::access("/usr/bin/redis-server", X_OK) == 0)
      return true;
    WARN("redis-server is not installed: skipped");
    return false;
  }
  void start() {
    std::vector<std::string> words{"/usr/bin/redis-server",
                                   "--port",
                                   "0",
                                   "--unixsocket",
                                   socket(),
                                   "--save",
                                   "",
                                   "--appendonly",
                                   "no",
                                   "--dir",
                                   folder_.string(),
                                   "--logfile",
                                   (folder_ / "log").string()};
    words.insert(words.end(), more_.begin(), more_.end());
    std::vector<char*> arguments;
    for (auto& w : words)
      arguments.push_back(w.data());
    arguments.push_back(nullptr);
    if (::posix_spawn(&process_, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0)
      FAIL("can't start redis-server");
    for (auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
         std::chrono::steady_clock::now() < until;) {
      // Redis answers with an error before a login: that's enough.
      if (auto c = redis_connection::open(address(), {}); c && c->pipeline({{"PING"}}))
        return;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    FAIL("redis-server doesn't answer");
  }
  void stop() {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
    process_ = 0;
  }
  [[nodiscard]] std::string socket() const { return (folder_ / "s").string(); }
  [[nodiscard]] std::string url() const { return "unix://" + socket(); }
  [[nodiscard]] redis_address address() const {
    redis_address a;
    a.socket = socket();
    return a;
  }
  redis_reply ask(const std::vector<std::string_view>& command) const {
    auto c = redis_connection::open(address(), {});
    if (!c)
      FAIL(c.error().text());
    auto got = c->run(command);
    if (!got)
      FAIL(got.error().text());
    return *got;
  }
  std::map<std::string, std::string> hash(const std::string& key) const {
    std::map<std::string, std::string> out;
    auto all = ask({"HGETALL", key});
    for (std::size_t i = 0; i + 1 < all.items.size(); i += 2)
      out[all.items[i].text] = all.items[i + 1].text;
    return out;
  }
  std::vector<std::string> list(const std::vector<std::string_view>& command) const {
    std::vector<std::string> out;
    for (const auto& item : ask(command).items)
      out.push_back(item.text);
    return out;
  }

private:
  std::filesystem::path folder_;
  std::vector<std::string> more_;
  pid_t process_ = 0;
};

} // namespace tidemill::test
