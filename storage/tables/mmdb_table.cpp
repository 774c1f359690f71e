#include "storage/tables/mmdb_table.hpp"

#include "storage/tables/versioned_store.hpp"

#include <maxminddb.h>

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <set>

namespace tidemill {
namespace {

constexpr std::size_t nodes_explored = 200'000; // to find columns …
constexpr std::size_t records_explored = 256;
constexpr std::size_t columns_found = 500;

struct closes_database {
  void operator()(MMDB_s* db) const noexcept {
    MMDB_close(db);
    delete db;
  }
};
using database = std::unique_ptr<MMDB_s, closes_database>;

struct frees_list {
  void operator()(MMDB_entry_data_list_s* list) const noexcept { MMDB_free_entry_data_list(list); }
};

template <class T>
std::string number_text(T x) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, x).ptr};
}

/// Whole numbers of up to 64 bits.
bool whole_number(const MMDB_entry_data_s& d, std::int64_t& out) {
  switch (d.type) {
  case MMDB_DATA_TYPE_UINT16:
    out = d.uint16;
    return true;
  case MMDB_DATA_TYPE_UINT32:
    out = d.uint32;
    return true;
  case MMDB_DATA_TYPE_INT32:
    out = d.int32;
    return true;
  case MMDB_DATA_TYPE_UINT64:
    out = static_cast<std::int64_t>(d.uint64);
    return d.uint64 <= INT64_MAX;
  default:
    return false;
  }
}

value to_text(const MMDB_entry_data_s& d) {
  std::int64_t whole = 0;
  if (d.type == MMDB_DATA_TYPE_UTF8_STRING) {
    std::string_view text{d.utf8_string, d.data_size};
    return is_utf8(text) ? value{text} : value{};
  }
  if (d.type == MMDB_DATA_TYPE_BOOLEAN)
    return d.boolean ? "true" : "false";
  if (d.type == MMDB_DATA_TYPE_DOUBLE)
    return number_text(d.double_value);
  if (d.type == MMDB_DATA_TYPE_FLOAT)
    return number_text(d.float_value);
  if (whole_number(d, whole))
    return number_text(whole);
  return {};
}

value to_value(const MMDB_entry_data_s& d, kind wanted) {
  std::int64_t whole = 0;
  auto is_whole = whole_number(d, whole);
  switch (wanted) {
  case kind::boolean:
    return d.type == MMDB_DATA_TYPE_BOOLEAN ? value{d.boolean} : value{};
  case kind::integer:
    return is_whole ? value{whole} : value{};
  case kind::uinteger:
    return is_whole && whole >= 0 ? value{static_cast<std::uint64_t>(whole)} : value{};
  case kind::real:
    return d.type == MMDB_DATA_TYPE_DOUBLE  ? value{d.double_value}
           : d.type == MMDB_DATA_TYPE_FLOAT ? value{static_cast<double>(d.float_value)}
           : is_whole                       ? value{static_cast<double>(whole)}
                                            : value{};
  case kind::bytes:
    return d.type == MMDB_DATA_TYPE_BYTES
               ? value{byte_string{{reinterpret_cast<const char*>(d.bytes), d.data_size}}}
               : value{};
  case kind::string:
    return to_text(d);
  default:
    return {};
  }
}

bool is_scalar(const MMDB_entry_data_s& d) {
  return d.type != MMDB_DATA_TYPE_MAP && d.type != MMDB_DATA_TYPE_ARRAY && d.type != MMDB_DATA_TYPE_BYTES &&
         d.type != MMDB_DATA_TYPE_UINT128;
}

/// Adds the paths of the scalars of one value; of a list only its first element's. Returns what follows.
const MMDB_entry_data_list_s* add_paths(const MMDB_entry_data_list_s* at, const std::string& path,
                                        std::set<std::string>& out, int depth) {
  if (!at || depth > 32)
    return nullptr;
  const auto& d = at->entry_data;
  auto below = [&](const std::string& name) { return path.empty() ? name : path + "." + name; };
  if (is_scalar(d)) {
    if (!path.empty() && out.size() < columns_found)
      out.insert(path);
    return at->next;
  }
  if (d.type != MMDB_DATA_TYPE_MAP && d.type != MMDB_DATA_TYPE_ARRAY)
    return at->next;
  const auto* next = at->next;
  std::set<std::string> ignored;
  for (std::uint32_t i = 0; i < d.data_size && next; ++i) {
    if (d.type == MMDB_DATA_TYPE_ARRAY) {
      next = add_paths(next, below("0"), i == 0 ? out : ignored, depth + 1);
      continue;
    }
    if (next->entry_data.type != MMDB_DATA_TYPE_UTF8_STRING) // the file is damaged
      return nullptr;
    std::string name{next->entry_data.utf8_string, next->entry_data.data_size};
    next = add_paths(next->next, below(name), is_utf8(name) ? out : ignored, depth + 1);
  }
  return next;
}

/// The scalars of the first records of the tree.
std::set<std::string> find_paths(const MMDB_s& db) {
  std::set<std::string> paths;
  std::set<std::uint32_t> records;
  std::vector<std::uint32_t> todo{0};
  for (std::size_t nodes = 0; !todo.empty() && nodes < nodes_explored && records.size() < records_explored;
       ++nodes) {
    MMDB_search_node_s node{};
    auto number = todo.back();
    todo.pop_back();
    if (MMDB_read_node(&db, number, &node) != MMDB_SUCCESS)
      continue;
    auto visit = [&](std::uint8_t type, std::uint64_t below, MMDB_entry_s entry) {
      if (type == MMDB_RECORD_TYPE_SEARCH_NODE && todo.size() < nodes_explored)
        todo.push_back(static_cast<std::uint32_t>(below));
      if (type != MMDB_RECORD_TYPE_DATA || !records.insert(entry.offset).second)
        return;
      MMDB_entry_data_list_s* list = nullptr;
      if (MMDB_get_entry_data_list(&entry, &list) == MMDB_SUCCESS)
        add_paths(list, "", paths, 0);
      std::unique_ptr<MMDB_entry_data_list_s, frees_list> freed{list};
    };
    visit(node.right_record_type, node.right_record, node.right_record_entry);
    visit(node.left_record_type, node.left_record, node.left_record_entry);
  }
  return paths;
}

std::vector<std::string> split(const std::string& dotted) {
  std::vector<std::string> parts(1);
  for (char c : dotted)
    if (c == '.')
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

class mmdb_table final : public lookup_table {
public:
  mmdb_table(std::string version, schema columns, database db)
      : version_(std::move(version)), columns_(std::move(columns)), db_(std::move(db)) {
    for (const auto& f : columns_.fields()) {
      auto& path = paths_.emplace_back();
      for (const auto& part : f.path)
        path.push_back(part.c_str());
      path.push_back(nullptr);
    }
  }
  const std::string& version() const noexcept override { return version_; }
  const schema& columns() const noexcept override { return columns_; }

  bool find(const value& key, const std::vector<std::size_t>& wanted,
            std::vector<value>& out) const override {
    auto* text = key.get_if<std::string>();
    sockaddr_storage address{};
    if (!text || !to_address(*text, address))
      return false;
    int failed = MMDB_SUCCESS;
    auto found = MMDB_lookup_sockaddr(db_.get(), reinterpret_cast<const sockaddr*>(&address), &failed);
    if (failed != MMDB_SUCCESS || !found.found_entry)
      return false;
    out.clear();
    for (auto i : wanted) {
      MMDB_entry_data_s data{};
      auto got = MMDB_aget_value(&found.entry, &data, paths_[i].data());
      out.push_back(got == MMDB_SUCCESS && data.has_data ? to_value(data, columns_[i].of.of()) : value{});
    }
    return true;
  }

private:
  static bool to_address(const std::string& text, sockaddr_storage& out) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out);
    if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      return text.find('\0') == std::string::npos;
    }
    in6_addr v6{};
    if (::inet_pton(AF_INET6, text.c_str(), &v6) != 1 || text.find('\0') != std::string::npos)
      return false;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
      v4->sin_family = AF_INET;
      std::memcpy(&v4->sin_addr, v6.s6_addr + 12, 4);
      return true;
    }
    auto* to = reinterpret_cast<sockaddr_in6*>(&out);
    to->sin6_family = AF_INET6;
    to->sin6_addr = v6;
    return true;
  }

  std::string version_;
  schema columns_; // `paths_` points into it
  std::vector<std::vector<const char*>> paths_;
  database db_;
};

result<table_ptr> load(const mmdb_table_settings& settings, const std::filesystem::path& copy,
                       std::string version) {
  auto opened = std::make_unique<MMDB_s>();
  if (auto code = MMDB_open(copy.c_str(), MMDB_MODE_MMAP, opened.get()); code != MMDB_SUCCESS)
    return error{errc::corrupt, settings.path.string() + " is not a MaxMind DB: " + MMDB_strerror(code)};
  database db{opened.release()};
  schema columns;
  if (settings.columns.size() == 0)
    for (const auto& path : find_paths(*db))
      columns.set({.name = path, .of = type{kind::string, true}, .path = split(path)});
  for (auto f : settings.columns.fields()) {
    f.of = f.of.with_null();
    if (f.path.empty())
      f.path = split(f.name);
    columns.set(std::move(f));
  }
  return table_ptr{std::make_shared<mmdb_table>(std::move(version), std::move(columns), std::move(db))};
}

} // namespace

std::unique_ptr<table_store> make_mmdb_table(mmdb_table_settings settings) {
  std::string text = "mmdb";
  for (const auto& f : settings.columns.fields()) {
    text += '\0' + f.name + '\0' + to_string(f.of);
    for (const auto& part : f.path)
      text += '\0' + part;
  }
  table_file file{.name = settings.name,
                  .path = settings.path,
                  .folder = settings.folder,
                  .max_bytes = settings.max_bytes,
                  .settings = std::move(text)};
  auto loader = [s = std::move(settings)](const std::shared_ptr<const std::string>&,
                                          const std::filesystem::path& copy,
                                          std::string version) { return load(s, copy, std::move(version)); };
  return make_versioned_store(std::move(file), std::move(loader));
}

} // namespace tidemill
