#include "storage/redis/redis_keys.hpp"

#include "event/hash.hpp"

namespace tidemill {
namespace {

constexpr std::size_t longest_key = 200;

void append_escaped(std::string& out, std::string_view text) {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte != 0x7f && c != '%' && c != '{' && c != '}' && c != '|') {
      out.push_back(c);
      continue;
    }
    out.push_back('%');
    out.push_back("0123456789ABCDEF"[byte >> 4]);
    out.push_back("0123456789ABCDEF"[byte & 15]);
  }
}

std::string padded(event_time t) {
  auto biased = static_cast<std::uint64_t>(t.time_since_epoch().count()) + (std::uint64_t{1} << 63);
  auto digits = std::to_string(biased);
  return std::string(20 - digits.size(), '0') + digits;
}

} // namespace

redis_keys::redis_keys(const std::string& prefix, const std::string& view) {
  stem_ = prefix + ":{";
  append_escaped(stem_, view);
  meta = stem_ + "}:meta";
  keys = stem_ + "}:keys";
  changes = stem_ + "}:changes";
}

std::string redis_keys::current(const std::string& key_text) const {
  return stem_ + ":" + key_text + "}:current";
}

std::string redis_keys::series(const std::string& key_text) const {
  return stem_ + ":" + key_text + "}:series";
}

std::string key_text(const view_schema& view, const row& r) {
  std::string out;
  std::string_view encoded{r.key};
  for (std::size_t i = 0; i < view.by; ++i) {
    // A removed row may carry nothing but its identity.
    value v;
    if (i < r.columns.size())
      v = r.columns[i];
    else if (auto decoded = take_encoded(encoded))
      v = std::move(*decoded);
    if (i > 0)
      out.push_back('|');
    if (v.is_null()) {
      out += "%null";
    } else if (view.columns[i].of.is(kind::dyn) && v.get_if<std::string>()) {
      std::string quoted;
      append_json_string(quoted, *v.get_if<std::string>());
      append_escaped(out, quoted);
    } else {
      append_escaped(out, cell_text(v));
    }
  }
  if (out.size() <= longest_key)
    return out;
  auto cut = longest_key;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xc0) == 0x80)
    --cut;
  return out.substr(0, cut) + "%~" + content_id(r.key);
}

std::string cell_text(const value& v) {
  if (auto* text = v.get_if<std::string>())
    return *text;
  std::string out;
  append_json(out, v);
  if (out.size() >= 2 && out.front() == '"')
    return out.substr(1, out.size() - 2); // times, durations, NaN, base64: nothing escaped
  return out;
}

std::string window_order(const row& r) {
  return padded(r.window_end) + padded(r.window_start);
}

} // namespace tidemill
