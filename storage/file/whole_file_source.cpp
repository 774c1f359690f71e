#include "storage/file/finite_source.hpp"
#include "storage/file/record_reader.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr int reads_per_poll = 8; // of one partition

class whole_file_source final : public record_source {
public:
  whole_file_source(file_source_settings settings, std::vector<input_file> files)
      : settings_(std::move(settings)), timer_(settings_.clock) {
    auto content = content_text(files, settings_, false);
    for (auto& f : files) {
      f.base = 0;
      parts_.push_back({.file = std::move(f), .reader = record_reader{settings_.format}});
    }
    identity_ = "file " + settings_.path + " files=" + std::to_string(parts_.size()) + " content=" + content;
  }

  std::uint32_t partitions() const noexcept override { return static_cast<std::uint32_t>(parts_.size()); }
  std::string identity() const override { return identity_; }
  bool has_arrival_times() const noexcept override { return false; }
  offset start(partition_id) override { return 0; }

  status seek(partition_id p, offset at) override {
    auto& part = parts_[to_index(p)];
    TIDEMILL_CHECK(check_boundary(part.file, at));
    part.position = at;
    part.ended = false;
    part.reader.reset();
    return {};
  }

  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, std::chrono::milliseconds wait,
              std::vector<polled>& out) override {
    auto before = out.size();
    auto busy = false;
    for (auto p : wanted) {
      auto& part = parts_[to_index(p)];
      if (part.ended)
        continue;
      busy = true;
      TIDEMILL_CHECK(read(p, part, max_bytes, out));
      if (part.position == part.file.facts.size) {
        part.ended = true;
        out.emplace_back(polled_end{p, part.position});
      }
    }
    if (!busy && out.size() == before)
      timer_.wait(wait);
    return {};
  }
  void wake() noexcept override { timer_.wake(); }

  std::uint64_t lag(partition_id p) const override {
    const auto& part = parts_[to_index(p)];
    return part.file.facts.size - part.position;
  }

private:
  struct lane {
    input_file file;
    record_reader reader;
    offset position = 0;
    bool ended = false; // and told so
    bool has_header = false;
    std::shared_ptr<const std::string> header = {};
  };

  status read(partition_id p, lane& part, std::size_t max_bytes, std::vector<polled>& out) {
    if (part.position == part.file.facts.size)
      return {};
    // Opened for each poll: any number of files needs no more descriptors than one.
    TIDEMILL_TRY(auto file, part.file.open());
    auto begin = part.position;
    if (!part.has_header || part.position == 0) {
      TIDEMILL_TRY(auto head, part.reader.read_head(file, part.file.facts.size, true));
      part.header = head.header;
      part.has_header = true;
      part.position = std::max(part.position, head.next);
    }
    std::size_t bytes = 0;
    max_bytes = std::max<std::size_t>(max_bytes, 1);
    for (int i = 0; i < reads_per_poll && bytes < max_bytes && part.position < part.file.facts.size; ++i) {
      record_reader::range range{.file = file, .from = part.position, .size = part.file.facts.size};
      TIDEMILL_TRY(auto piece, part.reader.read(range, max_bytes - bytes));
      if (piece.scanning)
        continue;
      part.position = piece.next;
      bytes += std::max<std::size_t>(piece.bytes, 1);
      if (!piece.records.empty())
        out.emplace_back(record_reader::to_batch(p, std::exchange(begin, part.position), part.position,
                                                 std::move(piece), part.header));
    }
    if (begin < part.position) // a header, and no record yet
      out.emplace_back(record_reader::to_batch(p, begin, part.position, {}, part.header));
    return {};
  }

  file_source_settings settings_;
  source_timer timer_;
  std::vector<lane> parts_;
  std::string identity_;
};

} // namespace

std::unique_ptr<record_source> make_whole_file_source(file_source_settings settings,
                                                      std::vector<input_file> files) {
  return std::make_unique<whole_file_source>(std::move(settings), std::move(files));
}

} // namespace tidemill
