#include "actors/replay_targets.hpp"

#include "event/json_parse.hpp"

#include <algorithm>
#include <thread>

namespace tidemill {
namespace {

constexpr std::size_t most_bytes = 256u << 10; // of a request: well below any server's limit
constexpr int most_waits = 10;

/// Whether the answer is about the records.
bool is_about_content(unsigned status) {
  return status == 400 || status == 413 || status == 422;
}

class http_writer : public record_writer {
public:
  explicit http_writer(http_target to) : client_(std::move(to)) {}

  status write(const returning_record& r) override {
    auto number = taken_++;
    std::string line{r.value.value_or("")};
    if (!r.value) {
      refuse(number, "a tombstone has no value that could be posted");
      return {};
    }
    if (line.find_first_of("\r\n") != std::string::npos) {
      // Outside of strings, where JSON has no line breaks, they are blanks.
      if (!parse_json(line)) {
        refuse(number, "it is no JSON, and has a line break inside");
        return {};
      }
      std::ranges::replace(line, '\n', ' ');
      std::ranges::replace(line, '\r', ' ');
    }
    if (line.find_first_not_of(" \t") == std::string::npos) {
      refuse(number, "it is empty");
      return {};
    }
    if (bytes_ + line.size() > most_bytes)
      TIDEMILL_CHECK(post_all());
    bytes_ += line.size() + 1;
    waiting_.push_back({number, std::move(line)});
    return {};
  }

  status flush(std::vector<unwritten_record>& unwritten) override {
    TIDEMILL_CHECK(post_all());
    unwritten.insert(unwritten.end(), unwritten_.begin(), unwritten_.end());
    unwritten_.clear();
    taken_ = 0;
    return {};
  }

private:
  struct waiting {
    std::size_t number;
    std::string line;
  };

  void refuse(std::size_t number, std::string why) {
    unwritten_.push_back({number, {errc::refused, std::move(why)}});
  }

  status post_all() {
    auto all = std::exchange(waiting_, {});
    bytes_ = 0;
    if (all.empty())
      return {};
    std::string body;
    for (const auto& w : all)
      body.append(w.line) += '\n';
    TIDEMILL_TRY(auto why, post(body));
    if (why.empty())
      return {};
    for (const auto& w : all) {
      TIDEMILL_TRY(auto own, all.size() == 1 ? result<std::string>{why} : post(w.line + '\n'));
      if (!own.empty())
        refuse(w.number, own);
    }
    return {};
  }

  /// Why the server refuses the content; empty: it has taken it.
  result<std::string> post(const std::string& body) {
    for (int waits = 0;; ++waits) {
      TIDEMILL_TRY(auto answer, client_.post("application/x-ndjson", body));
      if (answer.status == 202 || answer.status == 200)
        return std::string{};
      auto why = "the server answers " + std::to_string(answer.status) + ": " + detail(answer.body);
      if (is_about_content(answer.status))
        return why;
      if (answer.status != 429 && answer.status != 503)
        return error{errc::refused, why};
      if (waits == most_waits)
        return error{errc::unavailable, why};
      std::this_thread::sleep_for(
          std::min(answer.retry_after.value_or(std::chrono::seconds{1}), std::chrono::seconds{10}));
    }
  }

  static std::string detail(const std::string& body) {
    if (auto problem = parse_json(body))
      if (const auto* all = problem->as_map())
        for (const auto& [name, x] : *all)
          if (const auto* text = x.get_if<std::string>(); text != nullptr && name == value{"detail"})
            return *text;
    return body.substr(0, 200);
  }

  http_client client_;
  std::vector<waiting> waiting_;
  std::size_t bytes_ = 0, taken_ = 0;
  std::vector<unwritten_record> unwritten_;
};

} // namespace

std::unique_ptr<record_writer> make_http_writer(http_target to) {
  return std::make_unique<http_writer>(std::move(to));
}

} // namespace tidemill
