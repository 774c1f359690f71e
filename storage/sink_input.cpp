#include "storage/sink_input.hpp"

#include "event/bytes.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {
namespace {

constexpr char with_identity = 'I';
constexpr char by_name = 'E'; // of earlier versions

} // namespace

const sink_input& input_of(partition_id p, const std::vector<sink_input>& inputs) {
  static const sink_input nameless;
  const auto* found = &nameless;
  for (const auto& i : inputs)
    if (i.first <= to_index(p) && (found == &nameless || i.first >= found->first))
      found = &i;
  return *found;
}

std::string encode_progress(const sink_progress& p, const std::vector<sink_input>& inputs) {
  struct part {
    std::uint64_t identity = 0;
    std::vector<std::pair<std::uint32_t, offset>> partitions;
  };
  std::map<std::string_view, part> by_source;
  for (auto [partition, upto] : p) {
    const auto& in = input_of(partition, inputs);
    auto& mine = by_source[in.source];
    mine.identity = in.identity;
    mine.partitions.emplace_back(to_index(partition) - in.first, upto);
  }
  std::string out(1, with_identity);
  byte_writer w{out};
  w.varint(by_source.size());
  for (const auto& [source, mine] : by_source) {
    w.text(source);
    w.fixed(mine.identity);
    w.varint(mine.partitions.size());
    std::uint32_t last = 0;
    for (auto [number, upto] : mine.partitions) {
      w.varint(number - last);
      w.varint(upto);
      last = number;
    }
  }
  return out;
}

result<sink_progress> decode_progress(std::string_view text, const std::vector<sink_input>& inputs) {
  sink_progress out;
  if (!text.starts_with(with_identity) && !text.starts_with(by_name))
    return out;
  byte_reader r{text.substr(1)};
  for (auto sources = r.varint(); sources > 0 && r.ok(); --sources) {
    auto name = r.text();
    auto identity = text.front() == with_identity ? r.fixed<std::uint64_t>() : 0;
    auto in = std::find_if(inputs.begin(), inputs.end(), [&](const auto& i) {
      return i.source == name && (i.identity == identity || i.identity == 0 || identity == 0);
    });
    std::uint64_t number = 0;
    for (auto n = r.varint(); n > 0 && r.ok(); --n) {
      number += r.varint();
      auto upto = r.varint();
      if (in != inputs.end() && number < in->partitions)
        out[partition_id{static_cast<std::uint32_t>(in->first + number)}] = upto;
      if (name.empty() && inputs.empty())
        out[partition_id{static_cast<std::uint32_t>(number)}] = upto;
    }
  }
  if (!r.ok() || !r.at_end())
    return error{errc::corrupt, "the progress of a sink is incomplete or damaged"};
  return out;
}

std::size_t longest_progress(const std::vector<sink_input>& inputs) {
  std::size_t out = 4;
  for (const auto& i : inputs)
    out += i.source.size() + 14 + std::size_t{i.partitions} * 7; // offsets below 2^42
  return out;
}

} // namespace tidemill
