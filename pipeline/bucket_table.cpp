#include "pipeline/bucket_table_impl.hpp"

namespace tidemill {

template class bucket_table<number_values>;

// Without overflow, whatever the bytes are.
void number_values::save(type v, type before, byte_writer& out) {
  out.svarint(static_cast<type>(static_cast<std::uint64_t>(v) - static_cast<std::uint64_t>(before)));
}

bool number_values::load(type& v, type before, byte_reader& in) {
  v = static_cast<type>(static_cast<std::uint64_t>(before) + static_cast<std::uint64_t>(in.svarint()));
  return in.ok();
}

} // namespace tidemill
