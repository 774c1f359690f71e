#pragma once

#include "pipeline/cel/code.hpp"
#include "pipeline/cel/expression.hpp"

namespace tidemill::cel {

struct expression::impl {
  std::string text;
  std::shared_ptr<const program> compiled;
};

} // namespace tidemill::cel
