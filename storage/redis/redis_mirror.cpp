#include "storage/redis/redis_mirror.hpp"

#include "storage/redis/mirror_plan.hpp"
#include "storage/redis/redis_connection.hpp"
#include "storage/redis/redis_keys.hpp"
#include "storage/redis/redis_scripts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <unordered_set>

namespace tidemill {
namespace {

constexpr std::size_t calls_per_round = 256;
constexpr std::size_t bytes_per_round = 4u << 20;
constexpr std::string_view scan_count = "1000";
// Names that describe a row, or order writes; a column of such a name is found in `json` only.
constexpr std::array<std::string_view, 8> own_fields{"e",          "o",     "w",        "window_start",
                                                     "window_end", "state", "revision", "json"};

enum script : std::size_t { begin, commit, write_row, write_index, append_changes, script_count };
constexpr std::array<const std::string_view*, script_count> script_texts{
    &redis_scripts::begin, &redis_scripts::commit, &redis_scripts::row, &redis_scripts::index,
    &redis_scripts::append};

/// One call of a script: keys, then arguments.
struct call {
  script of;
  std::vector<std::string> keys, arguments;
};

std::uint64_t read_number(const redis_reply& r) {
  std::uint64_t n = 0;
  std::from_chars(r.text.data(), r.text.data() + r.text.size(), n);
  return n;
}

std::string score(event_time t) {
  return std::to_string(t.time_since_epoch().count());
}

class redis_mirror final : public view_mirror {
public:
  redis_mirror(redis_mirror_settings settings, redis_address address)
      : settings_(std::move(settings)), address_(std::move(address)) {}

  result<std::uint64_t> stored_epoch(const view_schema& view) override {
    auto have = read_meta(view);
    if (have)
      return have->first;
    if (have.error().code() == errc::unavailable)
      return std::uint64_t{0};
    return have.error();
  }

  result<std::uint64_t> stored_offset(const view_snapshot& view) override {
    TIDEMILL_TRY(auto have, read_meta(*view.schema));
    if (have.first > view.epoch)
      return replaced(*view.schema);
    return have.first == view.epoch ? have.second : 0;
  }

  status apply(const view_snapshot& view, const changes& delta) override {
    auto done = write(view, delta);
    // An answer may be on its way still: nothing can be asked of this connection any more.
    if (!done) {
      connection_.reset();
      return done.error().in("view " + view.schema->name);
    }
    return {};
  }

private:
  struct position {
    std::uint64_t epoch = 0, offset = 0;
    event_time trim = time_min;
  };

  [[nodiscard]] error replaced(const view_schema& view) const {
    return {errc::refused, "redis at " + address_.shown() + " holds view " + view.name +
                               " of a newer epoch: another process writes it. Stop one of the two, or give "
                               "them different prefixes"};
  }

  [[nodiscard]] error elsewhere() const {
    return {errc::unavailable, "redis at " + address_.shown() +
                                   " is not where it was left (flushed, failed over, or written by another): "
                                   "all rows are needed"};
  }

  status connect() {
    if (connection_)
      return {};
    TIDEMILL_TRY(auto opened,
                 redis_connection::open(address_, {settings_.connect_timeout, settings_.command_timeout}));
    connection_ = std::move(opened);
    auto loaded = load_scripts();
    if (!loaded)
      connection_.reset();
    return loaded;
  }

  status load_scripts() {
    for (std::size_t i = 0; i < script_count; ++i) {
      TIDEMILL_TRY(auto id, connection_->run({"SCRIPT", "LOAD", *script_texts[i]}));
      ids_[i] = std::move(id.text);
    }
    return {};
  }

  /// Epoch and offset that the store has; zeros if none.
  result<std::pair<std::uint64_t, std::uint64_t>> read_meta(const view_schema& view) {
    TIDEMILL_CHECK(connect());
    auto got = connection_->run({"HMGET", redis_keys{settings_.prefix, view.name}.meta, "epoch", "offset"});
    if (!got) {
      connection_.reset();
      return got.error();
    }
    if (got->items.size() != 2)
      return std::pair<std::uint64_t, std::uint64_t>{};
    return std::pair{read_number(got->items[0]), read_number(got->items[1])};
  }

  status write(const view_snapshot& view, const changes& delta) {
    TIDEMILL_CHECK(connect());
    redis_keys keys{settings_.prefix, view.schema->name};
    auto& last = written_[view.schema->name];
    auto epoch = std::to_string(delta.epoch);
    TIDEMILL_TRY(
        auto opened,
        run_one({begin, {keys.meta}, {epoch, delta.recovered ? "0" : "1", std::to_string(last.offset)}}));
    if (opened < 0)
      return replaced(*view.schema);
    if (opened == 0 || (delta.recovered && last.epoch != delta.epoch))
      return elsewhere();
    auto writes = plan_writes(view, delta, settings_.series);
    TIDEMILL_CHECK(write_keys(view, delta, keys, writes));
    if (!delta.recovered)
      TIDEMILL_CHECK(remove_others(view, delta, keys, writes));
    if (delta.trim > time_min && (!delta.recovered || delta.trim != last.trim))
      TIDEMILL_CHECK(remove_trimmed(view, delta, keys));
    TIDEMILL_CHECK(append_stream(view, delta, keys));
    auto now = std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
    TIDEMILL_TRY(auto closed, run_one({commit,
                                       {keys.meta},
                                       {epoch, std::to_string(delta.offset), format_rfc3339(view.watermark),
                                        format_rfc3339(now),
                                        delta.recovered ? std::to_string(last.offset) : std::string{}}}));
    if (closed < 0)
      return replaced(*view.schema);
    if (closed == 0)
      return elsewhere();
    last = {delta.epoch, delta.offset, std::max(delta.trim, delta.recovered ? last.trim : time_min)};
    return {};
  }

  /// The keys are listed before they are written, and removed from the list after they are: whatever dies in
  /// between, no key of the view is unlisted.
  status write_keys(const view_snapshot& view, const changes& delta, const redis_keys& keys,
                    const std::vector<key_write>& writes) {
    for (std::size_t from = 0; from < writes.size();) {
      std::vector<call> round(1);
      call listed = index_call(delta, keys), unlisted = index_call(delta, keys);
      std::size_t bytes = 0;
      for (; from < writes.size() && round.size() + 2 < calls_per_round && bytes < bytes_per_round; ++from) {
        const auto& w = writes[from];
        auto& to = w.how == key_write::mode::remove ? unlisted : listed;
        to.arguments.insert(to.arguments.end(),
                            {to_text(w.how), w.key, w.shown ? score(w.shown->window_end) : "0"});
        round.push_back(row_call(view, delta, keys, w));
        for (const auto& argument : round.back().arguments)
          bytes += argument.size();
      }
      round[0] = std::move(listed);
      round.push_back(std::move(unlisted));
      TIDEMILL_CHECK(run_all(view, round));
    }
    return {};
  }

  static std::string to_text(key_write::mode m) {
    return m == key_write::mode::put ? "put" : m == key_write::mode::set ? "set" : "remove";
  }

  [[nodiscard]] call index_call(const changes& delta, const redis_keys& keys) const {
    return {write_index,
            {keys.meta, keys.keys},
            {std::to_string(delta.epoch), std::to_string(settings_.ttl.count())}};
  }

  [[nodiscard]] call row_call(const view_snapshot& view, const changes& delta, const redis_keys& keys,
                              const key_write& w) const {
    auto series = !settings_.series ? "" : delta.recovered ? "keep" : "reset";
    auto floor = delta.trim > time_min ? score(delta.trim) : std::string{};
    std::vector<std::string> fields;
    if (w.shown)
      fields = row_fields(*view.schema, w);
    call c{write_row,
           {keys.current(w.key), keys.series(w.key)},
           {std::to_string(delta.epoch), std::to_string(delta.offset), std::to_string(settings_.ttl.count()),
            to_text(w.how), w.shown ? window_order(*w.shown) : "", series, floor,
            std::to_string(fields.size())}};
    c.arguments.insert(c.arguments.end(), std::make_move_iterator(fields.begin()),
                       std::make_move_iterator(fields.end()));
    for (const auto& window : w.series) {
      c.arguments.push_back(score(window.end));
      c.arguments.push_back(window.json ? *window.json : "");
    }
    return c;
  }

  static std::vector<std::string> row_fields(const view_schema& view, const key_write& w) {
    const auto& r = *w.shown;
    std::vector<std::string> out{"window_start", format_rfc3339(r.window_start),
                                 "window_end",   format_rfc3339(r.window_end),
                                 "state",        std::string{to_string(r.state)},
                                 "revision",     std::to_string(r.revision),
                                 "json",         *w.json};
    for (std::size_t i = 0; i < r.columns.size() && i < view.columns.size(); ++i) {
      const auto& name = view.columns[i].name;
      if (r.columns[i].is_null() || std::find(own_fields.begin(), own_fields.end(), name) != own_fields.end())
        continue;
      out.push_back(name);
      out.push_back(cell_text(r.columns[i]));
    }
    return out;
  }

  /// Removes a list of keys, by key text.
  status remove_keys(const view_snapshot& view, const changes& delta, const redis_keys& keys,
                     const std::vector<std::string>& texts) {
    std::vector<key_write> writes;
    for (const auto& text : texts)
      writes.push_back({key_write::mode::remove, text, nullptr, nullptr, {}});
    return write_keys(view, delta, keys, writes);
  }

  /// After all rows were written: what else is listed is of the past.
  status remove_others(const view_snapshot& view, const changes& delta, const redis_keys& keys,
                       const std::vector<key_write>& writes) {
    std::unordered_set<std::string_view> kept;
    for (const auto& w : writes)
      kept.insert(w.key);
    std::vector<std::string> others;
    std::string cursor = "0";
    do {
      TIDEMILL_TRY(auto page, connection_->run({"ZSCAN", keys.keys, cursor, "COUNT", scan_count}));
      if (page.items.size() != 2)
        return error{errc::unavailable, "redis at " + address_.shown() + ": ZSCAN gave no page"};
      cursor = page.items[0].text;
      for (std::size_t i = 0; i + 1 < page.items[1].items.size(); i += 2)
        if (auto& text = page.items[1].items[i].text; !kept.contains(text))
          others.push_back(std::move(text));
    } while (cursor != "0");
    return remove_keys(view, delta, keys, others);
  }

  /// Removes the keys whose newest window is trimmed.
  status remove_trimmed(const view_snapshot& view, const changes& delta, const redis_keys& keys) {
    for (;;) {
      auto page =
          connection_->run({"ZRANGEBYSCORE", keys.keys, "-inf", score(delta.trim), "LIMIT", "0", scan_count});
      if (!page)
        return page.error();
      if (page->items.empty())
        return {};
      std::vector<std::string> texts;
      for (auto& item : page->items)
        texts.push_back(std::move(item.text));
      TIDEMILL_CHECK(remove_keys(view, delta, keys, texts));
    }
  }

  status append_stream(const view_snapshot& view, const changes& delta, const redis_keys& keys) {
    auto epoch = std::to_string(delta.epoch);
    std::vector<call> round;
    std::size_t bytes = 0;
    for (const auto& entry : plan_entries(view, delta)) {
      call c{append_changes, {keys.meta, keys.changes}, {epoch, std::to_string(settings_.ttl.count())}};
      c.arguments.push_back(epoch + "-" + std::to_string(entry.offset));
      c.arguments.push_back(std::to_string(entry.fields.size()));
      c.arguments.insert(c.arguments.end(), entry.fields.begin(), entry.fields.end());
      for (const auto& f : entry.fields)
        bytes += f.size();
      round.push_back(std::move(c));
      if (round.size() < calls_per_round && bytes < bytes_per_round)
        continue;
      TIDEMILL_CHECK(run_all(view, round));
      round.clear();
      bytes = 0;
    }
    return run_all(view, round);
  }

  /// Runs calls whose only bad answer is -1.
  status run_all(const view_snapshot& view, const std::vector<call>& round) {
    if (round.empty())
      return {};
    TIDEMILL_TRY(auto answers, run(round));
    for (auto answer : answers)
      if (answer < 0)
        return replaced(*view.schema);
    return {};
  }

  result<std::int64_t> run_one(const call& c) {
    TIDEMILL_TRY(auto answers, run({c}));
    return answers[0];
  }

  /// Sends calls in one round trip. All are harmless when repeated, so a script that Redis has forgotten (a
  /// restart, SCRIPT FLUSH) is loaded again and the whole round with it.
  result<std::vector<std::int64_t>> run(const std::vector<call>& round) {
    for (auto tries = 0;; ++tries) {
      std::vector<std::vector<std::string_view>> commands;
      std::vector<std::string> counts;
      counts.reserve(round.size());
      for (const auto& c : round) {
        auto& command = commands.emplace_back();
        counts.push_back(std::to_string(c.keys.size()));
        command.insert(command.end(), {"EVALSHA", ids_[c.of], counts.back()});
        command.insert(command.end(), c.keys.begin(), c.keys.end());
        command.insert(command.end(), c.arguments.begin(), c.arguments.end());
      }
      TIDEMILL_TRY(auto replies, connection_->pipeline(commands));
      std::vector<std::int64_t> out;
      auto forgotten = false;
      for (const auto& r : replies) {
        forgotten = forgotten || (r.of == redis_reply::kind::failure && r.text.starts_with("NOSCRIPT"));
        out.push_back(r.integer);
      }
      if (forgotten && tries == 0) {
        TIDEMILL_CHECK(load_scripts());
        continue;
      }
      for (const auto& r : replies)
        if (r.of == redis_reply::kind::failure)
          return redis_error(address_.shown(), r.text);
      return out;
    }
  }

  redis_mirror_settings settings_;
  redis_address address_;
  std::optional<redis_connection> connection_;
  std::array<std::string, script_count> ids_;
  std::map<std::string, position> written_; // by view
};

} // namespace

result<std::unique_ptr<view_mirror>> make_redis_mirror(redis_mirror_settings settings) {
  TIDEMILL_TRY(auto address, parse_redis_url(settings.url));
  if (settings.ttl.count() < 0)
    return error{errc::config_invalid, "redis: ttl must not be negative"};
  if (settings.prefix.find_first_of("{}") != std::string::npos)
    return error{errc::config_invalid, "redis: the prefix must not have braces: they group keys into slots"};
  return std::make_unique<redis_mirror>(std::move(settings), std::move(address));
}

} // namespace tidemill
