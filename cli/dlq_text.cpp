#include "cli/dlq_text.hpp"

#include "event/value.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace tidemill {
namespace {

constexpr std::size_t shown_reason = 60, shown_raw = 80;

std::string hex(unsigned char c) {
  std::array<char, 3> out{};
  std::snprintf(out.data(), out.size(), "%02x", c);
  return out.data();
}

std::string time_text(const std::optional<event_time>& t) {
  return t ? format_rfc3339(std::chrono::time_point_cast<std::chrono::seconds>(*t)) : "-";
}

/// Columns as wide as their widest cell; the last one is not padded.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  auto length = [](const std::string& s) { // characters, not bytes
    return static_cast<std::size_t>(std::ranges::count_if(s, [](char c) { return (c & 0xc0) != 0x80; }));
  };
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], length(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size())
        out.append(widths[i] - length(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string hex_dump(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    std::array<char, 20> place{};
    std::snprintf(place.data(), place.size(), "%08zx ", at);
    out += place.data();
    std::string text;
    for (std::size_t i = 0; i < 16; ++i) {
      auto c = at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0;
      out += at + i < bytes.size() ? " " + hex(c) : "   ";
      if (at + i < bytes.size())
        text += c >= ' ' && c < 0x7f ? static_cast<char>(c) : '.';
    }
    out += "  " + text + '\n';
  }
  return out;
}

/// The same without a limit, and line breaks stay.
std::string shown_lines(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    auto end = std::min(text.find('\n', at), text.size());
    out += shown_text(text.substr(at, end - at), text.size()) + '\n';
    at = end + 1;
  }
  return out;
}

std::string bytes_text(const std::optional<std::string>& bytes) {
  if (!bytes)
    return "none";
  return is_utf8(*bytes) ? shown_text(*bytes, bytes->size()) : "base64 " + base64_encode(*bytes);
}

std::string member(std::string_view name, std::string_view text) {
  std::string out;
  append_json_string(out, name);
  append_json_string(out += ':', text);
  return out;
}

} // namespace

std::string shown_text(std::string_view text, std::size_t most) {
  std::string out;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if ((c & 0xc0) != 0x80 && ++characters > most)
      return out + "…";
    auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (c < ' ' || c == 0x7f)
      out += "\\x" + hex(c);
    else if (c == 0xc2 && next >= 0x80 && next < 0xa0) // C1 controls, in UTF-8
      out += "\\u00" + hex(static_cast<unsigned char>(text[++i]));
    else
      out += text[i];
  }
  return out;
}

std::string letter_table(const letter_summary& s) {
  auto out = std::to_string(s.letters) + (s.letters == 1 ? " dead letter" : " dead letters");
  if (s.letters != s.stored)
    out += " of " + std::to_string(s.stored);
  if (s.replayed > 0)
    out += ", " + std::to_string(s.replayed) + " replayed";
  if (s.dropped > 0)
    out += "; " + std::to_string(s.dropped) + " older ones were dropped to keep the log small";
  out += '\n';
  if (s.counts.empty())
    return out;
  std::vector<std::vector<std::string>> rows{
      {"LETTERS", "STREAM", "STEP", "CODE", "NEWEST", "REASON OF THE NEWEST"}};
  for (const auto& c : s.counts)
    rows.push_back({std::to_string(c.letters), shown_text(c.stream, 60), shown_text(c.step, 60),
                    std::to_string(c.code), time_text(c.newest), shown_text(c.reason, shown_reason)});
  out += '\n' + aligned(rows);
  if (s.newest.empty())
    return out;
  rows = {{"STREAM", "RECORD", "TIME", "CODE", "REASON", "BYTES"}};
  for (const auto& l : s.newest)
    rows.push_back({shown_text(l.stream, 60), shown_text(l.place(), 60), time_text(l.at()),
                    std::to_string(l.code), shown_text(l.reason, shown_reason),
                    !l.value            ? "(no value)"
                    : is_utf8(*l.value) ? shown_text(*l.value, shown_raw)
                                        : "(binary, " + std::to_string(l.value->size()) + " bytes)"});
  return out + '\n' + aligned(rows);
}

std::string whole_letter_json(const dead_letter& l) {
  if (!l.written)
    return l.json;
  return '{' + member("written", format_rfc3339(*l.written)) + ',' + l.json.substr(1);
}

std::string letter_table_json(const letter_summary& s) {
  auto number = [](const char* name, std::uint64_t n) {
    return '"' + std::string{name} + "\":" + std::to_string(n);
  };
  auto out = '{' + number("letters", s.letters) + ',' + number("stored", s.stored) + ',' +
             number("dropped", s.dropped) + ',' + number("replayed", s.replayed) + ",\"counts\":[";
  for (const auto& c : s.counts) {
    out += out.ends_with('[') ? "{" : ",{";
    out += member("stream", c.stream) + ',' + member("step", c.step) + ",\"code\":" + std::to_string(c.code) +
           ',' + number("letters", c.letters) + ',' + member("reason", c.reason);
    if (c.newest)
      out += ',' + member("newest", format_rfc3339(*c.newest));
    out += '}';
  }
  out += "],\"newest\":[";
  for (const auto& l : s.newest)
    out += (out.ends_with('[') ? "" : ",") + whole_letter_json(l);
  return out + "]}\n";
}

std::string whole_letter(const dead_letter& l) {
  std::vector<std::vector<std::string>> rows{{"stream", shown_text(l.stream, 200)},
                                             {"record", shown_text(l.place(), 200)},
                                             {"step", shown_text(l.step, 200)},
                                             {"code", std::to_string(l.code)},
                                             {"reason", shown_text(l.reason, l.reason.size())}};
  if (l.written)
    rows.push_back({"written", format_rfc3339(*l.written)});
  if (l.received)
    rows.push_back({"received", format_rfc3339(*l.received)});
  if (l.event_at)
    rows.push_back({"event time", format_rfc3339(*l.event_at)});
  if (l.has_meta)
    rows.push_back({"key", bytes_text(l.key)});
  for (const auto& [name, text] : l.headers)
    rows.push_back({"header", shown_text(name, 200) + ": " + bytes_text(text)});
  if (!l.value)
    return aligned(rows) + "no value: a tombstone\n";
  rows.push_back({"bytes", std::to_string(l.value->size())});
  return aligned(rows) + '\n' + (is_utf8(*l.value) ? shown_lines(*l.value) : hex_dump(*l.value));
}

} // namespace tidemill
