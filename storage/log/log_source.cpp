#include "storage/log/log_source.hpp"

namespace tidemill {

status log_source::poll(const std::vector<partition_id>& wanted, std::size_t max_bytes,
                        std::chrono::milliseconds wait, std::vector<polled>& out) {
  log_->wait(wanted, wait);
  for (auto p : wanted) {
    if (auto at = log_->reader(p), begin = log_->begin(p); at < begin) {
      out.push_back(polled_gap{p, at, begin});
      TIDEMILL_CHECK(log_->seek(p, begin));
    }
    TIDEMILL_TRY(auto batch, log_->read(p, max_bytes));
    if (batch)
      out.push_back(std::move(batch));
  }
  return {};
}

} // namespace tidemill
