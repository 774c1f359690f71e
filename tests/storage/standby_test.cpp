#include "storage/log/data_layout.hpp"
#include "tests/storage/standby_world.hpp"

using namespace tidemill;
using namespace tidemill::test;

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
  check_promises(taken->path());
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
  check_promises(taken->path());
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
  check_promises(taken->path());
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
    check_promises(taken->path());
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
