#pragma once

#include "event/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Where checkpoints lie: immutable bytes by name, in groups, and for each group one short word, its head,
/// that is moved by compare-and-set. All that is asked of a folder or of an object store.
///
/// Groups, names and heads are fit to be names of files; a name is used once. Calls for different groups may
/// run at the same time. Errors of all: `io`, `full`, `unavailable`, `fenced`.
class blob_store {
public:
  virtual ~blob_store() = default;
  /// Where it is, for people: a folder, a URL.
  [[nodiscard]] virtual std::string place(const std::string& group) const = 0;
  [[nodiscard]] virtual result<std::vector<std::string>> groups() = 0;

  /// Durable once the head has moved after it. After an error it may be there or not.
  virtual status put(const std::string& group, const std::string& name, std::string_view bytes) = 0;
  /// Errors: `out_of_range` if there is none, `corrupt` if it is longer than `limit`.
  [[nodiscard]] virtual result<std::string> get(const std::string& group, const std::string& name,
                                                std::uint64_t limit) = 0;
  /// Names of a group, ascending; none if there is no such group.
  [[nodiscard]] virtual result<std::vector<std::string>> list(const std::string& group) = 0;
  /// None there is success.
  virtual status remove(const std::string& group, const std::string& name) = 0;

  /// Empty: it was never moved.
  [[nodiscard]] virtual result<std::string> head(const std::string& group) = 0;
  /// Errors: `fenced` if the head is not `expected`; then nothing has happened. After another error it has
  /// moved or not: ask.
  virtual status move_head(const std::string& group, const std::string& expected,
                           const std::string& next) = 0;
};

} // namespace tidemill
