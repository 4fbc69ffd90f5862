// The parameters of a model: named matrices in one flat array, with one flat array of gradients beside it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "loam/kernels/backend.h"
#include "loam/model/config.h"

namespace loam {

/// One matrix (or a vector: one row) of the flat array, in the (out, in) order of the kernels.
struct Param {
  /// How it is called on disk: rows [row, row + rows) of it are the tensor `name`; of a vector, numbers.
  struct Piece {
    std::string name;
    int64_t row, rows;
  };
  std::vector<Piece> pieces;
  int64_t offset = 0, rows = 0, cols = 0;
  bool vector = false;      ///< on disk of one dimension
  bool transposed = false;  ///< on disk (in, out): GPT-2's Conv1D
  bool decays = false;      ///< weight decay: matrices, not tables of positions, gains or biases
  bool ones = false;        ///< starts at 1: gains
  float deviation = 0;      ///< of its normal start; 0: starts at 0 (or 1)

  int64_t size() const { return rows * cols; }
  /// Where a piece begins, in numbers from the parameter's own begin, and how many it has.
  int64_t begin_of(const Piece& piece) const { return vector ? piece.row : piece.row * cols; }
  int64_t size_of(const Piece& piece) const { return vector ? piece.rows : piece.rows * cols; }
};

class ParamSet {
 public:
  /// Lays the parameters out; nothing is allocated.
  explicit ParamSet(const ModelConfig& config);
  /// Values, and gradients if asked for, zeroed. Throws Error{resource}.
  void allocate(const Backend& backend, bool gradients);
  /// For answers alone: matrices keep the type they are stored in, the others become floats; no gradients. types: one a
  /// parameter; f32 for vectors and position tables. Throws Error{resource}.
  void allocate_stored(const Backend& backend, std::span<const NumberType> types);
  /// Normal numbers by each parameter's deviation; which ones depends on seed and name alone.
  void initialize(const Backend& backend, uint64_t seed);

  const std::vector<Param>& all() const { return params_; }
  /// Floats of the flat array: the parameters, each padded to a cache line with zeros that stay zero.
  int64_t size() const { return size_; }
  Vec values() const { return {values_.floats(), size_}; }
  Vec gradients() const { return {gradients_.floats(), size_}; }
  bool has_gradients() const { return gradients_.bytes() > 0; }
  /// Null if it is stored in another type.
  Mat value(size_t i) const { return {is_stored(i) ? nullptr : values_.floats() + params_[i].offset, params_[i].rows, params_[i].cols}; }
  bool is_stored(size_t i) const { return !stored_.empty() && static_cast<bool>(stored_[i]); }
  const StoredMat& stored(size_t i) const { return stored_[i]; }
  bool any_stored() const { return !stored_.empty(); }
  Mat gradient(size_t i) const { return {gradients_.floats() + params_[i].offset, params_[i].rows, params_[i].cols}; }

  /// Where each kind of parameter is in all(); kNone where the model has none.
  static constexpr size_t kNone = ~size_t{0};
  struct Layer {
    size_t norm1 = kNone, norm1_bias = kNone, qkv = kNone, qkv_bias = kNone, proj = kNone, proj_bias = kNone;
    size_t norm2 = kNone, norm2_bias = kNone, up = kNone, up_bias = kNone, down = kNone, down_bias = kNone;
    size_t query_norm = kNone, key_norm = kNone, value_table = kNone;
  };
  std::vector<Layer> layers;
  size_t tokens = kNone, places = kNone, pairs = kNone, norm = kNone, norm_bias = kNone;
  size_t head = kNone;  ///< the language model's (V, C), `tokens` if tied, or the classifier's (labels, C)

 private:
  size_t add(std::vector<Param::Piece> pieces, int64_t rows, int64_t cols, float deviation, bool decays, bool transposed = false);
  size_t add_vector(const std::string& name, int64_t size, bool ones);
  size_t add_vector(std::vector<Param::Piece> pieces, int64_t size, bool ones);
  void add_gpt2(const ModelConfig& config, float deviation, float into_residual);
  void add_llama(const ModelConfig& config, float deviation, float into_residual);
  std::vector<Param> params_;
  int64_t size_ = 0;
  Buffer values_, gradients_, stored_memory_;
  std::vector<StoredMat> stored_;  // by parameter; empty where all are floats
};

}  // namespace loam
