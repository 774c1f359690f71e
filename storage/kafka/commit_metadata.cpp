#include "storage/kafka/commit_metadata.hpp"

namespace tidemill {
namespace {

constexpr std::string_view mark = "tidemill store=", place = " at=";
constexpr std::size_t max_bytes = 2048; // brokers take 4096, by default

} // namespace

std::string to_metadata(const checkpoint_holder& holder) {
  std::string out{mark};
  out += holder.store;
  out += place;
  out += holder.name;
  if (out.size() > max_bytes)
    out.resize(max_bytes);
  return out;
}

std::optional<checkpoint_holder> parse_metadata(std::string_view metadata) {
  if (!metadata.starts_with(mark))
    return std::nullopt;
  metadata.remove_prefix(mark.size());
  auto end = metadata.find(place);
  checkpoint_holder out{.store = std::string{metadata.substr(0, end)}, .name = {}};
  if (end != std::string_view::npos)
    out.name = metadata.substr(end + place.size());
  return out;
}

} // namespace tidemill
