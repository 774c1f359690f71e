#include "storage/kafka/fetcher_choice.hpp"

#include "storage/kafka/client_fetcher.hpp"
#include "storage/kafka/wire_fetcher.hpp"

namespace tidemill {
namespace {

bool is_plain(const kafka_client_settings& s) {
  auto protocol = s.properties.find("security.protocol");
  return protocol == s.properties.end() || protocol->second == "plaintext" || protocol->second == "PLAINTEXT";
}

std::string client_id_of(const kafka_client_settings& s) {
  auto own = s.properties.find("client.id");
  return own != s.properties.end() ? own->second : s.client_id.empty() ? "tidemill" : s.client_id;
}

} // namespace

result<std::unique_ptr<fetcher>> make_fetcher(const kafka_source_settings& s, std::uint32_t partitions) {
  using fetching = kafka_source_settings::fetching;
  fetcher::settings f{.read_ahead = s.read_ahead, .read_committed = s.read_committed, .meta = s.meta};
  auto plain = is_plain(s.client);
  if (s.fetch == fetching::wire && !plain)
    return error{errc::config_invalid, "fetch: wire speaks neither TLS nor SASL"};
  if (plain && s.fetch != fetching::client)
    return make_wire_fetcher(s.client.brokers, client_id_of(s.client), f);
  return make_client_fetcher(s.client, f, partitions);
}

} // namespace tidemill
