#pragma once

#include "event/diagnostic.hpp"
#include "event/time.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tidemill {

/// A scalar of the configuration with its place.
struct text_at {
  std::string text;
  position at;
};

class options;

/// One setting after linting: its C++ type follows from the field's type in the spec.
struct option {
  using section_list = std::vector<std::pair<text_at, std::shared_ptr<const options>>>;
  position at;
  std::variant<bool, std::int64_t, double, microseconds, std::string, std::vector<text_at>,
               std::vector<std::pair<text_at, text_at>>, std::shared_ptr<const options>, section_list>
      data;
};

/// The settings of one component, linted against its spec: getters neither fail nor convert.
/// A setting that is absent and has no fallback in the spec is `nullptr` from `find`.
class options {
public:
  position at; ///< of the component

  void set(std::string name, option value);
  [[nodiscard]] const option* find(std::string_view name) const noexcept;
  [[nodiscard]] bool has(std::string_view name) const noexcept { return find(name) != nullptr; }

  [[nodiscard]] bool flag(std::string_view name, bool fallback = false) const;
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t fallback = 0) const;
  [[nodiscard]] double number(std::string_view name, double fallback = 0) const;
  [[nodiscard]] microseconds time(std::string_view name, microseconds fallback = {}) const;
  [[nodiscard]] std::string text(std::string_view name, std::string_view fallback = {}) const;
  /// A list of texts; a single text counts as a list of one.
  [[nodiscard]] std::vector<text_at> texts(std::string_view name) const;
  /// A map of names to texts, in the order of the file.
  [[nodiscard]] std::vector<std::pair<text_at, text_at>> pairs(std::string_view name) const;
  /// A nested section; an empty one if absent.
  [[nodiscard]] const options& section(std::string_view name) const;
  /// A map of names to sections.
  [[nodiscard]] const option::section_list& sections(std::string_view name) const;
  /// The place of a setting, or of the component.
  [[nodiscard]] position where(std::string_view name) const noexcept;

  [[nodiscard]] const std::vector<std::pair<std::string, option>>& all() const noexcept { return all_; }

private:
  std::vector<std::pair<std::string, option>> all_;
};

/// Canonical text of all settings, positions left out: equal settings, equal text. Input of state ids.
[[nodiscard]] std::string canonical(const options& o);

} // namespace tidemill
