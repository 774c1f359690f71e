#include "event/json_shape.hpp"

#include "event/value.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::size_t most_values = 512;
constexpr std::size_t longest = 16 * 1024;

} // namespace

std::optional<json_shape> json_shape::of(std::string_view text, const json_tokens& tokens,
                                         std::span<const std::uint32_t> wanted) {
  if (text.size() > longest || text.size() < json_window || tokens.escapes())
    return std::nullopt;
  json_shape made;
  made.wanted_ = wanted.size();
  std::size_t from = 0; // of the literal that is being gathered
  for (auto at = tokens.begin(); at != tokens.end(); ++at) {
    auto c = tokens.first(at);
    if (c == '{' || c == '}' || c == '[' || c == ']' || c == ':' || c == ',')
      continue;
    hole h{.quoted = c == '"'};
    if (h.quoted && at + 1 != tokens.end() && tokens.first(at + 1) == ':')
      continue; // a key
    if (made.holes_.size() == most_values)
      return std::nullopt;
    if (!wanted.empty() && wanted.front() == *at) {
      h.wanted = true;
      wanted = wanted.subspan(1);
    }
    auto begin = *at + (h.quoted ? 1 : 0);
    h.size = static_cast<std::uint32_t>(tokens.whole(at).size()) - (h.quoted ? 2 : 0);
    h.before = static_cast<std::uint32_t>(begin - from);
    made.literals_ += text.substr(from, begin - from);
    from = begin + h.size;
    made.holes_.push_back(h);
  }
  if (!wanted.empty())
    return std::nullopt;
  made.literals_ += text.substr(from);
  made.lay_out();
  return made;
}

void json_shape::lay_out() {
  for (auto* all : {&text_, &literal_, &inside_})
    all->assign(json_window, '\0');
  stretches_.clear();
  places_.clear();
  stretch open{.at = json_window};
  auto put = [&](std::string_view bytes, bool literal) {
    text_ += bytes;
    literal_.append(bytes.size(), literal ? '\xFF' : '\0');
    inside_.append(bytes.size(), literal ? '\0' : '\xFF');
    open.size += static_cast<std::uint32_t>(bytes.size());
  };
  auto close = [&](std::size_t then) {
    open.then = static_cast<std::uint32_t>(then);
    stretches_.push_back(open);
    for (auto* all : {&text_, &literal_, &inside_})
      all->append(json_window, '\0');
    open = {.at = static_cast<std::uint32_t>(text_.size())};
  };
  std::string_view rest{literals_};
  for (std::size_t i = 0; i < holes_.size(); ++i) {
    const auto& h = holes_[i];
    put(rest.substr(0, h.before), true);
    rest.remove_prefix(h.before);
    if (!h.steady) {
      close(i);
      continue;
    }
    if (h.wanted || !h.quoted) {
      auto quotes = h.quoted ? 1u : 0u;
      places_.push_back({open.size - quotes, h.size + 2 * quotes, h.wanted});
      ++open.places;
    }
    put(std::string(h.size, '\0'), false);
  }
  put(rest, true);
  close(holes_.size());
}

/// Finds out whether a text that doesn't match would, were it not for the size of some values; notes these.
bool json_shape::fit(std::string_view text) {
  std::vector<hole*> others;
  std::string_view literals{literals_};
  for (auto& h : holes_) {
    if (!text.starts_with(literals.substr(0, h.before)))
      return false;
    text.remove_prefix(h.before);
    literals.remove_prefix(h.before);
    auto size = text.find(h.quoted ? '"' : literals.front());
    if (size == text.npos)
      return false;
    text.remove_prefix(size);
    if (h.steady && size != h.size)
      others.push_back(&h);
  }
  if (text != literals)
    return false;
  for (auto* h : others)
    h->steady = false;
  return !others.empty();
}

const char* json_shape::match_hole(const hole& h, const char* at, const char* end, char stop,
                                   std::string_view*& found, bool& high) const {
  const auto* from = at;
  if (h.quoted) {
    at = bytes_.string_end(at, end, high);
    if (at != nullptr && h.wanted)
      *found++ = {from - 1, static_cast<std::size_t>(at - from) + 2};
    return at;
  }
  // No number or literal holds what stands behind one.
  while (at != end && *at != stop)
    ++at;
  std::string_view token{from, static_cast<std::size_t>(at - from)};
  if (token.empty() || token.front() == '"' || (!h.wanted && !valid_json_scalar(token)))
    return nullptr;
  if (h.wanted)
    *found++ = token;
  return at;
}

bool json_shape::match_stretches(std::string_view text, std::string_view* found, bool& high) const {
  const auto* at = text.data();
  const auto* end = at + text.size();
  const auto* looked_at = places_.data();
  for (const auto& s : stretches_) {
    if (static_cast<std::size_t>(end - at) < s.size)
      return false;
    // A window may reach over the ends of a short stretch, never over those of the text.
    const auto* from = s.size < json_window ? std::min(at, end - json_window) : at;
    auto wanted = static_cast<std::size_t>(s.at) - static_cast<std::size_t>(at - from);
    if (!bytes_.match(from, {text_.data() + wanted, literal_.data() + wanted, inside_.data() + wanted},
                      std::max<std::size_t>(s.size, json_window), high))
      return false;
    for (const auto* last = looked_at + s.places; looked_at != last; ++looked_at) {
      std::string_view token{at + looked_at->at, looked_at->size};
      if (looked_at->wanted)
        *found++ = token;
      else if (!valid_json_scalar(token))
        return false;
    }
    at += s.size;
    if (s.then == holes_.size())
      break;
    at = match_hole(holes_[s.then], at, end, text_[(&s + 1)->at], found, high);
    if (at == nullptr)
      return false;
  }
  return at == end;
}

bool json_shape::match(std::string_view text, std::vector<std::string_view>& found) {
  if (text.size() < json_window)
    return false;
  if (found.size() != wanted_)
    found.resize(wanted_);
  bool high = false;
  if (!match_stretches(text, found.data(), high)) {
    if (!fit(text))
      return false;
    lay_out();
    high = false;
    if (!match_stretches(text, found.data(), high))
      return false;
  }
  return !high || is_utf8(text);
}

} // namespace tidemill
