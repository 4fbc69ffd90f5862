#include "loam/model/transformer.h"

#include <algorithm>
#include <cmath>

#include "loam/base/hash.h"

namespace loam {

Transformer::Transformer(const ModelConfig& config, const Backend& backend) : config_(config), backend_(backend), params_(config) {
  config_.validate();
  if (config_.learned_positions()) return;
  const int64_t half = config_.head_size / 2;
  std::vector<float> table(static_cast<size_t>(config_.context * config_.head_size));
  for (int64_t t = 0; t < config_.context; ++t) {
    for (int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(t) * rope_frequency(config_, i);
      table[static_cast<size_t>(t * config_.head_size + i)] = static_cast<float>(std::cos(angle));
      table[static_cast<size_t>(t * config_.head_size + half + i)] = static_cast<float>(std::sin(angle));
    }
  }
  table_ = backend_.allocate(static_cast<int64_t>(table.size()));
  backend_.upload(table_.floats(), table.data(), static_cast<int64_t>(table.size()));
}

int64_t Transformer::lay_out(float* base, int64_t rows, bool training) {
  const ModelConfig& c = config_;
  int64_t used = 0;
  auto take = [&](int64_t cols) {
    Mat m(base == nullptr ? nullptr : base + used, rows, cols);
    used += (rows * cols + 15) / 16 * 16;
    return m;
  };
  auto take_vec = [&](int64_t per_row) { return Vec(take(per_row).data, rows * per_row); };
  const int64_t up_width = c.gated() ? 2 * c.hidden : c.hidden;
  layers_.assign(static_cast<size_t>(c.layers), {});
  Mat input = take(c.channels);
  Activations shared;
  for (int64_t l = 0; l < c.layers; ++l) {
    if (training || l == 0) {  // without a backward pass one set of activations serves every layer
      shared.normed1 = take(c.channels);
      shared.qkv = take(c.qkv_width());
      shared.attended = take(c.query_width());
      shared.middle = take(c.channels);
      shared.normed2 = take(c.channels);
      shared.up = take(up_width);
      shared.active = take(c.hidden);
      shared.mean1 = take_vec(1);
      shared.rstd1 = take_vec(1);
      shared.mean2 = take_vec(1);
      shared.rstd2 = take_vec(1);
      shared.lse = take_vec(c.heads);
      if (c.qk_norm) {
        if (training) shared.unnormed = take(c.query_width() + c.kv_width());
        shared.head_rstd = take_vec(c.heads + c.kv_heads);
      }
    }
    shared.input = input;
    layers_[static_cast<size_t>(l)] = shared;
    if (training) input = take(c.channels);
  }
  output_ = input;
  hidden_ = take(c.channels);
  mean_ = take_vec(1);
  rstd_ = take_vec(1);
  if (training) {
    hidden_gradient_ = take(c.channels);
    d_stream_ = take(c.channels);
    d_wide_ = take(std::max(c.qkv_width(), up_width));
    d_narrow_ = take(std::max(c.channels, c.query_width()));
  }
  if (c.dropout > 0) branch_ = take(c.channels);
  if (c.value_tables) looked_up_ = take(c.kv_width());
  return used;
}

int64_t Transformer::planned_bytes(const ModelConfig& config, int64_t batch, int64_t time, bool training) {
  ModelConfig bare = config;
  bare.context = 1;  // no table of angles is made for a transformer that only counts
  Transformer counted(bare, ::loam::backend("ref"));
  return 4 * counted.lay_out(nullptr, batch * time, training);
}

void Transformer::plan(int64_t batch, int64_t time, bool training) {
  require(time <= config_.context, "a sequence of ", time, " tokens is longer than the model's context of ", config_.context);
  const int64_t rows = batch * time;
  if (rows <= planned_rows_ && (planned_training_ || !training)) return;
  arena_ = Buffer();
  planned_rows_ = 0;
  arena_ = backend_.allocate(lay_out(nullptr, rows, training));
  lay_out(arena_.floats(), rows, training);
  planned_rows_ = rows;
  planned_training_ = training;
}

void Transformer::norm_forward(Mat y, Vec mean, Vec rstd, ConstMat x, size_t gain, size_t bias) const {
  const auto eps = static_cast<float>(config_.norm_eps);
  if (config_.family == Family::gpt2) {
    backend_.norm().layernorm_forward(y, mean, rstd, x, vector_of(gain), vector_of(bias), eps);
  } else {
    backend_.norm().rmsnorm_forward(y, rstd, x, vector_of(gain), eps);
  }
}

void Transformer::norm_backward(Mat dx, ConstMat dy, ConstMat x, Vec mean, Vec rstd, size_t gain, size_t bias) {
  auto gradient = [&](size_t i) { return Vec(params_.gradient(i).data, params_.gradient(i).cols); };
  if (config_.family == Family::gpt2) {
    backend_.norm().layernorm_backward_add(dx, gradient(gain), gradient(bias), dy, x, vector_of(gain), mean, rstd);
  } else {
    backend_.norm().rmsnorm_backward_add(dx, gradient(gain), dy, x, vector_of(gain), rstd);
  }
}

void Transformer::head_norms_forward(const Activations& a, const ParamSet::Layer& p, int64_t n) const {
  const ModelConfig& c = config_;
  if (!c.qk_norm) return;
  const int64_t q = c.query_width(), k = c.kv_width();
  auto part = [&](Mat m, int64_t at, int64_t cols) { return m ? m.range(0, n).columns(at, cols) : Mat(); };
  const auto eps = static_cast<float>(c.norm_eps);
  backend_.norm().heads_forward(part(a.qkv, 0, q), part(a.unnormed, 0, q), Vec(a.head_rstd.data, n * c.heads), c.heads, vector_of(p.query_norm), eps);
  backend_.norm().heads_forward(part(a.qkv, q, k), part(a.unnormed, q, k), Vec(a.head_rstd.data + n * c.heads, n * c.kv_heads), c.kv_heads, vector_of(p.key_norm), eps);
}

void Transformer::head_norms_backward(const Activations& a, const ParamSet::Layer& p, Mat d_qkv) {
  const ModelConfig& c = config_;
  if (!c.qk_norm) return;
  const int64_t n = d_qkv.rows, q = c.query_width(), k = c.kv_width();
  const Mat x = a.unnormed.range(0, n);
  auto gradient = [&](size_t i) { return Vec(params_.gradient(i).data, c.head_size); };
  backend_.norm().heads_backward(d_qkv.columns(0, q), gradient(p.query_norm), x.columns(0, q), c.heads, vector_of(p.query_norm), ConstVec(a.head_rstd.data, n * c.heads));
  backend_.norm().heads_backward(d_qkv.columns(q, k), gradient(p.key_norm), x.columns(q, k), c.kv_heads, vector_of(p.key_norm),
                                 ConstVec(a.head_rstd.data + n * c.heads, n * c.kv_heads));
}

void Transformer::narrow_starts(const TokenBatch& batch) {
  const int64_t n = batch.rows(), window = config_.window;
  if (window == 0 || batch.time <= window) return;
  if (starts_.bytes() < 4 * n) starts_ = backend_.allocate(n);
  std::vector<int32_t> host(static_cast<size_t>(n), 0);
  if (batch.starts != nullptr) backend_.download(reinterpret_cast<float*>(host.data()), reinterpret_cast<const float*>(batch.starts), n);  // bits, whatever they mean
  for (int64_t i = 0; i < n; ++i) {
    const auto first = static_cast<int32_t>(i % batch.time - window + 1);
    host[static_cast<size_t>(i)] = std::max(host[static_cast<size_t>(i)], first);
  }
  backend_.upload(starts_.ints(), host.data(), n);
}

const int32_t* Transformer::starts_of(const TokenBatch& batch, int64_t l) const {
  const int64_t window = config_.window_of(l);
  return window > 0 && batch.time > window ? starts_.ints() : batch.starts;
}

void Transformer::product(Mat y, ConstMat x, size_t w, const Epilogue& then) const {
  if (params_.is_stored(w)) {
    backend_.stored().nt(y, x, params_.stored(w), then);
  } else {
    backend_.matmul().nt(y, x, params_.value(w), then);
  }
}

void Transformer::look_up(Mat y, const int32_t* rows, size_t table) const {
  if (params_.is_stored(table)) {
    backend_.stored().rows(y, rows, params_.stored(table));
  } else {
    backend_.elementwise().embed_forward(y, rows, nullptr, params_.value(table), {});
  }
}

void Transformer::embed(Mat y, const int32_t* ids, const int32_t* positions, const int32_t* pairs) const {
  const bool paired = params_.pairs != ParamSet::kNone;
  const size_t second = paired ? params_.pairs : params_.places;
  const int32_t* rows = paired ? pairs : positions;
  if (second == ParamSet::kNone) return look_up(y, ids, params_.tokens);
  if (!params_.is_stored(params_.tokens) && !params_.is_stored(second)) {
    return backend_.elementwise().embed_forward(y, ids, rows, params_.value(params_.tokens), params_.value(second));
  }
  look_up(y, ids, params_.tokens);
  const Mat there = layers_.front().normed1.range(0, y.rows);  // not in use yet
  look_up(there, rows, second);
  backend_.elementwise().add(y, there);
}

void Transformer::add_value_rows(const Activations& a, const ParamSet::Layer& p, const int32_t* ids, int64_t n) const {
  if (p.value_table == ParamSet::kNone) return;
  const Mat rows = looked_up_.range(0, n);
  look_up(rows, ids, p.value_table);
  backend_.elementwise().add(a.qkv.range(0, n).columns(config_.query_width() + config_.kv_width(), config_.kv_width()), rows);
}

void Transformer::losses(Vec losses, ConstMat hidden, const int32_t* targets) {
  if (!params_.is_stored(params_.head)) {
    backend_.head().loss(losses, {}, {}, hidden, params_.value(params_.head), targets, {});
    return;
  }
  constexpr int64_t kRows = 64;  // at once: their logits are what takes memory
  const int64_t n = hidden.rows, vocab = head_rows();
  if (logits_.bytes() == 0) logits_ = backend_.allocate(kRows * (vocab + 1));
  std::vector<int32_t> wanted(static_cast<size_t>(n));
  std::vector<float> host(static_cast<size_t>(kRows * vocab)), out(static_cast<size_t>(n));
  backend_.download(reinterpret_cast<float*>(wanted.data()), reinterpret_cast<const float*>(targets), n);  // bits, whatever they mean
  for (int64_t at = 0; at < n; at += kRows) {
    const int64_t rows = std::min(kRows, n - at);
    const Mat all(logits_.floats(), rows, vocab);
    logits(all, hidden.range(at, rows));
    backend_.head().log_softmax(all);
    backend_.download(host.data(), all.data, rows * vocab);
    for (int64_t r = 0; r < rows; ++r) {
      const int32_t target = wanted[static_cast<size_t>(at + r)];
      out[static_cast<size_t>(at + r)] = target < 0 ? 0.0f : -host[static_cast<size_t>(r * vocab + target)];
    }
  }
  backend_.upload(losses.data, out.data(), n);
}

void Transformer::rope(Mat qkv, const int32_t* positions, bool inverse) const {
  if (config_.learned_positions()) return;
  // Queries and keys lie side by side and turn alike: one call over the heads of both.
  const ConstMat table(table_.floats(), config_.context, config_.head_size);
  backend_.elementwise().rope(qkv.columns(0, config_.query_width() + config_.kv_width()), config_.heads + config_.kv_heads, config_.head_size, positions, table, inverse);
}

namespace {

uint64_t dropout_key(const TokenBatch& batch, uint64_t site) { return mix64(batch.dropout_key + site); }
/// Sites of dropout: 0 is the embedding, then three a layer.
uint64_t site(int64_t layer, uint64_t which) { return 1 + 3 * static_cast<uint64_t>(layer) + which; }

AttentionShape attention_shape(const ModelConfig& c, const TokenBatch& batch, uint64_t key, const int32_t* starts) {
  AttentionShape shape;
  shape.batch = batch.batch;
  shape.time = batch.time;
  shape.heads = c.heads;
  shape.kv_heads = c.kv_heads;
  shape.head_size = c.head_size;
  shape.scale = 1.0f / std::sqrt(static_cast<float>(c.head_size));
  shape.starts = starts;
  shape.dropout = batch.dropout ? static_cast<float>(c.dropout) : 0.0f;
  shape.dropout_key = key;
  shape.first_row = batch.first_row;
  return shape;
}

Epilogue plus(ConstVec bias, ConstMat residual = {}) {
  Epilogue e;
  e.bias = bias;
  e.residual = residual;
  return e;
}

}  // namespace

void Transformer::branch_forward(Mat out, ConstMat residual, ConstMat x, size_t w, size_t bias, const TokenBatch& batch, uint64_t where) {
  if (!batch.dropout || config_.dropout <= 0) {
    product(out, x, w, plus(vector_of(bias), residual));
    return;
  }
  product(out, x, w, plus(vector_of(bias)));
  backend_.elementwise().dropout(out, static_cast<float>(config_.dropout), dropout_key(batch, where), batch.first_row);
  backend_.elementwise().add(out, residual);
}

Activation Transformer::activation() const {
  return config_.gated() ? Activation::swiglu : config_.squared_relu ? Activation::squared_relu : Activation::gelu;
}

void Transformer::up_forward(const Activations& a, const ParamSet::Layer& p, int64_t n) const {
  const Mat up = a.up.range(0, n), active = a.active.range(0, n);
  const ConstMat x = a.normed2.range(0, n);
  const int64_t F = config_.hidden;
  Epilogue then = plus(vector_of(p.up_bias));
  if (!params_.is_stored(p.up)) {
    const ConstMat w = params_.value(p.up);
    then.activated = active;
    then.activation = activation();
    if (!config_.gated()) return backend_.matmul().nt(up, x, w, then);
    backend_.matmul().nt(up.columns(0, F), x, w.range(0, F), plus(then.bias.range(0, F)));
    then.bias = then.bias.range(F, F);
    then.gate = up.columns(0, F);
    return backend_.matmul().nt(up.columns(F, F), x, w.range(F, F), then);
  }
  const StoredMat& w = params_.stored(p.up);
  const bool by_halves = in_blocks(w.type);
  if (config_.family == Family::gpt2 && !by_halves) then.activated = active, then.activation = Activation::gelu;
  backend_.stored().nt(up, x, w, then);
  if (config_.family == Family::gpt2 && by_halves) backend_.stored().gelu(active, up);
  if (config_.squared_relu) backend_.elementwise().squared_relu_forward(active, up);
  if (config_.gated()) backend_.elementwise().swiglu_forward(active, up.columns(0, F), up.columns(F, F));
}

ConstMat Transformer::forward(const TokenBatch& batch) {
  const ModelConfig& c = config_;
  const int64_t n = batch.rows();
  require(n <= planned_rows_ && batch.time <= c.context, "a batch of ", n, " tokens came to a model planned for ", planned_rows_);
  rows_ = n;
  narrow_starts(batch);
  const auto& elementwise = backend_.elementwise();
  const Mat first = layers_.front().input.range(0, n);
  if (c.pair_rows > 0) {
    if (pairs_.bytes() < 4 * n) pairs_ = backend_.allocate(n);
    elementwise.pair_rows(pairs_.ints(), batch.ids, batch.starts, n, batch.time, c.pair_rows);
  }
  embed(first, batch.ids, batch.positions, pairs_.ints());
  if (batch.dropout && c.dropout > 0) elementwise.dropout(first, static_cast<float>(c.dropout), dropout_key(batch, 0), batch.first_row);
  for (int64_t l = 0; l < c.layers; ++l) {
    const Activations& a = layers_[static_cast<size_t>(l)];
    const ParamSet::Layer& p = params_.layers[static_cast<size_t>(l)];
    const Mat input = a.input.range(0, n), qkv = a.qkv.range(0, n), middle = a.middle.range(0, n), attended = a.attended.range(0, n);
    const Mat output = l + 1 < c.layers ? layers_[static_cast<size_t>(l) + 1].input.range(0, n) : output_.range(0, n);
    norm_forward(a.normed1.range(0, n), a.mean1, a.rstd1, input, p.norm1, p.norm1_bias);
    product(qkv, a.normed1.range(0, n), p.qkv, plus(vector_of(p.qkv_bias)));
    add_value_rows(a, p, batch.ids, n);
    head_norms_forward(a, p, n);
    rope(qkv, batch.positions, false);
    const int64_t key = c.query_width(), value = key + c.kv_width();
    backend_.attention().forward(attended, a.lse, qkv.columns(0, key), qkv.columns(key, c.kv_width()), qkv.columns(value, c.kv_width()),
                                 attention_shape(c, batch, dropout_key(batch, site(l, 0)), starts_of(batch, l)));
    branch_forward(middle, input, attended, p.proj, p.proj_bias, batch, site(l, 1));
    norm_forward(a.normed2.range(0, n), a.mean2, a.rstd2, middle, p.norm2, p.norm2_bias);
    up_forward(a, p, n);
    branch_forward(output, middle, a.active.range(0, n), p.down, p.down_bias, batch, site(l, 2));
  }
  norm_forward(hidden_.range(0, n), mean_, rstd_, output_.range(0, n), params_.norm, params_.norm_bias);
  return hidden_.range(0, n);
}

void Transformer::bias_backward(size_t bias, ConstMat dy) {
  if (bias != ParamSet::kNone) backend_.matmul().sum_rows_add(Vec(params_.gradient(bias).data, params_.gradient(bias).cols), dy);
}

void Transformer::feed_forward_backward(const Activations& a, const ParamSet::Layer& p, ConstMat d_branch) {
  const auto& mm = backend_.matmul();
  const int64_t n = d_branch.rows, F = config_.hidden;
  mm.tn_add(params_.gradient(p.down), d_branch, a.active.range(0, n));
  bias_backward(p.down_bias, d_branch);
  const Mat d_up(d_wide_.data, n, config_.gated() ? 2 * F : F), up = a.up.range(0, n);
  Epilogue then;
  then.activation = activation();
  then.gradient_at = up;
  if (config_.gated()) {
    then.gradient_at = up.columns(F, F);
    then.gate = up.columns(0, F);
    then.gate_gradient = d_up.columns(0, F);
  }
  mm.nn(config_.gated() ? d_up.columns(F, F) : d_up, d_branch, params_.value(p.down), then);
  mm.tn_add(params_.gradient(p.up), d_up, a.normed2.range(0, n));
  bias_backward(p.up_bias, d_up);
  const Mat d_normed(d_narrow_.data, n, config_.channels);
  mm.nn(d_normed, d_up, params_.value(p.up));
  norm_backward(d_stream_.range(0, n), d_normed, a.middle.range(0, n), a.mean2, a.rstd2, p.norm2, p.norm2_bias);
}

void Transformer::attention_backward(const Activations& a, const ParamSet::Layer& p, ConstMat d_branch, const TokenBatch& batch, int64_t layer) {
  const auto& mm = backend_.matmul();
  const ModelConfig& c = config_;
  const int64_t n = d_branch.rows, key = c.query_width(), value = key + c.kv_width();
  const Mat attended = a.attended.range(0, n), qkv = a.qkv.range(0, n);
  mm.tn_add(params_.gradient(p.proj), d_branch, attended);
  bias_backward(p.proj_bias, d_branch);
  const Mat d_attended(d_narrow_.data, n, c.query_width()), d_qkv(d_wide_.data, n, c.qkv_width());
  mm.nn(d_attended, d_branch, params_.value(p.proj));
  backend_.attention().backward(d_qkv.columns(0, key), d_qkv.columns(key, c.kv_width()), d_qkv.columns(value, c.kv_width()), d_attended, attended, a.lse, qkv.columns(0, key),
                                qkv.columns(key, c.kv_width()), qkv.columns(value, c.kv_width()), attention_shape(c, batch, dropout_key(batch, site(layer, 0)), starts_of(batch, layer)));
  if (p.value_table != ParamSet::kNone) {
    backend_.elementwise().embed_backward_add(params_.gradient(p.value_table), {}, batch.ids, nullptr, d_qkv.columns(value, c.kv_width()));
  }
  rope(d_qkv, batch.positions, true);
  head_norms_backward(a, p, d_qkv);
  mm.tn_add(params_.gradient(p.qkv), d_qkv, a.normed1.range(0, n));
  bias_backward(p.qkv_bias, d_qkv);
  const Mat d_normed(d_narrow_.data, n, c.channels);
  mm.nn(d_normed, d_qkv, params_.value(p.qkv));
  norm_backward(d_stream_.range(0, n), d_normed, a.input.range(0, n), a.mean1, a.rstd1, p.norm1, p.norm1_bias);
}

void Transformer::backward(const TokenBatch& batch) {
  const ModelConfig& c = config_;
  const int64_t n = batch.rows();
  require(planned_training_ && params_.has_gradients() && n == rows_, "backward without its forward");
  const auto& elementwise = backend_.elementwise();
  const float p_drop = batch.dropout ? static_cast<float>(c.dropout) : 0.0f;
  const Mat stream = d_stream_.range(0, n);  // the gradient of the residual stream, from the last layer to the first
  /// A branch's gradient: the stream's, through the branch's dropout.
  auto branch_gradient = [&](uint64_t where) {
    if (p_drop <= 0) return ConstMat(stream);
    const Mat d = branch_.range(0, n);
    elementwise.copy(d, stream);
    elementwise.dropout(d, p_drop, dropout_key(batch, where), batch.first_row);
    return ConstMat(d);
  };
  elementwise.fill(Vec(stream.data, n * c.channels), 0.0f);
  norm_backward(stream, hidden_gradient_.range(0, n), output_.range(0, n), mean_, rstd_, params_.norm, params_.norm_bias);
  for (int64_t l = c.layers - 1; l >= 0; --l) {
    const Activations& a = layers_[static_cast<size_t>(l)];
    const ParamSet::Layer& p = params_.layers[static_cast<size_t>(l)];
    feed_forward_backward(a, p, branch_gradient(site(l, 2)));
    attention_backward(a, p, branch_gradient(site(l, 1)), batch, l);
  }
  if (p_drop > 0) elementwise.dropout(stream, p_drop, dropout_key(batch, 0), batch.first_row);
  const bool paired = c.pair_rows > 0;
  elementwise.embed_backward_add(params_.gradient(params_.tokens), paired ? params_.gradient(params_.pairs) : c.learned_positions() ? params_.gradient(params_.places) : Mat(), batch.ids,
                                 paired ? pairs_.ints() : batch.positions, stream);
}

// ---- one sequence, with what came before kept ----

KvCache::KvCache(const ModelConfig& config, const Backend& backend, int64_t capacity)
    : data_(backend.allocate(config.layers * 2 * capacity * config.kv_width())), numbers_(backend.allocate(3 * capacity)), capacity_(capacity), width_(config.kv_width()) {}

ConstMat Transformer::forward_cached(const int32_t* ids, int64_t count, KvCache& cache) {
  const ModelConfig& c = config_;
  const int64_t n = count, seen = cache.size_;
  require(n >= 1 && seen + n <= cache.capacity_ && seen + n <= c.context, "a cache of ", cache.capacity_, " positions holds ", seen, "; ", n, " more do not fit (context ",
          c.context, ")");
  plan(1, n, false);
  rows_ = n;
  std::vector<int32_t> host(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) host[static_cast<size_t>(i)] = static_cast<int32_t>(seen + i);
  int32_t *device_ids = cache.numbers_.ints(), *positions = device_ids + cache.capacity_, *pairs = positions + cache.capacity_;
  backend_.upload(device_ids, ids, n);
  backend_.upload(positions, host.data(), n);
  cache.ids_.resize(static_cast<size_t>(seen));
  cache.ids_.insert(cache.ids_.end(), ids, ids + n);
  if (c.pair_rows > 0) {
    for (int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<size_t>(seen + i);
      host[static_cast<size_t>(i)] = pair_row(at > 0 ? cache.ids_[at - 1] : -1, cache.ids_[at], c.pair_rows);
    }
    backend_.upload(pairs, host.data(), n);
  }
  TokenBatch batch;
  batch.batch = 1;
  batch.time = n;
  if (seen == 0) narrow_starts(batch);
  const auto& elementwise = backend_.elementwise();
  const Mat stream = layers_.front().input.range(0, n);
  embed(stream, device_ids, positions, pairs);
  for (int64_t l = 0; l < c.layers; ++l) {
    const Activations& a = layers_.front();
    const ParamSet::Layer& p = params_.layers[static_cast<size_t>(l)];
    const Mat qkv = a.qkv.range(0, n), middle = a.middle.range(0, n), attended = a.attended.range(0, n);
    norm_forward(a.normed1.range(0, n), a.mean1, a.rstd1, stream, p.norm1, p.norm1_bias);
    product(qkv, a.normed1.range(0, n), p.qkv, plus(vector_of(p.qkv_bias)));
    add_value_rows(a, p, device_ids, n);
    head_norms_forward(a, p, n);
    rope(qkv, positions, false);
    float* base = cache.data_.floats() + l * 2 * cache.capacity_ * cache.width_;
    const Mat keys(base, cache.capacity_, cache.width_), values(base + cache.capacity_ * cache.width_, cache.capacity_, cache.width_);
    elementwise.copy(keys.range(seen, n), qkv.columns(c.query_width(), c.kv_width()));
    elementwise.copy(values.range(seen, n), qkv.columns(c.query_width() + c.kv_width(), c.kv_width()));
    const ConstMat q = qkv.columns(0, c.query_width());
    if (seen == 0 && n > 8) {  // a whole prompt: in tiles, as in training
      backend_.attention().forward(attended, a.lse, q, keys.range(0, n), values.range(0, n), attention_shape(c, batch, 0, starts_of(batch, l)));
    } else {
      const AttentionShape shape = attention_shape(c, batch, 0, nullptr);
      const int64_t window = c.window_of(l);
      if (window == 0 || seen + n <= window) {
        backend_.attention().cached(attended, q, keys.range(0, seen + n), values.range(0, seen + n), seen, shape);
      } else {
        for (int64_t i = 0; i < n; ++i) {  // each token has a window of its own
          const int64_t end = seen + i + 1, first = std::max<int64_t>(0, end - window);
          backend_.attention().cached(attended.range(i, 1), ConstMat(q.data + i * q.ld, 1, q.cols, q.ld), keys.range(first, end - first), values.range(first, end - first),
                                      end - first - 1, shape);
        }
      }
    }
    product(middle, attended, p.proj, plus(vector_of(p.proj_bias), stream));
    norm_forward(a.normed2.range(0, n), a.mean2, a.rstd2, middle, p.norm2, p.norm2_bias);
    up_forward(a, p, n);
    product(stream, a.active.range(0, n), p.down, plus(vector_of(p.down_bias), middle));
  }
  norm_forward(hidden_.range(0, n), mean_, rstd_, stream, params_.norm, params_.norm_bias);
  cache.size_ += n;
  return hidden_.range(0, n);
}

}  // namespace loam
