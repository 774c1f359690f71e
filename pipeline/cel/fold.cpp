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
  explicit folder(program& p) : interpreter_(p.locals) {}

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

} // namespace

void fold_constants(program& p) {
  folder f{p};
  if (auto r = f.walk(*p.root); !r.slots)
    f.replace(*p.root);
}

} // namespace tidemill::cel
