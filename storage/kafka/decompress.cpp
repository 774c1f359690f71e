#include "storage/kafka/decompress.hpp"

#include "storage/kafka/wire_bytes.hpp"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

namespace tidemill {
namespace {

error garbage(const char* codec) {
  return {errc::corrupt, std::string{"compressed records ("} + codec + ") do not decompress"};
}

/// An output that grows, up to a limit.
class growing {
public:
  growing(std::size_t guess, std::size_t limit, wire_buffer_pool& pool)
      : pool_(pool), limit_(limit), buffer_(pool.take(std::min(guess, limit))) {}

  [[nodiscard]] char* end() noexcept { return buffer_->data() + size_; }
  [[nodiscard]] std::size_t room() const noexcept { return std::min(buffer_->capacity(), limit_) - size_; }
  void add(std::size_t n) noexcept { size_ += n; }
  /// Makes room for at least `more` bytes.
  status grow(std::size_t more) {
    if (more <= room())
      return {};
    if (more > limit_ - size_)
      return error{errc::full, "compressed records are larger than " + std::to_string(limit_ >> 20) +
                                   " MiB when decompressed"};
    auto larger = pool_.take(std::min(limit_, std::max(size_ + more, 2 * buffer_->capacity())));
    std::memcpy(larger->data(), buffer_->data(), size_);
    buffer_ = std::move(larger);
    return {};
  }
  [[nodiscard]] decompressor::output take() && {
    // Whoever parses may look a little further.
    std::memset(end(), 0, std::min(wire_buffer::padding, buffer_->capacity() - size_));
    return {std::move(buffer_), size_};
  }

private:
  wire_buffer_pool& pool_;
  std::size_t limit_;
  wire_buffer_ptr buffer_;
  std::size_t size_ = 0;
};

struct frees_lz4 {
  void operator()(LZ4F_dctx* c) const noexcept { LZ4F_freeDecompressionContext(c); }
};
struct frees_zstd {
  void operator()(ZSTD_DCtx* c) const noexcept { ZSTD_freeDCtx(c); }
};
struct ends_zlib {
  void operator()(z_stream* s) const noexcept {
    ::inflateEnd(s);
    delete s;
  }
};

status snappy_block(std::string_view bytes, growing& out) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(bytes.data(), bytes.size(), &size))
    return garbage("snappy");
  TIDEMILL_CHECK(out.grow(size));
  if (!snappy::RawUncompress(bytes.data(), bytes.size(), out.end()))
    return garbage("snappy");
  out.add(size);
  return {};
}

/// The Java client's form: a magic number, two versions, then blocks, each after its size.
status run_snappy(std::string_view bytes, growing& out) {
  constexpr std::string_view magic{"\x82SNAPPY\0", 8};
  if (!bytes.starts_with(magic))
    return snappy_block(bytes, out);
  wire_reader r{bytes};
  r.skip(magic.size() + 8);
  while (r.ok() && r.left() != 0) {
    auto size = r.i32();
    auto at = bytes.size() - r.left();
    if (size < 0)
      return garbage("snappy");
    r.skip(static_cast<std::size_t>(size));
    if (r.ok())
      TIDEMILL_CHECK(snappy_block(bytes.substr(at, static_cast<std::size_t>(size)), out));
  }
  if (!r.ok())
    return garbage("snappy");
  return {};
}

} // namespace

struct decompressor::impl {
  std::unique_ptr<LZ4F_dctx, frees_lz4> lz4;
  std::unique_ptr<ZSTD_DCtx, frees_zstd> zstd;
  std::unique_ptr<z_stream, ends_zlib> zlib;

  status run_gzip(std::string_view bytes, growing& out);
  status run_lz4(std::string_view bytes, growing& out);
  status run_zstd(std::string_view bytes, growing& out);
};

status decompressor::impl::run_gzip(std::string_view bytes, growing& out) {
  constexpr int gzip_only = 16 + MAX_WBITS;
  if (!zlib) {
    auto fresh = std::make_unique<z_stream>();
    std::memset(fresh.get(), 0, sizeof *fresh);
    if (::inflateInit2(fresh.get(), gzip_only) != Z_OK)
      return error{errc::full, "no memory to decompress gzip"};
    zlib.reset(fresh.release());
  }
  if (::inflateReset2(zlib.get(), gzip_only) != Z_OK)
    return garbage("gzip");
  zlib->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  zlib->avail_in = static_cast<uInt>(bytes.size());
  for (;;) {
    TIDEMILL_CHECK(out.grow(1));
    auto room = static_cast<uInt>(out.room());
    zlib->next_out = reinterpret_cast<Bytef*>(out.end());
    zlib->avail_out = room;
    auto state = ::inflate(zlib.get(), Z_NO_FLUSH);
    out.add(room - zlib->avail_out);
    if (state == Z_STREAM_END)
      break;
    if (state != Z_OK || (zlib->avail_in == 0 && zlib->avail_out != 0))
      return garbage("gzip");
  }
  if (zlib->avail_in != 0)
    return garbage("gzip");
  return {};
}

status decompressor::impl::run_lz4(std::string_view bytes, growing& out) {
  if (!lz4) {
    LZ4F_dctx* fresh = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&fresh, LZ4F_VERSION)) != 0)
      return error{errc::full, "no memory to decompress lz4"};
    lz4.reset(fresh);
  }
  LZ4F_resetDecompressionContext(lz4.get());
  for (std::size_t used = 0;;) {
    TIDEMILL_CHECK(out.grow(1));
    auto room = out.room();
    auto taken = bytes.size() - used;
    auto hint = LZ4F_decompress(lz4.get(), out.end(), &room, bytes.data() + used, &taken, nullptr);
    if (LZ4F_isError(hint) != 0)
      return garbage("lz4");
    used += taken;
    out.add(room);
    if (hint == 0 && used == bytes.size())
      return {};
    if (taken == 0 && room == 0)
      return garbage("lz4");
  }
}

status decompressor::impl::run_zstd(std::string_view bytes, growing& out) {
  if (!zstd)
    zstd.reset(ZSTD_createDCtx());
  if (!zstd || ZSTD_isError(ZSTD_DCtx_reset(zstd.get(), ZSTD_reset_session_only)) != 0)
    return error{errc::full, "no memory to decompress zstd"};
  auto told = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (told != ZSTD_CONTENTSIZE_UNKNOWN && told != ZSTD_CONTENTSIZE_ERROR)
    TIDEMILL_CHECK(out.grow(static_cast<std::size_t>(told)));
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    TIDEMILL_CHECK(out.grow(1));
    ZSTD_outBuffer to{out.end(), out.room(), 0};
    auto before = in.pos;
    auto hint = ZSTD_decompressStream(zstd.get(), &to, &in);
    if (ZSTD_isError(hint) != 0)
      return garbage("zstd");
    out.add(to.pos);
    if (hint == 0 && in.pos == in.size)
      return {};
    if (to.pos == 0 && in.pos == before)
      return garbage("zstd");
  }
}

decompressor::decompressor() : impl_(std::make_unique<impl>()) {}
decompressor::~decompressor() = default;

result<decompressor::output> decompressor::run(compression codec, std::string_view bytes, std::size_t limit,
                                               wire_buffer_pool& pool) {
  growing out{4 * bytes.size(), limit, pool};
  switch (codec) {
  case compression::gzip:
    TIDEMILL_CHECK(impl_->run_gzip(bytes, out));
    break;
  case compression::snappy:
    TIDEMILL_CHECK(run_snappy(bytes, out));
    break;
  case compression::lz4:
    TIDEMILL_CHECK(impl_->run_lz4(bytes, out));
    break;
  case compression::zstd:
    TIDEMILL_CHECK(impl_->run_zstd(bytes, out));
    break;
  case compression::none:
    return error{errc::bug, "nothing to decompress"};
  }
  return std::move(out).take();
}

} // namespace tidemill
