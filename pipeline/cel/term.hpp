#pragma once

#include "event/type.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill::cel {

/// A type while it is being inferred: as `type`, but it may contain variables.
struct term {
  kind of = kind::dyn;
  bool nullable = false;
  int variable = -1; ///< ≥ 0: a type variable, `of` means nothing
  std::vector<term> args;

  term() = default;
  term(kind k) : of(k) {} // NOLINT: a kind is a term
  term(kind k, std::vector<term> a) : of(k), args(std::move(a)) {}
  explicit term(const type& t);

  [[nodiscard]] bool is(kind k) const noexcept { return variable < 0 && of == k; }
  [[nodiscard]] bool numeric() const noexcept {
    return is(kind::integer) || is(kind::uinteger) || is(kind::real) || is(kind::decimal);
  }
};

/// Solves equations between terms: Hindley-Milner with `dyn` and null, after cel-go's checker.
///
/// `assign` binds variables to the most general of the types they meet, so that an empty list or
/// `optional.none()` fits in either order.
class unifier {
public:
  [[nodiscard]] term fresh();
  /// Whether a value of `from` may stand where `to` is wanted. Binds variables; a failed call leaves some
  /// of them bound, see `undo`.
  bool assign(const term& from, const term& to);
  /// The type of a list with elements of both; dyn if they don't go together.
  [[nodiscard]] term join(const term& a, const term& b);
  /// The term without bound variables at its top.
  [[nodiscard]] term shallow(const term& t) const;
  /// The final type: variables left over are dyn.
  [[nodiscard]] type deep(const term& t) const;
  /// For messages: as `deep`, printed.
  [[nodiscard]] std::string print(const term& t) const;

  [[nodiscard]] std::size_t mark() const noexcept { return trail_.size(); }
  void undo(std::size_t mark);
  /// Replaces the variables 0, 1 … of a signature by fresh ones.
  [[nodiscard]] term instantiate(const term& t, std::vector<term>& made);

private:
  void bind(int variable, term to);
  bool assign_variable(const term& from, const term& variable);
  [[nodiscard]] bool occurs(int variable, const term& in) const;
  [[nodiscard]] bool more_general(const term& a, const term& b) const;
  [[nodiscard]] term most_general(const term& a, const term& b) const;

  std::vector<std::optional<term>> bound_;
  std::vector<std::pair<int, std::optional<term>>> trail_;
};

/// Reads a type of a signature: `int`, `[A]`, `{A: B}`, `?A` (an optional). `A` and `B` are variables 0
/// and 1.
[[nodiscard]] term parse_term(std::string_view text);

} // namespace tidemill::cel
