#include "pipeline/cel/call.hpp"

namespace tidemill::cel {
namespace {

/// An address as it is, or from its text; an error value if it is neither.
value ip_from(const value& v) {
  if (const auto* s = v.get_if<std::string>()) {
    auto a = parse_ip(*s);
    return a ? value{*a} : failure(a.error().text());
  }
  return v.of() == kind::ip ? v : no_overload();
}

value cidr_from(const value& v) {
  if (const auto* s = v.get_if<std::string>()) {
    auto b = parse_cidr(*s);
    return b ? value{*b} : failure(b.error().text());
  }
  return v.of() == kind::cidr ? v : no_overload();
}

value of_text(fn f, const std::string& text) {
  return f == fn::is_ip ? value{parse_ip(text).has_value()} : value{parse_cidr(text).has_value()};
}

value of_ip(fn f, const ip_address& a) {
  switch (f) {
  case fn::family:
    return a.is_v4() ? 4 : 6;
  case fn::is_unspecified:
    return is_unspecified(a);
  case fn::is_loopback:
    return is_loopback(a);
  case fn::is_link_local_multicast:
    return is_link_local_multicast(a);
  case fn::is_link_local_unicast:
    return is_link_local_unicast(a);
  case fn::is_global_unicast:
    return is_global_unicast(a);
  default:
    return no_overload();
  }
}

value of_cidr(fn f, const cidr_block& b) {
  switch (f) {
  case fn::ip_of:
    return b.address;
  case fn::masked:
    return b.masked();
  case fn::prefix_length:
    return b.prefix();
  default:
    return no_overload();
  }
}

value contained(fn f, arguments args) {
  const auto* block = args[0]->get_if<cidr_block>();
  if (!block)
    return no_overload();
  auto what = f == fn::contains_ip ? ip_from(*args[1]) : cidr_from(*args[1]);
  if (what.is_error())
    return what;
  return f == fn::contains_ip ? block->contains(*what.get_if<ip_address>())
                              : block->contains(*what.get_if<cidr_block>());
}

} // namespace

value call_network(fn f, arguments args) {
  bool contains = f == fn::contains_ip || f == fn::contains_cidr;
  if (args.size() != (contains ? 2 : 1))
    return no_overload();
  if (contains)
    return contained(f, args);
  if (f == fn::to_ip)
    return ip_from(*args[0]);
  if (f == fn::to_cidr)
    return cidr_from(*args[0]);
  if (const auto* s = args[0]->get_if<std::string>())
    return f == fn::is_ip || f == fn::is_cidr ? of_text(f, *s) : no_overload();
  if (const auto* a = args[0]->get_if<ip_address>())
    return of_ip(f, *a);
  const auto* b = args[0]->get_if<cidr_block>();
  return b ? of_cidr(f, *b) : no_overload();
}

} // namespace tidemill::cel
