#include "storage/kafka/partition_numbers.hpp"

#include "storage/disk_file.hpp"

#include <charconv>

namespace tidemill {
namespace {

constexpr std::string_view first_line = "tidemill partitions 1";
constexpr std::uint64_t max_bytes = 64u << 20;

// `clicks 3`; topics have no blanks.
std::optional<topic_partition> parse(std::string_view line) {
  auto blank = line.find(' ');
  if (blank == 0 || blank == std::string_view::npos)
    return std::nullopt;
  topic_partition out{std::string{line.substr(0, blank)}, -1};
  auto digits = line.substr(blank + 1);
  auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), out.number);
  if (fault != std::errc{} || end != digits.data() + digits.size() || out.number < 0)
    return std::nullopt;
  return out;
}

} // namespace

result<partition_numbers> partition_numbers::open(std::filesystem::path file) {
  partition_numbers out;
  out.file_ = std::move(file);
  TIDEMILL_TRY(auto there, file_exists(out.file_));
  if (!there)
    return out;
  TIDEMILL_TRY(auto text, read_file(out.file_, max_bytes));
  auto damaged = [&](std::size_t line) {
    return error{errc::corrupt, out.file_.string() + ": line " + std::to_string(line) +
                                    " is damaged; restore the file with the rest of the data folder"};
  };
  std::string_view rest = text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    auto end = rest.find('\n');
    if (end == std::string_view::npos)
      return damaged(number);
    auto line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (number == 1) {
      if (line != first_line)
        return damaged(number);
      continue;
    }
    auto at = parse(line);
    if (!at || !out.numbers_.emplace(*at, static_cast<partition_id>(out.all_.size())).second)
      return damaged(number);
    out.all_.push_back(*std::move(at));
  }
  return out;
}

status partition_numbers::add(const std::vector<topic_partition>& more) {
  auto all = all_;
  auto numbers = numbers_;
  for (const auto& at : more)
    if (numbers.emplace(at, static_cast<partition_id>(all.size())).second)
      all.push_back(at);
  if (all.size() == all_.size())
    return {};
  std::string text{first_line};
  text += '\n';
  for (const auto& at : all)
    text += at.topic + ' ' + std::to_string(at.number) + '\n';
  TIDEMILL_CHECK(create_folder(file_.parent_path()));
  TIDEMILL_CHECK(replace_file(file_, text));
  all_ = std::move(all);
  numbers_ = std::move(numbers);
  return {};
}

std::optional<partition_id> partition_numbers::find(const topic_partition& at) const {
  auto found = numbers_.find(at);
  return found != numbers_.end() ? std::optional{found->second} : std::nullopt;
}

} // namespace tidemill
