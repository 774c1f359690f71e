#pragma once

#include "http/server.hpp"

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace tidemill::test {

inline event_time at(std::int64_t seconds) {
  return event_time{std::chrono::seconds{seconds}};
}

/// A view that a test publishes by hand: windows of a minute, key `country`, one column `requests`. Its
/// filter language knows a country, `none`, `>N` over `requests`, and fails on `bad(`.
class fake_view {
public:
  explicit fake_view(std::string name, std::uint64_t epoch = 1) : epoch_(epoch) {
    auto schema = std::make_shared<view_schema>();
    schema->name = std::move(name);
    schema->columns = {{"country", kind::string, {}}, {"requests", kind::integer, {}}};
    schema->by = 1;
    schema->size = schema->slide = std::chrono::minutes{1};
    schema->lateness = std::chrono::seconds{10};
    schema->retain = std::chrono::hours{1};
    schema_ = std::move(schema);
    cell_ = std::make_shared<view_cell>(nullptr);
    publish();
  }

  void put(std::int64_t start, const std::string& country, std::int64_t requests, row_state state) {
    row r;
    r.window_start = at(start);
    r.window_end = at(start + 60);
    r.columns = {value{country}, value{requests}};
    append_encoded(r.key, r.columns[0]);
    r.state = state;
    change(std::move(r), false);
  }
  void remove(std::int64_t start, const std::string& country) {
    for (auto& [place, r] : rows_)
      if (r.data->window_start == at(start) && r.data->columns[0] == value{country} && !r.removed)
        return change(row{*r.data}, true);
  }
  /// Drops the rows whose window ended at or before this, as retention does.
  void trim(std::int64_t end) {
    trimmed_ = at(end);
    trimmed_at_ = ++offset_;
    std::erase_if(rows_, [&](const auto& entry) { return entry.second.data->window_end <= trimmed_; });
  }
  /// Forgets gravestones: positions before now can't be resumed.
  void forget() {
    std::erase_if(rows_, [](const auto& entry) { return entry.second.removed; });
    floor_ = offset_;
  }
  void watermark(std::int64_t seconds) { watermark_ = at(seconds); }
  void partial(std::vector<partial_reason> reasons) { partial_ = std::move(reasons); }

  void publish() {
    auto s = std::make_shared<view_snapshot>();
    s->schema = schema_;
    s->epoch = epoch_;
    s->offset = offset_;
    s->floor = floor_;
    s->trimmed = trimmed_;
    s->trimmed_at = trimmed_at_;
    s->watermark = watermark_;
    s->prefix = {100, 200};
    s->partial = partial_;
    auto block = std::make_shared<row_block>();
    const auto close = [&] {
      if (!block->rows.empty())
        s->blocks.push_back(std::exchange(block, std::make_shared<row_block>()));
    };
    for (const auto& [place, r] : rows_) {
      block->rows.push_back(r);
      block->changed = std::max(block->changed, r.changed);
      if (block->rows.size() == 8)
        close();
    }
    close();
    cell_->store(std::move(s));
  }

  [[nodiscard]] served_view served() const { return {schema_, cell_, compile}; }
  [[nodiscard]] snapshot_ptr snapshot() const { return cell_->load(); }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

private:
  void change(row r, bool removed) {
    auto data = std::make_shared<const row>(std::move(r));
    const std::tuple place{data->window_end, data->window_start, data->key};
    auto json = std::make_shared<const std::string>(to_json(*schema_, *data));
    rows_[place] = {data, ++offset_, removed, std::move(json)};
  }

  static result<row_predicate> compile(std::string_view where) {
    if (where == "bad(")
      return error{errc::expression_invalid, "column 4: expected )"};
    if (!where.empty() && where[0] == '>')
      return row_predicate{[n = std::stoll(std::string{where.substr(1)})](const row& r) {
        return *r.columns[1].get_if<std::int64_t>() > n;
      }};
    return row_predicate{
        [country = std::string{where}](const row& r) { return r.columns[0] == value{country}; }};
  }

  std::uint64_t epoch_, offset_ = 0, floor_ = 0, trimmed_at_ = 0;
  event_time trimmed_ = time_min, watermark_ = time_min;
  std::vector<partial_reason> partial_;
  std::map<std::tuple<event_time, event_time, std::string>, published_row> rows_;
  std::shared_ptr<const view_schema> schema_;
  std::shared_ptr<view_cell> cell_;
};

} // namespace tidemill::test
