#include "pipeline/cel/parser.hpp"

#include <charconv>
#include <cmath>

namespace tidemill::cel {
namespace {

void append_number(std::string& out, double x) {
  if (!std::isfinite(x)) { // not a literal, but may stand for a folded one
    out += x != x ? "double(\"NaN\")" : x > 0 ? "double(\"Infinity\")" : "double(\"-Infinity\")";
    return;
  }
  char digits[40];
  auto end = std::to_chars(digits, digits + sizeof digits, x).ptr;
  std::string_view text{digits, static_cast<std::size_t>(end - digits)};
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos)
    out += ".0";
}

std::string quote_bytes(std::string_view bytes) {
  constexpr auto hex = "0123456789abcdef";
  std::string out = "b\"";
  for (auto c : bytes) {
    auto u = static_cast<unsigned char>(c);
    out += "\\x";
    out.push_back(hex[u >> 4]);
    out.push_back(hex[u & 15]);
  }
  return out + '"';
}

std::string literal_text(const value& v) {
  std::string out;
  switch (v.of()) {
  case kind::null_type:
    return "null";
  case kind::boolean:
    return *v.get_if<bool>() ? "true" : "false";
  case kind::integer:
    return std::to_string(*v.get_if<std::int64_t>());
  case kind::uinteger:
    return std::to_string(*v.get_if<std::uint64_t>()) + "u";
  case kind::real:
    append_number(out, *v.get_if<double>());
    return out;
  case kind::string:
    return quote(*v.get_if<std::string>());
  case kind::bytes:
    return quote_bytes(v.get_if<byte_string>()->bytes);
  default:
    return "?"; // no other literals exist
  }
}

std::string joined(const node& n, std::size_t first) {
  std::string out;
  for (auto i = first; i < n.args.size(); ++i)
    out += (i > first ? ", " : "") + to_text(*n.args[i]);
  return out;
}

std::string call_text(const node& n) {
  const auto& name = n.name;
  if (name == "_[_]" || name == "_[?_]")
    return to_text(*n.args[0]) + (name == "_[_]" ? "[" : "[?") + to_text(*n.args[1]) + "]";
  if (name.front() == '_' && name.size() > 2 && name.back() == '_' && n.args.size() == 2 && !n.member)
    return "(" + to_text(*n.args[0]) + " " + name.substr(1, name.size() - 2) + " " + to_text(*n.args[1]) +
           ")";
  if (name == "@in")
    return "(" + to_text(*n.args[0]) + " in " + to_text(*n.args[1]) + ")";
  if (name == "!_" || name == "-_")
    return name.substr(0, 1) + "(" + to_text(*n.args[0]) + ")";
  if (n.member)
    return to_text(*n.args[0]) + "." + name + "(" + joined(n, 1) + ")";
  return name + "(" + joined(n, 0) + ")";
}

std::string fold_text(const node& n) {
  auto out = to_text(*n.args[0]) + "." + n.name + "(" + n.variables[0];
  if (!n.variables[1].empty())
    out += ", " + n.variables[1];
  if (n.args.size() == 3)
    out += ", " + to_text(*n.args[2]);
  return out + ", " + to_text(*n.args[1]) + ")";
}

std::string chain_text(const node& n, std::string_view symbol) {
  std::string out = "(";
  for (std::size_t i = 0; i < n.args.size(); ++i)
    out += (i ? std::string{symbol} : "") + to_text(*n.args[i]);
  return out + ")";
}

std::string map_text(const node& n) {
  std::string out = "{";
  for (std::size_t i = 0; i < n.args.size(); i += 2)
    out += std::string{i ? ", " : ""} + (n.maybe[i / 2] ? "?" : "") + to_text(*n.args[i]) + ": " +
           to_text(*n.args[i + 1]);
  return out + "}";
}

std::string list_text(const node& n) {
  std::string out = "[";
  for (std::size_t i = 0; i < n.args.size(); ++i)
    out += std::string{i ? ", " : ""} + (n.maybe[i] ? "?" : "") + to_text(*n.args[i]);
  return out + "]";
}

std::string select_text(const node& n) {
  auto field = n.quoted ? "`" + n.name + "`" : n.name;
  auto out = to_text(*n.args[0]) + (n.optional ? ".?" : ".") + field;
  return n.test ? "has(" + out + ")" : out;
}

} // namespace

std::string at_place(place at) {
  auto column = "column " + std::to_string(at.column);
  return at.line == 1 ? " at " + column : " at line " + std::to_string(at.line) + ", " + column;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (auto c : text) {
    constexpr std::string_view plain = "\a\b\f\n\r\t\v\\\"";
    constexpr std::string_view names = "abfnrtv\\\"";
    auto at = plain.find(c);
    if (at == std::string_view::npos) {
      out.push_back(c);
    } else {
      out.push_back('\\');
      out.push_back(names[at]);
    }
  }
  return out + '"';
}

std::string to_text(const node& n) {
  switch (n.what) {
  case node_kind::literal:
    return literal_text(n.literal);
  case node_kind::name:
    return (n.rooted ? "." : "") + n.name;
  case node_kind::select:
    return select_text(n);
  case node_kind::call:
    return call_text(n);
  case node_kind::list:
    return list_text(n);
  case node_kind::map:
    return map_text(n);
  case node_kind::logic_and:
    return chain_text(n, " && ");
  case node_kind::logic_or:
    return chain_text(n, " || ");
  case node_kind::ternary:
    return "(" + to_text(*n.args[0]) + " ? " + to_text(*n.args[1]) + " : " + to_text(*n.args[2]) + ")";
  case node_kind::fold:
    return fold_text(n);
  case node_kind::bind:
    return "cel.bind(" + n.variables[0] + ", " + to_text(*n.args[0]) + ", " + to_text(*n.args[1]) + ")";
  }
  return {};
}

} // namespace tidemill::cel
