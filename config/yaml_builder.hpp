#pragma once

#include "config/source_text.hpp"
#include "config/yaml_node.hpp"

#include <yaml-cpp/eventhandler.h>

#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// Builds nodes from the parser's events, within the bounds of `yaml_node.hpp`. Internal to `yaml_node.cpp`:
/// the only headers with types of yaml-cpp are this one and its own.
class yaml_builder : public YAML::EventHandler {
public:
  static constexpr const char* too_deep = "nested deeper than 64 levels";
  static constexpr const char* too_many = "more than 100,000 values, with aliases written out";

  explicit yaml_builder(const source_text& source) : source_(source) {}

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override;
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override;

  [[nodiscard]] yaml_node::pointer root() const { return root_; }
  [[nodiscard]] std::vector<diagnostic> take_faults() { return std::move(faults_); }
  [[nodiscard]] bool incomplete() const noexcept { return incomplete_; }
  /// Of the node that is being built: `streams.hits.steps[0]`.
  [[nodiscard]] std::string path() const;
  [[nodiscard]] int last_line() const noexcept { return last_line_; }

  struct place {
    int line, byte; ///< from 0
  };
  /// The innermost brace or bracket that is open.
  [[nodiscard]] std::optional<place> open_flow() const;

private:
  using node_pointer = std::shared_ptr<yaml_node>;
  struct container {
    node_pointer node;
    yaml_node::pointer key; ///< waiting for its value
    bool flow;
    place at;
    YAML::anchor_t anchor;
  };

  node_pointer make(yaml_node::kind of, place at, const YAML::Mark& mark);
  void open(yaml_node::kind of, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style);
  void close();
  void add(yaml_node::pointer node, YAML::anchor_t anchor);
  void fault(position at, std::string text, std::string hint);
  [[nodiscard]] place behind_properties(const YAML::Mark& mark) const;
  [[nodiscard]] bool refused_tag(const std::string& tag, const YAML::Mark& mark);
  void finish_map(container& c);
  void join_pieces(container& c);
  void report_pieces(yaml_node::pointer& first, const std::string& text);
  [[nodiscard]] bool in_flow() const { return !stack_.empty() && stack_.back().flow; }

  const source_text& source_;
  std::vector<container> stack_;
  std::vector<yaml_node::pointer> anchors_; ///< by number; null while being built
  std::vector<diagnostic> faults_;
  yaml_node::pointer root_;
  std::size_t nodes_ = 0;
  int last_line_ = 0;
  bool incomplete_ = false;
};

} // namespace tidemill
