#pragma once

#include "event/spec.hpp"
#include "storage/kafka/client_properties.hpp"
#include "storage/kafka/kafka_settings.hpp"
#include "storage/kafka/kafka_sink_settings.hpp"

#include <vector>

namespace tidemill {

class options;

/// The settings that Kafka sources and sinks share: `brokers`, `tls`, `sasl`, `client`.
[[nodiscard]] std::vector<field_spec> kafka_client_fields();
/// Their rules: addresses, what belongs to a mechanism, reserved and unknown properties.
void lint_kafka_client(const options& o, kafka_role role, std::vector<diagnostic>& out);
/// They as settings of a client. `o` has passed its lint.
[[nodiscard]] kafka_client_settings kafka_client_of(const options& o);

/// The settings of a source of type kafka, those aside that all sources have.
[[nodiscard]] std::vector<field_spec> kafka_source_fields();
void lint_kafka_source(const options& o, std::vector<diagnostic>& out);
/// Without what the configuration doesn't say: `name`, `meta`, `state_folder`, `store_id`, `store_name`.
[[nodiscard]] kafka_source_settings kafka_settings_of(const options& o);

/// The settings of a sink of type kafka, `from` aside.
[[nodiscard]] std::vector<field_spec> kafka_sink_fields();
void lint_kafka_sink(const options& o, std::vector<diagnostic>& out);
/// Without what the configuration doesn't say: `pipeline`, `name`, `client_id`, `inputs`.
[[nodiscard]] kafka_sink_settings kafka_sink_settings_of(const options& o);

} // namespace tidemill
