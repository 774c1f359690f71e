#include "config/source_text.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr char mask = '\x01'; // refused in files

bool continues(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80; // not the first byte of a character
}

} // namespace

source_text::source_text(std::string_view text) : text_(text) {
  starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i)
    if (text_[i] == '\n')
      starts_.push_back(i + 1);
}

std::string source_text::masked() const {
  constexpr std::string_view begins_word = " \t\r\n[]{},\\";
  auto out = text_;
  for (auto at = out.find('?', 1); at != out.npos; at = out.find('?', at + 1))
    if (begins_word.find(out[at - 1]) == begins_word.npos)
      out[at] = mask;
  return out;
}

std::string source_text::unmasked(std::string text) {
  std::replace(text.begin(), text.end(), mask, '?');
  return text;
}

std::string_view source_text::line(int number) const noexcept {
  if (number < 0 || static_cast<std::size_t>(number) >= starts_.size())
    return {};
  auto n = static_cast<std::size_t>(number);
  auto end = n + 1 < starts_.size() ? starts_[n + 1] - 1 : text_.size();
  if (end > starts_[n] && text_[end - 1] == '\r')
    --end;
  return std::string_view{text_}.substr(starts_[n], end - starts_[n]);
}

std::string_view source_text::from(int number, int byte) const noexcept {
  if (number < 0 || byte < 0 || static_cast<std::size_t>(number) >= starts_.size())
    return {};
  auto begin = starts_[static_cast<std::size_t>(number)] + static_cast<std::size_t>(byte);
  return begin <= text_.size() ? std::string_view{text_}.substr(begin) : std::string_view{};
}

position source_text::at(int number, int byte) const noexcept {
  if (number < 0)
    return {};
  auto text = line(number);
  byte = std::clamp(byte, 0, static_cast<int>(text.size()));
  if (counted_.line != number)
    counted_ = {number, 0, 0};
  auto [low, high] = std::minmax(byte, counted_.byte);
  auto between = text.substr(static_cast<std::size_t>(low), static_cast<std::size_t>(high - low));
  auto inside = static_cast<int>(std::count_if(between.begin(), between.end(), continues));
  counted_ = {number, byte, counted_.inside + (byte == high ? inside : -inside)};
  return {number + 1, byte + 1 - counted_.inside};
}

void source_text::replace(int number, std::string_view with) {
  auto old = line(number);
  auto begin = static_cast<std::size_t>(old.data() - text_.data());
  auto n = static_cast<std::size_t>(number);
  counted_ = {-1, 0, 0};
  replaced_.resize(starts_.size());
  replaced_[n] = true;
  std::fill_n(text_.begin() + static_cast<std::ptrdiff_t>(begin), old.size(), ' ');
  auto kept = std::min(with.size(), old.size());
  std::copy_n(with.begin(), kept, text_.begin() + static_cast<std::ptrdiff_t>(begin));
  if (kept == with.size())
    return;
  text_.insert(begin + kept, with.substr(kept));
  for (auto next = n + 1; next < starts_.size(); ++next)
    starts_[next] += with.size() - kept;
}

bool source_text::replaced(int number) const noexcept {
  return number >= 0 && static_cast<std::size_t>(number) < replaced_.size() &&
         replaced_[static_cast<std::size_t>(number)];
}

std::string quoted_for_message(std::string_view text) {
  constexpr int limit = 60;
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "\"";
  int shown = 0;
  for (auto c : text) {
    if (!continues(c) && ++shown > limit) {
      out += "…";
      break;
    }
    auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

} // namespace tidemill
