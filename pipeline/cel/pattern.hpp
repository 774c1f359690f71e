#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tidemill::cel {

/// A compiled regular expression (RE2 syntax). Matching is linear in the text and thread-safe.
class pattern {
public:
  /// Null if it is malformed or too large when compiled; `why` says so.
  [[nodiscard]] static std::shared_ptr<const pattern> compile(std::string_view text, std::string& why);
  /// As `compile`, from a small cache of this thread: for patterns that come with the data.
  [[nodiscard]] static std::shared_ptr<const pattern> cached(std::string_view text, std::string& why);

  /// Whether it matches anywhere in `text`.
  [[nodiscard]] bool find(std::string_view text) const;

  ~pattern();
  pattern(const pattern&) = delete;
  pattern& operator=(const pattern&) = delete;

private:
  struct impl;
  explicit pattern(std::unique_ptr<const impl> p);
  std::unique_ptr<const impl> impl_;
};

} // namespace tidemill::cel
