#include "storage/file/line_writer.hpp"

#include "storage/disk_file.hpp"

#include <cerrno>
#include <unistd.h>

namespace tidemill {
namespace {

class line_writer : public record_writer {
public:
  line_writer(disk_file file, std::uint64_t at, bool breaks)
      : file_(std::move(file)), at_(at), breaks_(breaks) {}

  status write(const returning_record& r) override {
    auto number = taken_++;
    if (!r.value)
      unwritten_.push_back({number, {errc::refused, "a tombstone has no value that could be a line"}});
    else if (!breaks_ && r.value->find('\n') != std::string_view::npos)
      unwritten_.push_back({number, {errc::refused, "it has a line break inside, so it is not one line"}});
    else
      lines_.append(*r.value) += '\n';
    return lines_.size() < most_bytes ? status{} : put();
  }

  status flush(std::vector<unwritten_record>& unwritten) override {
    TIDEMILL_CHECK(put());
    if (file_.is_open())
      TIDEMILL_CHECK(file_.sync());
    unwritten.insert(unwritten.end(), unwritten_.begin(), unwritten_.end());
    unwritten_.clear();
    taken_ = 0;
    return {};
  }

private:
  static constexpr std::size_t most_bytes = 1 << 20;

  status put() {
    if (file_.is_open()) {
      TIDEMILL_CHECK(file_.write_at(at_, lines_));
      at_ += lines_.size();
      lines_.clear();
      return {};
    }
    for (std::string_view rest = lines_; !rest.empty();) {
      auto n = ::write(STDOUT_FILENO, rest.data(), rest.size());
      if (n < 0 && errno != EINTR)
        return disk_error("write to", "standard output", errno);
      rest.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
    }
    lines_.clear();
    return {};
  }

  disk_file file_; ///< not open: standard output
  std::uint64_t at_;
  bool breaks_;
  std::string lines_;
  std::vector<unwritten_record> unwritten_;
  std::size_t taken_ = 0;
};

} // namespace

result<std::unique_ptr<record_writer>> make_line_writer(const std::filesystem::path& path, bool breaks) {
  if (path == "-")
    return std::unique_ptr<record_writer>{std::make_unique<line_writer>(disk_file{}, 0, breaks)};
  TIDEMILL_TRY(auto file, disk_file::open_write(path));
  TIDEMILL_TRY(auto size, file.size());
  return std::unique_ptr<record_writer>{std::make_unique<line_writer>(std::move(file), size, breaks)};
}

} // namespace tidemill
