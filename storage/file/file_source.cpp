#include "storage/file/file_source.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"
#include "storage/file/finite_source.hpp"
#include "storage/file/follow_source.hpp"
#include "storage/file/paced_source.hpp"

namespace tidemill {
namespace {

status check(const file_source_settings& s) {
  auto wrong = [&](const char* what) { return error{errc::config_invalid, s.name + ": " + what}; };
  if (s.follow && s.partition_by)
    return wrong("partition_by is not available with follow: each followed path is a partition");
  if (s.follow && s.pace > 0)
    return wrong("pace and follow exclude each other: a growing file has its own pace");
  if (s.pace < 0)
    return wrong("pace must not be negative");
  if (s.pace > 0 && !s.time_of)
    return wrong("pace needs the time of a record");
  if (s.partition_by && s.partitions == 0)
    return wrong("partitions must be at least 1");
  return {};
}

} // namespace

std::string content_text(const std::vector<input_file>& files, const file_source_settings& s,
                         bool with_sizes) {
  std::string all;
  byte_writer w{all};
  w.text(s.format.name);
  w.u8(static_cast<std::uint8_t>(s.format.delimiter));
  w.u8(s.format.header);
  w.varint(s.format.max_record);
  for (const auto& f : files) {
    w.text(kept_name(f.path, s.base));
    // The beginning of a short file may still grow.
    w.fixed(with_sizes || f.facts.size >= head_bytes ? f.head : 0);
    w.varint(with_sizes ? f.facts.size : 0);
  }
  return content_id(all);
}

status check_boundary(const input_file& file, offset at) {
  if (at > file.facts.size)
    return error{errc::out_of_range, "offset " + std::to_string(at) + " lies behind the end of " +
                                         file.path.string() + " (" + std::to_string(file.facts.size) +
                                         " bytes): the file was cut"};
  if (at == 0 || at == file.facts.size)
    return {};
  TIDEMILL_TRY(auto open, file.open());
  char before = 0;
  TIDEMILL_TRY(auto got, open.read_at(at - 1, &before, 1));
  if (got != 1 || before != '\n')
    return error{errc::mismatch, "no record of " + file.path.string() + " starts at offset " +
                                     std::to_string(at) + ": the file was changed"};
  return {};
}

result<std::unique_ptr<record_source>> make_file_source(file_source_settings settings) {
  TIDEMILL_CHECK(check(settings));
  if (settings.follow)
    return make_follow_source(std::move(settings));
  auto found = match_files(settings.base, settings.path);
  if (!found)
    return found.error().in(settings.name);
  TIDEMILL_TRY(auto files, look_at(*found));
  auto pace = settings.pace;
  auto clock = settings.clock;
  auto time_of = settings.time_of;
  auto source = settings.partition_by ? make_shared_file_source(std::move(settings), std::move(files))
                                      : make_whole_file_source(std::move(settings), std::move(files));
  if (pace > 0)
    source = make_paced_source(std::move(source), pace, std::move(time_of), std::move(clock));
  return source;
}

} // namespace tidemill
