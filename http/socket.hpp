#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tidemill {

/// What Asio has no name for. All calls are best effort: a refused option changes no answer.

/// No delay for small writes, keep-alive probes, and the kernel's own limit for unacknowledged data.
void tune_connection(int fd, std::chrono::milliseconds unacknowledged) noexcept;
/// Small kernel buffers, so that what a slow reader has not taken waits with us, where it is merged.
void tune_push(int fd) noexcept;
/// Bytes that the peer has acknowledged since the connection began: grows while a write makes progress.
[[nodiscard]] std::uint64_t bytes_acknowledged(int fd) noexcept;
/// Lets the process have as many descriptors as `connections` need, up to its hard limit.
void raise_descriptor_limit(std::size_t connections) noexcept;

} // namespace tidemill
