#include "pipeline/sketch/exact_set.hpp"

#include <algorithm>
#include <vector>

namespace tidemill {
namespace {

constexpr std::uint32_t first_slots = 4;
constexpr exact_set::fingerprint free_slot{0, 0};
enum form : std::uint8_t { members_form = 0, over_form = 1 };

} // namespace

// Where it is or would be.
std::size_t exact_set::place_of(fingerprint f) const noexcept {
  auto mask = slots_ - 1;
  auto at = f.low & mask;
  while (table_[at] != free_slot && table_[at] != f)
    at = (at + 1) & mask;
  return at;
}

void exact_set::add(fingerprint f, std::size_t limit) {
  if (over_)
    return;
  if (f == free_slot)
    f.low = 1;
  if (used_ * 4ull >= slots_ * 3ull)
    grow();
  auto at = place_of(f);
  if (table_[at] == f)
    return;
  if (used_ == limit)
    return give_up();
  table_[at] = f;
  ++used_;
}

void exact_set::grow() {
  auto old = std::move(table_);
  auto n = slots_;
  slots_ = n == 0 ? first_slots : n * 2;
  table_ = std::make_unique<fingerprint[]>(slots_);
  for (std::size_t i = 0; i < n; ++i)
    if (old[i] != free_slot)
      table_[place_of(old[i])] = old[i];
}

void exact_set::give_up() {
  *this = {};
  over_ = true;
}

void exact_set::merge(const exact_set& other, std::size_t limit) {
  if (over_)
    return;
  if (other.over_)
    return give_up();
  for (std::size_t i = 0; i < other.slots_ && !over_; ++i)
    if (other.table_[i] != free_slot)
      add(other.table_[i], limit);
}

void exact_set::save(byte_writer& out) const {
  out.u8(over_ ? over_form : members_form);
  if (over_)
    return;
  std::vector<fingerprint> members;
  members.reserve(used_);
  std::copy_if(table_.get(), table_.get() + slots_, std::back_inserter(members),
               [](auto f) { return f != free_slot; });
  std::sort(members.begin(), members.end());
  out.varint(members.size());
  for (auto [high, low] : members) {
    out.fixed(high);
    out.fixed(low);
  }
}

bool exact_set::load(byte_reader& in, std::size_t limit) {
  *this = {};
  auto form = in.u8();
  if (!in.ok() || form > over_form)
    return false;
  if (form == over_form) {
    over_ = true;
    return true;
  }
  auto n = in.varint();
  if (!in.ok() || n > limit)
    return false;
  exact_set read;
  fingerprint before = free_slot;
  for (std::uint64_t i = 0; i < n; ++i) {
    auto high = in.fixed<std::uint64_t>();
    fingerprint f{high, in.fixed<std::uint64_t>()};
    if (!in.ok() || f <= before)
      return false;
    read.add(f, limit);
    before = f;
  }
  *this = std::move(read);
  return true;
}

} // namespace tidemill
