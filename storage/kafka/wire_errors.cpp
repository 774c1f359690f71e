#include "storage/kafka/wire_protocol.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {
namespace {

constexpr std::pair<std::int16_t, std::string_view> texts[] = {
    {-1, "an error the broker does not explain"},
    {1, "the offset is not in the log"},
    {2, "the record is damaged in the broker's log"},
    {3, "the broker knows no such topic or partition"},
    {5, "the partition has no leader now"},
    {6, "the broker is not the leader any more"},
    {7, "the broker's request timed out"},
    {8, "the broker is not available"},
    {9, "the replica is not available"},
    {10, "the record is too large"},
    {13, "the broker lost the connection"},
    {14, "the coordinator is loading"},
    {17, "the topic's name is not valid"},
    {29, "reading the topic is not permitted; grant `Read` and `Describe` on it"},
    {31, "the cluster does not permit it"},
    {35, "the broker does not support this version of the request"},
    {42, "the broker calls the request invalid"},
    {43, "the broker stores its log in a format that does not support it"},
    {56, "the broker's disk has an error"},
    {74, "the leader has changed"},
    {75, "the broker does not know the new leader yet"},
    {76, "the broker can't send this compression in this version of the request"},
    {78, "the new leader does not know the end of its log yet"},
    {89, "the broker's quota is exceeded"},
    {100, "the broker knows no topic of this id"},
    {103, "the topic's id is another one"},
};

} // namespace

std::string broker_error_text(broker_error e) {
  auto number = static_cast<std::int16_t>(e);
  const auto* found = std::ranges::find(texts, number, &std::pair<std::int16_t, std::string_view>::first);
  if (found == std::end(texts))
    return "error " + std::to_string(number) + " of the Kafka protocol";
  return std::string{found->second} + " (error " + std::to_string(number) + ")";
}

} // namespace tidemill
