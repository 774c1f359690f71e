#include "actors/kept_rows.hpp"

#include "pipeline/publication.hpp"
#include "pipeline/view.hpp"
#include "storage/log/segment_log.hpp"

namespace tidemill {

result<snapshot_ptr> kept_rows(const std::shared_ptr<const plan>& all, std::size_t source, std::size_t number,
                               std::size_t partitions, const std::filesystem::path& log, std::uint64_t epoch,
                               partial_reason why) {
  std::error_code ignored;
  if (!std::filesystem::exists(log, ignored))
    return snapshot_ptr{};
  view state{all, source, number, partitions, 0};
  TIDEMILL_TRY(auto opened, segment_log::open(log, {.segment_bytes = 16u << 20, .max_record = 256u << 20}));
  status read;
  TIDEMILL_CHECK(opened->read(opened->begin(), [&](std::uint64_t, std::string_view record) {
    read = state.recover(record);
    return bool{read};
  }));
  TIDEMILL_CHECK(read);
  std::vector<row_ptr> rows;
  for (const auto& [end, of_window] : state.sealed_after(time_min))
    rows.insert(rows.end(), of_window.begin(), of_window.end());
  publication out{all->sources[source].views[number].schema, epoch, partitions};
  return out.apply({rows, time_min, time_min, {}, {std::move(why)}});
}

} // namespace tidemill
