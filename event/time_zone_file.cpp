#include "event/time_zone.hpp"

#include <algorithm>
#include <limits>

namespace tidemill {
namespace {

constexpr std::size_t max_bytes = std::size_t{1} << 20;
// RFC 9636, 3.2: local time is less than 25 hours behind and less than 26 hours ahead of UTC.
constexpr std::int32_t least_offset = -25 * 3600 + 1, most_offset = 26 * 3600 - 1;

struct tzif_header {
  char version = 0;
  std::size_t is_ut = 0, is_standard = 0, leaps = 0, times = 0, types = 0, characters = 0;
};

/// Big-endian numbers from the front of bytes; past their end everything is 0 and `good()` false.
class tzif_bytes {
public:
  explicit tzif_bytes(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

  std::string_view take(std::size_t n) {
    if (n > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    auto out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  std::uint64_t unsigned_number(std::size_t width) {
    std::uint64_t out = 0;
    for (auto c : take(width))
      out = out << 8 | static_cast<unsigned char>(c);
    return out;
  }
  std::int64_t number(std::size_t width) {
    auto out = unsigned_number(width);
    return width == 8 ? static_cast<std::int64_t>(out) : static_cast<std::int32_t>(out);
  }
  tzif_header header() {
    tzif_header out;
    good_ &= take(4) == "TZif";
    out.version = static_cast<char>(unsigned_number(1));
    take(15);
    for (auto* n : {&out.is_ut, &out.is_standard, &out.leaps, &out.times, &out.types, &out.characters})
      *n = unsigned_number(4);
    return out;
  }

private:
  std::string_view rest_;
  bool good_ = true;
};

std::size_t block_size(const tzif_header& h, std::size_t width) noexcept {
  return h.times * (width + 1) + h.types * 6 + h.characters + h.leaps * (width + 4) + h.is_standard + h.is_ut;
}

struct zone_data {
  std::vector<std::int64_t> changes;
  std::vector<std::int32_t> before;
  std::int32_t last = 0; ///< offset after the last change
};

/// Null: fine; else what is wrong.
const char* read_block(tzif_bytes& in, const tzif_header& h, std::size_t width, zone_data& out) {
  if (h.leaps > 0)
    return "it counts leap seconds";
  if (h.types == 0 || block_size(h, width) > in.rest().size())
    return "it is cut off";
  for (std::size_t i = 0; i < h.times; ++i)
    out.changes.push_back(in.number(width));
  auto indexes = in.take(h.times);
  std::vector<std::int32_t> offsets;
  for (std::size_t i = 0; i < h.types; ++i) {
    auto offset = in.number(4);
    in.take(2);
    if (offset < least_offset || offset > most_offset)
      return "an offset is out of range";
    offsets.push_back(static_cast<std::int32_t>(offset));
  }
  in.take(h.characters + h.is_standard + h.is_ut);
  out.last = offsets.front();
  for (auto c : indexes) {
    auto index = static_cast<unsigned char>(c);
    if (index >= offsets.size())
      return "a change leads to a type that isn't there";
    out.before.push_back(out.last);
    out.last = offsets[index];
  }
  bool ascends =
      std::adjacent_find(out.changes.begin(), out.changes.end(), std::greater_equal<>{}) == out.changes.end();
  return ascends ? nullptr : "its changes are not in order";
}

/// Changes before all times that are in use say nothing.
void forget_the_distant(zone_data& data) {
  auto near = std::find_if(data.changes.begin(), data.changes.end(),
                           [](std::int64_t t) { return t > -time_zone_rule::limit; });
  auto n = near - data.changes.begin();
  data.changes.erase(data.changes.begin(), near);
  data.before.erase(data.before.begin(), data.before.begin() + n);
  auto far = std::find_if(data.changes.begin(), data.changes.end(),
                          [](std::int64_t t) { return t >= time_zone_rule::limit; });
  if (far == data.changes.end())
    return;
  auto kept = far - data.changes.begin();
  data.last = data.before[static_cast<std::size_t>(kept)];
  data.changes.erase(far, data.changes.end());
  data.before.erase(data.before.begin() + kept, data.before.end());
}

} // namespace

result<time_zone> time_zone::from_tzif(std::string name, std::string_view bytes) {
  auto wrong = [&](std::string_view why) {
    return error{errc::corrupt, "the data of time zone " + name + " can't be used: " + std::string{why}};
  };
  if (bytes.size() > max_bytes)
    return wrong("it is larger than 1 MiB");
  tzif_bytes in{bytes};
  auto header = in.header();
  std::size_t width = 4;
  if (in.good() && header.version >= '2') { // a block for old readers, then the real one
    in.take(block_size(header, width));
    header = in.header();
    width = 8;
  }
  if (!in.good())
    return wrong("it is no TZif file");
  zone_data data;
  if (const auto* why = read_block(in, header, width, data))
    return wrong(why);
  forget_the_distant(data);
  time_zone out{std::move(name), time_zone_rule{data.last}};
  out.changes_ = std::move(data.changes);
  out.before_ = std::move(data.before);
  if (width == 4 || in.rest() == "\n\n")
    return out;
  auto footer = in.rest();
  if (footer.size() < 2 || footer.front() != '\n' || footer.back() != '\n')
    return wrong("its rule is cut off");
  auto rule = time_zone_rule::parse(footer.substr(1, footer.size() - 2));
  if (!rule)
    return wrong(rule.error().text());
  out.tail_ = *rule;
  return out;
}

} // namespace tidemill
