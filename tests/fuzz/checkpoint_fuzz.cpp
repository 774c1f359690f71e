// Links: tidemill_storage_checkpoint
// Manifests and packs of checkpoints, whose checksums fit: any bytes are refused or read, and what was read
// is stored the same way again.

#include "event/bytes.hpp"
#include "event/hash.hpp"
#include "storage/checkpoint/manifest.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace tidemill::test {
namespace {

/// With the checksum that its bytes should have.
std::string sealed(std::string bytes) {
  byte_writer{bytes}.fixed(hash64(bytes));
  return bytes;
}

std::string true_body() {
  manifest m;
  m.key = "clicks/3";
  m.head.at = 4711;
  m.head.journal = 12;
  m.head.source = "kafka c clicks 3";
  m.head.mark = record_mark{4710, 99};
  m.head.state_ids = {{"hits", "aa"}, {"traffic", "bb"}};
  m.head.sinks = {{"0", 4711}, {"1", 4800}};
  m.head.tables = {"v1", ""};
  m.head.core = "core";
  m.layers = {{{{0, 100}, {200, 4711}}, 17, {{3, 4, 0, 1000, 5}, {3, 4, 1, 20, 6}}}, {}};
  auto whole = encode_manifest(m);
  whole.resize(whole.size() - 8);
  return whole;
}

void read_manifest(const std::string& bytes) {
  auto m = decode_manifest(bytes, "", "m");
  if (!m)
    return;
  auto once = encode_manifest(*m);
  auto again = decode_manifest(once, m->key, "m");
  if (!again || encode_manifest(*again) != once)
    finding("a manifest that was read is not stored the same way");
  for (const auto& l : m->layers)
    for (const auto& p : l.packs)
      if (pack_name(p).find('/') != std::string::npos)
        finding("a pack's name leads elsewhere");
}

void read_pack(std::string_view bytes) {
  pack_writer again;
  auto read = for_each_piece(bytes, "p", [&](std::string_view piece) -> status {
    again.add(piece);
    return {};
  });
  if (!read)
    return;
  std::size_t pieces = 0, bytes_of = 0;
  if (!for_each_piece(again.bytes(), "p", [&](std::string_view piece) -> status {
        ++pieces;
        bytes_of += piece.size();
        return {};
      }))
    finding("a pack that was read is not read again");
  if (bytes_of > bytes.size() || pieces > bytes.size())
    finding("a pack holds more than its bytes");
}

} // namespace

void fuzz_one(std::string_view input) {
  static const auto body = true_body();
  fuzz_input in{input};
  switch (in.byte() % 4) {
  case 0:
    return read_manifest(std::string{in.rest()});
  case 1:
    return read_manifest(sealed(std::string{in.rest()}));
  case 2: {
    auto bytes = body;
    for (auto n = 1 + in.byte() % 4; n > 0; --n) {
      auto at = in.number<std::uint16_t>() % bytes.size();
      bytes.replace(at, in.byte() % 4, in.take(in.byte() % 12));
      if (bytes.empty())
        return;
    }
    return read_manifest(sealed(bytes));
  }
  default: {
    std::string pack = pack_writer{}.bytes();
    pack += in.rest();
    read_pack(pack);
    auto name = parse_manifest_name(input);
    if (name && manifest_name(*name) != input)
      finding("a manifest's name is read as another one");
  }
  }
}

} // namespace tidemill::test
