// Links: tidemill_event
// The stored form of values, in keys, checkpoints and the view log: damaged bytes are refused, others give a
// value with one stored form.

#include "event/value.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace tidemill::test {

void fuzz_one(std::string_view input) {
  while (!input.empty()) {
    auto before = input.size();
    auto v = take_encoded(input);
    if (!v)
      return;
    if (input.size() >= before)
      finding("a value of no bytes");
    std::string once, twice, json;
    append_encoded(once, *v);
    append_json(json, *v);
    std::string_view in = once;
    auto again = take_encoded(in);
    if (!again || !in.empty())
      finding("what was stored is not read: " + json);
    append_encoded(twice, *again);
    if (once != twice)
      finding("two stored forms of " + json);
    if (compare_for_order(*v, *again) != 0)
      finding("a value is not in its own place: " + json);
  }
}

} // namespace tidemill::test
