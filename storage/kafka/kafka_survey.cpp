#include "storage/kafka/kafka_survey.hpp"

#include "storage/kafka/handles.hpp"
#include "storage/kafka/kafka_client.hpp"
#include "storage/kafka/kafka_errors.hpp"

#include <algorithm>
#include <regex.h>

namespace tidemill {
namespace {

using std::chrono::milliseconds;

using metadata_ptr = std::unique_ptr<const rd_kafka_metadata_t, kafka_deleter<rd_kafka_metadata_destroy>>;

int to_ms(milliseconds wait) {
  return static_cast<int>(std::max<milliseconds::rep>(wait.count(), 1));
}

/// A pattern as the library reads it: a POSIX extended one.
class topic_pattern {
public:
  explicit topic_pattern(const std::string& text)
      : ok_(::regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB) == 0) {}
  ~topic_pattern() {
    if (ok_)
      ::regfree(&compiled_);
  }
  topic_pattern(const topic_pattern&) = delete;
  topic_pattern& operator=(const topic_pattern&) = delete;
  [[nodiscard]] bool matches(const char* topic) const {
    return ok_ && ::regexec(&compiled_, topic, 0, nullptr, 0) == 0;
  }

private:
  regex_t compiled_{};
  bool ok_;
};

// The metadata of one topic, or of all.
result<metadata_ptr> fetch_metadata(kafka_client& client, rd_kafka_topic_t* topic, milliseconds wait) {
  const rd_kafka_metadata_t* found = nullptr;
  auto failed = rd_kafka_metadata(client.handle(), topic == nullptr ? 1 : 0, topic, &found, to_ms(wait));
  if (failed) {
    client.serve(milliseconds{0});
    TIDEMILL_CHECK(client.state());
    return kafka_error(failed, "broker " + client.brokers() + " lists no topics");
  }
  return metadata_ptr{found};
}

void append(const rd_kafka_metadata_topic_t& topic, std::vector<topic_partition>& out) {
  std::vector<std::int32_t> numbers;
  for (int i = 0; i < topic.partition_cnt; ++i)
    numbers.push_back(topic.partitions[i].id);
  std::sort(numbers.begin(), numbers.end());
  for (auto number : numbers)
    out.push_back({topic.topic, number});
}

status append_topic(kafka_client& client, const std::string& name, milliseconds wait,
                    std::vector<topic_partition>& out) {
  kafka_topic topic{rd_kafka_topic_new(client.handle(), name.c_str(), nullptr)};
  if (!topic)
    return kafka_error(rd_kafka_last_error(), "topic " + name);
  TIDEMILL_TRY(auto found, fetch_metadata(client, topic.get(), wait));
  if (found->topic_cnt < 1)
    return error{errc::unavailable, "topic " + name + ": " + client.brokers() + " says nothing of it"};
  const auto& t = found->topics[0];
  switch (t.err) {
  case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
  case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    return error{errc::unavailable,
                 "topic " + name + " does not exist on " + client.brokers() + ": create it, or fix `topics`"};
  case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    return error{errc::refused, "topic " + name + " may not be read: give our user the right READ on it"};
  default:
    if (t.partition_cnt == 0)
      return kafka_error(t.err ? t.err : RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, "topic " + name);
  }
  append(t, out);
  return {};
}

status append_matching(kafka_client& client, const std::string& text, milliseconds wait,
                       std::vector<topic_partition>& out) {
  topic_pattern pattern{text};
  TIDEMILL_TRY(auto found, fetch_metadata(client, nullptr, wait));
  std::vector<const rd_kafka_metadata_topic_t*> matching;
  for (int i = 0; i < found->topic_cnt; ++i)
    if (pattern.matches(found->topics[i].topic))
      matching.push_back(&found->topics[i]);
  if (matching.empty())
    return error{errc::unavailable,
                 "no topic on " + client.brokers() + " matches " + text + ": create one, or fix `topics`"};
  std::sort(matching.begin(), matching.end(),
            [](const auto* a, const auto* b) { return std::string_view{a->topic} < b->topic; });
  for (const auto* topic : matching)
    append(*topic, out);
  return {};
}

// What makes a member's presence a reason to stay out. The id of a static member is its instance id, and
// more.
status check_members(const rd_kafka_group_info& group, const std::string& ours) {
  std::string name = group.group;
  for (int i = 0; i < group.member_cnt; ++i) {
    const auto& member = group.members[i];
    std::string_view id = member.member_id;
    if (id.starts_with(ours))
      continue;
    auto who = std::string{member.client_id} + " on " + member.client_host;
    if (id.starts_with("tidemill-"))
      return error{errc::refused, "group " + name + " is in use by " + who +
                                      "; it holds another data folder: stop it, share its folder for a "
                                      "standby, or choose another group"};
    return error{errc::refused, "group " + name + " is in use by " + who +
                                    ", another program: its partitions would be shared with it; stop it, or "
                                    "choose another group"};
  }
  return {};
}

kafka_partitions to_list(const std::vector<topic_partition>& partitions, std::int64_t at) {
  auto list = make_kafka_partitions(partitions.size());
  for (const auto& p : partitions)
    rd_kafka_topic_partition_list_add(list.get(), p.topic.c_str(), p.number)->offset = at;
  return list;
}

// The answers, in the order of the questions; the library may sort them.
std::vector<const rd_kafka_topic_partition_t*> in_order(const rd_kafka_topic_partition_list_t& answers,
                                                        const std::vector<topic_partition>& asked) {
  std::vector<const rd_kafka_topic_partition_t*> out;
  for (const auto& p : asked)
    out.push_back(rd_kafka_topic_partition_list_find(&answers, p.topic.c_str(), p.number));
  return out;
}

} // namespace

result<std::string> cluster_id(kafka_client& client, milliseconds wait) {
  constexpr milliseconds step{100};
  auto until = std::chrono::steady_clock::now() + wait;
  for (;;) {
    auto id =
        take_kafka_text(client.handle(), rd_kafka_clusterid(client.handle(), to_ms(std::min(wait, step))));
    if (!id.empty())
      return id;
    client.serve(milliseconds{0});
    auto now = client.state();
    if (!now && now.error().code() != errc::unavailable)
      return now.error(); // at once: waiting doesn't help
    if (std::chrono::steady_clock::now() < until)
      continue;
    if (!now)
      return now.error();
    auto why = client.last_fault();
    return error{errc::unavailable,
                 "broker " + client.brokers() + " does not answer yet" + (why.empty() ? why : ": " + why)};
  }
}

bool is_topic_pattern(const std::string& topic) noexcept {
  return topic.starts_with('^');
}

bool names_topic(const std::vector<std::string>& topics, const std::string& topic) {
  return std::any_of(topics.begin(), topics.end(), [&](const std::string& name) {
    return is_topic_pattern(name) ? topic_pattern{name}.matches(topic.c_str()) : name == topic;
  });
}

result<std::vector<topic_partition>>
find_partitions(kafka_client& client, const std::vector<std::string>& topics, milliseconds wait) {
  std::vector<topic_partition> out;
  for (const auto& topic : topics)
    TIDEMILL_CHECK(is_topic_pattern(topic) ? append_matching(client, topic, wait, out)
                                           : append_topic(client, topic, wait, out));
  return out;
}

// Not by the admin interface: with requests to a coordinator the library ends the whole process if the
// connection breaks at a bad moment (librdkafka #4605).
status check_group(kafka_client& client, const std::string& group, const std::string& ours,
                   milliseconds wait) {
  auto doing = "group " + group + " can't be looked at";
  const rd_kafka_group_list* found = nullptr;
  auto failed = rd_kafka_list_groups(client.handle(), group.c_str(), &found, to_ms(wait));
  std::unique_ptr<const rd_kafka_group_list, kafka_deleter<rd_kafka_group_list_destroy>> owner{found};
  client.serve(milliseconds{0});
  // Of several brokers some may be away: that of the group is not, or we could not join either.
  if (failed && failed != RD_KAFKA_RESP_ERR__PARTIAL)
    return kafka_error(failed, doing);
  for (int i = 0; found != nullptr && i < found->group_cnt; ++i) {
    const auto& one = found->groups[i];
    // Kafka 4 says "not found" of a group that is new; older ones call it dead.
    if (one.group != group || one.err == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
      continue;
    if (one.err)
      return kafka_error(one.err, doing);
    TIDEMILL_CHECK(check_members(one, ours));
  }
  return {};
}

result<std::vector<offset>> find_offsets(kafka_client& client, const std::vector<topic_partition>& partitions,
                                         const kafka_start& at, milliseconds wait) {
  // The protocol's own values for "first" and "next" are asked for like times.
  auto time = at.kind == kafka_start::from::earliest ? std::int64_t{RD_KAFKA_OFFSET_BEGINNING}
              : at.kind == kafka_start::from::latest
                  ? std::int64_t{RD_KAFKA_OFFSET_END}
                  : std::chrono::ceil<milliseconds>(at.time).time_since_epoch().count();
  auto list = to_list(partitions, time);
  if (auto failed = rd_kafka_offsets_for_times(client.handle(), list.get(), to_ms(wait)))
    return kafka_error(failed, "broker " + client.brokers() + " says no offsets");
  std::vector<offset> out;
  std::vector<topic_partition> behind; // all records are older
  std::vector<std::size_t> places;     // of those
  for (const auto* p : in_order(*list, partitions)) {
    if (p->err)
      return kafka_error(p->err,
                         "offsets of partition " + std::to_string(p->partition) + " of topic " + p->topic);
    if (p->offset < 0) {
      behind.push_back({p->topic, p->partition});
      places.push_back(out.size());
    }
    out.push_back(p->offset < 0 ? 0 : static_cast<offset>(p->offset));
  }
  if (behind.empty())
    return out;
  if (at.kind != kafka_start::from::time)
    return error{errc::unavailable,
                 "broker " + client.brokers() + " says no offset of topic " + behind[0].topic};
  TIDEMILL_TRY(auto ends,
               find_offsets(client, behind, {.kind = kafka_start::from::latest, .time = {}}, wait));
  for (std::size_t i = 0; i < places.size(); ++i)
    out[places[i]] = ends[i];
  return out;
}

result<std::vector<std::optional<group_offset>>>
committed_offsets(kafka_client& client, const std::vector<topic_partition>& partitions, milliseconds wait) {
  auto list = to_list(partitions, RD_KAFKA_OFFSET_INVALID);
  if (auto failed = rd_kafka_committed(client.handle(), list.get(), to_ms(wait)))
    return kafka_error(failed, "the group's offsets can't be read");
  std::vector<std::optional<group_offset>> out;
  for (const auto* p : in_order(*list, partitions)) {
    if (p->err)
      return kafka_error(p->err, "the group's offset of topic " + std::string{p->topic});
    if (p->offset < 0)
      out.emplace_back();
    else
      out.push_back(group_offset{static_cast<offset>(p->offset),
                                 {static_cast<const char*>(p->metadata), p->metadata_size}});
  }
  return out;
}

} // namespace tidemill
