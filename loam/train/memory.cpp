#include "loam/train/memory.h"

#include <algorithm>

#include "loam/base/error.h"
#include "loam/base/memory.h"
#include "loam/base/progress.h"
#include "loam/kernels/head.h"
#include "loam/model/transformer.h"
#include "loam/train/muon.h"

namespace loam {
namespace {

/// Products that would overflow 64 bits are as good as infinite here.
int64_t times(int64_t a, int64_t b) {
  int64_t out = 0;
  return __builtin_mul_overflow(a, b, &out) ? INT64_MAX / 64 : std::min(out, INT64_MAX / 64);
}

}  // namespace

TrainingMemory plan_training_memory(const ModelConfig& c, int64_t batch, int64_t context, int team, const TrainingExtras& extras) {
  const ParamSet params(c);
  const int64_t n = params.size();
  TrainingMemory m;
  m.weights = 4 * n;
  m.gradients = 4 * n;
  m.optimizer = (extras.keeps_best ? 12 : 8) * n;
  const int64_t rows = times(batch, context);
  // The layout is linear in the rows but for a little padding: counted at 1,024 of them, then scaled, so that an absurd
  // batch costs nothing to refuse.
  const int64_t per_1024 = Transformer::planned_bytes(c, 1, 1024, true);
  m.activations = rows <= 1 << 20 ? Transformer::planned_bytes(c, 1, rows, true) : times(rows / 1024, per_1024);
  // The working space of kernels/cpu: the head's chunk of logits and its packed matrix, the widest packed block, and a
  // tile a thread in attention.
  const int64_t outputs = c.labels.empty() ? c.vocab : static_cast<int64_t>(c.labels.size());
  const int64_t chunk = std::min<int64_t>(1020, std::max<int64_t>(extras.products == "float32" ? kLogitRows : kLogitRowsBfloat16, (1 << 20) / outputs));
  const int64_t packed_head = c.channels <= 512 && 2 * outputs * c.channels <= (8 << 20) ? 8 * outputs * c.channels : 0;
  const int64_t widest = std::max({c.gated() ? 2 * c.hidden : c.hidden, c.qkv_width(), std::min<int64_t>(outputs, 4096)});
  const int64_t attention = 4 * (5 * context * std::max<int64_t>(c.head_size, 32) + 2 * 48 * context);
  m.working = 5 * std::min(chunk, rows) * outputs + packed_head + 4 * 512 * widest + team * attention + (int64_t{20} << 20);
  const int64_t wide = std::max(c.gated() ? 2 * c.hidden : c.hidden, c.qkv_width());
  if (extras.products == "bfloat16") {  // the factor of fewer lines packed, at most 4,096 of its products at once; and each thread's own lines and sums
    constexpr int64_t kDeepest = 4096;
    const int64_t C = c.channels, logit_rows = std::min(chunk, rows);
    const int64_t packed = std::max({std::min(rows, wide) * C, std::min(rows, C) * std::min(wide, kDeepest), std::min(wide, C) * std::min(rows, kDeepest), logit_rows * C, std::min(logit_rows, C) * kDeepest});
    const int64_t head = std::max<int64_t>(c.head_size, 32), queries = 32;  // attention: keys, values, weights of some queries, and sums by key
    const int64_t own = 5 * (2 * queries * context + 2 * context * head) + 5 * (3 * context * head + 9 * queries * context + 12 * queries * head) / 2;
    m.working += 5 * packed / 2 + team * ((int64_t{1} << 20) + std::max<int64_t>(0, own - attention));
  } else if (extras.products != "float32") {  // copies of both factors
    m.working += 5 * (std::max(times(rows, wide), std::min(chunk, rows) * outputs) + std::max({wide * c.channels, outputs * c.channels, times(rows, std::max(c.hidden, c.channels))}));
  }
  if (extras.muon) m.working += 4 * Muon::working_floats(params, team);
  return m;
}

void require_memory(const TrainingMemory& plan, const ModelConfig& config, int64_t batch, int64_t context, int team, const TrainingExtras& extras) {
  const int64_t available = available_memory_bytes();
  if (plan.total() <= available) return;
  int64_t fits = 0;
  for (int64_t b = 1; b < batch; b *= 2) {
    if (plan_training_memory(config, b, context, team, extras).total() <= available) fits = b;
  }
  fail(ErrorKind::resource, "a batch of ", batch, " sequences of ", context, " tokens takes about ", human_bytes(static_cast<double>(plan.total())), "; ",
       human_bytes(static_cast<double>(available)), " are free. ",
       fits > 0 ? cat("What would fit: --batch ", fits, ", or --micro-batch ", fits, " to add up the same batch in parts") : cat("Not even one sequence fits: choose a smaller model or --context"));
}

Json to_json(const TrainingMemory& m) {
  return {{"weights", m.weights}, {"gradients", m.gradients}, {"optimizer", m.optimizer}, {"activations", m.activations}, {"working", m.working}, {"total", m.total()}};
}

}  // namespace loam
