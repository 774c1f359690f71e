#include "storage/kafka/sink_progress.hpp"

#include "event/bytes.hpp"
#include "event/hash.hpp"
#include "event/value.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tidemill {
namespace {

constexpr std::string_view prefix = "tidemill/1 ";
constexpr std::size_t longest_head = prefix.size() + 6; // "63/64 "
// Whole groups of four characters, so that the texts of a note can be joined and decoded at once.
constexpr std::size_t base64_per_text = (longest_metadata - longest_head) / 4 * 4;
// Checksum, generation and sequence.
constexpr std::size_t envelope = 4 + 10 + 10;

constexpr auto base64_values = [] {
  std::array<std::int8_t, 256> out{};
  out.fill(-1);
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < digits.size(); ++i)
    out[static_cast<unsigned char>(digits[i])] = static_cast<std::int8_t>(i);
  return out;
}();

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0)
    return {};
  while (text.ends_with('=') && text.size() % 4 != 2)
    text.remove_suffix(1);
  std::string out;
  std::uint32_t bits = 0;
  unsigned have = 0;
  for (char c : text) {
    auto digit = base64_values[static_cast<unsigned char>(c)];
    if (digit < 0)
      return {};
    bits = (bits << 6 | static_cast<std::uint32_t>(digit)) & 0xffffff;
    have += 6;
    if (have >= 8) {
      have -= 8;
      out.push_back(static_cast<char>(bits >> have & 0xff));
    }
  }
  return out;
}

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(hash64(bytes));
}

struct head {
  std::size_t number = 0, count = 0;
};

/// Takes `tidemill/1 0/2 ` from the front.
std::optional<head> take_head(std::string_view& text) {
  if (!text.starts_with(prefix))
    return {};
  text.remove_prefix(prefix.size());
  head h;
  const auto* end = text.data() + text.size();
  auto number = std::from_chars(text.data(), end, h.number);
  if (number.ec != std::errc{} || number.ptr == end || *number.ptr != '/')
    return {};
  auto count = std::from_chars(number.ptr + 1, end, h.count);
  if (count.ec != std::errc{} || count.ptr == end || *count.ptr != ' ')
    return {};
  text.remove_prefix(static_cast<std::size_t>(count.ptr + 1 - text.data()));
  return h;
}

error incomplete() {
  return {errc::corrupt, "the progress kept in a group's offset metadata is incomplete or damaged"};
}

} // namespace

std::size_t note_capacity(std::size_t partitions) {
  return std::min(partitions, most_note_texts) * base64_per_text / 4 * 3 - envelope;
}

std::vector<std::string> encode_note(const sink_note& note, bool whole) {
  std::string inner;
  byte_writer w{inner};
  w.varint(note.generation);
  w.varint(note.sequence);
  w.raw(note.body);
  std::string bytes;
  byte_writer{bytes}.fixed(checksum(inner));
  bytes += inner;
  auto text = base64_encode(bytes);
  auto step = whole ? text.size() : base64_per_text;
  auto count = (text.size() + step - 1) / step;
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(std::string{prefix} + std::to_string(i) + '/' + std::to_string(count) + ' ' +
                  text.substr(i * step, step));
  return out;
}

result<std::optional<sink_note>> decode_note(const std::vector<std::string>& texts) {
  if (texts.empty() || texts.front().empty())
    return std::optional<sink_note>{};
  std::string joined;
  for (std::size_t i = 0, count = 1; i < count; ++i) {
    if (i >= texts.size())
      return incomplete();
    std::string_view text{texts[i]};
    auto h = take_head(text);
    if (!h && i == 0)
      return error{errc::mismatch,
                   "its offset metadata is not tidemill's: another program commits to the group"};
    if (!h || h->number != i || h->count == 0 || h->count > most_note_texts || (i > 0 && h->count != count))
      return incomplete();
    count = h->count;
    joined += text;
  }
  auto bytes = base64_decode(joined);
  if (!bytes)
    return incomplete();
  byte_reader r{*bytes};
  auto sum = r.fixed<std::uint32_t>();
  if (!r.ok() || sum != checksum(r.rest()))
    return incomplete();
  sink_note note;
  note.generation = r.varint();
  note.sequence = r.varint();
  note.body = r.rest();
  if (!r.ok())
    return incomplete();
  return std::optional{std::move(note)};
}

std::string id_text(const event_id& id, const std::vector<sink_input>& inputs) {
  const auto& in = input_of(id.partition, inputs);
  std::string out;
  out.reserve(in.source.size() + 40);
  out += in.source;
  for (auto n : {std::uint64_t{to_index(id.partition) - in.first}, id.at, std::uint64_t{id.index}}) {
    std::array<char, 20> digits;
    auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
    out += '/';
    out.append(digits.data(), end);
  }
  return out;
}

} // namespace tidemill
