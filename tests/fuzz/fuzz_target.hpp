#pragma once

#include <string>
#include <string_view>

namespace tidemill::test {

/// A fuzz target, one in each program: takes any bytes, and must neither crash nor hang nor leak, nor take
/// memory beyond all measure. Deterministic, so that a finding can be had again. The block of the input ends
/// where it ends: AddressSanitizer sees a read beyond it.
void fuzz_one(std::string_view input);

/// Something that is wrong without a crash: ends the program, which names the input.
[[noreturn]] void finding(const std::string& text);

/// Takes parts of an input as numbers and texts; past its end all is 0 and empty.
class fuzz_input {
public:
  explicit fuzz_input(std::string_view bytes) : rest_(bytes) {}

  unsigned char byte() {
    auto one = take(1);
    return one.empty() ? static_cast<unsigned char>(0) : static_cast<unsigned char>(one.front());
  }
  std::string_view take(std::size_t n) {
    auto out = rest_.substr(0, n);
    rest_.remove_prefix(out.size());
    return out;
  }
  template <class T>
  T number() {
    unsigned long long out = 0;
    for (auto c : take(sizeof(T)))
      out = out << 8 | static_cast<unsigned char>(c);
    return static_cast<T>(out);
  }
  /// Up to the next line end, which is taken, too.
  std::string_view line() {
    auto end = rest_.find('\n');
    auto out = take(end);
    take(1);
    return out;
  }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

private:
  std::string_view rest_;
};

} // namespace tidemill::test
