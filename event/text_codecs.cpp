#include "event/text_codecs.hpp"

#include "event/json_parse.hpp"
#include "event/text_fields.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>

namespace tidemill {
namespace {

constexpr auto npos = std::string_view::npos;

/// Bytes at which something ends. `find_first_of` of the library asks for each byte of the text anew.
class stops {
public:
  explicit constexpr stops(std::string_view bytes) {
    for (auto c : bytes)
      is_[static_cast<unsigned char>(c)] = true;
  }
  /// The first one in `text` from `at` on, or its end.
  [[nodiscard]] std::size_t find(std::string_view text, std::size_t at) const noexcept {
    while (at < text.size() && !is_[static_cast<unsigned char>(text[at])])
      ++at;
    return at;
  }
  /// The first byte that is none.
  [[nodiscard]] std::size_t pass(std::string_view text, std::size_t at) const noexcept {
    while (at < text.size() && is_[static_cast<unsigned char>(text[at])])
      ++at;
    return at;
  }

private:
  std::array<bool, 256> is_{};
};

constexpr stops spaces{" \t\r\n"}, key_ends{"= \t\r\n\""}, quotes{"\"\\"};

class regex_codec final : public text_fields {
public:
  regex_codec(const format_options& options, const schema& fields, std::vector<bool> needed,
              std::shared_ptr<const RE2> pattern)
      : text_fields(options, fields, std::move(needed)), pattern_(std::move(pattern)) {
    const auto& groups = pattern_->NamedCapturingGroups();
    for (auto f : rows_.needed())
      group_.push_back(static_cast<std::size_t>(groups.at(text_name(fields[f]))));
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
    for (std::size_t i = 0; i < rows_.needed().size(); ++i) {
      auto name = text_name(fields[rows_.needed()[i]]);
      const auto known = std::ranges::find(pairs_, name, &pair::name);
      (known == pairs_.end() ? pairs_.emplace_back(pair{std::move(name), {}}) : *known).fields.push_back(i);
    }
  }

private:
  /// A key that is wanted, and the needed fields that it is for.
  struct pair {
    std::string name;
    std::vector<std::size_t> fields;
  };

  bool split(std::string_view line, error& why) override {
    next_ = 0;
    for (std::size_t at = 0; (at = spaces.pass(line, at)) < line.size();) {
      const auto end = key_ends.find(line, at);
      const auto key = line.substr(at, end - at);
      if (key.empty() || (end < line.size() && line[end] == '"'))
        return fail(line, end, "a key", why);
      at = end;
      found value{"true", true, text_life::batch};
      auto quoted = false;
      if (at < line.size() && line[at] == '=') {
        ++at;
        quoted = at < line.size() && line[at] == '"';
        const auto stop = quoted ? closing(line, at + 1) : spaces.find(line, at);
        if (stop == npos)
          return fail(line, at, "a closing quote for this one", why);
        at += quoted ? 1 : 0;
        value.text = line.substr(at, stop - at);
        at = stop + (quoted ? 1 : 0);
      }
      if (const auto* wanted = find(key); wanted != nullptr && !found_[wanted->fields.front()].there)
        for (auto field : wanted->fields)
          if (!take(field, value, quoted, line, at, why))
            return false;
    }
    return true;
  }

  /// Null: nobody wants it. Pairs mostly come in the order of the fields.
  const pair* find(std::string_view key) {
    for (std::size_t tried = 0; tried < pairs_.size(); ++tried) {
      const auto i = next_ + tried < pairs_.size() ? next_ + tried : next_ + tried - pairs_.size();
      if (pairs_[i].name == key) {
        next_ = i + 1 < pairs_.size() ? i + 1 : 0;
        return &pairs_[i];
      }
    }
    return nullptr;
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
    for (at = quotes.find(line, at); at < line.size() && line[at] == '\\';)
      at = quotes.find(line, std::min(line.size(), at + 2));
    return at < line.size() ? at : npos;
  }

  static bool fail(std::string_view line, std::size_t at, const std::string& expected, error& why) {
    why = {errc::event_malformed, "expected " + expected + " at byte " + std::to_string(at) +
                                      (at < line.size() ? ", found " + excerpt(line.substr(at)) : "")};
    return false;
  }

  std::vector<pair> pairs_;
  std::size_t next_ = 0; // the one that is likely to come
  std::vector<std::string> buffers_;
};

error invalid(std::string text) {
  return {errc::config_invalid, std::move(text)};
}

} // namespace

result<std::unique_ptr<codec>> make_regex_codec(const format_options& options, const schema& fields,
                                                std::vector<bool> needed) {
  TIDEMILL_CHECK(check_text_fields(fields));
  if (options.pattern.empty())
    return invalid("format regex needs an expression: regex: {pattern: '^(?P<ip>\\S+) …$'}");
  RE2::Options quiet;
  quiet.set_log_errors(false);
  auto pattern = std::make_shared<const RE2>(options.pattern, quiet);
  if (!pattern->ok())
    return invalid("no regular expression (RE2): " + pattern->error());
  const auto& groups = pattern->NamedCapturingGroups();
  for (const auto& f : fields.fields())
    if (!groups.contains(text_name(f)))
      return invalid(f.name + ": the pattern has no group (?P<" + text_name(f) + ">…)");
  return std::make_unique<regex_codec>(options, fields, std::move(needed), std::move(pattern));
}

result<std::unique_ptr<codec>> make_logfmt_codec(const format_options& options, const schema& fields,
                                                 std::vector<bool> needed) {
  TIDEMILL_CHECK(check_text_fields(fields));
  return std::make_unique<logfmt_codec>(options, fields, std::move(needed));
}

} // namespace tidemill
