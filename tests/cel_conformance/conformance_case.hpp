#pragma once

#include "event/result.hpp"
#include "event/value.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill::test {

/// A name that a case declares, binds, or both.
struct conformance_variable {
  std::string name;
  type of;                    ///< dyn if it is only bound
  bool declared = false;      ///< known to the checker
  std::optional<value> bound; ///< nothing: an error where it is used
};

/// What a case wants; more than one may be set.
struct conformance_wish {
  bool error = false;
  std::optional<value> result;
  std::optional<type> of; ///< static type of the expression
};

/// One case of the CEL specification, in the form of one line of JSON: what the fields mean is said in the
/// README of the cases.
struct conformance_case {
  std::string id; ///< `file/section/name`
  std::string expr, container;
  bool unchecked = false;  ///< types are not checked, unknown names are errors of the evaluation
  bool check_only = false; ///< is not evaluated
  std::vector<conformance_variable> variables;
  conformance_wish wish;
  std::vector<std::string> needs;
  std::string skip; ///< why it can't be run here; empty: it can
};

/// Reads one line. Errors: `event_malformed`, with what is wrong.
[[nodiscard]] result<conformance_case> parse_conformance_case(std::string_view line);

} // namespace tidemill::test
