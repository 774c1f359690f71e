#include "cli/eval_command.hpp"

#include "cli/commands.hpp"
#include "event/json_parse.hpp"
#include "pipeline/cel/expression.hpp"

#include <iostream>
#include <optional>
#include <unistd.h>

namespace tidemill {
namespace {

constexpr const char* usage = R"(tidemill eval: evaluates a CEL expression

  tidemill eval 'EXPRESSION' [--event JSON]
      prints its value and type, or what is wrong with a caret below the place
        --event JSON   an object whose members are the fields: eval 'size(user) > 2' --event '{"user":"ann"}'
  tidemill eval [--event JSON]
      reads expressions, one a line; `:event JSON` changes the event, `:quit` or Ctrl-D ends it

Exit codes: 0 fine, 1 the evaluation failed, 78 it is no expression.
)";

/// The fields of an event, by what their values are.
class fields {
public:
  /// What is wrong; empty: nothing.
  std::string set(const std::string& json) {
    auto parsed = parse_json(json);
    if (!parsed)
      return parsed.error().text();
    if (parsed->as_map() == nullptr)
      return "an event is a JSON object";
    names = {};
    values.clear();
    for (const auto& [key, v] : *parsed->as_map()) {
      names.variables.push_back({*key.get_if<std::string>(), type_of(v), values.size()});
      values.push_back(v);
    }
    return {};
  }

  cel::environment names;
  std::vector<value> values;

private:
  static type type_of(const value& v) {
    // What is in a list or an object is known when it is looked at only.
    auto k = v.of();
    return k == kind::list || k == kind::map || k == kind::null_type ? type{kind::dyn} : type{k};
  }
};

void show_fault(const std::string& text, const cel::fault& f) {
  std::cout << "error: " << f.text << (f.hint.empty() ? "" : " (" + f.hint + ")") << '\n';
  std::size_t line = 1, begin = 0;
  for (; line < f.line && (begin = text.find('\n', begin)) != std::string::npos; ++line)
    ++begin;
  if (begin == std::string::npos)
    return;
  auto shown = text.substr(begin, text.find('\n', begin) - begin);
  std::cout << "  " << shown << "\n  " << std::string(f.column > 0 ? f.column - 1 : 0, ' ') << "^\n";
}

int evaluate(const std::string& text, const fields& event) {
  std::vector<cel::fault> faults;
  auto expression = cel::expression::compile(text, event.names, faults);
  if (!expression) {
    for (const auto& f : faults)
      show_fault(text, f);
    return exit_config;
  }
  auto v = expression->evaluate(event.values);
  if (v.is_error()) {
    std::cout << "error: " << v.as_error().text() << '\n';
    return exit_failed;
  }
  std::string json;
  append_json(json, v);
  std::cout << json << "  " << to_string(expression->result()) << '\n';
  return 0;
}

int converse(fields event) {
  auto person = ::isatty(STDIN_FILENO) == 1;
  auto last = 0;
  for (std::string line; (person && std::cout << "> " << std::flush), std::getline(std::cin, line);) {
    if (line == ":quit" || line == ":q")
      break;
    if (line.starts_with(":event ")) {
      if (auto fault = event.set(line.substr(7)); !fault.empty())
        std::cout << "error: " << fault << '\n';
    } else if (line.starts_with(':')) {
      std::cout << ":event JSON and :quit are all there is\n";
    } else if (line.find_first_not_of(" \t") != std::string::npos) {
      last = evaluate(line, event);
    }
  }
  return person ? 0 : last;
}

} // namespace

int eval_command(const std::vector<std::string>& arguments) {
  std::optional<std::string> text;
  fields event;
  std::string fault;
  for (std::size_t i = 0; i < arguments.size() && fault.empty(); ++i) {
    const auto& a = arguments[i];
    if (a == "--help" || a == "-h") {
      std::cout << usage;
      return 0;
    }
    if (a == "--event" && ++i < arguments.size()) {
      if (auto why = event.set(arguments[i]); !why.empty())
        fault = "--event: " + why;
    } else if (a == "--event") {
      fault = "--event needs an object";
    } else if (text) {
      fault = "one expression, in quotes";
    } else {
      text = a;
    }
  }
  if (!fault.empty()) {
    std::cerr << "tidemill eval: " << fault << "; see tidemill eval --help\n";
    return exit_config;
  }
  return text ? evaluate(*text, event) : converse(std::move(event));
}

} // namespace tidemill
