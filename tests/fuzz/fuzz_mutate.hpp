#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace tidemill::test {

/// One to some damages to `input`: bits, bytes, numbers, pieces left out, doubled, or taken from other
/// inputs. The result has at most `limit` bytes.
[[nodiscard]] std::string mutate(std::mt19937_64& random, std::string input,
                                 const std::vector<std::string>& others, std::size_t limit);

} // namespace tidemill::test
