#include "storage/time_zone_files.hpp"

#include "storage/disk_file.hpp"

#include <algorithm>
#include <array>

namespace tidemill {
namespace {

constexpr std::size_t longest_name = 64; // the database's longest has 32
constexpr std::uint64_t max_bytes = std::uint64_t{1} << 20;

/// Parts of letters, digits, `_`, `+`, `-` between slashes: no way out of the folder. Names of the machine's
/// own zone are none, as a replay elsewhere would give other rows.
bool is_name(std::string_view name) {
  constexpr std::array<std::string_view, 3> of_machine{"localtime", "posixrules", "Factory"};
  auto part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-';
  };
  return !name.empty() && name.size() <= longest_name && name.front() != '/' && name.back() != '/' &&
         name.find("//") == std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [&](char c) { return part(c) || c == '/'; }) &&
         std::find(of_machine.begin(), of_machine.end(), name) == of_machine.end();
}

error unknown(std::string_view name, std::string_view hint) {
  constexpr std::size_t shown = 60;
  return {errc::config_invalid,
          "unknown time zone \"" + std::string{name.substr(0, shown)} + "\": " + std::string{hint}};
}

constexpr std::string_view forms =
    "write UTC, an offset like +02:00 or a name of the IANA database like Europe/Berlin";

} // namespace

time_zone_files::time_zone_files(std::filesystem::path folder) : folder_(std::move(folder)) {}

result<time_zone_ptr> time_zone_files::find(std::string_view name) const {
  if (!is_name(name))
    return unknown(name, forms);
  std::lock_guard lock{mutex_};
  if (auto at = known_.find(name); at != known_.end())
    return at->second;
  std::string key{name};
  TIDEMILL_TRY(auto zone, read(key));
  known_.emplace(std::move(key), zone);
  return zone;
}

result<time_zone_ptr> time_zone_files::read(const std::string& name) const {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder_, ignored))
    return unknown(name, "there is no folder " + folder_.string() + "; install the package tzdata");
  // A link of the database leads to another name of it; anything but a file is none.
  if (!std::filesystem::is_regular_file(folder_ / name, ignored))
    return unknown(name, forms);
  TIDEMILL_TRY(auto bytes, read_file(folder_ / name, max_bytes));
  if (!bytes.starts_with("TZif"))
    return unknown(name, forms);
  auto zone = time_zone::from_tzif(name, bytes);
  if (!zone)
    return error{errc::config_invalid, zone.error().text()};
  return std::make_shared<const time_zone>(std::move(*zone));
}

} // namespace tidemill
