#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace tidemill::test {

/// Polls until it is so, for at most `most`.
template <class Condition>
bool becomes_true(Condition is_so, std::chrono::milliseconds most = std::chrono::seconds{20}) {
  for (auto end = std::chrono::steady_clock::now() + most; std::chrono::steady_clock::now() < end;) {
    if (is_so())
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return is_so();
}

/// Another process that does what it is told: a letter in, a letter out. Killed and waited for at the end.
class obedient_process {
public:
  /// `prepare` runs once in the new process and returns what to do with each letter.
  explicit obedient_process(const std::function<std::function<char(char)>()>& prepare) {
    if (::pipe(orders_) != 0 || ::pipe(answers_) != 0)
      std::abort();
    pid_ = ::fork();
    if (pid_ != 0) {
      ::close(orders_[0]);
      ::close(answers_[1]);
      return;
    }
    ::close(orders_[1]);
    ::close(answers_[0]);
    auto act = prepare();
    for (char letter; ::read(orders_[0], &letter, 1) == 1;) {
      auto answer = act(letter);
      if (::write(answers_[1], &answer, 1) != 1)
        break;
    }
    ::_exit(0);
  }
  ~obedient_process() {
    kill();
    ::close(orders_[1]);
    ::close(answers_[0]);
  }
  obedient_process(const obedient_process&) = delete;
  obedient_process& operator=(const obedient_process&) = delete;

  void order(char letter) const {
    if (::write(orders_[1], &letter, 1) != 1)
      std::abort();
  }
  /// `!` if it has died, `?` if it takes too long.
  [[nodiscard]] char answer() const {
    pollfd ready{answers_[0], POLLIN, 0};
    if (::poll(&ready, 1, 30'000) != 1)
      return '?';
    char letter = '!';
    return ::read(answers_[0], &letter, 1) == 1 ? letter : '!';
  }
  [[nodiscard]] char ask(char letter) const {
    order(letter);
    return answer();
  }
  /// Returns when it stands still.
  void stop() const {
    ::kill(pid_, SIGSTOP);
    int how;
    ::waitpid(pid_, &how, WUNTRACED);
  }
  void resume() const { ::kill(pid_, SIGCONT); }
  void kill() {
    if (pid_ <= 0)
      return;
    ::kill(pid_, SIGKILL);
    int how;
    ::waitpid(pid_, &how, 0);
    pid_ = 0;
  }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

private:
  int orders_[2], answers_[2];
  pid_t pid_ = 0;
};

} // namespace tidemill::test
