#include "pipeline/key_table.hpp"

namespace tidemill {

key_reader::key_reader(const key_table& of) : of_(of.pages_) {
  pages_.reserve(of_->pages.size());
  for (const auto& p : of_->pages)
    pages_.push_back(p.get());
  of_->readers.fetch_add(1, std::memory_order_relaxed);
}

key_reader::~key_reader() {
  of_->readers.fetch_sub(1, std::memory_order_release);
}

std::uint32_t key_table::intern(std::string_view key) {
  if (auto it = ids_.find(key); it != ids_.end())
    return it->second;
  auto id = unused_id();
  bytes(id) = key;
  ids_.emplace(slot_key{at(id)}, id);
  return id;
}

std::uint32_t key_table::unused_id() {
  if (!retired_.empty() && pages_->readers.load(std::memory_order_acquire) == 0) {
    unused_.insert(unused_.end(), retired_.begin(), retired_.end());
    retired_.clear();
  }
  if (!unused_.empty()) {
    auto id = unused_.back();
    unused_.pop_back();
    return id;
  }
  auto id = static_cast<std::uint32_t>(uses_.size());
  if (id % key_pages::keys == 0)
    pages_->pages.push_back(std::make_unique<key_pages::page>());
  uses_.push_back(0);
  return id;
}

void key_table::release(std::uint32_t id) {
  if (--uses_[id] > 0)
    return;
  ids_.erase(at(id));
  if (pages_->readers.load(std::memory_order_acquire) > 0) {
    retired_.push_back(id);
    return;
  }
  bytes(id) = {};
  unused_.push_back(id);
}

} // namespace tidemill
