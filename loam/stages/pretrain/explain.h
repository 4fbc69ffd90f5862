// What happened in a training run, and what probably was behind it: read from its metrics.jsonl and incidents.jsonl.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "loam/base/json.h"

namespace loam {

struct Finding {
  std::string what;    ///< what was seen, with its numbers
  std::string cause;   ///< the likely cause; "" where nothing needs one
  std::string advice;  ///< what to try; "" likewise
  bool trouble = false;
  std::vector<int64_t> steps;  ///< where
};

/// Of a model folder, finished, begun or killed, in the order they matter. Throws Error{input} if there is no
/// metrics.jsonl there, or a line of it is damaged.
std::vector<Finding> explain_run(const std::filesystem::path& run);

Json to_json(const Finding& finding);

}  // namespace loam
