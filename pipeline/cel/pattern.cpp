#include "pipeline/cel/pattern.hpp"

#include <re2/re2.h>

#include <functional>
#include <map>

namespace tidemill::cel {
namespace {

constexpr std::size_t max_pattern = 10'000;                // bytes
constexpr std::int64_t max_memory = std::int64_t{2} << 20; // of one compiled pattern
constexpr std::size_t cache_size = 64;

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

RE2::Options options() {
  RE2::Options o;
  o.set_log_errors(false);
  o.set_max_mem(max_memory);
  return o;
}

} // namespace

struct pattern::impl {
  RE2 compiled;
};

pattern::pattern(std::unique_ptr<const impl> p) : impl_(std::move(p)) {}
pattern::~pattern() = default;

std::shared_ptr<const pattern> pattern::compile(std::string_view text, std::string& why) {
  if (text.size() > max_pattern) {
    why = "it is longer than " + std::to_string(max_pattern) + " bytes";
    return nullptr;
  }
  std::unique_ptr<const impl> compiled{new impl{RE2{piece(text), options()}}};
  if (!compiled->compiled.ok()) {
    why = compiled->compiled.error();
    return nullptr;
  }
  return std::shared_ptr<const pattern>{new pattern{std::move(compiled)}};
}

std::shared_ptr<const pattern> pattern::cached(std::string_view text, std::string& why) {
  thread_local std::map<std::string, std::shared_ptr<const pattern>, std::less<>> cache;
  if (auto at = cache.find(text); at != cache.end())
    return at->second;
  auto made = compile(text, why);
  if (made) {
    if (cache.size() >= cache_size)
      cache.clear();
    cache.emplace(text, made);
  }
  return made;
}

bool pattern::find(std::string_view text) const {
  return RE2::PartialMatch(piece(text), impl_->compiled);
}

} // namespace tidemill::cel
