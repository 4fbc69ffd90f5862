#include "loam/kernels/head.h"

#include "loam/base/threads.h"
#include "loam/kernels/cpu/families.h"
#include "loam/kernels/cpu/product.h"

namespace loam::cpu::LOAM_ISA {
namespace {

/// The largest and the sum of e^(z - largest) of a row; with `keep`, the row becomes those powers.
struct RowSums {
  float peak, total;
};
LOAM_INLINE RowSums exponentials(float* z, int64_t n, bool keep) {
  vf top = splat(-3.0e38f);
  each_vector(n, [&](int64_t i, int64_t m) { top = vmax(top, load_some(z + i, m) - (splat(3.0e38f) - keep_first(splat(3.0e38f), m))); });
  const float peak = highest(top);
  vf total = {};
  each_vector(n, [&](int64_t i, int64_t m) {
    const vf e = keep_first(vexp(load_some(z + i, m) - peak), m);
    total += e;
    if (keep) store_some(z + i, e, m);
  });
  return {peak, sum(total)};
}

}  // namespace

void Head::loss(Vec losses, Mat dx, Mat dw, ConstMat x, ConstMat w, const int32_t* targets, ConstVec weights) const {
  const int64_t vocab = w.rows, channels = w.cols, ld = round_up(vocab, kTileCols);
  const bool backward = dx.data != nullptr;
  // Logits of a chunk stay in the last cache; with a large vocabulary the chunk is long enough to pay for the packing.
  const int64_t least = products_ != nullptr ? kLogitRowsBfloat16 : kLogitRows;
  const int64_t chunk = min_of(1020, max_of(least, (1 << 20) / ld)) / kTileRows * kTileRows;
  float* logits = scratch(kRowsSlot, chunk * ld);
  // A small head is packed once for all chunks, in both directions; a large one again for each.
  const bool packed_once = products_ == nullptr && channels <= kDepth && 2 * vocab * channels <= (8 << 20);
  const float* forward_panels = nullptr;
  float* backward_panels = nullptr;
  if (packed_once) {
    float* to = scratch(kPackedSlot2, packed_size(channels, vocab) + packed_size(vocab, channels));
    pack(to, {w.data, w.ld, true}, channels, 0, vocab);
    forward_panels = to;
    if (backward) {
      backward_panels = to + packed_size(channels, vocab);
      pack(backward_panels, {w.data, w.ld, false}, vocab, 0, channels);
    }
  }
  for (int64_t n0 = 0; n0 < x.rows; n0 += chunk) {
    const int64_t rows = min_of(chunk, x.rows - n0);
    const Mat z(logits, rows, vocab, ld);
    const Left from{x.data + n0 * x.ld, x.ld};
    if (products_ != nullptr) {
      products_->nt(z, x.range(n0, rows), w);
    } else if (packed_once) {
      multiply_packed<Walk::rows>(z, rows, from, forward_panels, channels, 0, vocab, false, {});
    } else {
      product<Walk::rows>(z, rows, vocab, channels, from, {w.data, w.ld, true}, false);
    }
    parallel_chunks(rows, max_of(1, 32768 / ld), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        float* row = logits + r * ld;
        const int32_t target = targets[n0 + r];
        if (target < 0) {
          losses.data[n0 + r] = 0.0f;
          if (backward) std::memset(row, 0, static_cast<size_t>(vocab) * sizeof(float));
          continue;
        }
        const float at_target = row[target];
        const RowSums sums = exponentials(row, vocab, backward);
        losses.data[n0 + r] = sums.peak + __builtin_logf(sums.total) - at_target;
        if (backward) {
          const float weight = weights.data != nullptr ? weights.data[n0 + r] : 1.0f, scale = weight / sums.total;
          each_vector(vocab, [&](int64_t i, int64_t m) { store_some(row + i, load_some(row + i, m) * scale, m); });
          row[target] -= weight;
        }
      }
    });
    if (!backward) continue;
    const Mat d = dx.range(n0, rows);
    if (products_ != nullptr) {
      products_->nn(d, z, w);
      products_->tn_add(dw, z, x.range(n0, rows));
      continue;
    }
    if (packed_once) {
      multiply_packed<Walk::rows>(d, rows, {logits, ld}, backward_panels, vocab, 0, channels, false, {});
    } else {
      product<Walk::rows>(d, rows, channels, vocab, {logits, ld}, {w.data, w.ld, false}, false);
    }
    product<Walk::columns>(dw, vocab, channels, rows, {logits, ld}, {x.data + n0 * x.ld, x.ld, false}, true);
  }
}

void Head::log_softmax(Mat logits) const {
  parallel_for(logits.rows, [&](int64_t r) {
    float* row = logits.data + r * logits.ld;
    const RowSums sums = exponentials(row, logits.cols, false);
    const float shift = sums.peak + __builtin_logf(sums.total);
    each_vector(logits.cols, [&](int64_t i, int64_t m) { store_some(row + i, load_some(row + i, m) - shift, m); });
  });
}

}  // namespace loam::cpu::LOAM_ISA
