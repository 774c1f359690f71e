#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"

#include <algorithm>

namespace tidemill {
namespace {

// The first or the last so many values by time, of equal times in canonical order, in their stored form.
// Those that belong to the last `most` are the end of what is held: the front goes only now and then.
template <bool Latest>
class collection {
public:
  static constexpr bool timed = true;
  using setting = std::size_t; // how many at most

  void add(std::string_view stored, event_time t, std::size_t most) {
    if (!all_)
      all_ = std::make_unique<std::vector<item>>();
    auto& all = *all_;
    if (all.size() >= most && (Latest ? t < all[all.size() - most].at : t >= all.back().at))
      return;
    auto after = std::upper_bound(all.begin(), all.end(), t,
                                  [](event_time at, const item& held) { return at < held.at; });
    all.insert(after, item{t, std::string{stored}});
    if (Latest && all.size() >= 2 * most)
      all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(most));
    else if (!Latest && all.size() > most)
      all.pop_back();
  }
  void merge(const collection& from, std::size_t most) {
    from.each(most, [&](const item& i) { add(i.stored, i.at, most); });
  }
  [[nodiscard]] value finish(std::size_t most) const {
    value_list list;
    each(most, [&](const item& i) { list.push_back(decoded(i.stored)); });
    return list;
  }
  void save(byte_writer& out, std::size_t most) const {
    out.varint(all_ ? std::min(most, all_->size()) : 0);
    std::int64_t before = 0;
    each(most, [&](const item& i) {
      auto at = i.at.time_since_epoch().count();
      out.svarint(at - before);
      out.text(i.stored);
      before = at;
    });
  }
  [[nodiscard]] bool load(byte_reader& in, std::size_t most) {
    auto n = in.varint();
    if (!in.ok() || n > most)
      return false;
    event_time at{};
    for (std::uint64_t i = 0; i < n; ++i) {
      auto step = in.svarint();
      auto stored = in.text();
      constexpr auto far = time_max.time_since_epoch().count();
      if (!in.ok() || (i > 0 && step < 0) || step > far - at.time_since_epoch().count() || step < -far ||
          decoded(stored).is_null())
        return false;
      at += microseconds{step};
      add(stored, at, most);
    }
    return true;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept {
    if (!all_)
      return 0;
    auto bytes = sizeof(*all_) + all_->capacity() * sizeof(item);
    for (const auto& i : *all_)
      bytes += i.stored.capacity() > std::string{}.capacity() ? i.stored.capacity() + 1 : 0;
    return bytes;
  }

private:
  struct item {
    event_time at;
    std::string stored;
  };
  template <class Each>
  void each(std::size_t most, Each take) const {
    if (all_)
      for (auto i = all_->size() - std::min(most, all_->size()); i < all_->size(); ++i)
        take((*all_)[i]);
  }

  std::unique_ptr<std::vector<item>> all_; // in time order
};

template <bool Latest>
made_aggregate make(const type& t, std::size_t most) {
  using state = collection<Latest>;
  return make_state_aggregate<state, any_kind>(
      (Latest ? "collect_last(" : "collect(") + to_string(t) + ", " + std::to_string(most) + ')',
      type::list_of(t), [most](const state& s) { return s.finish(most); }, most);
}

} // namespace

made_aggregate make_collect(const type& argument, std::size_t most, bool latest) {
  auto t = argument.with_null(false);
  if (!can_be_held(t))
    return nullptr;
  return latest ? make<true>(t, most) : make<false>(t, most);
}

} // namespace tidemill
