#include "cli/dlq_command.hpp"

#include "cli/commands.hpp"
#include "cli/dlq_text.hpp"
#include "cli/load_pipeline.hpp"

#include <charconv>
#include <chrono>
#include <iostream>
#include <optional>

namespace tidemill {
namespace {

constexpr const char* usage = R"(tidemill dlq: dead letters, and late and future events

  tidemill dlq list FILE [--data DIR] [--limit N] [--json] [which letters]
      counts by stream, step and reason, then the newest letters (N: 10)
  tidemill dlq show FILE STREAM SOURCE/PARTITION/OFFSET [--data DIR] [--json]
      everything about the letters of one record, with its bytes
  tidemill dlq replay FILE --to TARGET [--data DIR] [--dry-run] [--again] [--without-key] [which letters]
      writes the original records again, in order, each once
        --to PATH | -       appends them to a file or prints them, a line each
        --to http://…       posts them to a source of type http: http://host:port/v1/sources/NAME/events
        --to kafka          to the topic and partition they came from, with key, headers and `tidemill-replay`
        --dry-run           says what would be written
        --again             also letters that were replayed before
        --without-key       to Kafka also letters whose key and headers were not kept

Which letters: --stream NAME     of one stream: hits.dead, traffic.late, clicks.future
                                 (replay without it takes all .dead streams)
               --reason CODE     with this number: 2000 malformed, 2001 type, 2002 missing, 2005 time,
                                 2006 future, 2007 late, 2100 evaluation, 2101 lookup, 2200 poison …
               --since DURATION  of the last 2h, 30m …
               --where CEL       for which an expression holds, over:
)";

struct command_line {
  std::string command;
  std::vector<std::string> words; ///< FILE, then those of `show`
  std::filesystem::path data;
  letter_filter filter;
  replay_settings replay;
  std::size_t limit = 10;
  bool json = false;
};

template <class Number>
std::optional<Number> number_of(const std::string& text) {
  Number n{};
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), n);
  return fault == std::errc{} && end == text.data() + text.size() ? std::optional{n} : std::nullopt;
}

/// What is wrong with an option's value; empty: nothing.
std::string take_value(command_line& c, const std::string& option, const std::string& text) {
  if (option == "--data")
    c.data = text;
  else if (option == "--stream")
    c.filter.stream = text;
  else if (option == "--where")
    c.filter.where = text;
  else if (option == "--to")
    c.replay.to = text;
  else if (option == "--reason")
    c.filter.code = number_of<std::int64_t>(text);
  else if (option == "--since") {
    auto ago = parse_config_duration(text);
    if (!ago)
      return "--since: " + ago.error().text();
    c.filter.since = std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()) - *ago;
  } else {
    auto n = number_of<std::size_t>(text);
    if (!n)
      return "--limit is a number of letters";
    c.limit = *n;
  }
  return option == "--reason" && !c.filter.code ? "--reason is the number of a code, as list shows it" : "";
}

bool belongs(const std::string& option, const std::string& command) {
  if (option == "--data")
    return true;
  if (option == "--stream" || option == "--where" || option == "--reason" || option == "--since")
    return command != "show";
  return option == "--limit" ? command == "list" : option == "--to" && command == "replay";
}

/// A flag of the command; null if it is none.
bool* flag_of(command_line& c, const std::string& option) {
  if (option == "--json" && c.command != "replay")
    return &c.json;
  if (c.command != "replay")
    return nullptr;
  return option == "--dry-run"       ? &c.replay.dry_run
         : option == "--again"       ? &c.replay.again
         : option == "--without-key" ? &c.replay.without_key
                                     : nullptr;
}

std::optional<command_line> parse(const std::vector<std::string>& arguments, std::string& fault) {
  command_line c;
  if (!arguments.empty())
    c.command = arguments[0];
  if (c.command != "list" && c.command != "show" && c.command != "replay") {
    fault = c.command.empty() ? "list, show or replay?" : "unknown command " + c.command;
    return std::nullopt;
  }
  for (std::size_t i = 1; i < arguments.size() && fault.empty(); ++i) {
    const auto& a = arguments[i];
    if (auto* flag = flag_of(c, a))
      *flag = true;
    else if (belongs(a, c.command) && i + 1 == arguments.size())
      fault = a + " needs a value";
    else if (belongs(a, c.command))
      fault = take_value(c, a, arguments[++i]);
    else if (a.size() > 1 && a.starts_with('-'))
      fault = "unknown option " + a;
    else
      c.words.push_back(a);
  }
  auto wanted = c.command == "show" ? std::size_t{3} : std::size_t{1};
  if (fault.empty() && c.words.size() != wanted)
    fault = c.words.size() > wanted ? "unexpected argument " + c.words[wanted]
            : c.words.empty()       ? c.command + " needs the file of a pipeline"
                                    : "show needs a stream and a record: hits.dead clicks/0/4711";
  if (fault.empty() && c.command == "replay" && c.replay.to.empty())
    fault = "replay needs --to";
  return fault.empty() ? std::optional{std::move(c)} : std::nullopt;
}

int failed(const error& e) {
  std::cerr << "tidemill dlq: " << e.text() << '\n';
  auto code = static_cast<int>(e.code());
  return code >= 1000 && code < 2000 ? exit_config : exit_failed;
}

int list(const command_line& c) {
  auto summary = summarize_letters(c.data, c.filter, c.limit);
  if (!summary)
    return failed(summary.error());
  std::cout << (c.json ? letter_table_json(*summary) : letter_table(*summary));
  return 0;
}

int show(const command_line& c) {
  auto found = find_letters(c.data, c.words[1], c.words[2]);
  if (!found)
    return failed(found.error());
  if (found->empty()) {
    std::cerr << "tidemill dlq: no letter of " << c.words[1] << " for record " << c.words[2]
              << "; list shows streams and records\n";
    return exit_failed;
  }
  for (const auto& l : *found)
    std::cout << (&l != &found->front() && !c.json ? "\n" : "")
              << (c.json ? whole_letter_json(l) + '\n' : whole_letter(l));
  return 0;
}

int replay(const command_line& c, const plan& all) {
  auto report = replay_letters(all, c.data, c.filter, c.replay);
  if (!report)
    return failed(report.error());
  // Not to standard output, which may be the target.
  std::cerr << report->matching << (report->matching == 1 ? " dead letter, " : " dead letters, ")
            << report->written << (c.replay.dry_run ? " would be written" : " written");
  if (report->before > 0)
    std::cerr << ", " << report->before << " replayed before"
              << (c.replay.again ? "" : " (--again writes them once more)");
  std::cerr << '\n';
  for (const auto& [why, count] : report->unwritten)
    std::cerr << count << " not written: " << shown_text(why, 500) << '\n';
  return report->unwritten.empty() ? 0 : exit_failed;
}

} // namespace

int dlq_command(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help")) {
    std::cout << usage;
    for (const auto& column : letter_columns())
      std::cout << std::string(33, ' ') << column << '\n';
    return 0;
  }
  std::string fault;
  auto c = parse(arguments, fault);
  if (!c) {
    std::cerr << "tidemill dlq: " << fault << "; see tidemill dlq --help\n";
    return exit_config;
  }
  // To look at letters the folder is enough, whatever has become of the file.
  std::shared_ptr<const plan> made;
  if (c->command == "replay" || c->data.empty()) {
    definition written;
    made = load_pipeline(c->words[0], written);
    if (!made)
      return exit_config;
    if (c->data.empty())
      c->data = "data/" + (written.name.empty() ? "tidemill" : written.name);
  }
  return c->command == "list" ? list(*c) : c->command == "show" ? show(*c) : replay(*c, *made);
}

} // namespace tidemill
