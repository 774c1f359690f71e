#include "config/yaml_node.hpp"

#include "config/source_text.hpp"
#include "config/traps.hpp"
#include "config/yaml_builder.hpp"
#include "event/utf8.hpp"
#include "event/value.hpp"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

namespace tidemill {
namespace {

/// Where the parser gave up, from 0, and what it said.
struct syntax_fault {
  int line, byte;
  std::string text;
};

// The parser's exceptions end here.
std::optional<syntax_fault> run(const source_text& source, yaml_builder& builder) {
  try {
    std::istringstream in{source.masked()};
    YAML::Parser parser{in};
    if (parser.HandleNextDocument(builder) && parser.HandleNextDocument(builder))
      return syntax_fault{builder.last_line(), 0, "a second document begins here"};
    return std::nullopt;
  } catch (const YAML::DeepRecursion&) {
    return syntax_fault{builder.last_line(), 0, yaml_builder::too_deep};
  } catch (const YAML::Exception& e) {
    return syntax_fault{e.mark.line, e.mark.column, e.msg};
  }
}

// The parser's words, in ours.
std::string plain_words(const std::string& text, const source_text& source, int line, int byte) {
  static const std::map<std::string_view, std::string_view> words{
      {"illegal map value", "\": \" is not allowed here"},
      {"illegal map key", "a key is not allowed here"},
      {"illegal block entry", "a list item is not allowed here"},
      {"illegal flow end", "a closing bracket without an opening one"},
      {"end of map not found", "unexpected text, where the next key was expected"},
      {"end of sequence not found", "unexpected text, where the next list item was expected"},
      {"end of map flow not found", "expected \",\" or \"}\""},
      {"end of sequence flow not found", "expected \",\" or \"]\""},
      {"unknown token", "a value can't begin with this character"},
      {"illegal EOF in scalar", "the quote is never closed"},
      {"alias not found after *", "\"*\" begins an alias, and no name follows"},
      {"anchor not found after &", "\"&\" begins an anchor, and no name follows"}};
  if (text == "the referenced anchor is not defined") {
    auto name = source.from(line, byte);
    return "there is no anchor for the alias " +
           quoted_for_message(name.substr(0, name.find_first_of(" \t\r\n,]}")));
  }
  auto known = words.find(text);
  return known != words.end() ? std::string{known->second} : text;
}

std::string hint_for(const std::string& text, std::string_view line, int byte) {
  if (text == "a second document begins here")
    return "a pipeline is one document: remove \"---\"";
  if (text == yaml_builder::too_deep || text == yaml_builder::too_many)
    return {};
  auto hint = hint_for_line(line, static_cast<std::size_t>(std::max(byte, 0)));
  if (hint.empty() && (text == "illegal map value" || text.starts_with("end of map not")))
    hint = "is it indented like the keys that it belongs to?";
  return hint;
}

// Adds a fault where the parser gave up, and returns the line to leave out; -1 if there is no going on.
int report(const syntax_fault& fault, const source_text& source, const yaml_builder& builder,
           std::vector<diagnostic>& faults) {
  auto line = fault.line, byte = fault.byte;
  auto text = plain_words(fault.text, source, line, byte);
  auto hint = hint_for(fault.text, source.line(line), byte);
  if (fault.text.find("flow not found") != std::string::npos)
    if (auto open = builder.open_flow(); open && open->line != line) {
      line = open->line;
      byte = open->byte;
      text = "this bracket is never closed";
      hint = source.from(line, byte).starts_with('{') ? "close it with }" : "close it with ]";
    }
  if (!source.replaced(line))
    faults.push_back(
        {severity::error, source.at(line, byte), builder.path(), std::move(text), std::move(hint)});
  return fault.text == yaml_builder::too_deep || fault.text == yaml_builder::too_many ? -1 : line;
}

bool is_control(char c) noexcept {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == '\x7f';
}

// The first place that is not UTF-8 or holds a control character.
std::optional<diagnostic> refuse_bytes(std::string_view text) {
  auto rest = text;
  auto refused = [&](const char* why, const char* hint) {
    source_text source{text.substr(0, text.size() - rest.size())};
    auto line = static_cast<int>(std::count(source.text().begin(), source.text().end(), '\n'));
    auto byte = static_cast<int>(source.line(line).size());
    return diagnostic{severity::error, source.at(line, byte), {}, why, hint};
  };
  while (!rest.empty()) {
    if (auto plain = ascii_prefix(rest); plain > 0) {
      auto end = rest.begin() + static_cast<std::ptrdiff_t>(plain);
      auto bad = std::find_if(rest.begin(), end, is_control);
      rest.remove_prefix(static_cast<std::size_t>(bad - rest.begin()));
      if (bad != end)
        return rest.front() == '\0'
                   ? refused("the file holds a NUL byte", "is it a text file in UTF-8?")
                   : refused("the file holds a control character", "write it as an escape, such "
                                                                   "as \"\\e\", or remove it");
      continue;
    }
    auto step = next_utf8(rest);
    if (!step.valid)
      return refused("the file is not valid UTF-8", "save it as UTF-8");
    rest.remove_prefix(step.length);
  }
  return std::nullopt;
}

int indentation(std::string_view line) noexcept {
  auto n = line.find_first_not_of(" \t-");
  return n == line.npos ? -1 : static_cast<int>(n);
}

/// Leaves out lines that are no YAML, so that parsing gets to the end.
class mender {
public:
  mender(source_text& source, bool& incomplete) : source_(source), incomplete_(incomplete) {}

  /// Whether it is worth to parse again.
  bool leave_out(int line) {
    if (line < 0 || left_ == 0)
      return false;
    --left_;
    auto old = std::string{source_.line(line)};
    if (source_.replaced(line)) {
      incomplete_ = true;
      source_.replace(line, "");
      return !old.empty();
    }
    auto [before, value] = split_line(old);
    // The lines further in go on with this value.
    for (int next = line + 1; indentation(source_.line(next)) > indentation(old) && !value.empty(); ++next)
      source_.replace(next, "");
    source_.replace(line, std::string{before} + " ''" + (value.ends_with(',') ? "," : ""));
    return true;
  }

private:
  source_text& source_;
  bool& incomplete_;
  int left_ =
      std::max(1, static_cast<int>(std::min<std::size_t>(40, (8u << 20) / (source_.text().size() + 1))));
};

} // namespace

const yaml_node* yaml_node::find(std::string_view key) const noexcept {
  for (const auto& [name, node] : entries)
    if (name->text == key)
      return node.get();
  return nullptr;
}

yaml_document parse_yaml(std::string_view text, std::vector<diagnostic>& faults) {
  if (text.size() > yaml_max_bytes) {
    faults.push_back({severity::error, {}, {}, "the file is larger than 4 MiB", "a pipeline is a few KiB"});
    return {};
  }
  if (auto refused = refuse_bytes(text)) {
    faults.push_back(*std::move(refused));
    return {};
  }
  if (text.starts_with("\xEF\xBB\xBF"))
    text.remove_prefix(3);
  source_text source{text};
  yaml_document document;
  mender lines{source, document.incomplete};
  for (;;) {
    yaml_builder builder{source};
    auto fault = run(source, builder);
    if (fault && lines.leave_out(report(*fault, source, builder, faults)))
      continue;
    document.incomplete |= builder.incomplete();
    auto found = builder.take_faults();
    faults.insert(faults.end(), found.begin(), found.end());
    if (!fault)
      document.root = builder.root();
    return document;
  }
}

} // namespace tidemill
