#pragma once

#include "event/cell.hpp"
#include "event/codec.hpp"
#include "event/row_writer.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// The frame of codecs that find a text for each field; texts become cells as those of CSV do. An empty text
/// is null where the field is no text.
class text_fields : public codec {
public:
  text_fields(const format_options& options, const schema& fields, std::vector<bool> needed);

  void decode(const record_batch& in, event_batch& out, std::vector<decode_failure>& failures) override;

protected:
  struct found {
    std::string_view text;
    bool there = false;
    text_life life = text_life::batch;
  };
  /// Fills `found_`; false with `why` if the line can't be taken apart.
  [[nodiscard]] virtual bool split(std::string_view line, error& why) = 0;
  /// Stores what was found of a needed field; false with `why` if it can't be its value.
  [[nodiscard]] virtual bool store(std::size_t i, error& why);
  /// Whether a blank record is no event.
  [[nodiscard]] virtual bool skips_blank() const noexcept { return true; }

  row_writer rows_;
  std::vector<found> found_; ///< by needed field

private:
  [[nodiscard]] outcome read(std::string_view line, error& why);

  std::vector<text_cell_reader> readers_;
};

/// The name of a field in a line: its path with points between, or its name.
[[nodiscard]] std::string text_name(const field& f);
/// `config_invalid` if there is a field that no text can be.
[[nodiscard]] status check_text_fields(const schema& fields);

} // namespace tidemill
