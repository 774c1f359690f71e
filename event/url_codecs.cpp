#include "event/url_codecs.hpp"

#include "event/text_fields.hpp"
#include "event/url.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace tidemill {
namespace {

/// What both codecs share: fields that are parameters, by name.
class parameter_fields : public text_fields {
public:
  using text_fields::text_fields;

protected:
  void add_parameter(std::string name, std::size_t i) { by_name_.emplace(std::move(name), i); }

  [[nodiscard]] bool read_parameters(std::string_view query, error& why) {
    for (auto& all : values_)
      all.clear();
    values_.resize(found_.size());
    buffers_.resize(found_.size());
    while (auto next = take_parameter(query)) {
      auto [first, last] = by_name_.equal_range(decoded(next->name, name_));
      for (; first != last; ++first)
        if (!take(first->second, next->value, why))
          return false;
    }
    return true;
  }

  /// The text, with its escapes undone in a buffer of the field if there are any.
  [[nodiscard]] bool find(std::size_t i, std::string_view text, bool of_form, error& why) {
    if (text.find_first_of(of_form ? "%+" : "%") == std::string_view::npos) {
      found_[i] = {text, true, text_life::batch};
      return true;
    }
    buffers_.resize(found_.size());
    buffers_[i].clear();
    append_percent_decoded(buffers_[i], text, of_form);
    found_[i] = {buffers_[i], true, text_life::record};
    return is_text(i, buffers_[i], why);
  }

  [[nodiscard]] bool store(std::size_t i, error& why) override {
    const auto field = rows_.needed()[i];
    auto to = rows_.at(field);
    if (!is_list(i) || found_[i].there) // the latter: a part of a URL
      return text_fields::store(i, why);
    if (values_[i].empty() && to.as.of.nullable())
      return rows_.null(field, "is missing", why);
    return store_list(to, i, why);
  }

private:
  [[nodiscard]] bool is_list(std::size_t i) const {
    return rows_.fields()[rows_.needed()[i]].of.is(kind::list);
  }

  [[nodiscard]] bool take(std::size_t i, std::string_view value, error& why) {
    if (is_list(i)) {
      values_[i].push_back(value);
      return true;
    }
    return found_[i].there || find(i, value, true, why);
  }

  [[nodiscard]] bool is_text(std::size_t i, std::string_view text, error& why) const {
    if (check_utf8(text, why))
      return true;
    why = why.in(rows_.fields()[rows_.needed()[i]].name);
    return false;
  }

  [[nodiscard]] bool store_list(const cell& to, std::size_t i, error& why) {
    const field item{to.as.name, to.as.of.first(), {}, to.as.time, to.as.pattern};
    const auto read = text_reader(item.of);
    const auto of_text = item.of.is(kind::string) || item.of.is(kind::bytes);
    column one{item.of};
    one.resize(1);
    value_list list;
    for (auto value : values_[i]) {
      const auto text = decoded(value, buffers_[i]);
      if (!is_text(i, text, why))
        return false;
      const auto is_null = text.empty() && !of_text && item.of.nullable();
      if (!is_null && !read({item, one, 0}, text, text_life::batch, why))
        return false;
      list.push_back(is_null ? tidemill::value{} : one.at(0));
    }
    return to.put(tidemill::value{std::move(list)});
  }

  static std::string_view decoded(std::string_view text, std::string& buffer) {
    if (text.find_first_of("%+") == std::string_view::npos)
      return text;
    buffer.clear();
    append_percent_decoded(buffer, text, true);
    return buffer;
  }

  std::multimap<std::string, std::size_t, std::less<>> by_name_; // needed fields
  std::vector<std::vector<std::string_view>> values_;            // of lists, by needed field
  std::vector<std::string> buffers_;
  std::string name_;
};

class query_codec final : public parameter_fields {
public:
  query_codec(const format_options& options, const schema& fields, std::vector<bool> needed)
      : parameter_fields(options, fields, std::move(needed)) {
    for (std::size_t i = 0; i < rows_.needed().size(); ++i)
      add_parameter(text_name(fields[rows_.needed()[i]]), i);
  }

private:
  [[nodiscard]] bool split(std::string_view line, error& why) override {
    if (line.starts_with('?'))
      line.remove_prefix(1);
    return read_parameters(line, why);
  }
  [[nodiscard]] bool skips_blank() const noexcept override { return false; }
};

constexpr std::array<std::string_view, 8> part_names{"scheme", "user", "password", "host",
                                                     "port",   "path", "query",    "fragment"};
enum part : std::size_t { scheme, user, password, host, port, path, query, fragment };
constexpr std::string_view of_query = "query.";

class url_codec final : public parameter_fields {
public:
  url_codec(const format_options& options, const schema& fields, std::vector<bool> needed)
      : parameter_fields(options, fields, std::move(needed)) {
    for (std::size_t i = 0; i < rows_.needed().size(); ++i) {
      auto name = text_name(fields[rows_.needed()[i]]);
      if (name.starts_with(of_query))
        add_parameter(name.substr(of_query.size()), i);
      else
        parts_.emplace_back(i, static_cast<part>(std::ranges::find(part_names, name) - part_names.begin()));
    }
    small_.resize(found_.size());
  }

private:
  [[nodiscard]] bool split(std::string_view line, error& why) override {
    auto url = split_url(line);
    if (!url) {
      why = url.error();
      return false;
    }
    const std::array<std::optional<std::string_view>, part_names.size()> all{
        url->scheme, url->user, url->password, url->host, url->port, url->path, url->query, url->fragment};
    for (auto [i, what] : parts_)
      if (all[what] && !find_part(i, what, *all[what], why))
        return false;
    return read_parameters(url->query.value_or(std::string_view{}), why);
  }

  [[nodiscard]] bool find_part(std::size_t i, part what, std::string_view text, error& why) {
    if (what == user || what == password)
      return find(i, text, false, why);
    auto is_large = [](char c) { return c >= 'A' && c <= 'Z'; };
    found_[i] = {text, true, text_life::batch};
    if ((what != scheme && what != host) || std::ranges::none_of(text, is_large))
      return true;
    small_[i] = text;
    for (auto& c : small_[i])
      c = is_large(c) ? static_cast<char>(c | 0x20) : c;
    found_[i] = {small_[i], true, text_life::record};
    return true;
  }

  std::vector<std::pair<std::size_t, part>> parts_; // needed fields that are one
  std::vector<std::string> small_;
};

} // namespace

result<std::unique_ptr<codec>> make_query_codec(const format_options& options, const schema& fields,
                                                std::vector<bool> needed) {
  TIDEMILL_CHECK(check_text_fields(fields));
  return std::make_unique<query_codec>(options, fields, std::move(needed));
}

result<std::unique_ptr<codec>> make_url_codec(const format_options& options, const schema& fields,
                                              std::vector<bool> needed) {
  TIDEMILL_CHECK(check_text_fields(fields));
  for (const auto& f : fields.fields()) {
    const auto name = text_name(f);
    if (!name.starts_with(of_query) && std::ranges::find(part_names, name) == part_names.end())
      return error{
          errc::config_invalid,
          f.name + ": a URL has no part " + excerpt(name) +
              "; there are scheme, user, password, host, port, path, query, fragment, and query.NAME"};
  }
  return std::make_unique<url_codec>(options, fields, std::move(needed));
}

} // namespace tidemill
