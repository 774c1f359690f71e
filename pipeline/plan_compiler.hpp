#pragma once

#include "pipeline/plan.hpp"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tidemill {

/// Turns a definition into a plan; one use. Every fault is appended, none stops the others from being found.
class plan_compiler {
public:
  plan_compiler(const definition& d, const table_columns& columns, std::vector<diagnostic>& faults)
      : d_(d), table_columns_(columns), faults_(faults) {}

  std::shared_ptr<plan> run();

private:
  /// Where a name of `from` leads.
  struct place {
    std::size_t source = 0, stream = 0;
  };

  void fault(position at, std::string path, std::string text, std::string hint = {});
  void read_tables();
  void check_view_tables();
  void check_view_table(const component& c);
  void forget_tables();
  void read_source(const component& c);
  [[nodiscard]] schema read_schema(const component& c, const format_options& format);
  void read_partitions(const component& c, source_plan& s, step_scope& scope);
  static void partition_by_key(const source_plan& exchange, step_scope& scope);
  void read_time(const component& c, source_plan& s);
  void read_streams();
  void read_stream(const stream_definition& s);
  void read_steps(const stream_definition& s, std::size_t source, step_scope& scope, stream_plan& plan,
                  std::string& text);
  static void note_unmade(const component& c, step_scope& scope);
  /// Takes back what is only said because of a fault that has been told.
  void drop_echoes(std::size_t since, const step_scope::unmade& missing);
  void add_stream(std::size_t source, stream_plan plan, step_scope scope, std::string text);
  [[nodiscard]] static std::vector<std::pair<text_at, std::string>> parents_of(const stream_definition& s);
  void read_exchange(const stream_definition& s);
  void read_keys(const stream_definition& s, exchange_plan& exchange);
  [[nodiscard]] exchange_input input_of(const text_at& from, exchange_plan& exchange) const;
  void read_join(const stream_definition& s, exchange_plan& exchange, schema& fields);
  void read_pairs(const stream_definition& s, exchange_plan& exchange);
  void read_taken(const stream_definition& s, const exchange_plan& exchange, join_plan& join, schema& fields);
  void feed_exchanges();
  [[nodiscard]] bool check_route(const stream_definition& s);
  [[nodiscard]] std::vector<stream_definition> branches_of(const stream_definition& s) const;
  void read_view(const view_definition& v);
  void read_window(const view_definition& v, view_plan& out);
  void read_slices(const view_definition& v, window_plan& window);
  void read_global(const view_definition& v, view_plan& out);
  void read_select(const view_definition& v, const step_scope& scope, view_plan& out);
  void read_cells(const view_definition& v, const step_scope& scope, view_plan& out);
  void read_tombstones(const view_definition& v, const source_plan& source, step_scope& scope,
                       view_plan& out);
  void check_tombstones();
  /// Names that rows have beside the columns of a view.
  [[nodiscard]] static bool is_reserved(const std::string& column);
  void read_scores(const view_definition& v, view_plan& out);
  void finish_schema(const view_definition& v, const step_scope& scope, view_plan& out);
  void read_alert(const alert_definition& a);
  void read_outputs();
  void read_sink(const component& c);
  void read_sink_input(const component& c, const text_at& from, sink_plan& sink);
  void read_sink_key(const component& c, source_plan& source, output_plan& output);
  void read_everything(source_plan& s, const stream_plan& stream);
  static void note_reads(const step_scope& scope, source_plan& s);
  [[nodiscard]] bool new_name(const text_at& name, const char* what);
  [[nodiscard]] std::vector<std::string> known_streams() const;

  const definition& d_;
  const table_columns& table_columns_;
  std::vector<diagnostic>& faults_;
  std::shared_ptr<plan> out_ = std::make_shared<plan>();
  std::vector<step_scope::table> tables_;
  std::map<std::size_t, bool> looks_up_;              // by source: whether a stream of it has a lookup
  std::deque<stream_definition> branches_;            // streams that routes have made
  std::map<std::string, place> places_;               // sources and streams by name
  std::map<std::string, std::string> names_;          // name → what it is
  std::vector<std::vector<step_scope>> scopes_;       // by source, by stream: after its steps
  std::vector<std::string> upstream_;                 // by source: canonical text of what affects its events
  std::vector<std::vector<std::string>> stream_text_; // by source, by stream: with its steps
};

/// `format:` and its details, as configured for a source.
[[nodiscard]] format_options format_of(const component& source);
/// The fields of the clickstream that `generate` makes.
[[nodiscard]] schema generated_schema();

} // namespace tidemill
