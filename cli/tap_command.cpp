#include "cli/tap_command.hpp"

#include "actors/tap_tools.hpp"
#include "cli/commands.hpp"
#include "cli/load_pipeline.hpp"
#include "event/json_member.hpp"
#include "event/json_parse.hpp"
#include "event/value.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <map>
#include <thread>
#include <unistd.h>

namespace tidemill {
namespace {

constexpr const char* usage = R"(tidemill tap: events between the steps of a running pipeline

  tidemill tap FILE STREAM[/STEPS] [--where CEL] [--rate N] [--count N] [--ndjson] [--at URL]
      shows events of a source or stream after so many of its steps: hits/0 before its first one, hits after
      its last. Fields that nothing in the pipeline reads are not decoded, and not shown.
        --where CEL     only events for which an expression over their fields holds
        --rate N        at most N events a second; the rest is counted, not shown (default 100)
        --count N       stop after N events
        --ndjson        a JSON object a line, also with partition, offset and event time; without it a table
        --at URL        where the pipeline listens, if not at `serve.http` of the file: http://host:port
  tidemill tap FILE SOURCE --record OUT [--where CEL] [--rate N] [--count N] [--at URL]
      writes the original records of a source, a line each, for `send: {SOURCE: {file: OUT}}` of a test;
      those of partition 1 go to OUT.1, and so on

It ends with Ctrl-C, or when the pipeline does. The pipeline is not slowed: what is too much is passed over.
)";

constexpr std::chrono::milliseconds pause_between{200};
constexpr std::size_t widest_cell = 40;

volatile std::sig_atomic_t asked_to_stop = 0;
void on_signal(int) {
  asked_to_stop = 1;
}

struct command_line {
  std::string file, at, record;
  tap_wish wish;
  std::uint64_t count = 0; ///< 0: no end
  bool ndjson = false;
};

template <class Number>
bool read_number(const std::string& text, Number least, Number& out) {
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  return fault == std::errc{} && end == text.data() + text.size() && out >= least;
}

/// What is wrong with an option's value; empty: nothing.
std::string take_value(command_line& c, const std::string& option, const std::string& text) {
  if (option == "--where")
    c.wish.where = text;
  else if (option == "--at")
    c.at = text;
  else if (option == "--record")
    c.record = text;
  else if (option == "--rate" && !read_number(text, 0.1, c.wish.per_second))
    return "--rate is a number of events a second";
  else if (option == "--count" && !read_number(text, std::uint64_t{1}, c.count))
    return "--count is a number of events";
  return {};
}

std::string parse(const std::vector<std::string>& arguments, command_line& c) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& a = arguments[i];
    if (a == "--ndjson") {
      c.ndjson = true;
    } else if (a == "--where" || a == "--at" || a == "--record" || a == "--rate" || a == "--count") {
      if (++i == arguments.size())
        return a + " needs a value";
      if (auto wrong = take_value(c, a, arguments[i]); !wrong.empty())
        return wrong;
    } else if (a.starts_with('-')) {
      return "unknown option " + a;
    } else {
      words.push_back(a);
    }
  }
  if (words.size() != 2)
    return words.size() > 2 ? "unexpected argument " + words[2] : "which stream of which file?";
  c.file = words[0];
  c.wish.stream = words[1];
  if (auto slash = words[1].find('/'); slash != std::string::npos) {
    c.wish.stream.resize(slash);
    if (!read_number(words[1].substr(slash + 1), std::size_t{0}, c.wish.after.emplace()))
      return "after how many steps? write it like hits/2";
  }
  if (!c.record.empty() && (c.wish.after || c.ndjson))
    return "--record writes the records of a source: no steps, no --ndjson";
  return {};
}

/// Events as lines of a table; a column is as wide as its widest cell so far.
class table {
public:
  void add(const std::vector<std::string>& fields, const value& e) {
    if (fields != fields_) {
      fields_ = fields;
      widths_.assign(fields.size(), 0);
      line(fields);
    }
    std::vector<std::string> cells;
    for (const auto& f : fields) {
      const auto* event = json_member(e, "event");
      const auto* v = event != nullptr ? json_member(*event, f) : nullptr;
      cells.push_back(cell(v));
    }
    line(cells);
  }

private:
  static std::string cell(const value* v) {
    std::string text;
    if (v == nullptr || v->is_null())
      return text;
    if (const auto* s = v->get_if<std::string>())
      text = *s;
    else
      append_json(text, *v);
    // Records are strangers' bytes: nothing of them may steer a terminal.
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
    if (text.size() > widest_cell) {
      auto end = widest_cell;
      while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
        --end;
      text = text.substr(0, end) + "…";
    }
    return text;
  }

  void line(const std::vector<std::string>& cells) {
    std::string out;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      auto shown = static_cast<std::size_t>(
          std::ranges::count_if(cells[i], [](unsigned char c) { return (c & 0xC0) != 0x80; }));
      widths_[i] = std::max(widths_[i], shown);
      out += cells[i];
      if (i + 1 < cells.size())
        out.append(widths_[i] - shown + 2, ' ');
    }
    std::cout << out << '\n';
  }

  std::vector<std::string> fields_;
  std::vector<std::size_t> widths_;
};

/// The records of a source, a file for each partition.
class recorder {
public:
  explicit recorder(std::string path) : path_(std::move(path)) {}

  /// What went wrong; empty: nothing.
  std::string add(const value& e) {
    const auto* partition = json_member(e, "partition");
    const auto* raw = json_member(e, "raw");
    const auto* number = partition != nullptr ? partition->get_if<std::int64_t>() : nullptr;
    const auto* text = raw != nullptr ? raw->get_if<std::string>() : nullptr;
    if (number == nullptr || text == nullptr || text->find('\n') != std::string::npos) {
      ++unwritten_;
      return {};
    }
    auto& out = files_[*number];
    if (!out.is_open())
      out.open(name(*number), std::ios::binary | std::ios::trunc);
    out << *text << '\n';
    return out ? std::string{} : name(*number) + " can't be written";
  }

  void tell(const std::string& source) {
    for (auto& [p, out] : files_) {
      out.flush();
      std::cerr << "send: {" << source << (files_.size() > 1 ? "/" + std::to_string(p) : std::string{})
                << ": {file: " << name(p) << "}}\n";
    }
    if (unwritten_ > 0)
      std::cerr << unwritten_ << " records are not text of one line, and were not written\n";
  }

private:
  [[nodiscard]] std::string name(std::int64_t p) const {
    return p == 0 ? path_ : path_ + '.' + std::to_string(p);
  }

  std::string path_;
  std::map<std::int64_t, std::ofstream> files_;
  std::uint64_t unwritten_ = 0;
};

/// Why records of a source can't be replayed from a file of lines; empty: they can.
std::string unrecordable(const definition& d, const std::string& source) {
  for (const auto& s : d.sources)
    if (s.name.text == source) {
      auto csv = s.settings.text("format", "json") == "csv";
      return csv && s.settings.section("csv").flag("header", true)
                 ? "its CSV has a header, which records don't carry: name the columns under `csv`, with "
                   "`header: false`"
                 : "";
    }
  return "it is no source of this pipeline";
}

int show(const command_line& c, tap_reader& reader) {
  table shown;
  recorder recorded{c.record};
  std::uint64_t seen = 0, skipped = 0;
  int code = 0;
  while (asked_to_stop == 0 && (c.count == 0 || seen < c.count) && code == 0) {
    auto page = reader.next();
    if (!page) {
      std::cerr << "tidemill tap: " << page.error().text() << '\n';
      code = page.error().code() == errc::unavailable ? exit_failed : exit_config;
      break;
    }
    for (std::size_t i = 0; i < page->events.size() && (c.count == 0 || seen < c.count); ++i, ++seen) {
      const auto& text = page->events[i];
      if (c.record.empty() && c.ndjson) {
        std::cout << text << '\n';
        continue;
      }
      auto event = parse_json(text);
      if (!event)
        continue;
      if (c.record.empty())
        shown.add(page->fields, *event);
      else if (auto wrong = recorded.add(*event); !wrong.empty()) {
        std::cerr << "tidemill tap: " << wrong << '\n';
        code = exit_failed;
        break;
      }
    }
    if (!std::cout.flush())
      return 0; // whoever read it has enough
    skipped = page->skipped;
    if (page->events.empty())
      std::this_thread::sleep_for(pause_between);
  }
  if (!c.record.empty())
    recorded.tell(c.wish.stream);
  if (skipped > 0)
    std::cerr << skipped << " events were passed over: more came than --rate allows\n";
  return code;
}

} // namespace

int tap_command(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && (arguments[0] == "--help" || arguments[0] == "-h")) {
    std::cout << usage;
    return 0;
  }
  command_line c;
  if (auto wrong = parse(arguments, c); !wrong.empty()) {
    std::cerr << "tidemill tap: " << wrong << "; see tidemill tap --help\n";
    return exit_config;
  }
  definition d;
  if (!load_pipeline(c.file, d))
    return exit_config;
  if (!c.record.empty()) {
    if (auto why = unrecordable(d, c.wish.stream); !why.empty()) {
      std::cerr << "tidemill tap: " << c.wish.stream << " can't be recorded: " << why << '\n';
      return exit_config;
    }
    c.wish.raw = true;
  }
  auto reader = tap_reader::open(d, c.at, c.wish);
  if (!reader) {
    std::cerr << "tidemill tap: " << reader.error().text() << '\n';
    return exit_config;
  }
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  return show(c, *reader);
}

} // namespace tidemill
