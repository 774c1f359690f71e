#include "event/text_fields.hpp"

#include <algorithm>

namespace tidemill {

text_fields::text_fields(const format_options& options, const schema& fields, std::vector<bool> needed)
    : rows_(fields, std::move(needed), options.max_record), found_(rows_.needed().size()) {
  for (auto f : rows_.needed())
    readers_.push_back(text_reader(fields[f].of));
}

void text_fields::decode(const record_batch& in, event_batch& out, std::vector<decode_failure>& failures) {
  rows_.write(in, out, failures, [this](std::string_view text, error& why) { return read(text, why); });
}

outcome text_fields::read(std::string_view line, error& why) {
  if (skips_blank() && line.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return outcome::blank;
  std::ranges::fill(found_, found{});
  if (!check_utf8(line, why) || !split(line, why))
    return outcome::failed;
  for (std::size_t i = 0; i < found_.size(); ++i)
    if (!store(i, why))
      return outcome::failed;
  return outcome::row;
}

bool text_fields::store(std::size_t i, error& why) {
  const auto field = rows_.needed()[i];
  const auto& f = found_[i];
  auto to = rows_.at(field);
  if (!f.there)
    return rows_.null(field, "is missing", why);
  if (f.text.empty() && !to.as.of.is(kind::string) && !to.as.of.is(kind::bytes))
    return rows_.null(field, "is empty", why);
  return readers_[i](to, f.text, f.life, why);
}

std::string text_name(const field& f) {
  std::string name;
  for (const auto& part : f.path)
    name += (name.empty() ? "" : ".") + part;
  return name.empty() ? f.name : name;
}

status check_text_fields(const schema& fields) {
  for (const auto& f : fields.fields())
    if (f.of.is(kind::dyn))
      return error{errc::config_invalid, f.name + ": text doesn't say which type a value has; declare one"};
  return {};
}

} // namespace tidemill
