// How much memory a training run takes, before it takes it.
#pragma once

#include <cstdint>
#include <string>

#include "loam/base/json.h"
#include "loam/model/config.h"

namespace loam {

/// Bytes, by what they are for.
struct TrainingMemory {
  int64_t weights = 0, gradients = 0, optimizer = 0, activations = 0;
  int64_t working = 0;  ///< kernels' working space: logits of a chunk, packed matrices, attention tiles; and the program
  int64_t total() const { return weights + gradients + optimizer + activations + working; }
};

/// What some runs hold beside the usual.
struct TrainingExtras {
  bool keeps_best = false;  ///< one more copy of the weights, as fine-tuning has it
  bool muon = false;        ///< Muon's working space
  std::string products = "float32";  ///< as Backend::products() has it: bfloat16 needs space for rounded factors
};

/// Of a run with `batch` sequences of `context` tokens at once on `team` threads.
TrainingMemory plan_training_memory(const ModelConfig& config, int64_t batch, int64_t context, int team, const TrainingExtras& extras = {});

/// Throws Error{resource} if the plan does not fit into what is available now, saying what would: a smaller batch, or
/// the same one in parts (--micro-batch).
void require_memory(const TrainingMemory& plan, const ModelConfig& config, int64_t batch, int64_t context, int team, const TrainingExtras& extras = {});

Json to_json(const TrainingMemory& memory);

}  // namespace loam
