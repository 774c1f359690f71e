// Links: tidemill_storage_log
// The files of a segment log: any bytes behind a true header, or true records with damages. The log is
// refused, or opened and cut; then its records can be read, more can be appended, and it opens as it was.

#include "storage/disk_file.hpp"
#include "storage/log/segment_file.hpp"
#include "storage/log/segment_log.hpp"
#include "storage/log/segment_reader.hpp"
#include "tests/fuzz/fuzz_target.hpp"

#include <filesystem>
#include <fstream>
#include <unistd.h>
#include <vector>

namespace tidemill::test {
namespace {

class folder {
public:
  folder() : path_(root() / ("tidemill-fuzz-segment-" + std::to_string(::getpid()))) {}
  ~folder() { clear(); }
  const std::filesystem::path& empty() {
    clear();
    std::filesystem::create_directories(path_);
    return path_;
  }

private:
  /// In memory, where there is such a place: every input is a log that is synced.
  static std::filesystem::path root() {
    return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path();
  }
  void clear() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path path_;
};

void append_record(std::string& out, std::uint64_t first, std::uint64_t position, std::string_view bytes,
                   bool mark) {
  auto frame = encode_frame(first, position, bytes, mark);
  out.append(frame.data(), frame.size());
  out += bytes;
}

/// Records as they are written; then bytes change, come in between, or are missing.
std::string segment(fuzz_input& in, std::uint64_t first, std::uint64_t& position) {
  auto out = encode_segment_header(first);
  for (auto n = in.byte() % 8; n > 0; --n)
    append_record(out, first, position++, in.take(in.byte()), in.byte() % 4 == 0);
  for (auto n = in.byte() % 4; n > 0; --n) {
    auto at = in.number<std::uint16_t>() % (out.size() + 1);
    out.replace(at, in.byte() % 24, in.take(in.byte() % 24));
  }
  return out;
}

void write(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream{file, std::ios::binary} << bytes;
}

using records = std::vector<std::string>;

records read_all(const segment_log& log) {
  records out;
  auto next = log.begin();
  auto read = log.read(log.begin(), [&](std::uint64_t position, std::string_view bytes) {
    if (position != next++)
      finding("a log has a hole");
    out.emplace_back(bytes);
    return true;
  });
  if (read && next != log.end())
    finding("a log is read to another end than its own");
  return read ? out : records{};
}

void use(const std::filesystem::path& at) {
  (void)read_segments(at, [](std::uint64_t, std::string_view) { return true; });
  constexpr segment_log::limits limits{.segment_bytes = 4096, .max_record = 4096};
  auto log = segment_log::open(at, limits);
  if (!log)
    return;
  if (auto begin = (*log)->begin();
      !(*log)->read(begin, [](std::uint64_t, std::string_view) { return true; }))
    return; // damage in front of what is durable: it is told when it is read
  auto there = read_all(**log);
  if (auto p = (*log)->append("more"); !p || *p + 1 != (*log)->end())
    finding("a log that was opened takes no record");
  there.emplace_back("more");
  if (read_all(**log) != there)
    finding("an append changes what is there");
  log->reset();
  auto again = segment_log::open(at, limits);
  if (!again || read_all(**again) != there)
    finding("a log isn't opened as it was");
}

} // namespace

void fuzz_one(std::string_view input) {
  static folder files;
  fuzz_input in{input};
  const auto& at = files.empty();
  const auto first = in.byte() % 2 == 0 ? std::uint64_t{0} : in.number<std::uint32_t>();
  auto position = first;
  if (in.byte() % 4 == 0) {
    write(at / segment_name(first), encode_segment_header(first) + std::string{in.rest()});
    return use(at);
  }
  for (auto n = 1 + in.byte() % 2; n > 0; --n) {
    auto begins = position;
    write(at / segment_name(begins), segment(in, begins, position));
  }
  use(at);
}

} // namespace tidemill::test
