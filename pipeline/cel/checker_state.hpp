#pragma once

#include "pipeline/cel/checker.hpp"
#include "pipeline/cel/parser.hpp"

#include <deque>
#include <memory>

namespace tidemill::cel {

/// A checked sub-tree; `at` is null after a fault.
struct typed {
  term of;
  code* at = nullptr;
  explicit operator bool() const noexcept { return at != nullptr; }
};

/// The state of one `check`, split over the sources by topic.
class checker {
public:
  checker(const environment& names, const check_options& options, std::vector<fault>& faults)
      : names_(names), options_(options), faults_(faults), out_(std::make_unique<program>()) {}

  std::unique_ptr<program> run(const node& root);

private:
  struct local {
    std::string name;
    term of;
  };

  typed check(const node& n);
  typed literal(const node& n);
  typed logic(const node& n);
  typed ternary(const node& n);
  typed list(const node& n);
  typed map(const node& n);
  bool check_key(const node& n, const term& key);

  // Names: checker_names.cpp.
  typed name(const node& n);
  typed select(const node& n);
  typed field_of(const node& n, typed operand);
  typed event_field(const node& n);
  typed dotted_column(const node& n);
  typed unknown_name(const node& n, const std::string& text);
  typed whole_row(const node& n);
  std::optional<typed> dotted(const node& n);
  std::optional<typed> lookup(const std::string& text, const node& n, bool rooted);
  std::optional<typed> declared(std::string_view text, const node& n);
  std::optional<typed> type_name(std::string_view text, const node& n);
  const variable* find_variable(std::string_view text) const;
  std::optional<std::size_t> find_local(std::string_view text) const;
  bool is_event(const node& n) const;
  std::vector<std::string> visible_names() const;
  typed use(const variable& v, const node& n, op how);

  // Calls: checker_calls.cpp.
  typed call(const node& n);
  const function* callee(const node& n, bool& drop_target);
  typed resolve(const node& n, const function& f, std::vector<typed> args);
  typed numbers(const node& n, const function& f, const std::vector<typed>& args);
  typed unknown_function(const node& n);
  bool check_literals(const node& n, const function& f, code* c);

  // Macros: checker_folds.cpp.
  typed fold(const node& n);
  typed bind(const node& n);
  bool element_types(const node& n, const term& range, term& first, term& second);
  term fold_result(const node& n, const term& range, const term& first, const term& element,
                   const typed& body, bool& good);
  void open(std::string name, term of);

  /// The operand must be usable as `wanted`.
  bool require(const node& n, const typed& operand, const term& wanted, std::string_view what);
  typed emit(op what, const node& n, term of);
  typed fail(place at, std::string text, std::string hint = {});
  typed run_time_error(const node& n, std::string text);

  const environment& names_;
  const check_options& options_;
  std::vector<fault>& faults_;
  std::unique_ptr<program> out_;
  std::deque<term> terms_; // of out_->nodes, by number
  std::vector<local> locals_;
  unifier types_;
};

/// The dotted name that a tree of selections spells, `a.b.c`; nothing if it is more than that.
[[nodiscard]] std::optional<std::string> dotted_name(const node& n);
/// The name at the bottom of such a tree.
[[nodiscard]] const node& base_of(const node& n);

} // namespace tidemill::cel
