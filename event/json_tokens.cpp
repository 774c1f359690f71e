#include "event/json_tokens.hpp"

#include "event/cell.hpp"
#include "event/json_parse.hpp"
#include "event/number_text.hpp"

#include <simdjson.h>

#include <array>
#include <bit>

namespace tidemill {
namespace {

error at_byte(errc code, std::string what, std::size_t at) {
  return {code, std::move(what) + " at byte " + std::to_string(at)};
}

// What the scanner refused, found again without SIMD, as which fault it names first depends on the processor.
error explain(std::string_view text, const char* otherwise) {
  if (error why; !check_utf8(text, why))
    return why;
  std::size_t opened = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
      opened = i;
    } else if (quoted && static_cast<unsigned char>(text[i]) < 0x20) {
      return at_byte(errc::event_malformed, "unescaped control character", i);
    }
  }
  if (quoted)
    return at_byte(errc::event_malformed, "unclosed string", opened);
  return {errc::event_malformed, std::string{"not JSON: "} + otherwise};
}

} // namespace

// Of simdjson only the first stage is used. Its On-Demand interface (3.0.1) takes `]` for `}`, trusts the
// bytes behind a text, can mistake the level of a key if a value is followed by a colon, and finds no keys
// written with escapes; walking over the tokens ourselves costs no more and checks it all.
struct json_scanner::parser {
  simdjson::dom::parser of;
};

json_scanner::json_scanner() : parser_(std::make_unique<parser>()) {}
json_scanner::~json_scanner() = default;

bool json_scanner::scan(std::string_view text, json_tokens& tokens, error& why) {
  constexpr std::size_t smallest = 4096;
  auto& simd = parser_->of;
  tokens = {};
  auto fault = simdjson::SUCCESS;
  if (!simd.implementation || simd.capacity() < text.size())
    fault = simd.allocate(std::max(smallest, std::bit_ceil(text.size())));
  if (fault == simdjson::SUCCESS)
    fault = simd.implementation->stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                                        simdjson::stage1_mode::regular);
  if (fault == simdjson::EMPTY || text.empty())
    return true;
  if (fault != simdjson::SUCCESS) {
    why = explain(text, simdjson::error_message(fault));
    return false;
  }
  auto* positions = simd.implementation->structural_indexes.get();
  auto count = simd.implementation->n_structural_indexes;
  positions[count] = static_cast<std::uint32_t>(text.size()); // where the last token ends
  tokens = {text, positions, positions + count};
  return true;
}

bool valid_json_scalar(std::string_view token) noexcept {
  if (token.empty())
    return false;
  switch (token.front()) {
  case '"':
    return token.size() > 1 && token.back() == '"' && valid_json_escapes(token.substr(1, token.size() - 2));
  case 't':
    return token == "true";
  case 'f':
    return token == "false";
  case 'n':
    return token == "null";
  default:
    return json_number(token) != number_form::none;
  }
}

json_token json_tokens::expected(std::string_view what, json_token at, error& why) const {
  std::string text = "expected " + std::string{what};
  if (at == end_)
    text += ", but the text ends";
  else if (auto c = first(at); c > ' ' && c < '\x7F')
    text += std::string{", found "} + c;
  why = at_byte(errc::event_malformed, std::move(text), at == end_ ? text_.size() : *at);
  return nullptr;
}

json_token json_tokens::skip_scalar(json_token at, error& why) const {
  return at != end_ && valid_json_scalar(whole(at)) ? at + 1 : expected("a value", at, why);
}

json_token json_tokens::skip_key(json_token at, error& why) const {
  if (first(at) != '"' || (escapes_ && !valid_json_scalar(whole(at))))
    return expected("a key", at, why);
  return skip(at + 1, ':', why);
}

json_token json_tokens::skip_nested(json_token at, error& why) const {
  std::array<std::uint64_t, max_depth / 64> objects{}; // a bit per open bracket: set if it is a {
  std::size_t depth = 0;
  auto in_object = [&] { return (objects[(depth - 1) / 64] >> (depth - 1) % 64 & 1) != 0; };
  while (at != nullptr) {
    if (auto c = first(at); c == '{' || c == '[') {
      if (depth == max_depth) {
        why = at_byte(errc::event_malformed, "nested deeper than " + std::to_string(max_depth), *at);
        return nullptr;
      }
      auto bit = std::uint64_t{1} << depth % 64;
      objects[depth / 64] = c == '{' ? objects[depth / 64] | bit : objects[depth / 64] & ~bit;
      ++depth;
      ++at;
      if (first(at) != (c == '{' ? '}' : ']')) {
        if (c == '{')
          at = skip_key(at, why);
        continue;
      }
    } else {
      at = c == '"' && !escapes_ ? at + 1 : skip_scalar(at, why);
    }
    // Behind a value: close what ends here.
    while (at != nullptr && first(at) != ',') {
      at = skip(at, in_object() ? '}' : ']', why);
      if (--depth == 0)
        return at;
    }
    if (at != nullptr)
      at = in_object() ? skip_key(at + 1, why) : at + 1;
  }
  return nullptr;
}

} // namespace tidemill
