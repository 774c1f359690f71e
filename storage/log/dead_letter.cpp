#include "storage/log/dead_letter.hpp"

#include "event/bytes.hpp"
#include "event/json_parse.hpp"
#include "event/value.hpp"

#include <array>

namespace tidemill {
namespace {

// The first letters began with the name of their stream, which is never empty.
constexpr std::uint8_t second_form = 2;

std::optional<std::string> base64_bytes(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int have = 0;
  while (text.ends_with('='))
    text.remove_suffix(1);
  for (auto c : text) {
    auto digit = c >= 'A' && c <= 'Z'   ? c - 'A'
                 : c >= 'a' && c <= 'z' ? c - 'a' + 26
                 : c >= '0' && c <= '9' ? c - '0' + 52
                 : c == '+'             ? 62
                 : c == '/'             ? 63
                                        : -1;
    if (digit < 0)
      return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    have += 6;
    if (have >= 8)
      out += static_cast<char>(bits >> (have -= 8) & 0xff);
  }
  return out;
}

/// The members of one object of a letter. Anything missing or of another type is noted, not thrown.
class members {
public:
  members(const value& v, bool& good) : map_(v.as_map()), good_(good) { good_ = good_ && map_ != nullptr; }

  [[nodiscard]] const value* find(std::string_view name) const {
    if (map_ != nullptr)
      for (const auto& [key, x] : *map_)
        if (const auto* text = key.get_if<std::string>(); text != nullptr && *text == name)
          return &x;
    return nullptr;
  }

  template <class T>
  [[nodiscard]] T need(std::string_view name) const {
    const auto* x = find(name);
    const auto* found = x != nullptr ? x->get_if<T>() : nullptr;
    good_ = good_ && found != nullptr;
    return found != nullptr ? *found : T{};
  }

  [[nodiscard]] std::optional<event_time> time(std::string_view name) const {
    const auto* x = find(name);
    const auto* text = x != nullptr ? x->get_if<std::string>() : nullptr;
    if (text == nullptr)
      return std::nullopt;
    auto t = parse_rfc3339(*text);
    good_ = good_ && t;
    return t ? std::optional{to_event_time(*t)} : std::nullopt;
  }

  /// `name` as text, `name_base64` as bytes, or null.
  [[nodiscard]] std::optional<std::string> bytes(const std::string& name) const {
    if (const auto* coded = find(name + "_base64")) {
      const auto* text = coded->get_if<std::string>();
      auto out = text != nullptr ? base64_bytes(*text) : std::nullopt;
      good_ = good_ && out;
      return out;
    }
    const auto* x = find(name);
    if (x != nullptr && x->is_null())
      return std::nullopt;
    return need<std::string>(name);
  }

private:
  const value_map* map_;
  bool& good_;
};

void read_meta(const members& all, dead_letter& out, bool& good) {
  out.has_meta = all.find("key") != nullptr || all.find("key_base64") != nullptr;
  if (!out.has_meta)
    return;
  out.key = all.bytes("key");
  const auto* headers = all.find("headers");
  const auto* list = headers != nullptr ? headers->as_list() : nullptr;
  good = good && list != nullptr;
  if (list != nullptr)
    for (const auto& h : *list) {
      members one{h, good};
      out.headers.emplace_back(one.bytes("name").value_or(""), one.bytes("value"));
    }
}

} // namespace

std::string encode_letter(const stored_letter& l) {
  std::string out;
  byte_writer w{out};
  if (l.written) {
    w.u8(0);
    w.u8(second_form);
    w.svarint(l.written->time_since_epoch().count());
  }
  w.text(l.stream);
  w.varint(to_index(l.id.partition));
  w.varint(l.id.at);
  w.varint(l.id.index);
  w.raw(l.json);
  return out;
}

std::optional<stored_letter> decode_letter(std::string_view bytes) {
  byte_reader r{bytes};
  stored_letter l;
  l.stream = r.text();
  if (r.ok() && l.stream.empty()) {
    if (r.u8() != second_form)
      return std::nullopt;
    l.written = event_time{microseconds{r.svarint()}};
    l.stream = r.text();
  }
  l.id.partition = partition_id{static_cast<std::uint32_t>(r.varint())};
  l.id.at = r.varint();
  l.id.index = static_cast<std::uint32_t>(r.varint());
  l.json = r.rest();
  return r.ok() ? std::optional{l} : std::nullopt;
}

std::string dead_letter::place() const {
  return source + '/' + std::to_string(to_index(id.partition)) + '/' + std::to_string(id.at);
}

result<dead_letter> read_letter(const stored_letter& l) {
  dead_letter out;
  out.position = l.position;
  out.stream = l.stream;
  out.id = l.id;
  out.written = l.written;
  out.json = l.json;
  auto parsed = parse_json(l.json);
  auto good = parsed.has_value();
  if (good) {
    members all{*parsed, good};
    out.source = all.need<std::string>("source");
    out.step = all.need<std::string>("step");
    out.reason = all.need<std::string>("reason");
    out.code = all.need<std::int64_t>("code");
    out.received = all.time("received");
    out.event_at = all.time("event_time");
    out.value = all.bytes("raw");
    read_meta(all, out, good);
  }
  if (!good)
    return error{errc::corrupt, "dead letter " + std::to_string(l.position) + " of " + std::string{l.stream} +
                                    " is not of the form that this program writes"};
  return out;
}

} // namespace tidemill
