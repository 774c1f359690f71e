#include "pipeline/cel/interpreter.hpp"

#include <algorithm>
#include <limits>

namespace tidemill::cel {
namespace {

constexpr auto no_local = std::numeric_limits<std::size_t>::max();

/// What a sub-tree reads.
struct reads {
  bool slots = false;
  std::size_t lowest_local = no_local; ///< of those bound outside of it
};

class folder {
public:
  explicit folder(program& p) : interpreter_(p.locals), left_(p.limits) {}

  /// Folds constant children; tells what the node itself reads.
  reads walk(code& c) {
    reads out;
    std::vector<bool> constant(c.args.size());
    for (std::size_t i = 0; i < c.args.size(); ++i) {
      auto inner = walk(*c.args[i]);
      constant[i] = !inner.slots && inner.lowest_local == no_local;
      bool bound_here = (c.what == op::fold || c.what == op::bind) && i > 0;
      if (bound_here && inner.lowest_local >= c.slot)
        inner.lowest_local = no_local;
      out.slots |= inner.slots;
      out.lowest_local = std::min(out.lowest_local, inner.lowest_local);
    }
    out.slots |= c.what == op::slot || c.what == op::present || c.what == op::optional_slot;
    if (c.what == op::local)
      out.lowest_local = c.slot;
    if (out.slots || out.lowest_local != no_local)
      for (std::size_t i = 0; i < c.args.size(); ++i)
        if (constant[i])
          replace(*c.args[i]);
    return out;
  }

  void replace(code& c) {
    if (c.what == op::constant || !left_.good())
      return;
    auto v = interpreter_.run(c, left_);
    if (!left_.good())
      return; // too much work: each row will say so
    c.what = op::constant;
    c.literal = std::move(v);
    c.args.clear();
    c.regex = nullptr;
  }

private:
  interpreter interpreter_;
  budget left_;
};

constexpr std::size_t few = 8; // up to here comparing with each is faster than hashing

template <class Element, class Stored>
std::shared_ptr<const constant_set> make_set(const value_list& list) {
  std::unordered_set<Element> out;
  for (const auto& v : list)
    if (const auto* x = v.get_if<Stored>())
      out.insert(*x);
    else
      return nullptr;
  return std::make_shared<const constant_set>(std::move(out));
}

/// Nothing: the list is short, or not of one kind that can be hashed.
std::shared_ptr<const constant_set> set_of(const code& list) {
  const auto* l = list.what == op::constant ? list.literal.as_list() : nullptr;
  if (!l || l->size() <= few)
    return nullptr;
  switch (l->front().of()) {
  case kind::integer:
    return make_set<std::int64_t, std::int64_t>(*l);
  case kind::uinteger:
    return make_set<std::uint64_t, std::uint64_t>(*l);
  case kind::real:
    return make_set<double, double>(*l);
  case kind::string:
    return make_set<std::string_view, std::string>(*l);
  default:
    return nullptr;
  }
}

} // namespace

void fold_constants(program& p) {
  folder f{p};
  if (auto r = f.walk(*p.root); !r.slots)
    f.replace(*p.root);
  for (auto& c : p.nodes)
    if (c.what == op::call && c.function == fn::in && c.args.size() == 2)
      c.set = set_of(*c.args[1]);
}

} // namespace tidemill::cel
