#pragma once

#include "event/result.hpp"
#include "storage/kafka/record_batches.hpp"
#include "storage/kafka/wire_buffer.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

namespace tidemill {

/// Undoes what producers do to a batch's records: gzip; snappy, raw or in the blocks of the Java client; lz4
/// frames; zstd frames. One thread.
class decompressor {
public:
  struct output {
    wire_buffer_ptr buffer;
    std::size_t size = 0;
  };
  decompressor();
  ~decompressor();
  decompressor(const decompressor&) = delete;
  decompressor& operator=(const decompressor&) = delete;

  /// Errors: `corrupt`; `full` when `limit` bytes are not enough, whatever the input claims.
  [[nodiscard]] result<output> run(compression codec, std::string_view bytes, std::size_t limit,
                                   wire_buffer_pool& pool);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
