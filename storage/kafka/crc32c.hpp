#pragma once

#include <cstdint>
#include <string_view>

namespace tidemill {

/// CRC-32C (Castagnoli polynomial, reflected, as in RFC 3720) of `bytes`: `crc32c("123456789")` is
/// 0xe3069283. With the processor's instruction about 0.05 ns a byte, else by tables.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes) noexcept;
/// The same without the instruction.
[[nodiscard]] std::uint32_t crc32c_by_table(std::string_view bytes) noexcept;

} // namespace tidemill
