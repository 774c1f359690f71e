#include "config/environment.hpp"

#include "config/source_text.hpp"

namespace tidemill {
namespace {

constexpr std::size_t longest_text = 1 << 20;

bool is_name(std::string_view text) noexcept {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9'))
    return false;
  for (auto c : text)
    if (c != '_' && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z'))
      return false;
  return true;
}

error bad(std::string text) {
  return {errc::config_invalid, std::move(text)};
}

// `inside` is what stands between the braces.
result<std::string> value_of(std::string_view inside, const environment_lookup& environment) {
  auto colon = inside.find(':');
  std::string name{inside.substr(0, colon)};
  if (!is_name(name))
    return bad(quoted_for_message("${" + std::string{inside} + "}") +
               " names no variable: write ${NAME}, ${NAME:-default} or ${NAME:?message}");
  auto value = environment(name);
  if (colon == inside.npos)
    return value ? result<std::string>{*std::move(value)}
                 : bad("the environment variable " + name + " is not set: set it, or write ${" + name +
                       ":-default}");
  auto action = inside.substr(colon + 1);
  if (!action.starts_with('-') && !action.starts_with('?'))
    return bad(quoted_for_message("${" + std::string{inside} + "}") +
               ": \":-default\" or \":?message\" may follow the name");
  if (value && !value->empty())
    return *std::move(value);
  auto rest = action.substr(1);
  if (action.front() == '-')
    return std::string{rest};
  return bad("the environment variable " + name + " is not set" +
             (rest.empty() ? "" : ": " + std::string{rest}));
}

} // namespace

result<expanded_text> expand_environment(std::string_view text, const environment_lookup& environment) {
  expanded_text out;
  while (!text.empty()) {
    auto dollar = text.find('$');
    out.text += text.substr(0, dollar);
    if (dollar == text.npos)
      break;
    text.remove_prefix(dollar);
    if (text.starts_with("$${")) {
      out.text += "${";
      text.remove_prefix(3);
    } else if (text.starts_with("${")) {
      auto end = text.find('}');
      if (end == text.npos)
        return bad("\"${\" without \"}\": for the characters themselves write \"$${\"");
      TIDEMILL_TRY(auto value, value_of(text.substr(2, end - 2), environment));
      if (out.text.size() + value.size() > longest_text)
        return bad("longer than 1 MiB with its variables replaced");
      out.text += value;
      out.replaced = true;
      text.remove_prefix(end + 1);
    } else {
      out.text += '$';
      text.remove_prefix(1);
    }
  }
  return out;
}

} // namespace tidemill
