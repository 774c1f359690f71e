#include "storage/file/record_reader.hpp"

#include <algorithm>
#include <cstring>

namespace tidemill {
namespace {

constexpr std::size_t chunk_bytes = 256 * 1024;
constexpr std::size_t scan_bytes = 8 * 1024 * 1024; // of an overlong record, per call

std::size_t mark_length(std::string_view bytes) {
  return bytes.starts_with("\xef\xbb\xbf") ? 3 : 0;
}

error ended_early(const disk_file& file) {
  return {errc::mismatch, file.path().string() + " became shorter while it was read"};
}

} // namespace

struct record_reader::window {
  std::shared_ptr<char[]> memory;
  std::string_view bytes = {};
  std::size_t mark = 0;      // a byte order mark to skip
  bool reaches_size = false; // the range ends here
};

record_reader::record_reader(const format_options& format)
    : framer_(format), max_record_(format.max_record),
      cap_(format.max_record + 3), // the longest line end, and one byte too many
      has_header_(format.name == "csv" && format.header) {}

result<record_reader::window> record_reader::load(const range& r, std::size_t want) const {
  auto n = static_cast<std::size_t>(std::min<offset>(want, r.size - r.from));
  window w{.memory = std::make_shared_for_overwrite<char[]>(std::max<std::size_t>(n, 1))};
  TIDEMILL_TRY(auto got, r.file.read_at(r.from, w.memory.get(), n));
  if (got < n)
    return ended_early(r.file);
  w.bytes = {w.memory.get(), n};
  w.mark = r.from == 0 ? mark_length(w.bytes) : 0;
  w.reaches_size = r.from + n == r.size;
  return w;
}

result<record_reader::piece> record_reader::read(const range& r, std::size_t want) {
  piece out{.next = r.from};
  want = std::clamp<std::size_t>(want, 4096, chunk_bytes);
  while (r.from < r.size) {
    TIDEMILL_TRY(auto w, load(r, want));
    auto pos = w.mark;
    while (pos < w.bytes.size()) {
      auto rest = w.bytes.substr(pos, cap_);
      auto last = w.reaches_size && pos + rest.size() == w.bytes.size();
      auto cut = framer_.next(rest, r.complete && last);
      if (!cut)
        break;
      auto at = r.base + r.from + (out.records.empty() ? 0 : pos); // the mark belongs to the first record
      out.records.push_back({.bytes = rest.substr(0, cut->content),
                             .at = at,
                             .end = r.base + r.from + pos + cut->total,
                             .arrival = {}});
      out.bytes += cut->content;
      pos += cut->total;
    }
    if (!out.records.empty()) {
      out.memory = std::move(w.memory);
      out.next = r.from + pos;
      return out;
    }
    if (w.bytes.size() - w.mark >= cap_) {
      TIDEMILL_CHECK(skip_overlong(r, w, out));
      return out;
    }
    if (w.reaches_size) {
      if (r.complete) // nothing but a mark
        out.next = r.size;
      return out;
    }
    want = std::min(2 * want, cap_ + 3);
  }
  return out;
}

/// The record doesn't end within `cap_` bytes: looks for the next line end, in small pieces and with a bound
/// per call, and keeps only the record's beginning.
status record_reader::skip_overlong(const range& r, const window& w, piece& out) {
  auto key = r.base + r.from;
  auto known = scanned_.try_emplace(key, r.from + w.mark + cap_ - 1).first;
  std::string buffer(chunk_bytes, '\0');
  offset end = 0;
  for (std::size_t work = 0; work < scan_bytes && known->second < r.size && end == 0; work += chunk_bytes) {
    auto n = static_cast<std::size_t>(std::min<offset>(chunk_bytes, r.size - known->second));
    TIDEMILL_TRY(auto got, r.file.read_at(known->second, buffer.data(), n));
    if (got < n)
      return ended_early(r.file);
    if (auto* found = static_cast<const char*>(std::memchr(buffer.data(), '\n', n)))
      end = known->second + static_cast<offset>(found - buffer.data()) + 1;
    else
      known->second += n;
  }
  if (end == 0 && known->second == r.size && r.complete)
    end = r.size;
  if (end == 0) {
    out.scanning = known->second < r.size;
    return {};
  }
  scanned_.erase(known);
  out.records.push_back(
      {.bytes = w.bytes.substr(w.mark, max_record_ + 1), .at = key, .end = r.base + end, .arrival = {}});
  out.bytes = max_record_ + 1;
  out.memory = w.memory;
  out.next = end;
  return {};
}

record_batch_ptr record_reader::to_batch(partition_id p, offset begin, offset next, piece&& of,
                                         const std::shared_ptr<const std::string>& header) {
  auto batch = std::make_shared<record_batch>();
  batch->partition = p;
  batch->begin = begin;
  batch->end = next;
  batch->records = std::move(of.records);
  batch->header = header;
  batch->memory = std::move(of.memory);
  batch->bytes = of.bytes;
  return batch;
}

result<record_reader::head> record_reader::read_head(const disk_file& file, offset size,
                                                     bool complete) const {
  if (!has_header_ || size == 0)
    return head{.ready = !has_header_ || complete};
  range r{.file = file, .size = size, .complete = complete};
  for (std::size_t want = 4096;; want = std::min(4 * want, cap_ + 3)) {
    TIDEMILL_TRY(auto w, load(r, want));
    auto rest = w.bytes.substr(w.mark, cap_);
    auto last = w.reaches_size && w.mark + rest.size() == w.bytes.size();
    if (auto cut = framer_.next(rest, complete && last))
      return head{.header = std::make_shared<const std::string>(rest.substr(0, cut->content)),
                  .next = w.mark + cut->total};
    if (rest.size() == cap_)
      return error{errc::event_too_large, "the CSV header of " + file.path().string() +
                                              " doesn't end within max_record (" +
                                              std::to_string(max_record_) + " bytes)"};
    if (w.reaches_size)
      return head{.next = complete ? size : 0, .ready = complete};
  }
}

} // namespace tidemill
