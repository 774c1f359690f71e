#include "tests/fuzz/fuzz_mutate.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace tidemill::test {
namespace {

using random_bits = std::mt19937_64;

constexpr std::string_view marks = "()[]{}<>.,:;?!-+*/%=&|'\"`\\ \n\t0123456789eExu_@#";
constexpr std::array<std::string_view, 14> texts{"-1",
                                                 "0",
                                                 "255",
                                                 "65536",
                                                 "2147483648",
                                                 "9223372036854775807",
                                                 "-9223372036854775808",
                                                 "18446744073709551616",
                                                 "1e308",
                                                 "1e-400",
                                                 "NaN",
                                                 "\xC3\xA9",
                                                 "\xF0\x9F\x98\x80",
                                                 "\xED\xA0\x80"};
constexpr std::array<std::uint64_t, 12> numbers{0,      1,      0x7F,       0x80,       0xFF,       0x7FFF,
                                                0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, ~0ull >> 1, ~0ull};

std::size_t place(random_bits& random, const std::string& s) {
  return random() % (s.size() + 1);
}

/// Mostly short, sometimes as long as it goes.
std::size_t length(random_bits& random, std::size_t most) {
  auto limit = random() % 8 ? std::min<std::size_t>(most, 16) : most;
  return limit == 0 ? 0 : 1 + random() % limit;
}

void put_number(random_bits& random, std::string& s) {
  const std::size_t width = std::size_t{1} << random() % 4;
  if (s.size() < width)
    return;
  auto at = random() % (s.size() - width + 1);
  auto x = numbers[random() % numbers.size()] + random() % 3 - 1;
  bool big = random() % 2 == 0;
  for (std::size_t i = 0; i < width; ++i)
    s[at + (big ? width - 1 - i : i)] = static_cast<char>(x >> (8 * i));
}

void splice(random_bits& random, std::string& s, const std::string& other) {
  auto from = place(random, other);
  auto n = length(random, other.size() - from);
  auto at = place(random, s);
  if (random() % 2)
    s.insert(at, other, from, n);
  else
    s.replace(at, n, other, from, n);
}

void repeat(random_bits& random, std::string& s, std::size_t limit) {
  auto at = place(random, s);
  auto piece = s.substr(at, length(random, s.size() - at));
  for (auto n = 1 + random() % (random() % 8 ? 3 : 200); n > 0 && s.size() + piece.size() < limit; --n)
    s.insert(at, piece);
}

void damage(random_bits& random, std::string& s, const std::vector<std::string>& others, std::size_t limit) {
  auto at = s.empty() ? 0 : random() % s.size();
  switch (s.empty() ? 4 + random() % 3 : random() % 11) {
  case 0:
    s[at] = static_cast<char>(s[at] ^ (1 << random() % 8));
    break;
  case 1:
    s[at] = static_cast<char>(random());
    break;
  case 2:
    s.erase(at, length(random, s.size() - at));
    break;
  case 3:
    s[at] = static_cast<char>(s[at] + static_cast<char>(random() % 35) - 17);
    break;
  case 4:
    s.insert(s.begin() + static_cast<std::ptrdiff_t>(at), marks[random() % marks.size()]);
    break;
  case 5:
    s.insert(at, texts[random() % texts.size()]);
    break;
  case 6:
    s.insert(at, 1, static_cast<char>(random()));
    break;
  case 7:
    put_number(random, s);
    break;
  case 8:
    repeat(random, s, limit);
    break;
  default:
    splice(random, s, others[random() % others.size()]);
  }
}

} // namespace

std::string mutate(std::mt19937_64& random, std::string input, const std::vector<std::string>& others,
                   std::size_t limit) {
  for (auto n = std::uint64_t{1} << random() % 5; n > 0; --n)
    damage(random, input, others, limit);
  if (input.size() > limit)
    input.resize(limit);
  return input;
}

} // namespace tidemill::test
