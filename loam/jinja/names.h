// The filters and tests that a template names, looked up before it is run.
#pragma once

#include "loam/jinja/parser.h"

namespace loam::jinja {

/// Throws Error{input} with the line of one that is not there.
void check_names(const Body& body);

}  // namespace loam::jinja
