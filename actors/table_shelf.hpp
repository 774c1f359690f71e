#pragma once

#include "event/rows.hpp"
#include "event/table.hpp"
#include "pipeline/plan.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tidemill {

/// The tables of a pipeline while it runs: asked by all workers, read anew at most once per `refresh`. Keeps
/// the versions that a replay of any worker may ask for, and no others: a table may change for ever. Workers
/// are named by the keys of their checkpoints. Thread-safe.
class table_shelf {
public:
  /// `rows`: what a view shows now, for tables of type `view`; null if it is never asked for newest versions.
  table_shelf(const plan& all, const std::filesystem::path& base, const std::filesystem::path& data,
              const std::function<snapshot_ptr(const std::string& view)>& rows = {});
  /// How many workers there are. Nothing is forgotten before each of them has started.
  void expect(std::size_t workers);

  /// Version of each table that new records of a worker use.
  [[nodiscard]] result<std::vector<std::string>> newest(const std::string& worker);
  /// Null: it is gone.
  [[nodiscard]] table_ptr find(std::size_t table, const std::string& version);
  /// A worker has started; its checkpoints and its journal name these versions.
  void started(const std::string& worker, const std::set<std::string>& versions);
  /// One more checkpoint of a worker is stored; those that are kept, two, name these versions as in use.
  void saved(const std::string& worker, const std::vector<std::string>& versions);

private:
  struct entry {
    std::string name;
    std::unique_ptr<table_store> store;
    std::chrono::microseconds refresh{};
    std::optional<std::chrono::steady_clock::time_point> looked;
    table_ptr current;
  };
  /// What a worker may still need.
  struct needs {
    bool started = false;
    std::uint64_t saves = 0;
    std::vector<std::string> in_use;
    std::map<std::string, std::uint64_t> journalled; ///< version → `saves` when it was handed out last
  };
  void forget();

  std::mutex mutex_;
  std::vector<entry> tables_;
  std::size_t workers_ = 0;
  std::map<std::string, needs> needs_;
  std::set<std::string> kept_; ///< by the last `forget`
};

} // namespace tidemill
