#include "event/json_codec.hpp"

#include "event/cell.hpp"
#include "event/json_parse.hpp"
#include "event/json_plan.hpp"
#include "event/json_tokens.hpp"
#include "event/row_writer.hpp"

namespace tidemill {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

class json_codec final : public codec {
public:
  json_codec(const format_options& options, const schema& fields, std::vector<bool> needed)
      : rows_(fields, std::move(needed), options.max_record), plan_(plan_json(fields, rows_.needed())),
        filled_(fields.size()) {}

  void decode(const record_batch& in, event_batch& out, std::vector<decode_failure>& failures) override {
    rows_.write(in, out, failures, [this](std::string_view text, error& why) { return read(text, why); });
  }

private:
  outcome read(std::string_view text, error& why);
  bool read_object(json_cursor& at, json_object_plan& wanted, error& why);
  bool read_member(json_cursor& at, json_object_plan& wanted, error& why);
  bool read_value(json_cursor& at, json_key_plan& key, error& why);
  bool store(json_key_plan& key, std::string_view json, std::size_t position, error& why);
  bool fill_missing(error& why);
  json_key_plan* find_escaped(json_object_plan& wanted, std::string_view key);

  row_writer rows_;
  json_scanner scanner_;
  std::unique_ptr<json_object_plan> plan_;
  std::uint64_t number_ = 0;          // of the record, over all batches
  std::vector<std::uint64_t> filled_; // per field: the number of the last record that has a value for it
  std::size_t fill_count_ = 0;
  std::string key_; // an unescaped key
};

outcome json_codec::read(std::string_view text, error& why) {
  if (text.starts_with(byte_order_mark))
    text.remove_prefix(byte_order_mark.size());
  if (!scanner_.scan(text, why))
    return outcome::failed;
  json_cursor at{text, scanner_};
  if (at.at_end())
    return outcome::blank;
  ++number_;
  fill_count_ = 0;
  if (at.peek() != '{') {
    why = at.expected("a JSON object");
    return outcome::failed;
  }
  if (!read_object(at, *plan_, why))
    return outcome::failed;
  if (!at.at_end()) {
    why = at.expected("nothing behind the object");
    return outcome::failed;
  }
  return fill_count_ == rows_.needed().size() || fill_missing(why) ? outcome::row : outcome::failed;
}

// As deep as the longest path of a field, whatever the record holds.
bool json_codec::read_object(json_cursor& at, json_object_plan& wanted, error& why) {
  at.advance();
  if (at.peek() == '}') {
    at.advance();
    return true;
  }
  for (;;) {
    if (!read_member(at, wanted, why))
      return false;
    if (at.peek() != ',')
      return at.skip_char('}', why);
    at.advance();
  }
}

bool json_codec::read_member(json_cursor& at, json_object_plan& wanted, error& why) {
  if (at.peek() != '"') {
    why = at.expected("a key");
    return false;
  }
  auto quoted = at.token();
  auto key = quoted.substr(1, quoted.size() - 2);
  auto* found = wanted.find(key);
  if (found == nullptr && at.escapes() && key.find('\\') != std::string_view::npos) {
    if (!valid_json_scalar(quoted)) {
      why = at.expected("a key with valid escapes");
      return false;
    }
    found = find_escaped(wanted, key);
  }
  at.advance();
  if (!at.skip_char(':', why))
    return false;
  if (found != nullptr && found->seen != number_) {
    found->seen = number_;
    return read_value(at, *found, why);
  }
  std::string_view skipped;
  return at.skip_value(skipped, why);
}

json_key_plan* json_codec::find_escaped(json_object_plan& wanted, std::string_view key) {
  key_.resize(key.size());
  auto size = unescape_json(key, key_.data());
  return size ? wanted.find(std::string_view{key_}.substr(0, *size)) : nullptr; // half a surrogate: no name
}

bool json_codec::read_value(json_cursor& at, json_key_plan& key, error& why) {
  auto position = at.position();
  if (key.inside && at.peek() == '{') {
    auto start = at;
    if (!key.fields.empty()) {
      // The object is wanted as a value, and so is something inside of it.
      std::string_view json;
      if (!at.skip_value(json, why) || !store(key, json, position, why))
        return false;
      at = start;
    }
    return read_object(at, *key.inside, why);
  }
  std::string_view json;
  if (!at.skip_value(json, why) || !store(key, json, position, why))
    return false;
  if (key.inside && json != "null") {
    why = {errc::event_type, key.key + ": expected an object, found " + describe_json(json) + " at byte " +
                                 std::to_string(position)};
    return false;
  }
  return true;
}

bool json_codec::store(json_key_plan& key, std::string_view json, std::size_t position, error& why) {
  for (auto field : key.fields) {
    auto to = rows_.at(field);
    bool is_null = json == "null" && !(to.as.of.is(kind::dyn) && !to.as.of.nullable());
    if (is_null ? !rows_.null(field, "is null", why) : !store_json(to, json, why)) {
      why = {why.code(), why.text() + " (byte " + std::to_string(position) + ")"};
      return false;
    }
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
