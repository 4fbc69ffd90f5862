// What is written down when a step goes wrong: a line of incidents.jsonl each.
#pragma once

#include "loam/base/json.h"
#include "loam/model/transformer.h"

namespace loam {

/// [{"name","grad_norm","norm","not_finite"}] for each parameter: the norms of its gradient and of its values (null where
/// not finite), and how many numbers of either are not finite. Reads everything back to the host: for rare use.
Json norms_by_parameter(const Transformer& model);

/// The number, or null: JSON has no infinity.
Json finite_or_null(double x);

}  // namespace loam
