#include "storage/file/file_event_sink.hpp"

#include "tests/storage/disk_fixture.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace tidemill;
using namespace tidemill::test;

namespace {

using uptos = std::map<partition_id, offset>;

outgoing_batch batch(std::uint32_t p, offset upto, const std::vector<std::string>& lines) {
  outgoing_batch b{.partition = partition_id{p}, .upto = upto, .events = {}};
  for (const auto& line : lines)
    b.events.push_back({{partition_id{p}, upto - 1, static_cast<std::uint32_t>(b.events.size())}, line});
  return b;
}

uptos resumed(file_event_sink& sink) {
  auto found = sink.resume();
  if (!found)
    FAIL(found.error().text());
  return *found;
}

error refusal(const std::filesystem::path& out, std::vector<std::string> columns = {}) {
  return file_event_sink{out, std::move(columns)}.resume().error();
}

} // namespace

TEST_CASE("events are appended as lines, and after a restart the sink knows up to where") {
  temporary_folder folder;
  auto out = folder.path() / "sub" / "out.ndjson";
  {
    file_event_sink sink{out};
    CHECK(resumed(sink).empty());
    REQUIRE(sink.write(batch(0, 10, {R"({"a":1})", R"({"a":2})"})));
    REQUIRE(sink.write(batch(3, 7, {})));
    REQUIRE(sink.sync());
    REQUIRE(sink.sync());
  }
  file_event_sink sink{out};
  CHECK(resumed(sink) == uptos{{partition_id{0}, 10}, {partition_id{3}, 7}});
  REQUIRE(sink.write(batch(0, 11, {R"({"a":3})"})));
  REQUIRE(sink.sync());
  CHECK(slurp(out) == "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
}

TEST_CASE("what was not synced is cut at resume, at whatever byte the crash came") {
  temporary_folder folder;
  auto out = folder.path() / "out";
  {
    file_event_sink sink{out};
    resumed(sink);
    REQUIRE(sink.write(batch(0, 1, {"one"})));
    REQUIRE(sink.sync());
    REQUIRE(sink.write(batch(0, 2, {"two"})));
  }
  auto whole = slurp(out);
  for (auto length = std::string{"one\n"}.size(); length <= whole.size(); ++length) {
    spill(out, whole.substr(0, length));
    file_event_sink sink{out};
    if (resumed(sink) != uptos{{partition_id{0}, 1}} || slurp(out) != "one\n")
      FAIL("not cut to what was synced");
  }
}

TEST_CASE("a crash before the first sync leaves a file that the sink knows as its own") {
  temporary_folder folder;
  auto out = folder.path() / "out";
  {
    file_event_sink sink{out};
    resumed(sink);
    REQUIRE(sink.write(batch(0, 1, {"one"})));
  }
  {
    file_event_sink sink{out};
    CHECK(resumed(sink).empty());
    CHECK(slurp(out).empty());
  }
  std::filesystem::remove(out); // an empty file is no loss
  file_event_sink sink{out};
  CHECK(resumed(sink).empty());
}

TEST_CASE("a file of somebody else is left as it is") {
  temporary_folder folder;
  auto out = folder.path() / "out";
  spill(out, "my diary");
  auto error = refusal(out);
  CHECK(error.code() == errc::refused);
  CHECK(error.text().find("move it away") != std::string::npos);
  CHECK(slurp(out) == "my diary");
  CHECK(refusal(folder.path()).code() == errc::refused);
  spill(out, "");
  file_event_sink sink{out};
  CHECK(resumed(sink).empty());
}

TEST_CASE("the cursor of an earlier version, which knew partitions by number, is read") {
  temporary_folder folder;
  auto out = folder.path() / "out";
  {
    output_file file{out, "events as ndjson"};
    REQUIRE(file.resume());
    REQUIRE(file.append("one\n"));
    REQUIRE(file.commit({"\x02\x00\x05\x03\x80\x01", 6})); // 2 partitions: 0 up to 5, 3 up to 128
  }
  file_event_sink sink{out, {}, {{"clicks", 0, 4, 77}}};
  CHECK(resumed(sink) == uptos{{partition_id{0}, 5}, {partition_id{3}, 128}});
  REQUIRE(sink.write(batch(0, 6, {"two"})));
  REQUIRE(sink.sync());
  file_event_sink moved{folder.path() / "out", {}, {{"new", 0, 1, 5}, {"clicks", 1, 4, 77}}};
  sink = file_event_sink{folder.path() / "other"}; // lets go of the file
  CHECK(resumed(moved) == uptos{{partition_id{1}, 6}, {partition_id{4}, 128}});
}

TEST_CASE("a file that is missing, shorter or changed is an error naming both files") {
  temporary_folder folder;
  auto out = folder.path() / "out";
  {
    file_event_sink sink{out};
    resumed(sink);
    REQUIRE(sink.write(batch(0, 1, {"one", "two", "three"})));
    REQUIRE(sink.sync());
  }
  auto whole = slurp(out);
  auto check = [&] {
    auto error = refusal(out);
    return error.code() == errc::corrupt && error.text().find(out.string() + " ") != std::string::npos &&
           error.text().find(out.string() + ".cursor") != std::string::npos;
  };
  spill(out, "onE\ntwo\nthree\n");
  CHECK(check());
  CHECK(slurp(out) == "onE\ntwo\nthree\n");
  spill(out, "one\n");
  CHECK(refusal(out).code() == errc::corrupt);
  CHECK(check());
  std::filesystem::remove(out);
  CHECK(check());
  spill(out, whole);
  file_event_sink sink{out};
  CHECK(resumed(sink) == uptos{{partition_id{0}, 1}});
}

TEST_CASE("a damaged cursor is found at every byte") {
  temporary_folder folder;
  auto out = folder.path() / "out", cursor = folder.path() / "out.cursor";
  {
    file_event_sink sink{out};
    resumed(sink);
    REQUIRE(sink.write(batch(0, 1, {"one"})));
    REQUIRE(sink.sync());
  }
  auto whole = slurp(cursor);
  for (std::size_t at = 0; at < 2 * whole.size(); ++at) {
    INFO("damage " << at);
    auto bytes = at < whole.size() ? whole : whole.substr(0, at - whole.size());
    if (at < whole.size())
      bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
    spill(cursor, bytes);
    if (refusal(out).code() != errc::corrupt)
      FAIL("damage not found");
  }
  CHECK(slurp(out) == "one\n");
}

TEST_CASE("two sinks can't write one file, nor one go on in another form") {
  temporary_folder folder;
  auto out = folder.path() / "out";
  {
    file_event_sink sink{out};
    resumed(sink);
    CHECK(refusal(out).code() == errc::locked);
  }
  auto error = refusal(out, {"a", "b"});
  CHECK(error.code() == errc::mismatch);
  CHECK(error.text().find("csv of a,b") != std::string::npos);
}

TEST_CASE("CSV takes the declared columns, quotes by RFC 4180 and keeps every digit") {
  temporary_folder folder;
  auto out = folder.path() / "out.csv";
  std::vector<std::string> columns{"id", "a,b", "text", "list"};
  {
    file_event_sink sink{out, columns};
    resumed(sink);
    REQUIRE(sink.write(batch(0, 1, {})));
    REQUIRE(sink.write(batch(
        0, 2,
        {R"({"id": 12345678901234567890.123456789, "a,b": true, "other": {"id": 5}, "text": "say \"hi\"\n\u00e9"})",
         R"({"list": [1, {"x": "y,z"}], "text": "", "a,b": null, "id": " pad"})", R"({})"})));
    REQUIRE(sink.sync());
  }
  file_event_sink sink{out, columns};
  resumed(sink);
  REQUIRE(sink.write(batch(0, 3, {R"( { "\u0069d" : "plain" , "text":[ "]", {"a\"}":1} ] } )"})));
  for (auto bad :
       {"", "{", "[1]", R"({"id": 1)", R"({"id" 1})", R"({"id": })", R"({"id": "1})", R"({"id": [1})",
        R"({"id": 1 "b": 2})", R"({id: 1})", R"({"id": 1} x)", R"({"id": "\q"})", R"({"id": "1\)"}) {
    INFO(bad);
    CHECK(sink.write(batch(0, 4, {bad})).error().code() == errc::event_malformed);
  }
  CHECK(slurp(out) == "id,\"a,b\",text,list\n"
                      "12345678901234567890.123456789,true,\"say \"\"hi\"\"\n\xc3\xa9\",\n"
                      "\" pad\",,\"\",\"[1, {\"\"x\"\": \"\"y,z\"\"}]\"\n"
                      ",,,\n"
                      "plain,,\"[ \"\"]\"\", {\"\"a\\\"\"}\"\":1} ]\",\n");
}

TEST_CASE("on a full disk a write changes nothing, and the same batch goes in later") {
  small_disk disk{64 << 10};
  if (!disk.mounted())
    return;
  auto out = disk.path() / "out", filler = disk.path() / "filler";
  file_event_sink sink{out};
  resumed(sink);
  REQUIRE(sink.write(batch(0, 1, {"one"})));
  REQUIRE(sink.sync());
  spill(filler, std::string(40 << 10, 'x'));
  auto large = batch(0, 2, {std::string(30 << 10, 'y')});
  auto written = sink.write(large);
  REQUIRE_FALSE(written);
  CHECK(written.error().code() == errc::full);
  CHECK(slurp(out) == "one\n");
  std::filesystem::remove(filler);
  REQUIRE(sink.write(large));
  spill(filler, std::string(40 << 10, 'x')); // now the cursor has no room
  auto synced = sink.sync();
  CHECK((!synced && synced.error().code() == errc::full));
  std::filesystem::remove(filler);
  REQUIRE(sink.sync());
  CHECK(slurp(out).size() == 4 + (30 << 10) + 1);
}

TEST_CASE("killed at any moment, the file ends with each event once") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    temporary_folder folder;
    auto out = folder.path() / "out";
    // Offset o of a partition is one event with the text "p/o"; whoever resumes replays from there.
    auto run = [&](offset end, int told) {
      file_event_sink sink{out};
      auto from = sink.resume();
      for (std::uint32_t step = 0; from && step < 2 * end; ++step) {
        auto p = step % 2;
        auto& at = (*from)[partition_id{p}];
        if (at < end) {
          ++at;
          if (!sink.write(batch(p, at, {std::to_string(p) + "/" + std::to_string(at)})))
            return false;
        }
        if (step % 7 == 6 && !sink.sync())
          return false;
        if (told >= 0 && ::write(told, "x", 1) != 1)
          return false;
      }
      return from && sink.sync();
    };
    constexpr offset end = 60;
    for (std::uint64_t crash = 0; crash < 3; ++crash) {
      int ends[2];
      REQUIRE(::pipe(ends) == 0);
      auto child = ::fork();
      if (child == 0)
        ::_exit(run(end, ends[1]) ? 0 : 1);
      ::close(ends[1]);
      char byte;
      for (std::uint64_t i = 0; i < 10 * seed + 3 * crash; ++i)
        REQUIRE(::read(ends[0], &byte, 1) == 1);
      ::kill(child, SIGKILL);
      int how;
      ::waitpid(child, &how, 0);
      ::close(ends[0]);
    }
    REQUIRE(run(end, -1));
    std::istringstream lines{slurp(out)};
    offset seen[2] = {0, 0}, wrong = 0;
    for (std::string line; std::getline(lines, line);) {
      auto p = line[0] == '1';
      wrong += line != std::to_string(p) + "/" + std::to_string(++seen[p]);
    }
    CHECK(wrong == 0);
    CHECK((seen[0] == end && seen[1] == end));
  }
}
