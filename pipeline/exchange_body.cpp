#include "pipeline/exchange_body.hpp"

#include "event/bytes.hpp"
#include "event/encoded_cells.hpp"
#include "event/value.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::size_t time_bytes = sizeof(std::int64_t);

} // namespace

void append_body(std::string& out, const event_batch& batch, std::size_t row,
                 std::span<const std::size_t> slots) {
  byte_writer{out}.fixed<std::int64_t>(batch.times[row].time_since_epoch().count());
  for (auto slot : slots)
    append_encoded(out, batch.columns[slot], row);
}

bool take_body(std::string_view body, std::span<const std::optional<std::size_t>> to, event_batch& batch,
               std::size_t row) {
  if (body.size() < time_bytes)
    return false;
  body.remove_prefix(time_bytes);
  for (const auto& slot : to)
    if (!(slot ? take_encoded(body, batch.columns[*slot], row) : skip_encoded(body)))
      return false;
  return body.empty();
}

std::optional<event_time> time_of_body(std::string_view body) {
  byte_reader in{body};
  const auto at = in.fixed<std::int64_t>();
  return in.ok() ? std::optional{event_time{microseconds{at}}} : std::nullopt;
}

bool key_of_body(std::string_view body, std::size_t fields, std::span<const std::size_t> key, body_key& out) {
  if (body.size() < time_bytes)
    return false;
  body.remove_prefix(time_bytes);
  std::vector<std::string_view> cells(fields);
  out = {};
  for (auto& cell : cells) {
    const auto before = body;
    if (!skip_encoded(body))
      return false;
    cell = before.substr(0, before.size() - body.size());
  }
  static const auto null_cell = [] {
    std::string bytes;
    append_encoded(bytes, value{});
    return bytes;
  }();
  for (auto at : key) {
    out.bytes += cells[at];
    out.has_null |= cells[at] == null_cell;
  }
  return true;
}

std::string body_json(std::string_view body, const schema& fields) {
  std::string json = "{";
  body.remove_prefix(std::min(body.size(), time_bytes));
  for (const auto& f : fields.fields()) {
    auto cell = take_encoded(body);
    if (!cell)
      break;
    append_json_string(json += json.size() > 1 ? "," : "", f.name);
    append_json(json += ':', *cell);
  }
  return json += '}';
}

} // namespace tidemill
