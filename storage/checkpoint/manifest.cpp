#include "storage/checkpoint/manifest.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"

namespace tidemill {
namespace {

constexpr std::uint32_t magic = 0x4b434d54; // "TMCK"
constexpr std::uint32_t version = 2;
constexpr std::size_t longest_name = 160;

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

} // namespace

std::string encode_manifest(const manifest& m) {
  std::string out;
  byte_writer w{out};
  w.fixed(magic);
  w.fixed(version);
  w.text(m.key);
  write_head(w, m.head);
  w.varint(m.pieces.size());
  for (const auto& p : m.pieces) {
    w.text(p.name);
    w.text(p.id);
    w.varint(p.bytes);
  }
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
                                     "; use the program that wrote it"};
  manifest m;
  m.key = r.text();
  m.head = read_head(r);
  for (auto n = r.varint(); n > 0 && r.ok(); --n) {
    auto& p = m.pieces.emplace_back();
    p.name = r.text();
    p.id = r.text();
    p.bytes = r.varint();
  }
  if (!r.ok() || !r.at_end())
    return damaged("doesn't decode");
  if (m.key != key)
    return damaged("belongs to " + m.key + ", not to " + key);
  return m;
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
