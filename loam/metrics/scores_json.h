// Scores as JSON, in one form for manifests, results and reports.
#pragma once

#include "loam/base/json.h"
#include "loam/metrics/classification.h"
#include "loam/metrics/intervals.h"
#include "loam/metrics/paired.h"

namespace loam {

/// {"value", "low", "high"} and "standard_error" where there is one.
Json to_json(const Estimate& estimate);
/// {"rows", "accuracy", "macro_f1", ..., "classes": [...], "confusion": [[...]], "calibration": [...], "majority"}
Json to_json(const ClassificationScores& scores);
Json to_json(const McNemar& test);
Json to_json(const PairedDifference& difference);

}  // namespace loam
