#include "event/bytes.hpp"
#include "pipeline/partition.hpp"

#include <algorithm>
#include <iterator>

namespace tidemill {

std::string encode(const journal_entry& e) {
  std::string bytes;
  byte_writer out{bytes};
  out.u8(2); // format
  out.u8(static_cast<std::uint8_t>(e.kind));
  out.varint(e.at);
  out.svarint(e.time.time_since_epoch().count());
  out.varint(e.number);
  out.text(e.text);
  out.text(e.name);
  return bytes;
}

result<journal_entry> decode_journal_entry(std::string_view bytes) {
  byte_reader in{bytes};
  journal_entry e;
  auto format = in.u8();
  auto kind = in.u8();
  e.at = in.varint();
  e.time = event_time{microseconds{in.svarint()}};
  e.number = in.varint();
  e.text = std::string{in.text()};
  if (format == 2) // of 1 tables are known by their number alone
    e.name = std::string{in.text()};
  if (!in.ok() || !in.at_end() || format < 1 || format > 2 || kind < 1 || kind > 5)
    return error{errc::corrupt, "a journal entry is damaged or from another version"};
  e.kind = static_cast<journal_entry::what>(kind);
  return e;
}

std::optional<std::size_t> table_of(const journal_entry& e, const std::vector<std::string>& tables) {
  auto at = e.name.empty() ? static_cast<std::size_t>(e.number)
                           : static_cast<std::size_t>(std::ranges::find(tables, e.name) - tables.begin());
  return at < tables.size() ? std::optional{at} : std::nullopt;
}

void forget_failed_ends(std::vector<journal_entry>& entries, std::optional<offset> skip) {
  for (auto e = entries.begin(); e != entries.end();) {
    auto before = [&](const journal_entry& later) { return later.at < e->at; };
    auto failed = e->kind == journal_entry::what::end &&
                  ((skip && *skip < e->at) || std::any_of(std::next(e), entries.end(), before));
    e = failed ? entries.erase(e) : std::next(e);
  }
}

} // namespace tidemill
