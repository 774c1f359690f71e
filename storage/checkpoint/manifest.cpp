#include "storage/checkpoint/manifest.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"

#include <charconv>

namespace tidemill {
namespace {

constexpr std::uint32_t magic = 0x4b434d54; // "TMCK"
constexpr std::uint32_t version = 3;
constexpr std::uint32_t pack_magic = 0x4b504d54; // "TMPK"
constexpr std::size_t longest_name = 160;
constexpr std::string_view manifest_suffix = ".manifest";

void write_head(byte_writer& w, const checkpoint& c) {
  w.varint(c.at);
  w.varint(c.journal);
  w.text(c.source);
  w.u8(c.mark ? 1 : 0);
  if (c.mark) {
    w.varint(c.mark->at);
    w.fixed(c.mark->hash);
  }
  w.varint(c.state_ids.size());
  for (const auto& [part, id] : c.state_ids) {
    w.text(part);
    w.text(id);
  }
  w.varint(c.sinks.size());
  for (const auto& [sink, upto] : c.sinks) {
    w.text(sink);
    w.varint(upto);
  }
  w.varint(c.tables.size());
  for (const auto& table : c.tables)
    w.text(table);
}

checkpoint read_head(byte_reader& r) {
  checkpoint c;
  c.at = r.varint();
  c.journal = r.varint();
  c.source = r.text();
  if (r.u8() != 0) {
    auto at = r.varint();
    c.mark = record_mark{at, r.fixed<std::uint64_t>()};
  }
  for (auto n = r.varint(); n > 0 && r.ok(); --n) {
    std::string part{r.text()};
    c.state_ids[part] = r.text();
  }
  for (auto n = r.varint(); n > 0 && r.ok(); --n) {
    std::string sink{r.text()};
    c.sinks[sink] = r.varint();
  }
  for (auto n = r.varint(); n > 0 && r.ok(); --n)
    c.tables.emplace_back(r.text());
  return c;
}

void write_layer(byte_writer& w, const state_layer& l) {
  w.varint(l.ranges.size());
  for (const auto& r : l.ranges) {
    w.varint(r.after);
    w.varint(r.upto - r.after);
  }
  w.varint(l.entries);
  w.varint(l.packs.size());
  for (const auto& p : l.packs) {
    w.varint(p.number);
    w.fixed(p.token);
    w.varint(p.index);
    w.varint(p.bytes);
    w.fixed(p.hash);
  }
}

state_layer read_layer(byte_reader& r) {
  state_layer l;
  for (auto n = r.varint(); n > 0 && r.ok(); --n) {
    auto after = r.varint();
    l.ranges.push_back({after, after + r.varint()});
  }
  l.entries = r.varint();
  for (auto n = r.varint(); n > 0 && r.ok(); --n) {
    auto& p = l.packs.emplace_back();
    p.number = r.varint();
    p.token = r.fixed<std::uint64_t>();
    p.index = static_cast<std::uint32_t>(r.varint());
    p.bytes = r.varint();
    p.hash = r.fixed<std::uint64_t>();
  }
  return l;
}

std::string hex(std::uint64_t x) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out(16, '0');
  for (auto i = out.size(); i-- > 0; x >>= 4)
    out[i] = digits[x & 15];
  return out;
}

} // namespace

std::string encode_manifest(const manifest& m) {
  std::string out;
  byte_writer w{out};
  w.fixed(magic);
  w.fixed(version);
  w.text(m.key);
  w.svarint(m.saved.time_since_epoch().count());
  write_head(w, m.head);
  w.text(m.head.core);
  w.varint(m.layers.size());
  for (const auto& l : m.layers)
    write_layer(w, l);
  w.fixed(hash64(out));
  return out;
}

result<manifest> decode_manifest(std::string_view bytes, const std::string& key, const std::string& file) {
  auto damaged = [&](std::string_view what) { return error{errc::corrupt, file + " " + std::string{what}}; };
  if (bytes.size() < 16)
    return damaged("is cut off");
  auto body = bytes.substr(0, bytes.size() - 8);
  if (byte_reader{bytes.substr(body.size())}.fixed<std::uint64_t>() != hash64(body))
    return damaged("fails its checksum");
  byte_reader r{body};
  if (r.fixed<std::uint32_t>() != magic)
    return damaged("is no manifest of a checkpoint");
  if (auto found = r.fixed<std::uint32_t>(); found != version)
    return error{errc::mismatch, file + " is of format " + std::to_string(found) +
                                     ", this program reads format " + std::to_string(version) +
                                     "; use the program that wrote it, or another --data folder"};
  manifest m;
  m.key = r.text();
  m.saved = event_time{microseconds{r.svarint()}};
  m.head = read_head(r);
  m.head.core = r.text();
  for (auto n = r.varint(); n > 0 && r.ok(); --n)
    m.layers.push_back(read_layer(r));
  if (!r.ok() || !r.at_end())
    return damaged("doesn't decode");
  if (m.key != key && !key.empty())
    return damaged("belongs to " + m.key + ", not to " + key);
  return m;
}

std::string to_text(const blob_number& n) {
  auto digits = std::to_string(n.number);
  return std::string(20 - digits.size(), '0') + digits + "-" + hex(n.token);
}

std::string manifest_name(const blob_number& n) {
  return to_text(n) + std::string{manifest_suffix};
}

std::string pack_name(const state_pack& p) {
  return to_text({p.number, p.token}) + "-" + std::to_string(p.index) + ".pack";
}

std::optional<blob_number> parse_manifest_name(std::string_view name) {
  blob_number n;
  if (!name.ends_with(manifest_suffix) || name.size() != 37 + manifest_suffix.size())
    return std::nullopt;
  std::from_chars(name.data(), name.data() + 20, n.number);
  std::from_chars(name.data() + 21, name.data() + 37, n.token, 16);
  return manifest_name(n) == name ? std::optional{n} : std::nullopt;
}

pack_writer::pack_writer() {
  byte_writer{bytes_}.fixed(pack_magic);
}

void pack_writer::add(std::string_view piece) {
  byte_writer{bytes_}.text(piece);
}

status for_each_piece(std::string_view pack, const std::string& file,
                      const std::function<status(std::string_view)>& each) {
  byte_reader in{pack};
  if (in.fixed<std::uint32_t>() != pack_magic)
    return error{errc::corrupt, file + " is no pack of a checkpoint"};
  while (!in.at_end()) {
    auto piece = in.text();
    if (!in.ok())
      return error{errc::corrupt, file + " doesn't decode"};
    TIDEMILL_CHECK(each(piece));
  }
  return {};
}

std::string safe_name(std::string_view key) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (auto c : key) {
    auto letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || c == '-' || c == '_' || (c == '.' && !out.empty())) {
      out += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  if (out.empty())
    return "%";
  if (out.size() > longest_name)
    out = out.substr(0, longest_name) + "~" + content_id(key);
  return out;
}

} // namespace tidemill
