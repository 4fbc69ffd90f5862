// The decoder-only transformer: forward, backward, and forward with a cache. Layers are explicit; their activations lie
// in one arena planned before the first step.
//
//   Transformer model(config, backend("cpu"));
//   model.params().allocate(model.backend(), /*gradients=*/true);  then initialize(...) or load_weights(...)
//   model.plan(batch, time, /*training=*/true);
//   ConstMat hidden = model.forward(batch);                  // (N, C), after the last norm
//   ... a loss on hidden, its gradient into model.hidden_gradient() ...
//   model.backward(batch);                                   // adds into params().gradients()
#pragma once

#include <cstdint>
#include <vector>

#include "loam/kernels/backend.h"
#include "loam/model/config.h"
#include "loam/model/params.h"

namespace loam {

/// B sequences of T tokens in a backend's memory; rows are b * T + t, N = B * T.
struct TokenBatch {
  int64_t batch = 0, time = 0;
  const int32_t* ids = nullptr;        ///< (N), each in [0, V)
  const int32_t* positions = nullptr;  ///< (N), each in [0, context)
  const int32_t* starts = nullptr;     ///< (N) first key each row may see, within its sequence; null: 0
  bool dropout = false;
  uint64_t dropout_key = 0;            ///< another one each step
  int64_t first_row = 0;               ///< where these rows stand in the whole (accumulated) batch
  int64_t rows() const { return batch * time; }
};

/// Keys and values of one sequence, for generation.
class KvCache {
 public:
  KvCache(const ModelConfig& config, const Backend& backend, int64_t capacity);
  int64_t size() const { return size_; }
  int64_t capacity() const { return capacity_; }
  /// Forgets what lies past `size` positions.
  void truncate(int64_t size) { size_ = size < size_ ? size : size_; }

 private:
  friend class Transformer;
  Buffer data_, numbers_;     // numbers_: ids, positions and pairs of what comes next
  std::vector<int32_t> ids_;  // of what it holds
  int64_t capacity_, size_ = 0, width_;
};

class Transformer {
 public:
  Transformer(const ModelConfig& config, const Backend& backend);

  const ModelConfig& config() const { return config_; }
  const Backend& backend() const { return backend_; }
  ParamSet& params() { return params_; }
  const ParamSet& params() const { return params_; }

  /// Lays out activations for batches of up to batch * time rows; backward's too if training. Throws Error{resource}.
  /// With the same or a smaller need than before, it does nothing.
  void plan(int64_t batch, int64_t time, bool training);
  /// What plan() allocates, in bytes.
  static int64_t planned_bytes(const ModelConfig& config, int64_t batch, int64_t time, bool training);

  /// The hidden states after the last norm, (N, C); valid until the next forward.
  ConstMat forward(const TokenBatch& batch);
  /// Where a loss writes its gradient by the hidden states, (N, C) of the last forward.
  Mat hidden_gradient() const { return hidden_gradient_.range(0, rows_); }
  /// From hidden_gradient(): adds into params().gradients(). After the forward of the same batch, planned for training.
  void backward(const TokenBatch& batch);

  /// `count` more tokens (host memory) of one sequence after what the cache holds: hidden states (count, C); the cache
  /// grows. Throws Error{usage} past its capacity or the context.
  ConstMat forward_cached(const int32_t* ids, int64_t count, KvCache& cache);

  /// y = hidden head'. hidden: (N,C), y: (N,V), a classifier's (N, labels).
  void logits(Mat y, ConstMat hidden) const { product(y, hidden, params_.head); }
  int64_t head_rows() const { return params_.all()[params_.head].rows; }
  /// losses[n] = -log softmax(logits[n])[targets[n]], 0 where targets[n] < 0; for weights of any type.
  void losses(Vec losses, ConstMat hidden, const int32_t* targets);

  /// The head's matrix of floats: (V, C), a classifier's (labels, C); and its gradient.
  Mat head() const { return params_.value(params_.head); }
  Mat head_gradient() const { return params_.gradient(params_.head); }

 private:
  struct Activations {  // of one layer; (N, ...) each
    Mat input, normed1, qkv, attended, middle, normed2, up, active;
    Mat unnormed;  // queries and keys before their norms, (N, (H + K) D), where the model has those
    Vec mean1, rstd1, mean2, rstd2, lse, head_rstd;  // head_rstd: (N, H), then (N, K)
  };
  /// Hands out pieces of `base` (null: only counts). Returns the floats used.
  int64_t lay_out(float* base, int64_t rows, bool training);
  void norm_forward(Mat y, Vec mean, Vec rstd, ConstMat x, size_t gain, size_t bias) const;
  void norm_backward(Mat dx, ConstMat dy, ConstMat x, Vec mean, Vec rstd, size_t gain, size_t bias);
  /// RMSNorm of each head's queries and keys in place; backward takes the gradient in d_qkv and leaves the one before.
  void head_norms_forward(const Activations& a, const ParamSet::Layer& p, int64_t rows) const;
  void head_norms_backward(const Activations& a, const ParamSet::Layer& p, Mat d_qkv);
  /// Of layer `l`: the batch's own starts, or those of its window where that is narrower.
  const int32_t* starts_of(const TokenBatch& batch, int64_t l) const;
  void narrow_starts(const TokenBatch& batch);
  /// y = x w' and what follows, for weights of any type.
  void product(Mat y, ConstMat x, size_t w, const Epilogue& then = {}) const;
  void look_up(Mat y, const int32_t* rows, size_t table) const;
  /// y = the rows of the tokens, and of their pairs or places where the model has those.
  void embed(Mat y, const int32_t* ids, const int32_t* positions, const int32_t* pairs) const;
  void add_value_rows(const Activations& a, const ParamSet::Layer& p, const int32_t* ids, int64_t rows) const;
  void rope(Mat qkv, const int32_t* positions, bool inverse) const;
  Activation activation() const;  ///< the feed-forward's
  void up_forward(const Activations& a, const ParamSet::Layer& p, int64_t rows) const;
  /// out = residual + x w' + bias, with dropout on the branch if the batch wants it.
  void branch_forward(Mat out, ConstMat residual, ConstMat x, size_t w, size_t bias, const TokenBatch& batch, uint64_t site);
  void feed_forward_backward(const Activations& a, const ParamSet::Layer& p, ConstMat d_branch);
  void attention_backward(const Activations& a, const ParamSet::Layer& p, ConstMat d_branch, const TokenBatch& batch, int64_t layer);
  void bias_backward(size_t bias, ConstMat dy);
  ConstVec vector_of(size_t i) const { return i == ParamSet::kNone ? ConstVec() : ConstVec(params_.value(i).data, params_.value(i).cols); }

  ModelConfig config_;
  const Backend& backend_;
  ParamSet params_;
  Buffer arena_, table_;  // table_: rotary cosines and sines, (context, D)
  Buffer logits_;         // of a few rows, for losses with a stored head
  Buffer pairs_;          // (N) rows of the table of pairs
  Buffer starts_;         // (N) of windows, where the batch is longer than one
  int64_t planned_rows_ = 0, rows_ = 0;
  bool planned_training_ = false;
  std::vector<Activations> layers_;
  Mat output_, hidden_, hidden_gradient_, d_stream_, d_wide_, d_narrow_, branch_, looked_up_;
  Vec mean_, rstd_;
};

}  // namespace loam
