#include "event/codec.hpp"

#include "event/cell.hpp"
#include "event/combined_log_codec.hpp"
#include "event/csv_codec.hpp"
#include "event/json_codec.hpp"
#include "event/text_codecs.hpp"
#include "event/url_codecs.hpp"

namespace tidemill {
namespace {

// Positions of bytes are 32 bits wide; far below that, one record would still hold up a whole batch.
constexpr std::size_t largest_record = std::size_t{1} << 30;

error invalid(std::string text) {
  return {errc::config_invalid, std::move(text)};
}

} // namespace

result<std::unique_ptr<codec>> make_codec(const format_options& options, const schema& fields,
                                          std::vector<bool> needed) {
  if (options.max_record == 0 || options.max_record > largest_record)
    return invalid("max_record must be between 1 byte and 1 GiB");
  for (const auto& f : fields.fields())
    if (!has_cells(f.of))
      return invalid(f.name + ": a field can't be of type " + to_string(f.of));
  if (options.name == "json")
    return make_json_codec(options, fields, std::move(needed));
  if (options.name == "csv")
    return make_csv_codec(options, fields, std::move(needed));
  if (options.name == "combined_log")
    return make_combined_log_codec(options, fields, std::move(needed));
  if (options.name == "regex")
    return make_regex_codec(options, fields, std::move(needed));
  if (options.name == "logfmt")
    return make_logfmt_codec(options, fields, std::move(needed));
  if (options.name == "query")
    return make_query_codec(options, fields, std::move(needed));
  if (options.name == "url")
    return make_url_codec(options, fields, std::move(needed));
  std::string known;
  for (const auto& name : format_names())
    known += (known.empty() ? "" : ", ") + name;
  return invalid("unknown format " + excerpt(options.name) + ", expected one of " + known);
}

std::optional<schema> builtin_schema(const format_options& options) {
  if (options.name == "combined_log")
    return combined_log_schema();
  return std::nullopt;
}

const std::vector<std::string>& format_names() {
  static const std::vector<std::string> names{"json",   "csv",   "combined_log", "regex",
                                              "logfmt", "query", "url"};
  return names;
}

} // namespace tidemill
