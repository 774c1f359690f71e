#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Ends the program with a sentence for people.
[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

/// `--name VALUE` and `--flag` of a command line; what nobody asked for is refused by `done`.
class arguments {
public:
  arguments(int argc, char** argv) : all_(argv + 1, argv + argc) {}

  bool flag(std::string_view name) {
    auto i = find(name);
    if (i == all_.size())
      return false;
    all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
  }

  std::string text(std::string_view name, std::string otherwise) {
    auto i = find(name);
    if (i == all_.size())
      return otherwise;
    if (i + 1 == all_.size())
      give_up(std::string{name} + " needs a value");
    auto value = all_[i + 1];
    all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(i),
               all_.begin() + static_cast<std::ptrdiff_t>(i) + 2);
    return value;
  }

  std::int64_t number(std::string_view name, std::int64_t otherwise) {
    auto value = text(name, std::to_string(otherwise));
    std::int64_t x = 0;
    auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), x);
    if (fault != std::errc{} || end != value.data() + value.size() || x < 0)
      give_up(std::string{name} + " " + value + ": not a whole number from 0");
    return x;
  }

  void done() const {
    if (!all_.empty())
      give_up("unknown argument " + all_.front());
  }

private:
  [[nodiscard]] std::size_t find(std::string_view name) const {
    std::size_t i = 0;
    while (i < all_.size() && all_[i] != name)
      ++i;
    return i;
  }

  std::vector<std::string> all_;
};

} // namespace tidemill
