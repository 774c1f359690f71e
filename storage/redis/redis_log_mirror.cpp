#include "storage/redis/redis_log_mirror.hpp"

#include "storage/redis/redis_connection.hpp"
#include "storage/redis/redis_keys.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tidemill {
namespace {

constexpr std::size_t entries_per_call = 256;

// KEYS: entries, active. ARGV: "1" to begin the hash anew; epoch and offset of an entry that the stream must
// have, or a later one ("" and "": none, "" and "active": but the hash is there); then per entry its id,
// epoch and offset again, the key, what the entry is (`active`, `resolved`, or `kept`: active, and no longer
// in the log), and the entry. Those that the stream has already change nothing. 0: it lacks what it must
// have; -1: it holds a later log.
constexpr std::string_view append_script = R"(
local function less(a, b) if #a ~= #b then return #a < #b end return a < b end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local epoch, offset = '0', ''
if last[1] then epoch, offset = string.match(last[1][1], '^(%d+)%-(%d+)$') end
if ARGV[2] ~= '' then
  if offset == '' or less(epoch, ARGV[2]) or (epoch == ARGV[2] and less(offset, ARGV[3])) then return 0 end
elseif ARGV[3] ~= '' and redis.call('EXISTS', KEYS[2]) == 0 then
  return 0
end
if ARGV[1] == '1' then redis.call('DEL', KEYS[2]) end
for i = 4, #ARGV, 6 do
  if less(ARGV[i + 1], epoch) then return -1 end
  if ARGV[i + 4] == 'kept' then
    redis.call('HSET', KEYS[2], ARGV[i + 3], ARGV[i + 5])
  elseif offset == '' or less(epoch, ARGV[i + 1]) or less(offset, ARGV[i + 2]) then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10000, ARGV[i], 'entry', ARGV[i + 5])
    epoch, offset = ARGV[i + 1], ARGV[i + 2]
    if ARGV[i + 4] == 'active' then redis.call('HSET', KEYS[2], ARGV[i + 3], ARGV[i + 5])
    else redis.call('HDEL', KEYS[2], ARGV[i + 3]) end
  end
end
return 1
)";

std::optional<log_position> position_of(std::string_view id) {
  log_position at;
  auto dash = id.find('-');
  if (dash == std::string_view::npos)
    return std::nullopt;
  const auto* end = id.data() + id.size();
  auto first = std::from_chars(id.data(), id.data() + dash, at.epoch);
  auto second = std::from_chars(id.data() + dash + 1, end, at.offset);
  if (first.ec != std::errc{} || second.ec != std::errc{} || second.ptr != end)
    return std::nullopt;
  return at;
}

class redis_log_mirror final : public log_mirror {
public:
  redis_log_mirror(redis_mirror_settings settings, redis_address address)
      : settings_(std::move(settings)), address_(std::move(address)) {}

  result<std::optional<log_position>> stored(const alert_schema& rule) override {
    TIDEMILL_CHECK(connect());
    auto newest = connection_->run({"XREVRANGE", entries_key(rule), "+", "-", "COUNT", "1"});
    if (!newest) {
      connection_.reset();
      return newest.error().in("alert " + rule.name);
    }
    if (newest->items.empty() || newest->items[0].items.empty())
      return std::optional<log_position>{};
    auto at = position_of(newest->items[0].items[0].text);
    if (!at)
      return error{errc::refused, "redis at " + address_.shown() + ": " + entries_key(rule) +
                                      " has entries of another form; give this pipeline a prefix of its own"};
    ++at->offset;
    return at;
  }

  status append(const alert_snapshot& log, std::uint64_t from, bool anew) override {
    TIDEMILL_CHECK(connect());
    auto done = write(log, from, anew);
    if (!done) {
      connection_.reset(); // an answer may be on its way still
      return done.error().in("alert " + log.rule->name);
    }
    return {};
  }

private:
  [[nodiscard]] std::string entries_key(const alert_schema& rule) const {
    return settings_.prefix + ":{" + rule.name + "}:entries";
  }

  status connect() {
    if (connection_)
      return {};
    TIDEMILL_TRY(auto opened,
                 redis_connection::open(address_, {settings_.connect_timeout, settings_.command_timeout}));
    connection_ = std::move(opened);
    return {};
  }

  status write(const alert_snapshot& log, std::uint64_t from, bool anew) {
    std::vector<const alert_entry*> entries;
    if (anew) // what is active may be older than all that is kept
      for (const auto& e : log.active)
        if (e->offset < log.begin)
          entries.push_back(e.get());
    for (auto i = std::max(from, log.begin); i < log.end(); ++i)
      entries.push_back(log.log[i - log.begin].get());
    // The newest entry that must be there: else the store has been emptied since, and has to get all of it.
    auto newest = anew || from == 0 ? std::optional<std::uint64_t>{} : std::optional{from - 1};
    for (std::size_t first = 0; first < entries.size() || (anew && first == 0); first += entries_per_call) {
      auto part = std::span{entries}.subspan(first, std::min(entries_per_call, entries.size() - first));
      TIDEMILL_CHECK(write_part(log, part, anew && first == 0, first == 0, newest));
      if (!part.empty() && part.back()->offset >= log.begin)
        newest = part.back()->offset;
    }
    return {};
  }

  status write_part(const alert_snapshot& log, std::span<const alert_entry* const> entries, bool anew,
                    bool first, std::optional<std::uint64_t> newest) {
    const auto stream = entries_key(*log.rule);
    const auto active = settings_.prefix + ":{" + log.rule->name + "}:active";
    const auto epoch = std::to_string(log.epoch);
    std::vector<std::string> words{"EVAL", std::string{append_script}, "2", stream, active, anew ? "1" : "0"};
    words.push_back(newest ? epoch : "");
    words.push_back(newest ? std::to_string(*newest) : first ? "" : "active");
    for (const auto* e : entries) {
      auto number = std::to_string(e->offset);
      words.push_back(epoch + '-' + number);
      words.push_back(epoch);
      words.push_back(std::move(number));
      words.push_back(key_text(*log.rule->view, *e->data));
      words.emplace_back(e->state == alert_state::resolved ? "resolved"
                         : e->offset < log.begin           ? "kept"
                                                           : "active");
      words.push_back(e->json);
    }
    TIDEMILL_TRY(auto answer, connection_->run({words.begin(), words.end()}));
    if (answer.integer == 0)
      return error{errc::unavailable,
                   "redis at " + address_.shown() + " has lost what it had of the log: all of it is needed"};
    if (answer.integer < 0)
      return error{errc::refused, "redis at " + address_.shown() +
                                      " holds a newer log: another process writes it. Stop one of the two, "
                                      "or give them different prefixes"};
    return {};
  }

  redis_mirror_settings settings_;
  redis_address address_;
  std::optional<redis_connection> connection_;
};

} // namespace

result<std::unique_ptr<log_mirror>> make_redis_log_mirror(redis_mirror_settings settings) {
  TIDEMILL_TRY(auto address, parse_redis_url(settings.url));
  return std::make_unique<redis_log_mirror>(std::move(settings), std::move(address));
}

} // namespace tidemill
