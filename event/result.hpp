#pragma once

#include "event/error.hpp"

#include <boost/system/result.hpp>

#include <stdexcept>

namespace tidemill {

/// Either a T or an error. This header is the only place that names the underlying type.
template <class T>
using result = boost::system::result<T, error>;

/// Success without a value, or an error.
using status = result<void>;

/// Called by `result::value()` on an error; a programming mistake, hence an exception.
[[noreturn]] inline void throw_exception_from_error(const error& e, const boost::source_location&) {
  throw std::runtime_error(e.text());
}

} // namespace tidemill

#define TIDEMILL_CAT_(a, b) a##b
#define TIDEMILL_CAT(a, b) TIDEMILL_CAT_(a, b)
#define TIDEMILL_TRY_(tmp, decl, ...)                                                                        \
  auto tmp = (__VA_ARGS__);                                                                                  \
  if (!tmp)                                                                                                  \
    return tmp.error();                                                                                      \
  decl = std::move(*tmp)
/// `TIDEMILL_TRY(auto key, find_key(event));` returns the error or goes on with the value.
#define TIDEMILL_TRY(decl, ...) TIDEMILL_TRY_(TIDEMILL_CAT(try_, __COUNTER__), decl, __VA_ARGS__)
/// `TIDEMILL_CHECK(file.sync());` returns the error of a `status`, or goes on.
#define TIDEMILL_CHECK(...)                                                                                  \
  do {                                                                                                       \
    if (auto checked_ = (__VA_ARGS__); !checked_)                                                            \
      return checked_.error();                                                                               \
  } while (false)
