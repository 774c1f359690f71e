#pragma once

#include "event/codec.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill::test {

/// A schema from pairs of name and type text (`"ts", "timestamp_ms"`).
inline schema schema_of(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::vector<field> all;
  for (const auto& [name, type_text] : fields) {
    field f{name, {}, {}, time_format::rfc3339};
    auto t = parse_type(type_text, f.time);
    REQUIRE(t);
    f.of = *t;
    all.push_back(std::move(f));
  }
  return schema{std::move(all)};
}

/// Records with a memory block each, exactly as long as the record: a read past its end is seen by ASan.
inline record_batch batch_of(const std::vector<std::string>& records) {
  auto memory = std::make_shared<std::vector<std::unique_ptr<char[]>>>();
  record_batch batch;
  for (const auto& r : records) {
    auto& block = memory->emplace_back(new char[r.size()]);
    std::copy(r.begin(), r.end(), block.get());
    batch.records.push_back({{block.get(), r.size()}, batch.end, batch.end + 1, {}});
    batch.end = batch.end + 1;
  }
  batch.memory = memory;
  return batch;
}

struct decoded {
  event_batch rows;
  std::vector<decode_failure> failures;

  /// The one failure.
  [[nodiscard]] error failure() const {
    REQUIRE(failures.size() == 1);
    return failures[0].why;
  }
  /// A cell of the first row, or an error if there is not exactly one row.
  [[nodiscard]] value cell(std::size_t column = 0) const {
    INFO((failures.empty() ? "no failure" : failures[0].why.text()));
    REQUIRE(rows.rows() == 1);
    return rows.columns[column].at(0);
  }
};

inline std::unique_ptr<codec> codec_for(const format_options& options, const schema& fields,
                                        std::vector<bool> needed = {}) {
  if (needed.empty())
    needed.assign(fields.size(), true);
  auto made = make_codec(options, fields, std::move(needed));
  INFO((made ? "" : made.error().text()));
  REQUIRE(made.has_value());
  return std::move(*made);
}

inline decoded decode(codec& with, const record_batch& batch) {
  decoded out;
  with.decode(batch, out.rows, out.failures);
  return out;
}

/// All cells of all rows as one text, to be compared.
inline std::string text_of(const event_batch& rows) {
  std::string out;
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    for (const auto& c : rows.columns)
      if (c.size() > r) {
        append_json(out, c.at(r));
        out += '\t';
      }
    out += '\n';
  }
  return out;
}

inline std::string file_text(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

/// All records of a text, as a file source cuts them.
inline std::vector<std::string> records_of(const format_options& options, std::string_view text) {
  framer frames{options};
  std::vector<std::string> all;
  while (auto cut = frames.next(text, true)) {
    all.emplace_back(text.substr(0, cut->content));
    text.remove_prefix(cut->total);
  }
  return all;
}

} // namespace tidemill::test
