#include "storage/kafka/find_note.hpp"

#include "storage/kafka/kafka_producer.hpp"
#include "storage/kafka/read_back.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {
namespace {

constexpr std::int64_t first_look = 1'000;
constexpr std::int64_t further = 16;

class search {
public:
  search(std::string writer, std::size_t partitions) : prefix_(std::move(writer) + ' '), seen_(partitions) {}

  void visit(const read_back& r) {
    seen_[static_cast<std::size_t>(r.partition)] = true;
    auto text = r.header(progress_header);
    if (!text || !text->starts_with(prefix_))
      return;
    auto note = decode_note({std::string{text->substr(prefix_.size())}});
    damaged_ = damaged_ || !note;
    if (note && *note && (!newest_ || age(*newest_) < age(**note)))
      newest_ = std::move(**note);
  }

  /// The last `look` offsets of each partition that has shown nothing in its last `look / further`.
  [[nodiscard]] std::vector<std::optional<topic_range>> ends(const std::vector<topic_range>& ranges,
                                                             std::int64_t look) const {
    std::vector<std::optional<topic_range>> out(ranges.size());
    for (std::size_t p = 0; p < ranges.size(); ++p) {
      auto [first, next] = ranges[p];
      auto unread = look == first_look ? next : next - look / further;
      if (!seen_[p] && first < unread)
        out[p] = topic_range{std::max(first, next - look), next};
    }
    return out;
  }

  [[nodiscard]] result<std::optional<sink_note>> found(const std::string& topic) && {
    if (damaged_ && !newest_)
      return error{errc::corrupt, "topic " + topic + ": the progress in its last records is damaged"};
    return std::move(newest_);
  }

private:
  static std::pair<std::uint64_t, std::uint64_t> age(const sink_note& n) {
    return {n.generation, n.sequence};
  }

  std::string prefix_;
  std::vector<bool> seen_;
  std::optional<sink_note> newest_;
  bool damaged_ = false;
};

} // namespace

result<std::optional<sink_note>> find_note(kafka_client& client, const kafka_sink_settings& s,
                                           std::size_t partitions) {
  TIDEMILL_TRY(auto ranges, ask_ranges(client, s.topic, partitions, s.patience));
  search all{s.writer_id(), partitions};
  // Aborted records and markers have offsets too: where nothing was seen, look further back.
  for (auto look = first_look;; look *= further) {
    auto unseen = all.ends(ranges, look);
    if (std::none_of(unseen.begin(), unseen.end(), [](const auto& r) { return r.has_value(); }))
      return std::move(all).found(s.topic);
    TIDEMILL_CHECK(read_back_topic(s.client, s.writer_id(), s.topic, unseen, s.patience,
                                   [&](const read_back& r) { all.visit(r); }));
  }
}

} // namespace tidemill
