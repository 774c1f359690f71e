#include "pipeline/cel/checker_state.hpp"
#include "pipeline/cel/compiler.hpp"
#include "pipeline/cel/expression.hpp"
#include "pipeline/cel/expression_impl.hpp"
#include "pipeline/cel/parser.hpp"

#include <algorithm>

namespace tidemill::cel {
namespace {

using name_test = std::function<bool(std::string_view)>;

/// An expression's name for a call's result; no text can spell it.
std::string result_name(std::size_t call) {
  return "#" + std::to_string(call);
}

bool is_call(const node& n, const name_test& is_aggregate) {
  return n.what == node_kind::call && !n.member && is_aggregate(n.name);
}

const node* find_call(const node& n, const name_test& is_aggregate) {
  if (is_call(n, is_aggregate))
    return &n;
  for (const auto* arg : n.args)
    if (const auto* found = find_call(*arg, is_aggregate))
      return found;
  return nullptr;
}

/// Takes calls out of a tree, replacing each by the name of its result.
class splitter {
public:
  splitter(const environment& events, const environment& keys, const name_test& is_aggregate,
           std::vector<fault>& faults)
      : events_(events), keys_(keys), is_aggregate_(is_aggregate), faults_(faults) {}

  /// `found(call)` gives the name that stands for it, or an empty one after a fault.
  template <class Found>
  void walk(node& n, Found found) {
    if (is_call(n, is_aggregate_)) {
      if (check_call(n))
        if (auto name = found(n); !name.empty()) {
          n.what = node_kind::name;
          n.name = std::move(name);
          n.args.clear();
        }
      return;
    }
    if (stream_field(n))
      return;
    auto before = locals_.size();
    for (std::size_t i = 0; i < n.args.size(); ++i) {
      // Only the range of a macro is outside of its scope.
      if (i == 1 && (n.what == node_kind::fold || n.what == node_kind::bind))
        locals_.insert(locals_.end(), n.variables.begin(), n.variables.end());
      walk(*n.args[i], found);
    }
    locals_.resize(before);
  }

private:
  bool is_local(const std::string& name) const {
    return std::find(locals_.begin(), locals_.end(), name) != locals_.end();
  }
  static bool declares(const environment& names, std::string_view name) {
    return std::any_of(names.variables.begin(), names.variables.end(),
                       [&](const variable& v) { return v.name == name; });
  }

  void fail(const node& n, std::string text, std::string hint) {
    faults_.push_back({n.at.line, n.at.column, std::move(text), std::move(hint)});
  }

  /// Refuses a call in a call, and one that reads the variable of a macro around it.
  bool check_call(const node& n) {
    for (const auto* arg : n.args) {
      if (const auto* inner = find_call(*arg, is_aggregate_)) {
        fail(*inner, "aggregate " + inner->name + "() inside of aggregate " + n.name + "()",
             "aggregates can't be nested: compute around them, as in sum(x) / count()");
        return false;
      }
      if (const auto* local = find_local(*arg)) {
        fail(*local, "an aggregate can't read `" + local->name + "`, the variable of a macro",
             "aggregates are over events");
        return false;
      }
    }
    return true;
  }

  const node* find_local(const node& n) const {
    if (n.what == node_kind::name && !n.rooted && is_local(n.name))
      return &n;
    for (const auto* arg : n.args)
      if (const auto* found = find_local(*arg))
        return found;
    return nullptr;
  }

  /// A field of the events outside of any call, unless it is a key: a fault.
  bool stream_field(const node& n) {
    auto dotted = dotted_name(n);
    const auto& base = base_of(n);
    if (!dotted || (!base.rooted && is_local(base.name)))
      return false;
    auto name = *dotted;
    if (events_.event && base.name == "event" && !declares(events_, "event") && n.what == node_kind::select)
      name.erase(0, name.find('.') + 1);
    if (declares(keys_, name) || !declares(events_, name))
      return false;
    fail(n, "`" + name + "` is a field of single events",
         "aggregate it, as in max(" + name + "), or add it to `by`");
    return true;
  }

  const environment& events_;
  const environment& keys_;
  const name_test& is_aggregate_;
  std::vector<fault>& faults_;
  std::vector<std::string> locals_;
};

} // namespace

std::optional<expression>
aggregate_split::compile(std::string_view text, const environment& events, const environment& keys,
                         std::size_t first_slot, const std::function<bool(std::string_view)>& is_aggregate,
                         const std::function<std::optional<type>(const aggregate_call&, fault&)>& result_type,
                         std::vector<aggregate_call>& calls, std::vector<fault>& faults) {
  auto before = faults.size(), known = calls.size();
  auto tree = parse(text, faults);
  if (!tree)
    return {};
  auto outer = keys;
  std::vector<bool> declared(calls.size());

  auto make_argument = [&](const node& n) -> std::optional<expression> {
    auto compiled = compile_tree(n, events, {}, faults);
    if (!compiled)
      return {};
    expression out;
    out.impl_ = std::make_shared<const expression::impl>(expression::impl{to_text(n), std::move(compiled)});
    return out;
  };
  auto declare = [&](std::size_t i) -> std::string {
    if (i >= declared.size())
      declared.resize(i + 1);
    if (!declared[i]) {
      fault why = calls[i].place;
      auto of = result_type(calls[i], why);
      if (!of) {
        faults.push_back(std::move(why));
        return {};
      }
      outer.variables.push_back({result_name(i), *of, first_slot + i});
      declared[i] = true;
    }
    return result_name(i);
  };
  auto found = [&](const node& n) -> std::string {
    auto canonical = to_text(n);
    for (std::size_t i = 0; i < calls.size(); ++i)
      if (calls[i].text == canonical)
        return declare(i);
    aggregate_call call{n.name, {}, canonical, {n.at.line, n.at.column, {}, {}}};
    for (const auto* arg : n.args) {
      auto argument = make_argument(*arg);
      if (!argument)
        return {};
      call.arguments.push_back(std::move(*argument));
    }
    calls.push_back(std::move(call));
    return declare(calls.size() - 1);
  };

  splitter{events, keys, is_aggregate, faults}.walk(*tree->root, found);
  if (faults.size() > before) {
    calls.resize(known);
    return {};
  }
  auto compiled = compile_tree(*tree->root, outer, {}, faults);
  if (!compiled) {
    calls.resize(known);
    return {};
  }
  expression out;
  out.impl_ =
      std::make_shared<const expression::impl>(expression::impl{std::string{text}, std::move(compiled)});
  return out;
}

} // namespace tidemill::cel
