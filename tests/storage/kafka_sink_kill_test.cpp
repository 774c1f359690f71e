#include "storage/kafka/kafka_event_sink.hpp"
#include "storage/kafka/sink_progress.hpp"
#include "tests/storage/kafka_sink_world.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern char** environ;

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t partitions = 3;
constexpr int fenced_exit = 42, failed_exit = 43;

/// A process that writes events 0, 1, 2 … of each partition from where its sink resumes.
class writer {
public:
  /// `events`: how many of each partition; 0: for ever.
  writer(const std::string& topic, int events, std::chrono::milliseconds sync) {
    std::vector<std::string> words{"/proc/self/exe", "the writer of the kill test", "-o", "/dev/null"};
    std::vector<char*> arguments;
    for (auto& w : words)
      arguments.push_back(w.data());
    arguments.push_back(nullptr);
    std::vector<std::string> extra{"TEST_WRITER_TOPIC=" + topic,
                                   "TEST_WRITER_EVENTS=" + std::to_string(events),
                                   "TEST_WRITER_SYNC=" + std::to_string(sync.count())};
    std::vector<char*> environment;
    for (auto** e = environ; *e != nullptr; ++e)
      environment.push_back(*e);
    for (auto& e : extra)
      environment.push_back(e.data());
    environment.push_back(nullptr);
    REQUIRE(::posix_spawn(&pid_, "/proc/self/exe", nullptr, nullptr, arguments.data(), environment.data()) ==
            0);
  }
  ~writer() {
    if (pid_ > 0) {
      signal(SIGKILL);
      signal(SIGCONT);
      (void)wait();
    }
  }
  void signal(int number) const { ::kill(pid_, number); }
  /// Its exit code; -1 if a signal ended it.
  int wait() {
    int state = 0;
    ::waitpid(pid_, &state, 0);
    pid_ = -1;
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
  }

private:
  pid_t pid_ = -1;
};

/// Runs until `left` events of each partition are written, with a step of random size between two syncs.
int write_events(event_sink& sink, std::uint64_t left, std::chrono::milliseconds sync) {
  auto held = sink.resume();
  if (!held)
    return failed_exit;
  std::mt19937_64 random{static_cast<std::uint64_t>(::getpid())};
  auto again = [](const status& s) { return !s && s.error().code() == errc::unavailable; };
  status done;
  for (auto endless = left == 0; endless || left > 0;) {
    auto n = std::min<std::uint64_t>(1 + random() % 40, endless ? 40 : left);
    for (std::uint32_t p = 0; p < partitions; ++p) {
      auto& upto = (*held)[partition_id{p}];
      outgoing_batch b{partition_id{p}, upto + n, {}, 0};
      for (std::uint64_t i = 0; i < n; ++i)
        b.events.push_back({{b.partition, upto + i, 0}, "{}", {}, std::to_string(random() % 7)});
      upto += n;
      while (again(done = sink.write(b)))
        std::this_thread::sleep_for(20ms);
      if (!done)
        break;
    }
    std::this_thread::sleep_for(sync);
    if (done)
      while (again(done = sink.sync()))
        std::this_thread::sleep_for(20ms);
    if (!done && done.error().code() == errc::fenced)
      return fenced_exit;
    if (!done) {
      std::fprintf(stderr, "writer: %s\n", done.error().text().c_str());
      return failed_exit;
    }
    left -= endless ? 0 : n;
  }
  return 0;
}

/// Every event up to where a new sink would resume is there once, and nothing else.
void check_topic(const std::string& topic) {
  auto held = make_kafka_event_sink(kafka_world::settings(topic))->resume();
  REQUIRE(held.has_value());
  std::map<std::string, int> seen;
  for (const auto& r : kafka_world::read(topic))
    ++seen[r.headers.at("tidemill-id")];
  std::size_t twice = 0, missing = 0, expected = 0;
  for (const auto& [id, n] : seen)
    twice += n > 1 ? 1 : 0;
  for (auto [p, upto] : *held)
    for (offset at = 0; at < upto; ++at, ++expected)
      missing += seen.contains(id_text({p, at, 0}, {{"clicks", 0, partitions}})) ? 0 : 1;
  CHECK(held->size() == partitions);
  CHECK(twice == 0);
  CHECK(missing == 0);
  CHECK(seen.size() == expected);
  CHECK(expected > 100);
}

} // namespace

TEST_CASE("the writer of the kill test", "[.]") {
  const auto* topic = std::getenv("TEST_WRITER_TOPIC");
  REQUIRE(topic != nullptr);
  auto sink = make_kafka_event_sink(kafka_world::settings(topic));
  auto code = write_events(*sink, std::strtoull(std::getenv("TEST_WRITER_EVENTS"), nullptr, 10),
                           std::chrono::milliseconds{std::atoi(std::getenv("TEST_WRITER_SYNC"))});
  std::_Exit(code);
}

TEST_CASE("after kill -9 at random moments the topic holds each event once") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("killed", 3);
  const auto* wanted = std::getenv("TIDEMILL_KILLS");
  auto kills = wanted != nullptr ? std::atoi(wanted) : 20;
  std::mt19937_64 random{29};
  for (int i = 0; i < kills; ++i) {
    writer w{topic, 0, std::chrono::milliseconds{random() % 15}};
    std::this_thread::sleep_for(std::chrono::milliseconds{100 + random() % 700});
    w.signal(SIGKILL);
    REQUIRE(w.wait() == -1);
  }
  CHECK(writer{topic, 500, 1ms}.wait() == 0);
  check_topic(topic);
}

TEST_CASE("a writer that was stopped, replaced and continued adds nothing and says that it is fenced") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("stopped", 3);
  std::mt19937_64 random{31};
  for (int i = 0; i < 5; ++i) {
    writer old{topic, 0, 20ms};
    auto before = kafka_world::read(topic).size();
    for (auto end = std::chrono::steady_clock::now() + 30s;
         kafka_world::read(topic).size() <= before && std::chrono::steady_clock::now() < end;)
      std::this_thread::sleep_for(20ms);
    std::this_thread::sleep_for(std::chrono::milliseconds{random() % 40});
    old.signal(SIGSTOP);
    CHECK(writer{topic, 200, 1ms}.wait() == 0);
    old.signal(SIGCONT);
    CHECK(old.wait() == fenced_exit);
  }
  check_topic(topic);
}
