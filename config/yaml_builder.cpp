#include "config/yaml_builder.hpp"

#include "config/traps.hpp"

#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>

#include <algorithm>
#include <unordered_map>

namespace tidemill {
namespace {

constexpr std::size_t longest_key = 200; // it is part of paths, hence of many messages

bool is_core_tag(std::string_view tag) noexcept {
  for (auto name : {"str", "int", "float", "bool", "null", "map", "seq"})
    if (tag == std::string{"tag:yaml.org,2002:"} + name)
      return true;
  return tag.empty() || tag == "?" || tag == "!";
}

bool plain_piece(const yaml_node& n) noexcept {
  return n.of == yaml_node::kind::scalar && !n.quoted;
}

bool is_open(std::string_view expression) noexcept {
  return open_brackets(expression) > 0 || open_quote(expression);
}

// Up to the line's end, or as much as fits into a message: lines may be long, and looked at often.
std::string_view first_line(std::string_view text) noexcept {
  text = text.substr(0, 200);
  return text.substr(0, text.find_first_of("\r\n"));
}

// `null`, `Null`, `NULL` or `~` at the front of the text, as a value of its own.
std::string written_null(std::string_view text) {
  for (std::string_view word : {"null", "Null", "NULL", "~"}) {
    if (!text.starts_with(word))
      continue;
    auto rest = text.substr(word.size());
    auto next = rest.find_first_not_of(" \t");
    if (next == rest.npos || (rest[next] == '#' && next > 0) ||
        std::string_view{",}]\r\n"}.find(rest[next]) != std::string_view::npos)
      return std::string{word};
  }
  return {};
}

// Whether the quote that opens a text is closed anywhere: the parser takes the end of the file for one.
bool closes(std::string_view text) noexcept {
  auto quote = text.front();
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 == text.size() || text[i + 1] != quote)
        return true;
      ++i;
    }
  }
  return false;
}

} // namespace

void yaml_builder::OnDocumentStart(const YAML::Mark& mark) {
  last_line_ = mark.line;
}

std::string yaml_builder::path() const {
  std::string out;
  for (const auto& c : stack_) {
    if (c.node->of == yaml_node::kind::sequence)
      out += '[' + std::to_string(c.node->items.size()) + ']';
    else if (c.key)
      out += (out.empty() ? "" : ".") + c.key->text.substr(0, longest_key);
  }
  return out;
}

std::optional<yaml_builder::place> yaml_builder::open_flow() const {
  if (!in_flow())
    return std::nullopt;
  return stack_.back().at;
}

void yaml_builder::fault(position at, std::string text, std::string hint) {
  if (faults_.size() >= max_faults)
    return;
  faults_.push_back({severity::error, at, path(), std::move(text), std::move(hint)});
}

yaml_builder::node_pointer yaml_builder::make(yaml_node::kind of, place at, const YAML::Mark& mark) {
  last_line_ = std::max(last_line_, mark.line);
  if (++nodes_ > yaml_max_nodes)
    throw YAML::ParserException(mark, too_many);
  auto node = std::make_shared<yaml_node>();
  node->of = of;
  node->at = source_.at(at.line, at.byte);
  return node;
}

// The parser's mark of a node lies on its anchor or tag, if it has one.
yaml_builder::place yaml_builder::behind_properties(const YAML::Mark& mark) const {
  auto text = source_.from(mark.line, mark.column);
  place at{mark.line, mark.column};
  std::size_t i = 0;
  while (i < text.size() && (text[i] == '&' || text[i] == '!')) {
    auto end = std::min(text.find_first_of(" \t\r\n", i), text.size());
    auto next = std::min(text.find_first_not_of(" \t\r\n", end), text.size());
    for (; i < next; ++i) {
      ++at.byte;
      if (text[i] == '\n')
        at = {at.line + 1, 0};
    }
  }
  return at;
}

bool yaml_builder::refused_tag(const std::string& tag, const YAML::Mark& mark) {
  if (is_core_tag(tag))
    return false;
  auto text = first_line(source_.from(mark.line, mark.column));
  if (in_flow())
    text = text.substr(0, text.find_first_of(",]}"));
  fault(source_.at(mark.line, mark.column),
        "YAML reads the \"!\" in " + quoted_for_message(text) + " as a tag, and there are none here",
        quote_hint(text));
  return true;
}

void yaml_builder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  auto node = make(yaml_node::kind::null, {mark.line, mark.column}, mark);
  auto at = behind_properties(mark);
  node->text = written_null(source_.from(at.line, at.byte));
  // What is left empty is marked where the next thing begins.
  if (node->text.empty() && !stack_.empty() && stack_.back().key)
    node->at = stack_.back().key->at;
  add(std::move(node), anchor);
}

void yaml_builder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  auto target = anchor < anchors_.size() ? anchors_[anchor] : nullptr;
  if (!target) {
    auto node = make(yaml_node::kind::spoiled, {mark.line, mark.column}, mark);
    fault(node->at, "this alias stands inside the value that it names", "");
    add(std::move(node), 0);
    return;
  }
  nodes_ += target->weight;
  if (nodes_ > yaml_max_nodes)
    throw YAML::ParserException(mark, too_many);
  add(std::move(target), 0);
}

void yaml_builder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                            const std::string& value) {
  auto at = behind_properties(mark);
  auto text = source_.from(at.line, at.byte);
  auto node = make(yaml_node::kind::scalar, at, mark);
  node->text = source_text::unmasked(value);
  if (refused_tag(tag, mark) || (value.empty() && source_.replaced(mark.line))) {
    node->of = yaml_node::kind::spoiled;
  } else if (text.starts_with('"') || text.starts_with('\'')) {
    node->quoted = true;
    node->at = source_.at(at.line, at.byte + 1);
    if (!closes(text)) {
      fault(source_.at(at.line, at.byte), "the quote is never closed",
            std::string{"end the text with "} + text.front());
      node->of = yaml_node::kind::spoiled;
      incomplete_ = true;
    }
  } else if (text.starts_with('|') || text.starts_with('>')) {
    node->quoted = true;
    auto line = at.line + 1;
    while (source_.line(line).find_first_not_of(' ') == std::string_view::npos && line < mark.line + 100)
      ++line;
    auto indent = source_.line(line).find_first_not_of(' ');
    node->at = source_.at(at.line + 1, 0);
    node->at.column = indent == std::string_view::npos ? 1 : static_cast<int>(indent) + 1;
  } else if (text.starts_with(node->text)) {
    auto rest = text.substr(value.size());
    auto next = rest.find_first_not_of(" \t");
    if (next != rest.npos && next > 0 && rest[next] == '#')
      node->comment = first_line(rest);
  }
  add(std::move(node), anchor);
}

void yaml_builder::open(yaml_node::kind of, const YAML::Mark& mark, const std::string& tag,
                        YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
  if (stack_.size() >= yaml_max_depth)
    throw YAML::ParserException(mark, too_deep);
  auto at = behind_properties(mark);
  auto node = make(of, at, mark);
  if (refused_tag(tag, mark))
    incomplete_ = true;
  if (anchor != 0 && anchors_.size() <= anchor)
    anchors_.resize(anchor + 1);
  stack_.push_back({std::move(node), nullptr, style == YAML::EmitterStyle::Flow, at, anchor});
}

void yaml_builder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                                   YAML::EmitterStyle::value style) {
  open(yaml_node::kind::sequence, mark, tag, anchor, style);
}

void yaml_builder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                              YAML::EmitterStyle::value style) {
  open(yaml_node::kind::map, mark, tag, anchor, style);
}

void yaml_builder::OnSequenceEnd() {
  if (stack_.back().flow)
    join_pieces(stack_.back());
  close();
}

void yaml_builder::OnMapEnd() {
  if (stack_.back().flow)
    join_pieces(stack_.back());
  finish_map(stack_.back());
  close();
}

void yaml_builder::close() {
  auto done = std::move(stack_.back());
  stack_.pop_back();
  for (const auto& [key, node] : done.node->entries)
    done.node->weight += key->weight + node->weight;
  for (const auto& item : done.node->items)
    done.node->weight += item->weight;
  add(std::move(done.node), done.anchor);
}

void yaml_builder::add(yaml_node::pointer node, YAML::anchor_t anchor) {
  if (anchor != 0) {
    if (anchors_.size() <= anchor)
      anchors_.resize(anchor + 1);
    anchors_[anchor] = node;
  }
  if (stack_.empty()) {
    root_ = std::move(node);
    return;
  }
  auto& c = stack_.back();
  if (c.node->of == yaml_node::kind::sequence)
    c.node->items.push_back(std::move(node));
  else if (!c.key)
    c.key = std::move(node);
  else
    c.node->entries.emplace_back(std::exchange(c.key, nullptr), std::move(node));
}

// `{a: f(x, 1)}` is `a` with the value `f(x`, and a key `1)` without one: YAML cuts at commas.
void yaml_builder::join_pieces(container& c) {
  constexpr std::size_t most = 20; // pieces of one expression
  auto entries = std::exchange(c.node->entries, {});
  for (std::size_t i = 0; i < entries.size();) {
    auto& [key, node] = entries[i++];
    if (plain_piece(*node) && is_open(node->text)) {
      auto whole = node->text;
      for (auto last = i + most;
           i < entries.size() && i < last && is_open(whole) && entries[i].second->of == yaml_node::kind::null;
           ++i)
        whole += ", " + entries[i].first->text;
      c.key = key; // for the path
      report_pieces(node, whole);
      c.key = nullptr;
    }
    c.node->entries.emplace_back(std::move(key), std::move(node));
  }
  auto items = std::exchange(c.node->items, {});
  for (std::size_t i = 0; i < items.size();) {
    auto& item = items[i++];
    if (plain_piece(*item) && is_open(item->text)) {
      auto whole = item->text;
      for (auto last = i + most; i < items.size() && i < last && is_open(whole) && plain_piece(*items[i]);
           ++i)
        whole += ", " + items[i]->text;
      report_pieces(item, whole);
    }
    c.node->items.push_back(std::move(item));
  }
}

void yaml_builder::report_pieces(yaml_node::pointer& first, const std::string& text) {
  fault(first->at, "YAML cuts this at the comma, after " + quoted_for_message(first->text), quote_hint(text));
  auto spoiled = std::make_shared<yaml_node>();
  spoiled->of = yaml_node::kind::spoiled;
  spoiled->at = first->at;
  first = std::move(spoiled);
}

// Keys are words, each once; `<<` takes over the entries of other maps.
void yaml_builder::finish_map(container& c) {
  std::unordered_map<std::string_view, int> lines;
  std::vector<std::pair<yaml_node::pointer, yaml_node::pointer>> kept, merged;
  for (auto& [key, node] : c.node->entries) {
    if (key->of == yaml_node::kind::spoiled)
      continue;
    if (key->of != yaml_node::kind::scalar) {
      fault(key->at, "a key must be a word", "");
      continue;
    }
    if (key->text.size() > longest_key) {
      fault(key->at, "a key of more than 200 bytes", "");
      continue;
    }
    if (key->text == "<<" && !key->quoted) {
      const auto& from = node->of == yaml_node::kind::sequence ? node->items : std::vector{node};
      for (const auto& m : from)
        if (m->of == yaml_node::kind::map)
          merged.insert(merged.end(), m->entries.begin(), m->entries.end());
        else if (m->of != yaml_node::kind::spoiled)
          fault(key->at, "\"<<\" takes over the entries of a map", "write it like <<: *name");
      continue;
    }
    auto [first, added] = lines.emplace(key->text, key->at.line);
    if (added)
      kept.emplace_back(key, node);
    else
      fault(key->at, "duplicate key " + quoted_for_message(key->text),
            "the first one is in line " + std::to_string(first->second));
  }
  for (auto& entry : merged)
    if (lines.emplace(entry.first->text, entry.first->at.line).second)
      kept.push_back(std::move(entry));
  c.node->entries = std::move(kept);
}

} // namespace tidemill
