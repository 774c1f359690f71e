#pragma once

#include "http/server.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace tidemill::test {

/// The log of an alert over a view with one column, `host`, which a test fills by hand.
class fake_alert {
public:
  explicit fake_alert(std::string name, std::uint64_t epoch = 5) {
    auto view = std::make_shared<view_schema>();
    view->name = "traffic";
    view->columns = {{"host", kind::string, {}}};
    view->by = 1;
    auto rule = std::make_shared<alert_schema>();
    rule->name = std::move(name);
    rule->severity = "critical";
    rule->when = "n > 10";
    rule->hold = std::chrono::seconds{30};
    rule->view = std::move(view);
    now_.rule = std::move(rule);
    now_.epoch = epoch;
    cell_ = std::make_shared<alert_cell>(nullptr);
    publish();
  }
  void add(const std::string& host, alert_state state, alert_state was) {
    auto r = std::make_shared<row>();
    r->columns = {value{host}};
    append_encoded(r->key, r->columns[0]);
    auto e = std::make_shared<alert_entry>(alert_entry{now_.end(), state, was, {}, std::move(r), "", {}});
    e->json = to_json(*now_.rule, *e);
    std::erase_if(now_.active, [&](const auto& a) { return a->data->key == e->data->key; });
    if (state != alert_state::resolved)
      now_.active.push_back(e);
    now_.log.push_back(std::move(e));
    publish();
  }
  /// Forgets the oldest entries, as retention does.
  void forget(std::size_t n) {
    now_.log.erase(now_.log.begin(), now_.log.begin() + static_cast<std::ptrdiff_t>(n));
    now_.begin += n;
    publish();
  }
  void restart(std::uint64_t epoch) {
    now_.epoch = epoch;
    now_.begin = 0;
    now_.log.clear();
    now_.active.clear();
    publish();
  }
  [[nodiscard]] served_alert served() const { return {cell_}; }

private:
  void publish() { cell_->store(std::make_shared<const alert_snapshot>(now_)); }

  alert_snapshot now_;
  std::shared_ptr<alert_cell> cell_;
};

} // namespace tidemill::test
