#pragma once

#include "event/diagnostic.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// A node of a parsed YAML file with its place; aliases are resolved (shared), tags are gone.
struct yaml_node {
  /// `spoiled`: something that was reported already and says nothing any more.
  enum class kind : unsigned char { null, scalar, sequence, map, spoiled };
  using pointer = std::shared_ptr<const yaml_node>;

  kind of = kind::null;
  bool quoted = false; ///< a scalar in quotes or in block form
  /// Where the text begins: of a quoted scalar its first character inside the quotes, of a block scalar its
  /// first line.
  position at;
  /// The text of a scalar; of a null what stands for it: `null`, `~` or nothing.
  std::string text;
  /// What follows a plain scalar on its line, if that is a comment: YAML cuts `x == " #"` there.
  std::string comment;
  std::vector<std::pair<pointer, pointer>> entries; ///< of a map, in order; keys are scalars, each once
  std::vector<pointer> items;                       ///< of a sequence
  /// How many nodes it is with all aliases written out.
  std::size_t weight = 1;

  /// The value of a key, or null.
  [[nodiscard]] const yaml_node* find(std::string_view key) const noexcept;
};

/// A parsed file.
struct yaml_document {
  yaml_node::pointer root; ///< null: nothing could be made of the text
  /// Some lines were left out as they are no YAML: what seems to be missing may stand there.
  bool incomplete = false;
};

/// Bounds of what is read; files beyond are refused.
inline constexpr std::size_t yaml_max_bytes = 4u << 20;
inline constexpr std::size_t yaml_max_nodes = 100'000; ///< with aliases written out
inline constexpr int yaml_max_depth = 64;
/// More faults than this are not looked for.
inline constexpr std::size_t max_faults = 1000;

/// Parses one YAML document. All faults are appended, with paths: after one in the syntax the line is left
/// out and parsing starts again, so that the others are found too. Expressions that YAML took apart are
/// recognised and answered with "quote the expression".
[[nodiscard]] yaml_document parse_yaml(std::string_view text, std::vector<diagnostic>& faults);

} // namespace tidemill
