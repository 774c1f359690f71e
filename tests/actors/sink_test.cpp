#include "actors/sinks.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>

using namespace tidemill;

namespace {

struct shown_sink {
  std::shared_ptr<board> status = std::make_shared<board>();
  std::shared_ptr<std::atomic<bool>> stopping = std::make_shared<std::atomic<bool>>(false);
  sink_common common{"sinks.out", status, 0, stopping};

  shown_sink() { status->sinks.push_back(std::make_unique<sink_board>()); }

  /// Fails once with this error; what is shown then.
  std::string shown_while(errc code) {
    std::string shown;
    auto tries = 0;
    auto done = retry(common, [&]() -> tidemill::status {
      shown = status->problems().contains("sinks.out") ? status->problems().at("sinks.out") : "";
      return tries++ == 0 ? tidemill::status{error{code, "the reason"}} : tidemill::status{};
    });
    CHECK(done);
    CHECK(tries == 2);
    return shown;
  }
};

} // namespace

TEST_CASE_METHOD(shown_sink, "a sink waits for what comes back, and says so meanwhile") {
  for (auto code : {errc::unavailable, errc::full, errc::locked}) {
    CHECK(shown_while(code) == "the reason");
    CHECK(status->problems().empty());
  }
}

TEST_CASE_METHOD(shown_sink, "a sink that can't go on fails with the reason") {
  CHECK_THROWS_WITH(retry(common,
                          [] {
                            return tidemill::status{error{errc::mismatch, "of another form"}};
                          }),
                    "sinks.out: of another form");
}

TEST_CASE_METHOD(shown_sink, "a sink that waits gives up when the pipeline stops") {
  *stopping = true;
  CHECK_FALSE(retry(common, [] { return tidemill::status{error{errc::unavailable, "away"}}; }));
}
