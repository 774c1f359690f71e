#include "event/text_codecs.hpp"

#include "event/cell.hpp"
#include "event/json_parse.hpp"
#include "event/row_writer.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <optional>

namespace tidemill {
namespace {

constexpr auto npos = std::string_view::npos;

/// The name of a field in a line.
std::string name_of(const field& f) {
  std::string name;
  for (const auto& part : f.path)
    name += (name.empty() ? "" : ".") + part;
  return name.empty() ? f.name : name;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == npos;
}

/// What both codecs share: texts by needed field become cells.
class text_fields : public codec {
public:
  text_fields(const format_options& options, const schema& fields, std::vector<bool> needed)
      : rows_(fields, std::move(needed), options.max_record), found_(rows_.needed().size()) {
    for (auto f : rows_.needed())
      readers_.push_back(text_reader(fields[f].of));
  }

  void decode(const record_batch& in, event_batch& out, std::vector<decode_failure>& failures) override {
    rows_.write(in, out, failures, [this](std::string_view text, error& why) { return read(text, why); });
  }

protected:
  struct found {
    std::string_view text;
    bool there = false;
    text_life life = text_life::batch;
  };
  /// Fills `found_`; false with `why` if the line can't be taken apart.
  [[nodiscard]] virtual bool split(std::string_view line, error& why) = 0;

  row_writer rows_;
  std::vector<found> found_; ///< by needed field

private:
  outcome read(std::string_view line, error& why) {
    if (is_blank(line))
      return outcome::blank;
    std::ranges::fill(found_, found{});
    if (!check_utf8(line, why) || !split(line, why))
      return outcome::failed;
    for (std::size_t i = 0; i < found_.size(); ++i)
      if (!store(i, why))
        return outcome::failed;
    return outcome::row;
  }

  bool store(std::size_t i, error& why) {
    const auto field = rows_.needed()[i];
    const auto& f = found_[i];
    auto to = rows_.at(field);
    if (!f.there)
      return rows_.null(field, "is missing", why);
    if (f.text.empty() && !to.as.of.is(kind::string) && !to.as.of.is(kind::bytes))
      return rows_.null(field, "is empty", why);
    return readers_[i](to, f.text, f.life, why);
  }

  std::vector<text_cell_reader> readers_;
};

class regex_codec final : public text_fields {
public:
  regex_codec(const format_options& options, const schema& fields, std::vector<bool> needed,
              std::shared_ptr<const RE2> pattern)
      : text_fields(options, fields, std::move(needed)), pattern_(std::move(pattern)) {
    const auto& groups = pattern_->NamedCapturingGroups();
    for (auto f : rows_.needed())
      group_.push_back(static_cast<std::size_t>(groups.at(name_of(fields[f]))));
    auto last = group_.empty() ? 0 : *std::ranges::max_element(group_);
    taken_.resize(last + 1);
  }

private:
  bool split(std::string_view line, error& why) override {
    if (!pattern_->Match({line.data(), line.size()}, 0, line.size(), RE2::UNANCHORED, taken_.data(),
                         static_cast<int>(taken_.size()))) {
      why = {errc::event_malformed, "the line doesn't match the pattern: " + excerpt(line)};
      return false;
    }
    for (std::size_t i = 0; i < group_.size(); ++i)
      if (const auto& t = taken_[group_[i]]; t.data() != nullptr)
        found_[i] = {{t.data(), t.size()}, true, text_life::batch};
    return true;
  }

  std::shared_ptr<const RE2> pattern_;
  std::vector<std::size_t> group_; // by needed field
  std::vector<re2::StringPiece> taken_;
};

class logfmt_codec final : public text_fields {
public:
  logfmt_codec(const format_options& options, const schema& fields, std::vector<bool> needed)
      : text_fields(options, fields, std::move(needed)), buffers_(found_.size()) {
    for (std::size_t i = 0; i < rows_.needed().size(); ++i)
      places_.emplace(name_of(fields[rows_.needed()[i]]), i);
  }

private:
  bool split(std::string_view line, error& why) override {
    for (std::size_t at = 0; (at = line.find_first_not_of(" \t\r\n", at)) != npos;) {
      const auto end = std::min(line.size(), line.find_first_of("= \t\r\n\"", at));
      const auto key = line.substr(at, end - at);
      if (key.empty() || (end < line.size() && line[end] == '"'))
        return fail(line, end, "a key", why);
      at = end;
      found value{"true", true, text_life::batch};
      auto quoted = false;
      if (at < line.size() && line[at] == '=') {
        ++at;
        quoted = at < line.size() && line[at] == '"';
        const auto stop =
            quoted ? closing(line, at + 1) : std::min(line.size(), line.find_first_of(" \t\r\n", at));
        if (stop == npos)
          return fail(line, at, "a closing quote for this one", why);
        at += quoted ? 1 : 0;
        value.text = line.substr(at, stop - at);
        at = stop + (quoted ? 1 : 0);
      }
      if (auto place = places_.find(key); place != places_.end() && !found_[place->second].there)
        if (!take(place->second, value, quoted, line, at, why))
          return false;
    }
    return true;
  }

  bool take(std::size_t i, found value, bool quoted, std::string_view line, std::size_t at, error& why) {
    if (quoted && value.text.find('\\') != npos) {
      buffers_[i].resize(value.text.size());
      auto undone = unescape_json(value.text, buffers_[i].data());
      if (!undone)
        return fail(line, at, "known escapes before this place (" + undone.error().text() + ")", why);
      value = {std::string_view{buffers_[i]}.substr(0, *undone), true, text_life::record};
    }
    found_[i] = value;
    return true;
  }

  /// The quote that closes a text which begins at `at`.
  static std::size_t closing(std::string_view line, std::size_t at) {
    for (; at < line.size() && line[at] != '"'; ++at)
      at += line[at] == '\\' ? 1 : 0;
    return at < line.size() ? at : npos;
  }

  static bool fail(std::string_view line, std::size_t at, const std::string& expected, error& why) {
    why = {errc::event_malformed, "expected " + expected + " at byte " + std::to_string(at) +
                                      (at < line.size() ? ", found " + excerpt(line.substr(at)) : "")};
    return false;
  }

  std::map<std::string, std::size_t, std::less<>> places_; // of needed fields
  std::vector<std::string> buffers_;
};

error invalid(std::string text) {
  return {errc::config_invalid, std::move(text)};
}

} // namespace

result<std::unique_ptr<codec>> make_regex_codec(const format_options& options, const schema& fields,
                                                std::vector<bool> needed) {
  if (options.pattern.empty())
    return invalid("format regex needs an expression: regex: {pattern: '^(?P<ip>\\S+) …$'}");
  RE2::Options quiet;
  quiet.set_log_errors(false);
  auto pattern = std::make_shared<const RE2>(options.pattern, quiet);
  if (!pattern->ok())
    return invalid("no regular expression (RE2): " + pattern->error());
  const auto& groups = pattern->NamedCapturingGroups();
  for (const auto& f : fields.fields())
    if (!groups.contains(name_of(f)))
      return invalid(f.name + ": the pattern has no group (?P<" + name_of(f) + ">…)");
  return std::make_unique<regex_codec>(options, fields, std::move(needed), std::move(pattern));
}

result<std::unique_ptr<codec>> make_logfmt_codec(const format_options& options, const schema& fields,
                                                 std::vector<bool> needed) {
  return std::make_unique<logfmt_codec>(options, fields, std::move(needed));
}

} // namespace tidemill
