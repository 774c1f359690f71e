#include "actors/dead_letter_tools.hpp"
#include "actors/replay_targets.hpp"
#include "pipeline/plan.hpp"
#include "storage/file/line_writer.hpp"
#include "storage/kafka/kafka_options.hpp"
#include "storage/kafka/partition_numbers.hpp"
#include "storage/kafka/record_writer.hpp"
#include "storage/log/replayed_letters.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::size_t most_letters = 1000; // between two notes of what was replayed
constexpr std::size_t most_bytes = 4u << 20;
constexpr std::string_view origin_header = "tidemill-replay";

/// Where one letter goes.
struct destination {
  record_writer* to = nullptr;
  std::int32_t partition = -1;
};

/// The target of a replay: one writer, or one for each topic.
class replay_target {
public:
  replay_target(const plan& all, std::filesystem::path state, const replay_settings& s)
      : all_(all), state_(std::move(state)), s_(s) {}

  status open() {
    if (s_.to == "kafka")
      return {}; // topics are known letter by letter
    if (s_.to.find("://") != std::string::npos) {
      TIDEMILL_TRY(auto url, parse_http_target(s_.to));
      one_ = make_http_writer(std::move(url));
      return {};
    }
    auto is_csv = [](const source_plan& s) { return s.format.name == "csv"; };
    if (s_.dry_run)
      return {}; // makes no file
    TIDEMILL_TRY(one_, make_line_writer(s_.to, std::ranges::any_of(all_.sources, is_csv)));
    return {};
  }

  /// Errors: `refused`: this letter can't go there; others end the replay.
  result<destination> find(const dead_letter& l) {
    if (s_.to != "kafka")
      return destination{one_.get(), -1};
    auto source = std::ranges::find(all_.sources, l.source, &source_plan::name);
    if (source == all_.sources.end() || source->settings.type != "kafka")
      return error{errc::refused, "source " + l.source + " is not of type kafka"};
    if (!l.has_meta && !s_.without_key)
      return error{errc::refused,
                   "it doesn't hold its record's key and headers; --without-key writes it without, "
                   "`keep_meta: true` at the source keeps them from then on"};
    auto numbers = numbers_.find(l.source);
    if (numbers == numbers_.end()) {
      TIDEMILL_TRY(auto read, partition_numbers::open(state_ / "sources" / (l.source + ".partitions")));
      numbers = numbers_.emplace(l.source, std::move(read)).first;
    }
    if (to_index(l.id.partition) >= numbers->second.size())
      return error{errc::refused, "the data folder doesn't know which topic its partition belongs to"};
    const auto& home = numbers->second[l.id.partition];
    if (s_.dry_run)
      return destination{nullptr, home.number};
    auto& writer = topics_[l.source + ' ' + home.topic];
    if (!writer) {
      auto client = kafka_settings_of(source->settings.settings).client;
      client.client_id = "tidemill-dlq";
      TIDEMILL_TRY(writer, make_record_writer(client, home.topic));
    }
    return destination{writer.get(), home.number};
  }

  [[nodiscard]] std::vector<record_writer*> writers() const {
    std::vector<record_writer*> all;
    if (one_)
      all.push_back(one_.get());
    for (const auto& [topic, w] : topics_)
      all.push_back(w.get());
    return all;
  }

private:
  const plan& all_;
  std::filesystem::path state_;
  const replay_settings& s_;
  std::unique_ptr<record_writer> one_;
  std::map<std::string, partition_numbers> numbers_;             // by source
  std::map<std::string, std::unique_ptr<record_writer>> topics_; // by source and topic
};

/// One run over the log.
class replay {
public:
  replay(replay_target target, replayed_letters done, const replay_settings& s)
      : target_(std::move(target)), done_(std::move(done)), s_(s) {}

  status take(const dead_letter& l, bool matches) {
    if (!first_)
      first_ = l.position;
    auto before = previous_.contains(l.stream) ? std::optional{previous_[l.stream]} : std::nullopt;
    previous_[l.stream] = l.position;
    auto known = done_.contains(l.stream, l.position);
    report_.matching += matches ? 1 : 0;
    report_.before += matches && known ? 1 : 0;
    if (known)
      done_.add(l.stream, l.position, before); // runs may join here
    if (!matches || (known && !s_.again))
      return {};
    auto to = target_.find(l);
    if (!to && to.error().code() != errc::refused)
      return to.error();
    if (!to) {
      ++report_.unwritten[to.error().text()];
      return {};
    }
    if (s_.dry_run) {
      ++report_.written;
      return {};
    }
    TIDEMILL_CHECK(write(l, *to));
    waiting_.push_back({l.stream, l.position, before, to->to, taken_[to->to]++});
    bytes_ += l.json.size();
    return waiting_.size() < most_letters && bytes_ < most_bytes ? status{} : confirm();
  }

  status confirm() {
    for (auto* w : target_.writers()) {
      std::vector<unwritten_record> unwritten;
      TIDEMILL_CHECK(w->flush(unwritten));
      for (const auto& u : unwritten) {
        ++report_.unwritten[u.why.text()];
        std::erase_if(waiting_, [&](const waiting& x) { return x.to == w && x.number == u.number; });
      }
    }
    for (const auto& x : waiting_)
      done_.add(x.stream, x.position, x.before);
    report_.written += waiting_.size();
    auto changed = !waiting_.empty();
    waiting_.clear();
    taken_.clear();
    bytes_ = 0;
    if (!changed || s_.dry_run)
      return {};
    done_.forget_below(first_.value_or(0));
    return done_.save();
  }

  [[nodiscard]] replay_report report() && { return std::move(report_); }

private:
  struct waiting {
    std::string stream;
    std::uint64_t position;
    std::optional<std::uint64_t> before;
    record_writer* to;
    std::size_t number;
  };

  status write(const dead_letter& l, const destination& to) {
    returning_record r;
    auto origin = l.place();
    if (l.key)
      r.key = *l.key;
    for (const auto& [name, text] : l.headers)
      if (name != origin_header) // of an earlier replay
        r.headers.emplace_back(name, text ? std::optional<std::string_view>{*text} : std::nullopt);
    r.headers.emplace_back(origin_header, origin);
    if (l.value)
      r.value = *l.value;
    r.partition = to.partition;
    return to.to->write(r);
  }

  replay_target target_;
  replayed_letters done_;
  const replay_settings& s_;
  replay_report report_;
  std::optional<std::uint64_t> first_;            // position of the oldest letter
  std::map<std::string, std::uint64_t> previous_; // by stream: the letter before
  std::vector<waiting> waiting_;                  // taken by their writer, not confirmed
  std::map<record_writer*, std::size_t> taken_;   // since the last confirmation
  std::size_t bytes_ = 0;
};

} // namespace

result<replay_report> replay_letters(const plan& all, const std::filesystem::path& data,
                                     const letter_filter& filter, const replay_settings& settings) {
  TIDEMILL_TRY(auto folder, dead_letter_folder(data));
  replay_target target{all, folder.parent_path(), settings};
  TIDEMILL_CHECK(target.open());
  TIDEMILL_TRY(auto done, settings.dry_run ? replayed_letters::read(folder) : replayed_letters::open(folder));
  replay run{std::move(target), std::move(done), settings};
  TIDEMILL_CHECK(visit_letters(folder, filter, [&](const dead_letter& l, bool matches) {
    return run.take(l, matches && (!filter.stream.empty() || l.stream.ends_with(".dead")));
  }));
  TIDEMILL_CHECK(run.confirm());
  return std::move(run).report();
}

} // namespace tidemill
