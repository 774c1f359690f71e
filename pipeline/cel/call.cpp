#include "pipeline/cel/call.hpp"

namespace tidemill::cel {

value call(fn f, arguments args, budget& left) {
  if (f <= fn::ge)
    return call_operator(f, args, left);
  if (f <= fn::size || (f >= fn::optional_of && f <= fn::or_value))
    return call_collection(f, args, left);
  if (f <= fn::quote)
    return call_string(f, args, left);
  if (f >= fn::to_ip)
    return call_network(f, args);
  if (f <= fn::dyn || f >= fn::base64_encode)
    return call_conversion(f, args);
  return f <= fn::milliseconds ? call_time(f, args) : call_math(f, args);
}

} // namespace tidemill::cel
