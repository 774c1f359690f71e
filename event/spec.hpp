#pragma once

#include "event/diagnostic.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace tidemill {

class options;
struct spec;

/// What a setting holds, and which C++ type `options` has it in.
enum class field_type : unsigned char {
  boolean,     ///< bool
  integer,     ///< std::int64_t
  number,      ///< double
  duration,    ///< microseconds; units required
  size,        ///< bytes as std::int64_t; `64KiB`, `1MB`
  text,        ///< std::string
  expression,  ///< std::string, CEL
  choice,      ///< std::string, one of `choices`
  reference,   ///< std::string, the name of another component
  name,        ///< std::string, a new name that expressions can use
  texts,       ///< list of texts, or one text
  expressions, ///< map: name → CEL
  properties,  ///< map: name → text, the names free
  types,       ///< option::section_list: field → {type, path}; `ts: timestamp` alone is {type: timestamp}
  section,     ///< nested settings, see `inner`; with `choices`, one of these words instead
  sections,    ///< map: name → nested settings, see `inner`
};

/// One setting of a component.
struct field_spec {
  std::string_view name;
  field_type type;
  std::string_view text; ///< one sentence for the reference
  bool required = false;
  std::optional<std::string_view> fallback = {}; ///< as one would write it; shown and applied
  std::vector<std::string_view> choices = {};
  const spec* inner = nullptr;
  std::vector<std::string_view> foreign = {}; ///< words of other systems for it, for hints
};

/// A component's settings, its documentation, its lint and its example in one place.
/// `config/` parses, checks and documents from it; nothing else describes the YAML.
///
/// A component whose first field has the component's own name takes that field's value directly: a step
/// `filter` with a field `filter` is written `filter: 'status != 0'`, a step `set` with a field `set` is
/// `set: {a: 'b + 1'}`.
struct spec {
  std::string_view name, summary, example; ///< the example is YAML of this component, and a test
  std::vector<field_spec> fields;
  /// Rules between settings; may be null.
  void (*lint)(const options&, std::vector<diagnostic>&) = nullptr;
};

} // namespace tidemill
