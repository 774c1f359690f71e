#include "event/json_codec.hpp"

#include "event/cell.hpp"
#include "event/json_parse.hpp"
#include "event/json_plan.hpp"
#include "event/json_shapes.hpp"
#include "event/json_tokens.hpp"
#include "event/row_writer.hpp"

namespace tidemill {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

class json_codec final : public codec {
public:
  json_codec(const format_options& options, const schema& fields, std::vector<bool> needed)
      : rows_(fields, std::move(needed), options.max_record), plan_(plan_json(fields, rows_.needed())),
        filled_(fields.size()) {
    for (const auto& f : fields.fields()) {
      readers_.push_back(json_reader(f.of));
      is_text_.push_back(f.of.is(kind::string) || f.of.is(kind::bytes));
    }
  }

  void decode(const record_batch& in, event_batch& out, std::vector<decode_failure>& failures) override {
    rows_.write(in, out, failures, [this](std::string_view text, error& why) { return read(text, why); });
  }

private:
  // These return the token behind what they read, or null and the reason.
  json_token read_object(json_token at, json_object_plan& wanted, error& why);
  json_token read_member(json_token at, json_object_plan& wanted, std::size_t place, error& why);
  json_token read_value(json_token at, json_key_plan& key, error& why);
  json_token read_nested(json_token at, json_key_plan& key, error& why);
  static json_token located(json_token at, error& why);

  outcome read(std::string_view text, error& why);
  outcome walk(std::string_view text, error& why);
  bool store(std::uint32_t field, std::string_view json, error& why);
  bool store(json_key_plan& key, std::string_view json, error& why);
  bool fill_missing(error& why);
  bool fill(const known_shape& known, error& why);
  void learn(std::string_view text);
  json_key_plan* find_escaped(json_object_plan& wanted, std::string_view key);

  row_writer rows_;
  json_scanner scanner_;
  json_tokens tokens_;
  std::unique_ptr<json_object_plan> plan_;
  std::vector<json_cell_reader> readers_; // per field
  std::uint64_t number_ = 0;              // of the record, over all batches
  std::vector<std::uint64_t> filled_;     // per field: the number of the last record that has a value for it
  std::size_t fill_count_ = 0;
  std::string key_; // an unescaped key

  json_shapes shapes_;
  std::vector<char> is_text_; // per field: a string without escapes is stored as it is
  // Of the record being walked over, if its shape may be learnt: the stored values.
  bool learns_ = false;
  std::vector<std::uint32_t> stored_at_;
  std::vector<json_key_plan*> stored_keys_;
};

outcome json_codec::read(std::string_view text, error& why) {
  if (text.starts_with(byte_order_mark))
    text.remove_prefix(byte_order_mark.size());
  if (const auto* known = shapes_.find(text)) {
    if (fill(*known, why))
      return outcome::row;
    rows_.forget_nulls(); // whatever is wrong is told by the walk
  }
  return walk(text, why);
}

outcome json_codec::walk(std::string_view text, error& why) {
  learns_ = shapes_.curious();
  stored_at_.clear();
  stored_keys_.clear();
  if (!scanner_.scan(text, tokens_, why))
    return outcome::failed;
  auto at = tokens_.begin();
  if (at == tokens_.end())
    return outcome::blank;
  ++number_;
  fill_count_ = 0;
  if (tokens_.first(at) == '{')
    at = read_object(at, *plan_, why);
  else
    at = tokens_.expected("a JSON object", at, why);
  if (at != nullptr && at != tokens_.end())
    at = tokens_.expected("nothing behind the object", at, why);
  if (at == nullptr || (fill_count_ != rows_.needed().size() && !fill_missing(why)))
    return outcome::failed;
  if (learns_)
    learn(text);
  return outcome::row;
}

/// The walk has come to an end: what it found at these places will be there in texts of the same shape.
void json_codec::learn(std::string_view text) {
  auto shape = json_shape::of(text, tokens_, stored_at_);
  if (!shape)
    return;
  known_shape known{std::move(*shape), {}, {}};
  for (std::uint32_t i = 0; i < stored_keys_.size(); ++i)
    for (auto field : stored_keys_[i]->fields)
      known.uses.push_back({i, field});
  for (auto field : rows_.needed())
    if (filled_[field] != number_)
      known.missing.push_back(field);
  shapes_.add(std::move(known));
}

bool json_codec::fill(const known_shape& known, error& why) {
  const auto* values = shapes_.values().data();
  for (auto [value, field] : known.uses) {
    auto json = values[value];
    if (is_text_[field] != 0 && json.front() == '"') // without escapes
      rows_.at(field).put(json.substr(1, json.size() - 2));
    else if (!store(field, json, why))
      return false;
  }
  for (auto field : known.missing)
    if (!rows_.null(field, "is missing", why))
      return false;
  return true;
}

// As deep as the longest path of a field, whatever the record holds.
json_token json_codec::read_object(json_token at, json_object_plan& wanted, error& why) {
  ++at;
  if (tokens_.first(at) == '}')
    return at + 1;
  for (std::size_t place = 0;; ++place) {
    at = read_member(at, wanted, place, why);
    if (at == nullptr || tokens_.first(at) != ',')
      return at == nullptr ? at : tokens_.skip(at, '}', why);
    ++at;
  }
}

json_token json_codec::read_member(json_token at, json_object_plan& wanted, std::size_t place, error& why) {
  if (tokens_.first(at) != '"')
    return tokens_.expected("a key", at, why);
  auto quoted = tokens_.whole(at);
  auto key = quoted.substr(1, quoted.size() - 2);
  auto* found = wanted.find(key, place);
  if (found == nullptr && tokens_.escapes() && key.find('\\') != std::string_view::npos) {
    if (!valid_json_scalar(quoted))
      return tokens_.expected("a key", at, why);
    found = find_escaped(wanted, key);
  }
  at = tokens_.skip(at + 1, ':', why);
  if (at == nullptr || found == nullptr || found->seen == number_)
    return at == nullptr ? at : tokens_.skip_value(at, why);
  found->seen = number_;
  return read_value(at, *found, why);
}

json_key_plan* json_codec::find_escaped(json_object_plan& wanted, std::string_view key) {
  key_.resize(key.size());
  auto size = unescape_json(key, key_.data());
  return size ? wanted.find(std::string_view{key_}.substr(0, *size)) : nullptr; // half a surrogate: no name
}

json_token json_codec::read_value(json_token at, json_key_plan& key, error& why) {
  if (auto c = tokens_.first(at); c == '{' || c == '[')
    return read_nested(at, key, why);
  // What can be stored has passed a stricter check than that of a JSON scalar.
  if (learns_) {
    stored_at_.push_back(*at); // at the end, where there is nothing, learning is over
    stored_keys_.push_back(&key);
  }
  bool stored = at != tokens_.end() && store(key, tokens_.whole(at), why);
  if (stored && !key.inside)
    return at + 1;
  error fault;
  auto next = tokens_.skip_value(at, fault);
  if (next == nullptr)
    why = std::move(fault); // no JSON at all, which says more than that it doesn't fit
  else if (stored && tokens_.whole(at) == "null")
    return learns_ = false, next; // there another record may have an object
  else if (stored)
    why = {errc::event_type, key.key + ": expected an object, found " + describe_json(tokens_.whole(at))};
  return next == nullptr ? next : located(at, why);
}

json_token json_codec::read_nested(json_token at, json_key_plan& key, error& why) {
  bool list = tokens_.first(at) == '[';
  auto next = at;
  if (list || !key.inside || !key.fields.empty()) {
    next = tokens_.skip_value(at, why);
    if (next == nullptr)
      return nullptr;
    learns_ = false;
    if (!store(key, tokens_.nested(at, next), why))
      return located(at, why);
  }
  if (!key.inside)
    return next;
  if (!list)
    return read_object(at, *key.inside, why);
  why = {errc::event_type, key.key + ": expected an object, found a list"};
  return located(at, why);
}

json_token json_codec::located(json_token at, error& why) {
  why = {why.code(), why.text() + " (byte " + std::to_string(*at) + ")"};
  return nullptr;
}

bool json_codec::store(std::uint32_t field, std::string_view json, error& why) {
  auto to = rows_.at(field);
  if (json == "null" && !(to.as.of.is(kind::dyn) && !to.as.of.nullable()))
    return rows_.null(field, "is null", why);
  return readers_[field](to, json, why);
}

bool json_codec::store(json_key_plan& key, std::string_view json, error& why) {
  for (auto field : key.fields) {
    if (!store(field, json, why))
      return false;
    filled_[field] = number_;
    ++fill_count_;
  }
  return true;
}

bool json_codec::fill_missing(error& why) {
  for (auto field : rows_.needed())
    if (filled_[field] != number_ && !rows_.null(field, "is missing", why))
      return false;
  return true;
}

} // namespace

std::unique_ptr<codec> make_json_codec(const format_options& options, const schema& fields,
                                       std::vector<bool> needed) {
  return std::make_unique<json_codec>(options, fields, std::move(needed));
}

} // namespace tidemill
