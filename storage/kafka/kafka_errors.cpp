#include "storage/kafka/kafka_errors.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>

namespace tidemill {

errc kafka_code(int number) noexcept {
  switch (number) {
  case RD_KAFKA_RESP_ERR_NO_ERROR:
    return errc::none;
  case RD_KAFKA_RESP_ERR__FENCED:
  case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
  case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
  case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    return errc::fenced;
  case RD_KAFKA_RESP_ERR__AUTHENTICATION:
  case RD_KAFKA_RESP_ERR__SSL:
  case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
  case RD_KAFKA_RESP_ERR__INVALID_ARG:
  case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
  case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
  case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
  case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
  case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
  case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
  case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
  case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
  case RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED:
  case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
  case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: // a name that can't be one
    return errc::refused;
  default:
    return errc::unavailable;
  }
}

error kafka_error(int number, std::string_view doing) {
  return {kafka_code(number),
          std::string{doing} + ": " + rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(number))};
}

std::string plain_reason(std::string_view reason) {
  constexpr std::string_view coordinator = "GroupCoordinator: ";
  if (reason.starts_with(coordinator))
    reason.remove_prefix(coordinator.size());
  // The address: no blank before its ": ", and a colon or `/` as in `/bootstrap`.
  if (auto end = reason.find(": "); end != std::string_view::npos) {
    auto address = reason.substr(0, end);
    if (address.find_first_of(":/") != std::string_view::npos && address.find(' ') == std::string_view::npos)
      reason.remove_prefix(end + 2);
  }
  if (auto state = reason.rfind(" (after "); state != std::string_view::npos)
    reason = reason.substr(0, state);
  // What it guesses of a connection that was closed, in the words of its own settings.
  for (std::string_view guess :
       {": verify that security.protocol", ": might be caused by incorrect security"})
    if (auto at = reason.find(guess); at != std::string_view::npos)
      return std::string{reason.substr(0, at)} + "; if it stays so, check `tls` and `sasl`";
  return std::string{reason};
}

bool is_tls_refusal(std::string_view reason) noexcept {
  static constexpr std::array broken{"Disconnected", "transport error", "Connection reset", "Broken pipe",
                                     "timed out"};
  return std::none_of(broken.begin(), broken.end(),
                      [&](std::string_view part) { return reason.find(part) != std::string_view::npos; });
}

} // namespace tidemill
