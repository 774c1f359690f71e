#include "pipeline/view_log_pieces.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;

namespace {

std::vector<std::string> joined(const std::vector<std::string_view>& log) {
  record_joiner joiner;
  std::vector<std::string> out;
  for (auto record : log) {
    auto whole = joiner.take(record);
    if (!whole)
      out.push_back("fault: " + whole.error().text());
    else if (*whole)
      out.emplace_back(**whole);
  }
  return out;
}

} // namespace

TEST_CASE("records of any length go into a log in pieces, and come back whole") {
  const std::vector<std::string> records{"B1", "Sabcdefgh", "", "Sabc", "S1234567", "F"};
  for (std::size_t most = 1; most < 12; ++most) {
    std::deque<std::string> cut;
    const auto log = cut_records(records, cut, most);
    for (auto record : log)
      CHECK(record.size() <= most + 1);
    CHECK(joined(log) == records);
  }
  std::deque<std::string> cut;
  CHECK(cut_records(records, cut).size() == records.size());
  CHECK(cut.empty());
}

TEST_CASE("pieces that a crash has left without an end are forgotten") {
  CHECK(joined({"(ab", "+cd", "F1", "(xy", "(12", ")3"}) == std::vector<std::string>{"F1", "123"});
  CHECK_THAT(joined({"F", "+cd"}).at(1), Catch::StartsWith("fault: "));
  CHECK_THAT(joined({"(ab", "F", ")cd"}).at(1), Catch::StartsWith("fault: "));
}
