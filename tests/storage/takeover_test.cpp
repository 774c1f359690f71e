#include "storage/log/data_layout.hpp"
#include "storage/log/takeover.hpp"
#include "tests/storage/standby_world.hpp"

#include <atomic>
#include <random>
#include <thread>

using namespace tidemill;
using namespace tidemill::test;

namespace {

ino_t inode(const path& file) {
  struct stat s {};
  return ::stat(file.c_str(), &s) == 0 ? s.st_ino : 0;
}

/// A generation folder with a tree of all kinds of files.
path make_generation(const path& root) {
  auto folder = root / generation_name({7, "00112233aabbccdd"});
  auto tree = tree_path(folder, 3);
  for (auto name : {"checkpoints/log_0", "tables/ads", "journal/log/0", "sources"})
    std::filesystem::create_directories(tree / name);
  spill(tree / "checkpoints/log_0/1.pack", "state");
  spill(tree / "tables/ads/a1", "table");
  spill(tree / "journal/log/0/00000000000000000000.seg", "old");
  spill(tree / "journal/log/0/00000000000000000007.seg", std::string(3'000'000, 'x'));
  spill(tree / "journal/log/0/note", "");
  spill(tree / "sources/log.follow", "42");
  spill(tree / "EPOCH", "1\n");
  spill(tree / "EPOCH.tmp", "2\n");
  std::filesystem::create_symlink("log.follow", tree / "sources/link");
  return folder;
}

} // namespace

TEST_CASE("a renewed tree holds the same, in new files wherever an old holder could still write") {
  temporary_folder folder;
  auto generation = make_generation(folder.path());
  auto before = tree_path(generation, 3), after = tree_path(generation, 8);
  REQUIRE(renew_tree(generation, 8, {}));
  CHECK(*newest_tree(generation) == 8);
  auto wanted = all_files(before);
  wanted.erase("EPOCH.tmp");
  CHECK(all_files(after) == wanted);
  for (const auto& [name, bytes] : wanted) {
    auto once = name.starts_with("checkpoints/") || name.starts_with("tables/") || name.ends_with("0000.seg");
    INFO(name);
    CHECK((inode(before / name) == inode(after / name)) == (once && bytes != "folder"));
  }
  CHECK(std::filesystem::read_symlink(after / "sources/link") == "log.follow");
  REQUIRE(remove_old_trees(generation));
  CHECK(all_files(after) == wanted);
  CHECK_FALSE(std::filesystem::exists(before));
}

TEST_CASE("what is left of an unfinished renewal is no state, and in nobody's way") {
  temporary_folder folder;
  auto generation = make_generation(folder.path());
  std::filesystem::create_directories(generation / "tree.8.tmp" / "views");
  CHECK(*newest_tree(generation) == 3);
  REQUIRE(renew_tree(generation, 8, {}));
  CHECK_FALSE(std::filesystem::exists(tree_path(generation, 8) / "views"));
}

TEST_CASE("a log that is written to while it is taken over is cut behind all that was promised") {
  temporary_folder folder;
  auto source = folder.path() / "tree.0";
  std::filesystem::create_directory(source);
  auto log = segment_log::open(source / "journal", {.segment_bytes = 1u << 30});
  REQUIRE(log);
  std::atomic<std::uint64_t> promised{0};
  std::atomic<bool> enough{false};
  std::thread writer{[&] {
    std::mt19937_64 random{1};
    for (int n = 1; !enough; ++n) {
      (void)(*log)->append(std::string(random() % 5000, static_cast<char>(random())));
      if (n % 10 == 0 && (*log)->sync())
        promised = (*log)->end();
      if (n % 37 == 0)
        (void)(*log)->truncate(promised); // takes back what is promised to nobody, and writes something else
    }
  }};
  std::uint64_t before = 0;
  for (std::uint64_t number = 1; number <= 15; ++number) {
    CHECK(becomes_true([&] { return promised > before; }));
    before = promised;
    auto generation = folder.path() / ("taken" + std::to_string(number));
    std::filesystem::create_directory(generation);
    std::filesystem::create_directory_symlink(source, tree_path(generation, 0));
    REQUIRE(renew_tree(generation, number, {}));
    auto copy = segment_log::open(tree_path(generation, number) / "journal", {});
    REQUIRE(copy);
    CHECK((*copy)->end() >= before);
    CHECK(records(**copy).size() == (*copy)->end());
  }
  enough = true;
  writer.join();
}

TEST_CASE("on a full disk a takeover by force fails as a whole, and works when there is room") {
  small_disk disk{8 << 20};
  if (!disk.mounted())
    return;
  obedient_process active{working(disk.path(), term(200ms))};
  REQUIRE(active.ask('r') == 'y');
  spill(current_state_folder(disk.path()) / "big", std::string(3 << 20, 'x'));
  auto filler = disk.path() / ".filler";
  spill(filler, std::string(4 << 20, 'x'));
  active.stop();
  auto standby = data_candidate::join(disk.path(), now, term(200ms));
  REQUIRE(standby);
  std::string why;
  CHECK(becomes_true([&] {
    auto tried = (*standby)->try_take();
    if (!tried)
      why = tried.error().code() == errc::full ? tried.error().text() : "?";
    return !why.empty();
  }));
  CHECK(why.find("free space") != std::string::npos);
  std::filesystem::remove(filler);
  auto taken = take(**standby);
  check_promises(taken->path());
  CHECK(taken->path().filename() == "tree." + std::to_string(taken->generation()));
  CHECK(std::filesystem::file_size(taken->path() / "big") == 3 << 20);
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
    check_promises(current_state_folder(folder.path()));
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
      check_promises(current_state_folder(folder.path()));
    }
    auto next = data_candidate::join(folder.path(), now, term(200ms));
    REQUIRE(next);
    auto taken = take(**next);
    check_promises(taken->path());
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
    check_promises(taken->path());
    ::close(here[0]);
    ::close(here[1]);
  }
}
