// Is a stopped and resumed run the same run? Proven on the run's own shape, data and settings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "loam/base/progress.h"

namespace loam {

struct ResumeProof {
  int64_t steps = 0;              ///< N: 2 N in one go against N, a stop, and N more
  std::string straight, resumed;  ///< SHA-256 of the weights of each
  double straight_loss = 0, resumed_loss = 0;  ///< of the last step, nats a token
  bool same() const { return straight == resumed && straight_loss == resumed_loss; }
};

/// Trains the shape of the finished or begun model folder `run`, on its tokens and with its settings, from the start, in
/// two folders below `work`, which is removed afterwards. Throws Error{input} if `run` was not made by pretrain or its
/// tokens are gone.
ResumeProof verify_resume(const std::filesystem::path& run, int64_t steps, const std::filesystem::path& work, Progress& progress);

}  // namespace loam
