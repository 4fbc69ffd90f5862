// Rows of different lengths laid side by side in sequences, none seeing its neighbours.
//
//   std::vector<PackedSequence> plan = pack_rows(lengths, order, /*time=*/512);
//   PackedBatch batch = lay_out(rows, {plan[0], plan[1]}, 512, /*padding=*/end_of_text);
//   // batch.starts: the first position each token may attend to; batch.positions begin at 0 with each row
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "loam/kernels/backend.h"
#include "loam/model/transformer.h"

namespace loam {

/// A row to learn from: ids[i + 1] is to be predicted at i where learn[i + 1] is set.
struct TokenRow {
  std::vector<int32_t> ids;
  std::vector<uint8_t> learn;  ///< as long as ids; learn[0] is never used

  int64_t places() const { return static_cast<int64_t>(ids.size()) - 1; }  ///< inputs: all ids but the last
  int64_t learned() const;
};

/// Ends after the last token to be learned, and at `time` places at most. Returns whether anything is left to learn;
/// `cut` says whether the limit took something of it away.
bool trim_row(TokenRow& row, int64_t time, bool& cut);

/// Numbers of the rows that lie in one sequence, in order.
using PackedSequence = std::vector<int32_t>;

/// Best fit over a window of `open` unfinished sequences, rows taken in `order`; a sequence is given out when full or
/// when the window is (the fullest first). lengths[row] <= time. Depends on its arguments alone.
std::vector<PackedSequence> pack_rows(std::span<const int32_t> lengths, std::span<const int32_t> order, int64_t time, int64_t open = 64);

/// B sequences of T tokens as the transformer takes them, row-major; B is the number of sequences.
struct PackedBatch {
  int64_t batch = 0, time = 0;
  std::vector<int32_t> ids, positions, starts, targets;  ///< (B*T); targets -1: nothing to learn. Padding sees itself alone
  int64_t learned = 0;                                   ///< targets that are not -1
  std::vector<int64_t> ends;                             ///< for each row, in order: where its last token lies, b * T + t
};

/// Cuts `rows`, the longest first, into batches of at most `places` positions (one row at least), each as wide as its
/// longest row needs (a multiple of 16 where that fits `context`). For forward passes, where order does not matter.
struct RowBatch {
  std::vector<PackedSequence> sequences;
  int64_t time = 0;
};
std::vector<RowBatch> batch_rows(std::span<const int32_t> lengths, int64_t places, int64_t context);

/// Lays out training rows (inputs and targets) or, with `whole`, all ids of each row and no targets.
/// `batch` sequences at least: those missing are padding.
PackedBatch lay_out(std::span<const TokenRow> rows, std::span<const PackedSequence> sequences, int64_t time, int32_t padding,
                    bool whole = false, int64_t batch = 0);

/// A packed batch in a backend's memory, grown as needed and used again and again.
class BatchBuffers {
 public:
  explicit BatchBuffers(const Backend& backend) : backend_(backend) {}
  /// What it returns, and the pointers below, are valid until the next load.
  TokenBatch load(const PackedBatch& batch);
  const int32_t* targets() const { return ints_.ints() + 3 * rows_; }
  /// (N) scratch for losses, and for weights.
  Vec losses() const { return {floats_.floats(), rows_}; }
  Vec weights() const { return {floats_.floats() + rows_, rows_}; }

 private:
  const Backend& backend_;
  Buffer ints_, floats_;
  std::vector<int32_t> host_;
  int64_t rows_ = 0, capacity_ = 0;
};

}  // namespace loam
