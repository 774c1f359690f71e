#include "event/column.hpp"

#include <algorithm>
#include <cstring>

namespace tidemill {
namespace {

constexpr std::size_t first_chunk = 4096;
constexpr std::size_t largest_chunk = 256 * 1024;

column::storage storage_for(kind k) {
  switch (k) {
  case kind::boolean:
    return std::vector<std::uint8_t>{};
  case kind::integer:
    return std::vector<std::int64_t>{};
  case kind::uinteger:
    return std::vector<std::uint64_t>{};
  case kind::real:
    return std::vector<double>{};
  case kind::decimal:
    return std::vector<decimal>{};
  case kind::string:
  case kind::bytes:
    return std::vector<std::string_view>{};
  case kind::timestamp:
    return std::vector<timestamp>{};
  case kind::duration:
    return std::vector<duration>{};
  default:
    return std::vector<value>{};
  }
}

} // namespace

std::string_view arena::copy(std::string_view text) {
  if (text.empty())
    return {};
  auto* to = reserve(text.size());
  std::memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

char* arena::reserve(std::size_t n) {
  if (n > left_) {
    auto chunk = std::min(first_chunk << std::min<std::size_t>(chunks_.size(), 6), largest_chunk);
    // A long text gets a chunk of its own, so that the rest of the current one is not lost.
    auto alone = n > chunk / 4;
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(alone ? n : chunk));
    bytes_ += alone ? n : chunk;
    if (alone)
      return chunks_.back().get();
    next_ = shared_ = chunks_.back().get();
    left_ = shared_size_ = chunk;
  }
  auto* at = next_;
  next_ += n;
  left_ -= n;
  return at;
}

void arena::clear() noexcept {
  auto kept = std::ranges::find_if(chunks_, [&](const auto& chunk) { return chunk.get() == shared_; });
  if (kept != chunks_.end())
    std::swap(chunks_.front(), *kept);
  chunks_.resize(kept != chunks_.end() ? 1 : 0);
  next_ = shared_;
  left_ = bytes_ = shared_size_;
}

column::column(type t) : type_(std::move(t)), data_(storage_for(type_.of())) {}

std::size_t column::size() const noexcept {
  return std::visit([](const auto& rows) { return rows.size(); }, data_);
}

void column::resize(std::size_t rows) {
  std::visit([rows](auto& all) { all.resize(rows); }, data_);
  if (!nulls_.empty())
    nulls_.resize(rows);
}

void column::reserve(std::size_t rows) {
  std::visit([rows](auto& all) { all.reserve(rows); }, data_);
}

void column::clear() {
  std::visit([](auto& all) { all.clear(); }, data_);
  nulls_.clear();
  if (memory_.use_count() == 1)
    memory_->clear();
  else
    memory_.reset();
}

void column::set_null(std::size_t row) {
  if (nulls_.empty())
    nulls_.resize(size());
  nulls_[row] = 1;
  std::visit([row](auto& all) { all[row] = {}; }, data_);
}

value column::at(std::size_t row) const {
  if (is_null(row))
    return {};
  switch (type_.of()) {
  case kind::boolean:
    return as<std::uint8_t>()[row] != 0;
  case kind::string:
    return as<std::string_view>()[row];
  case kind::bytes:
    return byte_string{std::string{as<std::string_view>()[row]}};
  default:
    return std::visit(
        [row](const auto& all) -> value {
          if constexpr (std::is_same_v<decltype(all[row]), const std::uint8_t&>)
            return all[row] != 0;
          else
            return all[row];
        },
        data_);
  }
}

void column::set(std::size_t row, const value& v) {
  if (v.is_null()) {
    set_null(row);
    return;
  }
  switch (type_.of()) {
  case kind::boolean:
    as<std::uint8_t>()[row] = std::get<bool>(v.data()) ? 1 : 0;
    break;
  case kind::string:
    as<std::string_view>()[row] = memory().copy(std::get<std::string>(v.data()));
    break;
  case kind::bytes:
    as<std::string_view>()[row] = memory().copy(std::get<byte_string>(v.data()).bytes);
    break;
  default:
    std::visit(
        [row, &v]<class T>(std::vector<T>& all) {
          if constexpr (std::is_same_v<T, value>)
            all[row] = v;
          else if constexpr (!std::is_same_v<T, std::uint8_t> && !std::is_same_v<T, std::string_view>)
            all[row] = std::get<T>(v.data());
        },
        data_);
  }
  if (!nulls_.empty())
    nulls_[row] = 0;
}

void column::gather(std::span<const std::uint32_t> rows, const column& from,
                    std::span<const std::uint32_t> at) {
  std::visit(
      [&]<class T>(std::vector<T>& to) {
        const auto* values = from.as<T>().data();
        for (std::size_t i = 0; i < rows.size(); ++i)
          to[rows[i]] = values[at[i]];
      },
      data_);
  if (from.has_nulls())
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (from.is_null(at[i]))
        set_null(rows[i]);
  if (from.memory_)
    memory_ = from.memory_;
}

arena& column::memory() {
  if (!memory_)
    memory_ = std::make_shared<arena>();
  return *memory_;
}

} // namespace tidemill
