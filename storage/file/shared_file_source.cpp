#include "storage/file/finite_source.hpp"
#include "storage/file/record_reader.hpp"

#include <algorithm>
#include <optional>

namespace tidemill {
namespace {

constexpr int reads_behind = 6; // per poll, for the partitions furthest behind …
constexpr int reads_ahead = 2;  // … and for those ahead of them: less, so that the two meet

class shared_file_source final : public record_source {
public:
  shared_file_source(file_source_settings settings, std::vector<input_file> files)
      : settings_(std::move(settings)), timer_(settings_.clock), files_(std::move(files)),
        reader_(settings_.format), parts_(settings_.partitions) {
    identity_ = "file " + settings_.path + " files=" + std::to_string(files_.size()) +
                " partitions=" + std::to_string(parts_.size()) + " by=" + settings_.partition_text +
                " content=" + content_text(files_, settings_, true);
  }

  std::uint32_t partitions() const noexcept override { return static_cast<std::uint32_t>(parts_.size()); }
  std::string identity() const override { return identity_; }
  bool has_arrival_times() const noexcept override { return false; }
  offset start(partition_id) override { return 0; }

  status seek(partition_id p, offset at) override {
    if (at > end())
      return error{errc::out_of_range, "offset " + std::to_string(at) + " lies behind the end of " +
                                           settings_.path + " (" + std::to_string(end()) + " bytes)"};
    if (at != end())
      TIDEMILL_CHECK(check_boundary(files_[file_at(at)], at - files_[file_at(at)].base));
    auto& part = parts_[to_index(p)];
    part.position = at;
    part.ended = false;
    return {};
  }

  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, std::chrono::milliseconds wait,
              std::vector<polled>& out) override {
    for (auto& part : parts_)
      part.wanted = false;
    auto busy = false;
    for (auto p : wanted) {
      auto& part = parts_[to_index(p)];
      part.wanted = !part.ended;
      busy = busy || part.wanted;
    }
    if (!busy) {
      timer_.wait(wait);
      return {};
    }
    offset reached = 0;
    if (auto from = furthest_behind(0)) {
      TIDEMILL_TRY(reached, serve(*from, reads_behind, max_bytes, out));
      // Those with a full batch have had their share of this poll.
      for (auto& part : parts_)
        part.wanted = part.wanted && part.position > reached;
      if (auto ahead = furthest_behind(reached + 1))
        TIDEMILL_CHECK(serve(*ahead, reads_ahead, max_bytes, out));
    }
    tell_ends(wanted, out);
    return {};
  }
  void wake() noexcept override { timer_.wake(); }

  std::uint64_t lag(partition_id p) const override { return end() - parts_[to_index(p)].position; }

private:
  /// A record of the batch in the making: its bytes lie at `from` in the partition's own text.
  struct kept {
    std::size_t from, size;
    offset at, end;
  };
  struct lane {
    offset position = 0; // all its records before are delivered
    bool ended = false;  // and told so
    bool wanted = false; // in this poll
    std::vector<kept> records;
    std::string text;
    std::size_t delivered = 0; // bytes, in this run
  };

  [[nodiscard]] offset end() const { return files_.back().end(); }

  /// The file that holds the byte at `at`, which is before the end. Empty files hold none.
  [[nodiscard]] std::size_t file_at(offset at) const {
    auto after = std::upper_bound(files_.begin(), files_.end(), at,
                                  [](offset o, const input_file& f) { return o < f.end(); });
    return static_cast<std::size_t>(after - files_.begin());
  }

  [[nodiscard]] std::optional<offset> furthest_behind(offset from) const {
    std::optional<offset> lowest;
    for (const auto& part : parts_)
      if (part.wanted && part.position >= from && part.position < end())
        lowest = std::min(lowest.value_or(part.position), part.position);
    return lowest;
  }

  /// Reads on from `from` for every wanted partition that is there or meets the reader on its way. Returns
  /// how far it came: up to a record that found its partition's batch full, at the latest.
  result<offset> serve(offset from, int reads, std::size_t max_bytes, std::vector<polled>& out) {
    max_bytes = std::max<std::size_t>(max_bytes, 1);
    for (auto& part : parts_) {
      part.delivered = 0;
      part.records.clear();
      part.text.clear();
    }
    auto position = from;
    auto full = false;
    while (reads > 0 && position < end() && !full) {
      const auto& input = files_[file_at(position)];
      TIDEMILL_TRY(auto file, input.open());
      TIDEMILL_CHECK(take_header(input, file));
      if (position == input.base)
        position += header_bytes_;
      for (; reads > 0 && position < input.end() && !full; --reads) {
        record_reader::range range{
            .file = file, .base = input.base, .from = position - input.base, .size = input.facts.size};
        TIDEMILL_TRY(auto piece, reader_.read(range, 256 * 1024));
        position = input.base + piece.next;
        for (const auto& r : piece.records) {
          TIDEMILL_TRY(auto fits, hand_out(r, max_bytes));
          if (fits)
            continue;
          position = r.at;
          full = true;
          break;
        }
      }
      finish_batches(from, position, out);
    }
    return position;
  }

  /// False: the batch of its partition is full, nothing was done.
  result<bool> hand_out(const record& r, std::size_t max_bytes) {
    auto p = to_index(settings_.partition_by(r, header_));
    if (p >= parts_.size())
      return error{errc::bug, "partition " + std::to_string(p) + " of " + std::to_string(parts_.size())};
    auto& part = parts_[p];
    if (!part.wanted || r.at < part.position)
      return true;
    if (part.delivered >= max_bytes)
      return false;
    // Copied: a batch of a few records must not keep a whole chunk of other partitions' records alive.
    part.records.push_back({part.text.size(), r.bytes.size(), r.at, r.end});
    part.text += r.bytes;
    part.delivered += std::max<std::size_t>(r.bytes.size(), 1);
    return true;
  }

  void finish_batches(offset from, offset position, std::vector<polled>& out) {
    for (std::uint32_t p = 0; p < parts_.size(); ++p) {
      auto& part = parts_[p];
      if (!part.wanted || part.position < from || part.position >= position)
        continue;
      auto batch = std::make_shared<record_batch>();
      batch->partition = partition_id{p};
      batch->begin = std::exchange(part.position, position);
      batch->end = position;
      batch->header = header_;
      batch->bytes = part.text.size();
      auto text = std::make_shared<const std::string>(std::exchange(part.text, {}));
      batch->records.reserve(part.records.size());
      for (const auto& k : part.records)
        batch->records.push_back({.bytes = std::string_view{*text}.substr(k.from, k.size),
                                  .at = k.at,
                                  .end = k.end,
                                  .arrival = {}});
      part.records.clear();
      batch->memory = std::move(text);
      out.emplace_back(std::move(batch));
    }
  }

  status take_header(const input_file& input, const disk_file& file) {
    if (header_of_ == &input)
      return {};
    TIDEMILL_TRY(auto head, reader_.read_head(file, input.facts.size, true));
    header_ = head.header;
    header_bytes_ = head.next;
    header_of_ = &input;
    return {};
  }

  void tell_ends(const std::vector<partition_id>& wanted, std::vector<polled>& out) {
    for (auto p : wanted) {
      auto& part = parts_[to_index(p)];
      if (part.ended || part.position < end())
        continue;
      part.ended = true;
      out.emplace_back(polled_end{p, part.position});
    }
  }

  file_source_settings settings_;
  source_timer timer_;
  std::vector<input_file> files_;
  record_reader reader_;
  std::vector<lane> parts_;
  std::string identity_;
  const input_file* header_of_ = nullptr;
  std::shared_ptr<const std::string> header_;
  offset header_bytes_ = 0;
};

} // namespace

std::unique_ptr<record_source> make_shared_file_source(file_source_settings settings,
                                                       std::vector<input_file> files) {
  return std::make_unique<shared_file_source>(std::move(settings), std::move(files));
}

} // namespace tidemill
