#pragma once

#include "event/json_shape.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace tidemill {

/// A shape with what the codec does with its values.
struct known_shape {
  /// A field that takes one of the wanted values.
  struct use {
    std::uint32_t value, field;
  };
  json_shape shape;
  std::vector<use> uses;
  std::vector<std::uint32_t> missing; ///< fields that are not there and may be null
};

/// The shapes that the records of a stream have, learnt as they come and forgotten if they don't come again.
/// Speeds up what it knows; changes no answer.
class json_shapes {
public:
  /// The shape of a record and its wanted values; null: it has to be read in the ordinary way.
  [[nodiscard]] const known_shape* find(std::string_view text);
  [[nodiscard]] const std::vector<std::string_view>& values() const noexcept { return values_; }

  /// Whether the record that `find` didn't know should be added if it turns out to be good.
  [[nodiscard]] bool curious() const noexcept { return curious_; }
  void add(known_shape shape);

private:
  static constexpr std::size_t most = 8;

  std::vector<known_shape> known_;
  std::vector<std::string_view> values_;
  std::size_t last_ = 0; // the one that matched last
  std::size_t oldest_ = 0;
  int gain_ = 64; // in units of what a match saves, roughly
  int pause_ = 0; // records to be left alone, as these shapes were not worth it
  bool curious_ = false;
};

} // namespace tidemill
