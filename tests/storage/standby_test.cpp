#include "storage/disk_file.hpp"
#include "storage/log/data_layout.hpp"
#include "storage/log/data_lock.hpp"
#include "storage/log/ingest_log.hpp"
#include "storage/log/lease.hpp"
#include "storage/log/segment_log.hpp"
#include "tests/storage/disk_fixture.hpp"
#include "tests/storage/process_fixture.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <map>
#include <sys/stat.h>

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;

namespace {

constexpr event_time now{std::chrono::seconds{1'500'000'000}};
using path = std::filesystem::path;

lease_settings term(std::chrono::milliseconds t) {
  return {t, {}};
}

/// As checkpoints are saved: a segment, then a manifest that names it, each written aside and renamed.
status save(const path& key, const std::string& state) {
  TIDEMILL_CHECK(create_folder(key));
  TIDEMILL_CHECK(replace_file(key / (state + ".segment"), state));
  return replace_file(key / "newest.manifest", state);
}

/// A holder with something of each kind open, which goes on however late it is.
class worker {
public:
  worker(const path& root, lease_settings s) {
    auto opened = data_directory::open(root, now, std::move(s));
    if (!opened)
      return;
    data_ = std::move(*opened);
    log_ = *segment_log::open(data_->path() / "journal", {.segment_bytes = 1000, .max_record = 1000});
    ingest_ = *ingest_log::open(data_->path() / "ingest", {.name = "posted"}, "id");
    checkpoints_ = data_->path() / "checkpoints";
    file_ = ::open((data_->path() / "EPOCH").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (log_->append("before") && log_->sync() && save(checkpoints_ / "log_0", "first") &&
        ingest_->append(now, {{partition_id{0}, "posted"}}))
      ready_ = ::pwrite(file_, "1\n", 2, 0) == 2;
    folder_ = ::open((checkpoints_ / "log_0").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }

  char act(char order) {
    switch (order) {
    case 'r':
      return ready_ ? 'y' : 'n';
    case 'a': // appended by a process that sees no error is not promised yet; synced is
      (void)log_->append("late");
      return answer(log_->sync());
    case 'i':
      return answer(ingest_->append(now, {{partition_id{0}, "late"}}));
    case 'o':
      return answer(log_->roll());
    case 'c':
      return answer(save(checkpoints_ / "log_0", "late"));
    case 'n': // a key that it never saved before: needs a new folder
      return answer(save(checkpoints_ / "log_1", "late"));
    case 'e':
      return answer(replace_file(data_->path() / "EPOCH", "2\n"));
    case 's':
      return answer(data_->subfolder("views"));
    case 'd': // system calls that had found their folder or file before it was taken away
      by_descriptor();
      return 'y';
    case 'h':
      return data_->holds() ? 'y' : 'n';
    case 'l':
      return becomes_true([&] { return data_->lost(); }) ? 'y' : 'n';
    case 'v':
      return answer(data_->verify());
    default:
      data_->on_lost([](std::string) { ::_exit(3); });
      return becomes_true([] { return false; }) ? 'y' : 'n';
    }
  }

private:
  template <class T>
  static char answer(const result<T>& r) {
    return r ? 'y' : r.error().code() == errc::fenced ? 'f' : 'x';
  }

  void by_descriptor() const {
    auto made = ::openat(folder_, "late.manifest", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    auto written = ::write(made, "late", 4) + ::pwrite(file_, "9\n", 2, 0);
    (void)(written + ::mkdirat(folder_, "late", 0755) + ::close(made));
  }

  bool ready_ = false;
  std::unique_ptr<data_directory> data_;
  std::unique_ptr<segment_log> log_;
  std::shared_ptr<ingest_log> ingest_;
  path checkpoints_;
  int folder_ = -1, file_ = -1;
};

std::function<std::function<char(char)>()> working(const path& root, lease_settings s) {
  return [root, s] {
    auto w = std::make_shared<worker>(root, s);
    return [w](char order) { return w->act(order); };
  };
}

/// Everything below a folder, by path.
std::map<std::string, std::string> all_files(const path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder})
    files[entry.path().lexically_relative(folder).string()] =
        entry.is_regular_file() ? slurp(entry.path()) : "folder";
  return files;
}

std::vector<std::string> records(const segment_log& log) {
  std::vector<std::string> all;
  REQUIRE(log.read(log.begin(), [&](std::uint64_t, std::string_view r) {
    all.emplace_back(r);
    return true;
  }));
  return all;
}

/// Polls as the platform does; null if that takes longer than a minute.
std::unique_ptr<data_directory> take(data_candidate& c) {
  std::unique_ptr<data_directory> taken;
  becomes_true(
      [&] {
        auto tried = c.try_take();
        REQUIRE(tried);
        taken = std::move(*tried);
        return taken != nullptr;
      },
      60s);
  REQUIRE(taken);
  return taken;
}

/// What a worker promised is there, and nothing that it did too late.
void check_state(const path& state) {
  auto log = segment_log::open(state / "journal", {.segment_bytes = 1000, .max_record = 1000});
  REQUIRE(log);
  CHECK(records(**log) == std::vector<std::string>{"before"});
  CHECK(slurp(state / "checkpoints" / "log_0" / "newest.manifest") == "first");
  CHECK(slurp(state / "checkpoints" / "log_0" / "first.segment") == "first");
  CHECK(slurp(state / "EPOCH") == "1\n");
  auto posted = ingest_log::open(state / "ingest", {.name = "posted"}, "id");
  REQUIRE(posted);
  CHECK((*posted)->end(partition_id{0}) == 1);
}

} // namespace

TEST_CASE("a standby names the holder, and takes over within a second when that is killed") {
  temporary_folder folder;
  obedient_process active{working(folder.path(), term(10s))};
  REQUIRE(active.ask('r') == 'y');
  auto standby = data_candidate::join(folder.path(), now, term(10s));
  REQUIRE(standby);
  auto early = (*standby)->try_take();
  REQUIRE(early);
  CHECK_FALSE(*early);
  CHECK((*standby)->holder().find("process " + std::to_string(active.pid()) + " on host ") == 0);
  auto before = steady_now();
  active.kill();
  auto taken = take(**standby);
  CHECK(steady_now() - before < 1s);
  CHECK(taken->holds());
  CHECK_FALSE(std::filesystem::exists(taken->path().parent_path() / "tree.1"));
  check_state(taken->path());
}

TEST_CASE("a holder that ends well leaves at once") {
  temporary_folder folder;
  auto active = data_directory::open(folder.path(), now, term(60s));
  REQUIRE(active);
  auto standby = data_candidate::join(folder.path(), now, term(60s));
  REQUIRE(standby);
  CHECK_FALSE(*(*standby)->try_take());
  active->reset();
  CHECK(*(*standby)->try_take());
}

TEST_CASE("a hung holder is taken over after its term, writes nothing any more, and is told") {
  temporary_folder folder;
  obedient_process active{working(folder.path(), term(600ms))};
  REQUIRE(active.ask('r') == 'y');
  REQUIRE(active.ask('h') == 'y');
  auto standby = data_candidate::join(folder.path(), now, term(600ms));
  REQUIRE(standby);
  CHECK_FALSE(*(*standby)->try_take());
  active.stop();
  auto before = steady_now();
  auto taken = take(**standby);
  auto took = steady_now() - before;
  CHECK(took >= 590ms);
  CHECK(took < 5s);
  check_state(taken->path());
  auto files = all_files(taken->path());
  active.order('h'); // asked before it can know anything
  active.resume();
  CHECK(active.answer() == 'n');
  CHECK(active.ask('l') == 'y');
  for (auto order : {'a', 'i', 'c', 'n', 'e', 's', 'v'}) {
    INFO(order);
    CHECK(active.ask(order) == 'f');
  }
  CHECK(active.ask('d') == 'y');
  CHECK(all_files(taken->path()) == files);
  CHECK(current_state_folder(folder.path()) == taken->path());
  CHECK(taken->verify());
  check_state(taken->path());
}

TEST_CASE("a resumed holder rolls no segment and appends to none, whatever it does first") {
  for (auto first : {'o', 'a', 'i', 'c', 'd'}) {
    temporary_folder folder;
    obedient_process active{working(folder.path(), term(200ms))};
    REQUIRE(active.ask('r') == 'y');
    auto standby = data_candidate::join(folder.path(), now, term(200ms));
    REQUIRE(standby);
    active.stop();
    auto taken = take(**standby);
    auto files = all_files(taken->path());
    active.order(first);
    active.resume();
    CHECK(active.answer() == (first == 'd' ? 'y' : 'f'));
    CHECK(all_files(taken->path()) == files);
    check_state(taken->path());
  }
}

TEST_CASE("a resumed process ends by itself when another one has taken over") {
  temporary_folder folder;
  obedient_process active{working(folder.path(), term(200ms))};
  REQUIRE(active.ask('r') == 'y');
  auto standby = data_candidate::join(folder.path(), now, term(200ms));
  REQUIRE(standby);
  active.order('x');
  active.stop();
  auto taken = take(**standby);
  active.resume();
  CHECK(active.answer() == '!');
}

TEST_CASE("a holder that was only paused stays the holder") {
  temporary_folder folder;
  obedient_process active{working(folder.path(), term(200ms))};
  REQUIRE(active.ask('r') == 'y');
  active.stop();
  std::this_thread::sleep_for(400ms);
  active.resume();
  CHECK(becomes_true([&] { return active.ask('h') == 'y'; }));
  CHECK(active.ask('a') == 'y');
}

TEST_CASE("a holder that beats is never taken over") {
  temporary_folder folder;
  auto active = data_directory::open(folder.path(), now, term(1s));
  REQUIRE(active);
  auto standby = data_candidate::join(folder.path(), now, term(1s));
  REQUIRE(standby);
  auto end = steady_now() + 3s;
  while (steady_now() < end) {
    CHECK_FALSE(*(*standby)->try_take());
    CHECK((*active)->holds());
    std::this_thread::sleep_for(20ms);
  }
}

TEST_CASE("a pause of the standby is no silence of the holder") {
  temporary_folder folder;
  obedient_process active{working(folder.path(), term(200ms))};
  REQUIRE(active.ask('r') == 'y');
  auto standby = data_candidate::join(folder.path(), now, term(200ms));
  REQUIRE(standby);
  active.stop();
  CHECK_FALSE(*(*standby)->try_take());
  CHECK_FALSE(*(*standby)->try_take());
  std::this_thread::sleep_for(400ms);
  CHECK_FALSE(*(*standby)->try_take());
  take(**standby);
}

TEST_CASE("where files can't be locked, silence decides alone") {
  temporary_folder folder;
  generation_id holder;
  {
    auto opened = data_directory::open(folder.path(), now);
    REQUIRE(opened);
    holder = **newest_generation(folder.path());
  }
  for (auto now_in : {lease_note::phase::holding, lease_note::phase::taking}) {
    auto lease = lease_path(folder.path(), holder.holder);
    lease_note note{"process 1 on host far", "another boot", false, 300ms, now_in, 7};
    spill(lease, encode_lease(note));
    auto standby = data_candidate::join(folder.path(), now, term(10s));
    REQUIRE(standby);
    auto begin = steady_now();
    CHECK_FALSE(*(*standby)->try_take());
    CHECK((*standby)->holder() == "process 1 on host far");
    ++note.beat;
    std::this_thread::sleep_for(200ms);
    spill(lease, encode_lease(note));
    auto taken = take(**standby);
    CHECK(steady_now() - begin >= 500ms);
    CHECK(taken->path().filename() == "tree." + std::to_string(taken->generation())); // renewed
    taken.reset();
    holder = **newest_generation(folder.path());
  }
}

TEST_CASE("of several candidates exactly one gets it, each time") {
  temporary_folder folder;
  auto candidate = [&] {
    auto c = std::shared_ptr<data_candidate>{*data_candidate::join(folder.path(), now, term(20s))};
    auto held = std::make_shared<std::unique_ptr<data_directory>>();
    return [c, held](char order) {
      for (auto tries = 0; order == 't' && !*held && tries < 20; ++tries) {
        auto tried = c->try_take();
        if (!tried)
          return 'x';
        *held = std::move(*tried);
      }
      if (*held && !(*held)->verify())
        return 'f';
      return *held ? 'w' : 'l';
    };
  };
  for (int round = 0; round < 50; ++round) {
    obedient_process a{candidate}, b{candidate}, c{candidate};
    for (auto* p : {&a, &b, &c})
      p->order('t');
    std::string answers;
    for (auto* p : {&a, &b, &c})
      answers += p->answer();
    for (auto* p : {&a, &b, &c}) // and it stays so
      answers += p->ask('?');
    std::sort(answers.begin(), answers.end());
    CHECK(answers == "llllww");
  }
}

TEST_CASE("of several candidates exactly one takes over a hung holder") {
  for (int round = 0; round < 10; ++round) {
    temporary_folder folder;
    obedient_process active{working(folder.path(), term(200ms))};
    REQUIRE(active.ask('r') == 'y');
    active.stop();
    auto candidate = [&] {
      auto c = std::shared_ptr<data_candidate>{*data_candidate::join(folder.path(), now, term(20s))};
      auto held = std::make_shared<std::unique_ptr<data_directory>>();
      return [c, held](char order) {
        auto tried =
            order == 't' && !*held ? c->try_take() : result<std::unique_ptr<data_directory>>{nullptr};
        if (!tried)
          return 'x';
        if (*tried)
          *held = std::move(*tried);
        return !*held ? 'l' : (*held)->verify() ? 'w' : 'f';
      };
    };
    obedient_process a{candidate}, b{candidate};
    std::string answers;
    CHECK(becomes_true([&] {
      a.order('t');
      b.order('t');
      answers = {a.answer(), b.answer()};
      return answers.find('w') != std::string::npos;
    }));
    answers = {a.ask('t'), b.ask('t')};
    std::sort(answers.begin(), answers.end());
    CHECK(answers == "lw");
    check_state(current_state_folder(folder.path()));
  }
}

TEST_CASE("a process that dies at any step of a takeover leaves a folder that the next one takes") {
  for (auto hung : {false, true}) {
    temporary_folder folder;
    obedient_process active{working(folder.path(), term(200ms))};
    REQUIRE(active.ask('r') == 'y');
    if (hung)
      active.stop();
    else
      active.kill();
    auto survived = false;
    for (int fatal = 0; !survived; ++fatal) {
      REQUIRE(fatal < 200);
      auto dying = [&] {
        auto steps = std::make_shared<int>(0);
        lease_settings s{200ms, [steps, fatal](std::string_view) {
                           if ((*steps)++ == fatal)
                             ::_exit(1);
                         }};
        auto c = std::shared_ptr<data_candidate>{*data_candidate::join(folder.path(), now, s)};
        return [c](char) { return becomes_true([&] { return *c->try_take() != nullptr; }) ? 'y' : 'n'; };
      };
      obedient_process second{dying};
      auto answer = second.ask('t');
      survived = answer == 'y';
      CHECK((survived || answer == '!'));
      check_state(current_state_folder(folder.path()));
    }
    auto next = data_candidate::join(folder.path(), now, term(200ms));
    REQUIRE(next);
    auto taken = take(**next);
    check_state(taken->path());
    auto files = all_files(taken->path());
    if (hung) {
      active.order('d');
      active.resume();
      CHECK(active.answer() == 'y');
      CHECK(active.ask('a') == 'f');
      CHECK(all_files(taken->path()) == files);
    }
    // Nothing is left of all who died.
    active.kill();
    taken.reset();
    taken = take(**next);
    CHECK(lease_holders(folder.path())->size() == 1);
    CHECK(std::distance(std::filesystem::directory_iterator{taken->path().parent_path()}, {}) == 1);
  }
}

TEST_CASE("a standby that hangs in the middle of a takeover is taken over itself") {
  for (std::string stuck : {"claimed", "show the renewed tree", "begin"}) {
    temporary_folder folder;
    obedient_process active{working(folder.path(), term(200ms))};
    REQUIRE(active.ask('r') == 'y');
    active.stop();
    int here[2];
    REQUIRE(::pipe(here) == 0);
    obedient_process second{[&] {
      lease_settings s{200ms, [stuck, there = here[1]](std::string_view step) {
                         if (step == stuck && ::write(there, "x", 1) == 1)
                           ::raise(SIGSTOP);
                       }};
      auto c = std::shared_ptr<data_candidate>{*data_candidate::join(folder.path(), now, s)};
      return [c](char) {
        for (;;) {
          auto tried = c->try_take();
          if (!tried)
            return 'x';
          if (*tried)
            return 'w';
          if (c->holder().find("process " + std::to_string(::getppid()) + " ") == 0)
            return 's'; // it is a standby again, of the third
          std::this_thread::sleep_for(5ms);
        }
      };
    }};
    second.order('t');
    char told;
    REQUIRE(::read(here[0], &told, 1) == 1);
    auto third = data_candidate::join(folder.path(), now, term(200ms));
    REQUIRE(third);
    auto taken = take(**third);
    auto files = all_files(taken->path());
    second.resume();
    CHECK(second.answer() == 's');
    CHECK(all_files(taken->path()) == files);
    check_state(taken->path());
    ::close(here[0]);
    ::close(here[1]);
  }
}
