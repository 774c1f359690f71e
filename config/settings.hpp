#pragma once

#include "config/catalogue.hpp"
#include "config/environment.hpp"
#include "config/yaml_node.hpp"
#include "event/options.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// Turns nodes into settings by their specs. Faults are appended, all of them, and what is wrong is left out.
///
/// Fallbacks of the spec are filled in. A section that is absent, has no required setting and at least one
/// fallback is filled in too, so that `options::section("restart")` knows its defaults.
class settings_reader {
public:
  settings_reader(const catalogue& known, const environment_lookup& environment, bool incomplete,
                  std::vector<diagnostic>& faults)
      : known_(known), environment_(environment), incomplete_(incomplete), faults_(faults) {}

  /// Settings of a component; `at` is the place of its name. `typed`: a key `type` names the spec itself.
  [[nodiscard]] options read(const yaml_node& node, const spec& s, position at, const std::string& path,
                             bool typed = false);
  /// Settings of a component that is absent: the fallbacks alone.
  [[nodiscard]] options defaults(const spec& s);

  /// A scalar with its variables replaced, or nothing with a fault. `what`: `a name`.
  [[nodiscard]] std::optional<text_at> text(const yaml_node& node, const std::string& path,
                                            std::string_view what);
  /// Whether it can be used as an identifier; a fault if not.
  bool check_name(const text_at& name, const std::string& path, bool in_expressions);
  /// Adds `unknown key` with the best hint there is; returns the key that was probably meant.
  std::string_view unknown_key(const yaml_node& key, const std::string& path,
                               const std::vector<field_spec>& fields);
  void fault(position at, const std::string& path, std::string text, std::string hint = {});
  /// Whether lines were left out, so that "missing" may be wrong.
  [[nodiscard]] bool incomplete() const noexcept { return incomplete_; }
  [[nodiscard]] const catalogue& known() const noexcept { return known_; }

private:
  using data = decltype(option::data);

  std::optional<option> value(const yaml_node& node, const field_spec& f, const std::string& path);
  std::optional<data> scalar(const yaml_node& node, const field_spec& f, const std::string& path);
  std::optional<data> duration_or_fault(const text_at& text, bool secret, const std::string& path);
  std::optional<data> choice(const text_at& text, const std::string& shown, const field_spec& f,
                             const std::string& path);
  std::optional<data> list(const yaml_node& node, const field_spec& f, const std::string& path);
  std::optional<data> expressions(const yaml_node& node, const std::string& path);
  std::optional<data> properties(const yaml_node& node, const std::string& path);
  std::optional<data> types(const yaml_node& node, const field_spec& f, const std::string& path);
  std::shared_ptr<const options> schema_type(const yaml_node& node, position at, const std::string& path);
  std::optional<data> section(const yaml_node& node, const field_spec& f, const std::string& path);
  std::optional<data> sections(const yaml_node& node, const field_spec& f, const std::string& path);
  const spec* model_of(const yaml_node& node, const std::string& path);
  void fall_back(options& out, const field_spec& f);
  void lint(const spec& s, const options& o, const std::string& path);
  std::optional<text_at> expanded(const yaml_node& node, const std::string& path, bool& secret);
  std::optional<text_at> expression(const yaml_node& node, const std::string& path);
  bool wrong_kind(const yaml_node& node, const std::string& path, std::string_view what,
                  std::string_view example = {});

  const catalogue& known_;
  const environment_lookup& environment_;
  bool incomplete_;
  std::vector<diagnostic>& faults_;
};

} // namespace tidemill
