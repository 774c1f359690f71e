// Links: tidemill_event
// A JSON text as a value: what is read and written again is the same.

#include "event/json_parse.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace tidemill::test {

void fuzz_one(std::string_view input) {
  auto v = parse_json(input);
  (void)split_json_array(input);
  if (!v)
    return;
  std::string once;
  append_json(once, *v);
  auto again = parse_json(once);
  if (!again)
    finding("what was written is not read: " + once + ": " + again.error().text());
  if (!(*again == *v)) // -0.0 is written as -0, which is an int
    finding(once + " is read as something else");
}

} // namespace tidemill::test
