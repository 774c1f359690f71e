#include "pipeline/steps/bucket_state.hpp"

#include "pipeline/steps/steps.hpp"

namespace tidemill {
namespace {

constexpr std::uint8_t format = 1;
constexpr microseconds longest = std::chrono::days{365};

} // namespace

void bucket_state::save(byte_writer& out) const {
  out.u8(format);
  out.svarint(table.first());
  out.varint(dropped);
  out.varint(table.size());
}

bool bucket_state::load(byte_reader& in) {
  auto known = in.u8() == format;
  table.drop_below(in.svarint());
  dropped = in.varint();
  expected_ = in.varint();
  return known && in.ok();
}

std::optional<std::size_t> read_max_keys(const component& c, std::vector<diagnostic>& out) {
  auto most = c.settings.integer("max_keys");
  if (most >= 1 && most <= static_cast<std::int64_t>(bucket_table<number_values>::most_entries))
    return static_cast<std::size_t>(most);
  out.push_back(
      fault_at(c.settings.where("max_keys"), c.type + ".max_keys",
               "max_keys must be 1 … " + std::to_string(bucket_table<number_values>::most_entries)));
  return std::nullopt;
}

std::optional<microseconds> read_stretch(const component& c, const char* setting, const char* hint,
                                         std::vector<diagnostic>& out) {
  auto length = c.settings.time(setting);
  if (length > microseconds{0} && length <= longest)
    return length;
  out.push_back(fault_at(c.settings.where(setting), c.type + '.' + setting,
                         std::string{setting} + " must be longer than zero, and 365d at most", hint));
  return std::nullopt;
}

} // namespace tidemill
