#pragma once

#include "storage/checkpoint/blob_store.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace tidemill::test {

/// A blob store in memory, as an object store would be one. Copies of the pointer are other processes.
struct blob_memory {
  std::mutex mutex;
  std::map<std::string, std::map<std::string, std::string>> blobs;
  std::map<std::string, std::string> heads;
  int calls_until_failure = -1; ///< of put, remove, move_head; negative: never
  bool answer_lost = false;     ///< a head that fails to move has moved
};

class memory_blobs final : public blob_store {
public:
  explicit memory_blobs(std::shared_ptr<blob_memory> memory) : m_(std::move(memory)) {}

  [[nodiscard]] std::string place(const std::string& group) const override { return "memory:" + group; }
  [[nodiscard]] result<std::vector<std::string>> groups() override {
    std::lock_guard lock{m_->mutex};
    std::vector<std::string> names;
    for (const auto& [group, all] : m_->blobs)
      names.push_back(group);
    return names;
  }
  status put(const std::string& group, const std::string& name, std::string_view bytes) override {
    std::lock_guard lock{m_->mutex};
    TIDEMILL_CHECK(fail());
    m_->blobs[group][name] = bytes;
    return {};
  }
  [[nodiscard]] result<std::string> get(const std::string& group, const std::string& name,
                                        std::uint64_t limit) override {
    std::lock_guard lock{m_->mutex};
    const auto& all = m_->blobs[group];
    auto found = all.find(name);
    if (found == all.end())
      return error{errc::out_of_range, name + " is missing"};
    return found->second.size() > limit ? result<std::string>{error{errc::corrupt, name + " is too long"}}
                                        : found->second;
  }
  [[nodiscard]] result<std::vector<std::string>> list(const std::string& group) override {
    std::lock_guard lock{m_->mutex};
    std::vector<std::string> names;
    if (auto found = m_->blobs.find(group); found != m_->blobs.end())
      for (const auto& [name, bytes] : found->second)
        names.push_back(name);
    return names;
  }
  status remove(const std::string& group, const std::string& name) override {
    std::lock_guard lock{m_->mutex};
    TIDEMILL_CHECK(fail());
    if (auto found = m_->blobs.find(group); found != m_->blobs.end())
      found->second.erase(name);
    return {};
  }
  [[nodiscard]] result<std::string> head(const std::string& group) override {
    std::lock_guard lock{m_->mutex};
    auto found = m_->heads.find(group);
    return found == m_->heads.end() ? std::string{} : found->second;
  }
  status move_head(const std::string& group, const std::string& expected, const std::string& next) override {
    std::lock_guard lock{m_->mutex};
    auto& head = m_->heads[group];
    if (head != expected)
      return error{errc::fenced, "the head is " + head};
    auto done = fail();
    if (done || m_->answer_lost)
      head = next;
    return done;
  }

private:
  status fail() const {
    if (m_->calls_until_failure < 0 || --m_->calls_until_failure >= 0)
      return {};
    m_->calls_until_failure = -1;
    return error{errc::unavailable, "no answer"};
  }
  std::shared_ptr<blob_memory> m_;
};

} // namespace tidemill::test
