#include "event/combined_log_codec.hpp"

#include "event/cell.hpp"
#include "event/number_text.hpp"
#include "event/row_writer.hpp"
#include "event/value.hpp"

#include <array>

namespace tidemill {
namespace {

constexpr auto npos = std::string_view::npos;

enum part : std::size_t {
  ip,
  ident,
  user,
  ts,
  method,
  path,
  protocol,
  status_code,
  bytes,
  referer,
  agent,
  parts
};
using log_line = std::array<std::string_view, parts>;

// Cuts a line into its parts from left to right. The first fault is kept and ends all.
class line_reader {
public:
  explicit line_reader(std::string_view line) : line_(line) {}

  // Up to `end`, which is passed too.
  std::string_view until(std::string_view end, std::string_view what) {
    auto begin = at_;
    auto found = failed_ ? npos : line_.find(end, at_);
    if (found == npos || found == begin) {
      fail(what);
      return {};
    }
    at_ = found + end.size();
    return line_.substr(begin, found - begin);
  }

  // The inside of quotes. A quote behind a backslash doesn't close.
  std::string_view quoted(std::string_view what) {
    if (failed_ || at_ >= line_.size() || line_[at_] != '"') {
      fail(what);
      return {};
    }
    auto begin = at_ + 1;
    for (auto at = begin;;) {
      auto quote = line_.find('"', at);
      if (quote == npos) {
        fail(what);
        return {};
      }
      auto escape = line_.substr(at, quote - at).find('\\');
      if (escape == npos) {
        at_ = quote + 1;
        return line_.substr(begin, quote - begin);
      }
      at += escape + 2;
    }
  }

  void space() {
    if (failed_ || at_ >= line_.size() || line_[at_] != ' ')
      fail("a space");
    else
      ++at_;
  }

  [[nodiscard]] bool end(error& why) {
    if (!failed_ && at_ != line_.size())
      fail("the end of the line");
    if (failed_)
      why = {errc::event_malformed,
             "expected " + std::string{expected_} + " at byte " + std::to_string(at_) +
                 (at_ >= line_.size() ? ", but the line ends" : ", found " + excerpt(line_.substr(at_)))};
    return !failed_;
  }

private:
  void fail(std::string_view what) {
    if (!failed_)
      expected_ = what;
    failed_ = true;
  }

  std::string_view line_;
  std::size_t at_ = 0;
  bool failed_ = false;
  std::string_view expected_;
};

void split_request(std::string_view request, log_line& out) {
  auto first = request.find(' '), last = request.rfind(' ');
  if (first == npos || first == 0 || first == last || !request.substr(last + 1).starts_with("HTTP/")) {
    out[method] = out[protocol] = {};
    out[path] = request;
    return;
  }
  out[method] = request.substr(0, first);
  out[path] = request.substr(first + 1, last - first - 1);
  out[protocol] = request.substr(last + 1);
}

bool split_line(std::string_view line, log_line& out, error& why) {
  line_reader at{line};
  out[ip] = at.until(" ", "an address");
  out[ident] = at.until(" ", "an identity or -");
  out[user] = at.until(" [", "a user or -, and a time in brackets");
  out[ts] = at.until("]", "the ] of the time");
  at.space();
  split_request(at.quoted("a request in quotes"), out);
  at.space();
  out[status_code] = at.until(" ", "a status");
  out[bytes] = at.until(" ", "a size or -, and a referer in quotes");
  out[referer] = at.quoted("a referer in quotes");
  at.space();
  out[agent] = at.quoted("a user agent in quotes");
  return at.end(why);
}

// An unknown escape stays as it is.
void unescape(std::string_view text, std::string& out) {
  constexpr std::string_view letters = "\"\\bfnrtv", meanings = "\"\\\b\f\n\r\t\v";
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x' && hex_digit(text[i + 2]) >= 0 &&
        hex_digit(text[i + 3]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 2]) * 16 + hex_digit(text[i + 3]));
      i += 3;
    } else if (auto letter = text[i] == '\\' && i + 1 < text.size() ? letters.find(text[i + 1]) : npos;
               letter != npos) {
      out += meanings[letter];
      ++i;
    } else {
      out += text[i];
    }
  }
}

class combined_log_codec final : public codec {
public:
  combined_log_codec(const format_options& options, const schema& fields, std::vector<bool> needed,
                     const std::vector<std::size_t>& part_of_field)
      : rows_(fields, std::move(needed), options.max_record) {
    for (auto field : rows_.needed())
      source_.push_back(part_of_field[field]);
  }

  void decode(const record_batch& in, event_batch& out, std::vector<decode_failure>& failures) override {
    rows_.write(in, out, failures, [this](std::string_view text, error& why) { return read(text, why); });
  }

private:
  outcome read(std::string_view text, error& why) {
    if (text.find_first_not_of(" \t\r\n") == npos)
      return outcome::blank;
    log_line line;
    if (!check_utf8(text, why) || !split_line(text, line, why))
      return outcome::failed;
    for (std::size_t i = 0; i < source_.size(); ++i)
      if (!store(rows_.needed()[i], line[source_[i]], why))
        return outcome::failed;
    return outcome::row;
  }

  bool store(std::uint32_t field, std::string_view text, error& why) {
    auto to = rows_.at(field);
    if (to.as.of.is(kind::string)) {
      if (text.find('\\') == npos)
        return to.put(text);
      unescape(text, buffer_);
      return to.put(is_utf8(buffer_) ? to.to.memory().copy(buffer_) : text);
    }
    if (to.as.of.is(kind::integer))
      return text == "-" ? rows_.null(field, "is -", why) : read_integer_(to, text, text_life::batch, why);
    auto time = parse_apache_time(text);
    return time ? to.put(*time) : cell_refused(to, time.error(), why);
  }

  row_writer rows_;
  std::vector<std::size_t> source_; // per needed field: its part of the line
  text_cell_reader read_integer_ = text_reader(kind::integer);
  std::string buffer_;
};

error invalid(std::string text) {
  return {errc::config_invalid, std::move(text)};
}

} // namespace

const schema& combined_log_schema() {
  static const schema fields{[] {
    std::vector<field> all;
    auto add = [&](const char* name, type t) { all.push_back({name, t, {}, time_format::rfc3339}); };
    for (auto name : {"ip", "ident", "user"})
      add(name, kind::string);
    add("ts", kind::timestamp);
    for (auto name : {"method", "path", "protocol"})
      add(name, kind::string);
    add("status", kind::integer);
    add("bytes", {kind::integer, true});
    for (auto name : {"referer", "agent"})
      add(name, kind::string);
    return all;
  }()};
  return fields;
}

result<std::unique_ptr<codec>> make_combined_log_codec(const format_options& options, const schema& fields,
                                                       std::vector<bool> needed) {
  std::vector<std::size_t> part_of_field;
  for (const auto& f : fields.fields()) {
    const auto& known = combined_log_schema();
    auto name = f.path.size() == 1 ? f.path.front() : f.name;
    std::size_t i = 0;
    while (i < known.size() && known[i].name != name)
      ++i;
    if (i == known.size() || f.path.size() > 1) {
      std::string names;
      for (const auto& k : known.fields())
        names += " " + k.name;
      return invalid(f.name + ": a combined log has no such field, only" + names);
    }
    if (!f.of.is(known[i].of.of()))
      return invalid(f.name + ": " + name + " of a combined log is " + to_string(known[i].of) + ", not " +
                     type_name(f));
    part_of_field.push_back(i);
  }
  return std::make_unique<combined_log_codec>(options, fields, std::move(needed), part_of_field);
}

} // namespace tidemill
