#include "actors/kept_rows.hpp"

#include "pipeline/publication.hpp"
#include "storage/log/segment_reader.hpp"

namespace tidemill {

result<std::unique_ptr<segment_log>> open_view_log(const std::filesystem::path& folder, view& into) {
  TIDEMILL_TRY(auto log, segment_log::open(folder, {.segment_bytes = 16u << 20, .max_record = 256u << 20}));
  status recovered;
  TIDEMILL_CHECK(log->read(log->begin(), [&](std::uint64_t, std::string_view record) {
    recovered = into.recover(record);
    return recovered.has_value();
  }));
  TIDEMILL_CHECK(recovered);
  return log;
}

result<snapshot_ptr> kept_rows(const std::shared_ptr<const plan>& all, std::size_t source, std::size_t number,
                               std::size_t partitions, const std::filesystem::path& log, std::uint64_t epoch,
                               partial_reason why) {
  std::error_code ignored;
  if (!std::filesystem::exists(log, ignored))
    return snapshot_ptr{};
  view state{all, source, number, partitions, 0};
  status recovered;
  TIDEMILL_CHECK(read_segments(log, [&](std::uint64_t, std::string_view record) {
    recovered = state.recover(record);
    return recovered.has_value();
  }));
  TIDEMILL_CHECK(recovered);
  std::vector<row_ptr> rows;
  for (const auto& [end, of_window] : state.sealed_after(time_min))
    rows.insert(rows.end(), of_window.begin(), of_window.end());
  publication out{all->sources[source].views[number].schema, epoch, partitions};
  return out.apply({rows, time_min, time_min, {}, {std::move(why)}});
}

} // namespace tidemill
