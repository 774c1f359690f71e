#include "storage/kafka/kafka_changelog.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"
#include "storage/kafka/kafka_producer.hpp"
#include "storage/kafka/read_back.hpp"
#include "storage/kafka/row_keys.hpp"

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace tidemill {
namespace {

constexpr char changelog_kind = 'C';
constexpr std::size_t bytes_per_commit = 16u << 20;
constexpr const char* view_header = "tidemill-view";

/// How far the topic is; `offset` 0: somewhere between two states.
struct changelog_position {
  std::string view;
  std::uint64_t epoch = 0, offset = 0;
};

std::string encode(const changelog_position& p) {
  std::string out(1, changelog_kind);
  byte_writer w{out};
  w.text(p.view);
  w.varint(p.epoch);
  w.varint(p.offset);
  return out;
}

result<changelog_position> decode(std::string_view body, const std::string& view) {
  changelog_position out;
  if (body.empty() || body.front() != changelog_kind)
    return out;
  byte_reader r{body.substr(1)};
  out.view = r.text();
  out.epoch = r.varint();
  out.offset = r.varint();
  if (!r.ok() || !r.at_end())
    return error{errc::corrupt, "the position kept in a group's offset metadata is damaged"};
  return out.view == view ? out : changelog_position{};
}

/// 128 bits of each key: a set of all keys that costs 16 bytes each.
class key_set {
public:
  void add(std::string_view key) { keys_.insert(both(key)); }
  [[nodiscard]] bool has(std::string_view key) const { return keys_.contains(both(key)); }

private:
  using hashes = std::pair<std::uint64_t, std::uint64_t>;
  struct first {
    std::size_t operator()(const hashes& h) const noexcept { return h.first; }
  };
  static hashes both(std::string_view key) { return {hash64(key), hash64(key, 1)}; }
  std::unordered_set<hashes, first> keys_;
};

class kafka_changelog final : public view_mirror {
public:
  explicit kafka_changelog(kafka_sink_settings s) : s_(std::move(s)), producer_(s_, false) {}

  result<std::uint64_t> stored_epoch(const view_schema& view) override {
    auto have = position(view);
    if (have)
      return have->epoch;
    if (have.error().code() == errc::unavailable)
      return std::uint64_t{0};
    return have.error();
  }

  result<std::uint64_t> stored_offset(const view_snapshot& view) override {
    TIDEMILL_TRY(auto have, position(*view.schema));
    if (have.epoch > view.epoch)
      return replaced(*view.schema);
    // What has been trimmed since is known only from the state before.
    auto known = written_ && written_->epoch == have.epoch && written_->offset == have.offset;
    return known && have.epoch == view.epoch ? have.offset : 0;
  }

  status apply(const view_snapshot& view, const changes& delta) override {
    auto done = write(view, delta);
    return done ? done : done.error().in("view " + view.schema->name);
  }

private:
  using places = std::unordered_map<std::string, std::int32_t>; // key → partition

  result<changelog_position> position(const view_schema& view) {
    if (view_.empty())
      view_ = view.name;
    if (view_ != view.name)
      return error{errc::refused, "topic " + s_.topic + " is the changelog of view " + view_ +
                                      " and can't be that of " + view.name +
                                      " too; give it a sink of its own"};
    TIDEMILL_TRY(auto body, producer_.peek());
    return decode(body, view.name);
  }

  [[nodiscard]] error replaced(const view_schema& view) const {
    return {errc::refused, "topic " + s_.topic + " holds view " + view.name +
                               " of a newer epoch: another process writes it. Stop one of the two, or give "
                               "them different topics and sink names"};
  }

  status write(const view_snapshot& view, const changes& delta) {
    TIDEMILL_CHECK(producer_.ready());
    TIDEMILL_TRY(auto have, decode(producer_.stored(), view.schema->name));
    if (have.epoch > view.epoch)
      return replaced(*view.schema);
    header_ = s_.pipeline + '/' + view.schema->name;
    unfinished_ = encode({view.schema->name, delta.epoch, 0});
    bytes_ = 0;
    if (delta.recovered)
      TIDEMILL_CHECK(write_gone(view, delta));
    else
      TIDEMILL_CHECK(clear_others(*view.schema, delta));
    for (const auto& r : delta.put) {
      auto json = r.json ? r.json : std::make_shared<const std::string>(to_json(*view.schema, *r.data));
      TIDEMILL_CHECK(put(identity_json(*view.schema, *r.data), std::string_view{*json}));
    }
    TIDEMILL_CHECK(producer_.commit(encode({view.schema->name, delta.epoch, delta.offset})));
    written_ = view;
    return {};
  }

  /// Rows that were removed, and those of the last written state that were trimmed since.
  status write_gone(const view_snapshot& view, const changes& delta) {
    for (const auto& r : delta.removed)
      TIDEMILL_CHECK(put(identity_json(*view.schema, *r.data), {}));
    if (delta.trim == time_min || !written_)
      return {};
    for (const auto& block : written_->blocks)
      for (const auto& r : block->rows) {
        if (r.data->window_end > delta.trim)
          return {}; // rows come in the order of their windows' ends
        if (!r.removed)
          TIDEMILL_CHECK(put(identity_json(*view.schema, *r.data), {}));
      }
    return {};
  }

  /// Tombstones for rows that the topic has and the snapshot has not.
  status clear_others(const view_schema& view, const changes& delta) {
    key_set kept;
    for (const auto& r : delta.put)
      kept.add(identity_json(view, *r.data));
    places others;
    TIDEMILL_CHECK(producer_.read_all([&](const read_back& r) {
      if (!r.key || r.header(view_header) != header_ || kept.has(*r.key))
        return;
      if (r.value)
        others[std::string{*r.key}] = r.partition;
      else
        others.erase(std::string{*r.key});
    }));
    for (const auto& [key, partition] : others)
      TIDEMILL_CHECK(put(key, {}, partition));
    return {};
  }

  status put(std::string_view key, std::optional<std::string_view> json, std::int32_t partition = -1) {
    TIDEMILL_CHECK(producer_.send({key, json, view_header, header_, partition}));
    bytes_ += key.size() + (json ? json->size() : 0);
    if (bytes_ < bytes_per_commit)
      return {};
    bytes_ = 0;
    return producer_.commit(unfinished_);
  }

  kafka_sink_settings s_;
  kafka_producer producer_;
  std::string view_;                     ///< the one that the topic is for
  std::optional<view_snapshot> written_; ///< the state that was committed last
  std::string header_, unfinished_;
  std::size_t bytes_ = 0; ///< since the last commit
};

} // namespace

std::unique_ptr<view_mirror> make_kafka_changelog(kafka_sink_settings s) {
  return std::make_unique<kafka_changelog>(std::move(s));
}

} // namespace tidemill
