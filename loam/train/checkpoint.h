// What a killed run goes on from: one file with everything that decides its next step, written whole or not at all.
#pragma once

#include <filesystem>
#include <optional>

#include "loam/base/json.h"
#include "loam/kernels/backend.h"

namespace loam {

/// Flat arrays and facts of a run. The arrays live in the backend's memory.
struct TrainState {
  Vec values, m, v;
  Vec best;          ///< the best weights so far, if the run keeps them; else empty
  Json facts;        ///< step, seconds, schedule, best value...
};

/// Writes `file` by temporary file and rename: JSON of the facts, then the arrays as raw float32.
/// Throws Error{io}: the checkpoint before it still stands then.
void save_checkpoint(const std::filesystem::path& file, const Backend& backend, const TrainState& state);

/// Fills the arrays of `state`, whose sizes must be those on disk; the facts, or none if there is no such file.
/// Throws Error{input} naming the file if it is damaged or of another size.
std::optional<Json> load_checkpoint(const std::filesystem::path& file, const Backend& backend, const TrainState& state);

/// The step of the checkpoint in `file`, from its head alone; 0 if it is damaged (load_checkpoint says how), -1 if there
/// is no such file.
int64_t checkpoint_step(const std::filesystem::path& file);

}  // namespace loam
