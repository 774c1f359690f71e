#include "pipeline/cel/vector_map.hpp"

namespace tidemill::cel {

/// What filters ask of a text; addresses as values are boxed.
std::optional<lane> vector_evaluator::network(const code& c, const row_set& rows) {
  using text_view = std::string_view;
  if (c.function == fn::is_ip && takes(c, kind::string))
    return map1<std::uint8_t, text_view>(c, kind::boolean, rows,
                                         [](text_view s, std::uint32_t, std::uint8_t& out) -> problem {
                                           out = parse_ip(s).has_value();
                                           return nullptr;
                                         });
  const auto* block = c.function == fn::contains_ip && takes(c, kind::cidr, kind::string)
                          ? c.args[0]->literal.get_if<cidr_block>()
                          : nullptr;
  if (!block)
    return {};
  return map1<std::uint8_t, text_view>(
      c, kind::boolean, rows,
      [block](text_view s, std::uint32_t, std::uint8_t& out) -> problem {
        auto a = parse_ip(s);
        out = a && block->contains(*a);
        return a ? nullptr : "no IP address";
      },
      1);
}

} // namespace tidemill::cel
