#include "loam/kernels/ref/ref_backend.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "loam/base/random.h"

namespace loam::ref {
namespace {

float at(ConstMat m, int64_t r, int64_t c) { return m.data[r * m.ld + c]; }
float& at(Mat m, int64_t r, int64_t c) { return m.data[r * m.ld + c]; }
float f(double x) { return static_cast<float>(x); }
double d(float x) { return static_cast<double>(x); }

constexpr double kGeluScale = 0.7978845608028654;  // sqrt(2 / pi)
double gelu(double x) { return 0.5 * x * (1 + std::tanh(kGeluScale * (x + 0.044715 * x * x * x))); }
double gelu_slope(double x) {
  const double t = std::tanh(kGeluScale * (x + 0.044715 * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kGeluScale * (1 + 3 * 0.044715 * x * x);
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double activate(double sum, int64_t r, int64_t c, const Epilogue& then) {
  const double pre = then.gradient_at ? d(at(then.gradient_at, r, c)) : 0;
  double kept = sum, activated = 0;
  switch (then.activation) {
    case Activation::none: return sum;
    case Activation::gelu:
      activated = gelu(sum);
      kept = sum * gelu_slope(pre);
      break;
    case Activation::squared_relu:
      activated = std::pow(std::max(sum, 0.0), 2);
      kept = sum * 2 * std::max(pre, 0.0);
      break;
    case Activation::swiglu: {
      const double gate = d(at(then.gate, r, c)), s = sigmoid(gate);
      activated = gate * s * sum;
      kept = sum * gate * s;
      if (then.gate_gradient) at(then.gate_gradient, r, c) = f(sum * pre * s * (1 + gate * (1 - s)));
      break;
    }
  }
  if (then.gradient_at) return kept;
  at(then.activated, r, c) = f(activated);
  return sum;
}

}  // namespace

void finish(Mat y, int64_t r, int64_t c, double sum, const Epilogue& then) {
  if (then.bias) sum += d(then.bias.data[c]);
  if (then.residual) sum += d(at(then.residual, r, c));
  at(y, r, c) = f(activate(sum, r, c, then));
}

namespace {

class Matmul final : public MatmulKernels {
  void nt(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const override {
    for (int64_t r = 0; r < y.rows; ++r) {
      for (int64_t c = 0; c < y.cols; ++c) {
        double sum = 0;
        for (int64_t k = 0; k < x.cols; ++k) sum += d(at(x, r, k)) * d(at(w, c, k));
        finish(y, r, c, sum, then);
      }
    }
  }
  void nn(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const override {
    for (int64_t r = 0; r < y.rows; ++r) {
      for (int64_t c = 0; c < y.cols; ++c) {
        double sum = 0;
        for (int64_t k = 0; k < x.cols; ++k) sum += d(at(x, r, k)) * d(at(w, k, c));
        finish(y, r, c, sum, then);
      }
    }
  }
  void tn_add(Mat y, ConstMat a, ConstMat b) const override {
    for (int64_t r = 0; r < y.rows; ++r) {
      for (int64_t c = 0; c < y.cols; ++c) {
        double sum = d(at(y, r, c));
        for (int64_t k = 0; k < a.rows; ++k) sum += d(at(a, k, r)) * d(at(b, k, c));
        at(y, r, c) = f(sum);
      }
    }
  }
  void nt_symmetric(Mat y, ConstMat x, ConstMat w) const override { nt(y, x, w, {}); }
  void sum_rows_add(Vec y, ConstMat x) const override {
    for (int64_t c = 0; c < x.cols; ++c) {
      double sum = d(y.data[c]);
      for (int64_t r = 0; r < x.rows; ++r) sum += d(at(x, r, c));
      y.data[c] = f(sum);
    }
  }
};

class Norm final : public NormKernels {
  void layernorm_forward(Mat y, Vec mean, Vec rstd, ConstMat x, ConstVec gain, ConstVec bias, float eps) const override {
    for (int64_t r = 0; r < x.rows; ++r) {
      double m = 0, squares = 0;
      for (int64_t c = 0; c < x.cols; ++c) m += d(at(x, r, c)) / static_cast<double>(x.cols);
      for (int64_t c = 0; c < x.cols; ++c) squares += (d(at(x, r, c)) - m) * (d(at(x, r, c)) - m) / static_cast<double>(x.cols);
      const double s = 1 / std::sqrt(squares + d(eps));
      mean.data[r] = f(m);
      rstd.data[r] = f(s);
      for (int64_t c = 0; c < x.cols; ++c) at(y, r, c) = f((d(at(x, r, c)) - m) * s * d(gain.data[c]) + d(bias.data[c]));
    }
  }
  void layernorm_backward_add(Mat dx, Vec dgain, Vec dbias, ConstMat dy, ConstMat x, ConstVec gain, ConstVec mean, ConstVec rstd) const override {
    const double n = static_cast<double>(x.cols);
    for (int64_t r = 0; r < x.rows; ++r) {
      const double m = d(mean.data[r]), s = d(rstd.data[r]);
      double total = 0, along = 0;
      for (int64_t c = 0; c < x.cols; ++c) {
        const double g = d(at(dy, r, c)) * d(gain.data[c]), hat = (d(at(x, r, c)) - m) * s;
        total += g / n;
        along += g * hat / n;
        dgain.data[c] += f(d(at(dy, r, c)) * hat);
        dbias.data[c] += at(dy, r, c);
      }
      for (int64_t c = 0; c < x.cols; ++c) {
        const double g = d(at(dy, r, c)) * d(gain.data[c]), hat = (d(at(x, r, c)) - m) * s;
        at(dx, r, c) += f(s * (g - total - hat * along));
      }
    }
  }
  void rmsnorm_forward(Mat y, Vec rstd, ConstMat x, ConstVec gain, float eps) const override {
    for (int64_t r = 0; r < x.rows; ++r) {
      double squares = 0;
      for (int64_t c = 0; c < x.cols; ++c) squares += d(at(x, r, c)) * d(at(x, r, c)) / static_cast<double>(x.cols);
      const double s = 1 / std::sqrt(squares + d(eps));
      rstd.data[r] = f(s);
      for (int64_t c = 0; c < x.cols; ++c) at(y, r, c) = f(d(at(x, r, c)) * s * d(gain.data[c]));
    }
  }
  void rmsnorm_backward_add(Mat dx, Vec dgain, ConstMat dy, ConstMat x, ConstVec gain, ConstVec rstd) const override {
    const double n = static_cast<double>(x.cols);
    for (int64_t r = 0; r < x.rows; ++r) {
      const double s = d(rstd.data[r]);
      double along = 0;
      for (int64_t c = 0; c < x.cols; ++c) {
        const double hat = d(at(x, r, c)) * s;
        along += d(at(dy, r, c)) * d(gain.data[c]) * hat / n;
        dgain.data[c] += f(d(at(dy, r, c)) * hat);
      }
      for (int64_t c = 0; c < x.cols; ++c) at(dx, r, c) += f(s * (d(at(dy, r, c)) * d(gain.data[c]) - d(at(x, r, c)) * s * along));
    }
  }
  void heads_forward(Mat x, Mat kept, Vec rstd, int64_t heads, ConstVec gain, float eps) const override {
    const int64_t size = x.cols / heads;
    for (int64_t r = 0; r < x.rows; ++r) {
      for (int64_t h = 0; h < heads; ++h) {
        const Mat head = x.range(r, 1).columns(h * size, size);
        for (int64_t c = 0; c < size && kept.data != nullptr; ++c) at(kept, r, h * size + c) = at(head, 0, c);
        rmsnorm_forward(head, Vec(rstd.data + r * heads + h, 1), head, gain, eps);
      }
    }
  }
  void heads_backward(Mat dx, Vec dgain, ConstMat kept, int64_t heads, ConstVec gain, ConstVec rstd) const override {
    const int64_t size = dx.cols / heads;
    std::vector<float> in(static_cast<size_t>(size));
    for (int64_t r = 0; r < dx.rows; ++r) {
      for (int64_t h = 0; h < heads; ++h) {
        const Mat head = dx.range(r, 1).columns(h * size, size), sum(in.data(), 1, size);
        std::fill(in.begin(), in.end(), 0.0f);
        rmsnorm_backward_add(sum, dgain, head, ConstMat(kept.data + r * kept.ld + h * size, 1, size, kept.ld), gain, ConstVec(rstd.data + r * heads + h, 1));
        std::copy(in.begin(), in.end(), head.data);
      }
    }
  }
};

class Attention final : public AttentionKernels {
  /// Probabilities of query t of sequence b, head h, over its keys first .. t; the mask's factors if there is dropout.
  static std::vector<double> probabilities(ConstMat q, ConstMat k, const AttentionShape& s, int64_t b, int64_t h, int64_t t, int64_t first, double* lse) {
    const int64_t row0 = b * s.time, kv = h / (s.heads / s.kv_heads);
    std::vector<double> p;
    double peak = -1e300, total = 0;
    for (int64_t j = first; j <= t; ++j) {
      double sum = 0;
      for (int64_t i = 0; i < s.head_size; ++i) sum += d(at(q, row0 + t, h * s.head_size + i)) * d(at(k, row0 + j, kv * s.head_size + i));
      p.push_back(sum * d(s.scale));
      peak = std::max(peak, p.back());
    }
    for (double& x : p) total += x = std::exp(x - peak);
    for (double& x : p) x /= total;
    *lse = peak + std::log(total);
    return p;
  }
  static double mask(const AttentionShape& s, int64_t row, int64_t h, int64_t key) {
    if (s.dropout <= 0) return 1;
    const uint64_t index = (static_cast<uint64_t>(s.first_row + row) * static_cast<uint64_t>(s.heads) + static_cast<uint64_t>(h)) * 0x100000ull + static_cast<uint64_t>(key);
    return uniform01(s.dropout_key, index) >= s.dropout ? 1 / (1 - d(s.dropout)) : 0;
  }
  static int64_t first_of(const AttentionShape& s, int64_t row) { return s.starts != nullptr ? s.starts[row] : 0; }

  void forward(Mat y, Vec lse, ConstMat q, ConstMat k, ConstMat v, const AttentionShape& s) const override {
    for (int64_t b = 0; b < s.batch; ++b) {
      for (int64_t h = 0; h < s.heads; ++h) {
        for (int64_t t = 0; t < s.time; ++t) {
          const int64_t row = b * s.time + t, first = first_of(s, row), kv = h / (s.heads / s.kv_heads);
          double log_sum = 0;
          const auto p = probabilities(q, k, s, b, h, t, first, &log_sum);
          lse.data[(b * s.heads + h) * s.time + t] = f(log_sum);
          for (int64_t i = 0; i < s.head_size; ++i) {
            double sum = 0;
            for (int64_t j = first; j <= t; ++j) sum += p[static_cast<size_t>(j - first)] * mask(s, row, h, j) * d(at(v, b * s.time + j, kv * s.head_size + i));
            at(y, row, h * s.head_size + i) = f(sum);
          }
        }
      }
    }
  }
  void backward(Mat dq, Mat dk, Mat dv, ConstMat dy, ConstMat, ConstVec, ConstMat q, ConstMat k, ConstMat v, const AttentionShape& s) const override {
    for (Mat m : {dk, dv}) {
      for (int64_t r = 0; r < m.rows; ++r) std::fill_n(m.data + r * m.ld, m.cols, 0.0f);
    }
    for (int64_t b = 0; b < s.batch; ++b) {
      for (int64_t h = 0; h < s.heads; ++h) {
        for (int64_t t = 0; t < s.time; ++t) {
          const int64_t row = b * s.time + t, first = first_of(s, row), kv = h / (s.heads / s.kv_heads);
          double log_sum = 0, along = 0;
          const auto p = probabilities(q, k, s, b, h, t, first, &log_sum);
          std::vector<double> dp(p.size());
          for (int64_t j = first; j <= t; ++j) {
            const auto n = static_cast<size_t>(j - first);
            for (int64_t i = 0; i < s.head_size; ++i) dp[n] += d(at(dy, row, h * s.head_size + i)) * d(at(v, b * s.time + j, kv * s.head_size + i));
            dp[n] *= mask(s, row, h, j);
            along += dp[n] * p[n];
            for (int64_t i = 0; i < s.head_size; ++i) at(dv, b * s.time + j, kv * s.head_size + i) += f(p[n] * mask(s, row, h, j) * d(at(dy, row, h * s.head_size + i)));
          }
          for (int64_t i = 0; i < s.head_size; ++i) {
            double sum = 0;
            for (int64_t j = first; j <= t; ++j) {
              const auto n = static_cast<size_t>(j - first);
              const double ds = p[n] * (dp[n] - along) * d(s.scale);
              sum += ds * d(at(k, b * s.time + j, kv * s.head_size + i));
              at(dk, b * s.time + j, kv * s.head_size + i) += f(ds * d(at(q, row, h * s.head_size + i)));
            }
            at(dq, row, h * s.head_size + i) = f(sum);
          }
        }
      }
    }
  }
  void cached(Mat y, ConstMat q, ConstMat keys, ConstMat values, int64_t first, const AttentionShape& s) const override {
    for (int64_t n = 0; n < q.rows; ++n) {
      for (int64_t h = 0; h < s.heads; ++h) {
        const int64_t kv = h / (s.heads / s.kv_heads), count = first + n + 1;
        std::vector<double> p(static_cast<size_t>(count));
        double peak = -1e300, total = 0;
        for (int64_t j = 0; j < count; ++j) {
          double sum = 0;
          for (int64_t i = 0; i < s.head_size; ++i) sum += d(at(q, n, h * s.head_size + i)) * d(at(keys, j, kv * s.head_size + i));
          peak = std::max(peak, p[static_cast<size_t>(j)] = sum * d(s.scale));
        }
        for (double& x : p) total += x = std::exp(x - peak);
        for (int64_t i = 0; i < s.head_size; ++i) {
          double sum = 0;
          for (int64_t j = 0; j < count; ++j) sum += p[static_cast<size_t>(j)] / total * d(at(values, j, kv * s.head_size + i));
          at(y, n, h * s.head_size + i) = f(sum);
        }
      }
    }
  }
};

class Elementwise final : public ElementwiseKernels {
  void swiglu_forward(Mat y, ConstMat gate, ConstMat up) const override {
    for (int64_t r = 0; r < y.rows; ++r) {
      for (int64_t c = 0; c < y.cols; ++c) at(y, r, c) = f(d(at(gate, r, c)) * sigmoid(d(at(gate, r, c))) * d(at(up, r, c)));
    }
  }
  void squared_relu_forward(Mat y, ConstMat x) const override {
    for (int64_t r = 0; r < y.rows; ++r) {
      for (int64_t c = 0; c < y.cols; ++c) at(y, r, c) = f(std::pow(std::max(d(at(x, r, c)), 0.0), 2));
    }
  }
  void rope(Mat x, int64_t heads, int64_t head_size, const int32_t* positions, ConstMat table, bool inverse) const override {
    const int64_t half = head_size / 2;
    for (int64_t r = 0; r < x.rows; ++r) {
      for (int64_t h = 0; h < heads; ++h) {
        for (int64_t i = 0; i < half; ++i) {
          const double c = d(at(table, positions[r], i)), s = d(at(table, positions[r], half + i)) * (inverse ? -1 : 1);
          float &a = at(x, r, h * head_size + i), &b = at(x, r, h * head_size + half + i);
          const double u = d(a), v = d(b);
          a = f(u * c - v * s);
          b = f(v * c + u * s);
        }
      }
    }
  }
  void embed_forward(Mat y, const int32_t* ids, const int32_t* positions, ConstMat tokens, ConstMat places) const override {
    for (int64_t r = 0; r < y.rows; ++r) {
      for (int64_t c = 0; c < y.cols; ++c) at(y, r, c) = at(tokens, ids[r], c) + (places ? at(places, positions[r], c) : 0.0f);
    }
  }
  void embed_backward_add(Mat dtokens, Mat dplaces, const int32_t* ids, const int32_t* positions, ConstMat dy) const override {
    for (int64_t r = 0; r < dy.rows; ++r) {
      for (int64_t c = 0; c < dy.cols; ++c) {
        at(dtokens, ids[r], c) += at(dy, r, c);
        if (dplaces) at(dplaces, positions[r], c) += at(dy, r, c);
      }
    }
  }
  void pair_rows(int32_t* out, const int32_t* ids, const int32_t* starts, int64_t n, int64_t time, int64_t rows) const override {
    for (int64_t i = 0; i < n; ++i) out[i] = pair_row(i % time > (starts != nullptr ? starts[i] : 0) ? ids[i - 1] : -1, ids[i], rows);
  }
  void dropout(Mat x, float p, uint64_t key, int64_t first_row) const override {
    for (int64_t r = 0; r < x.rows; ++r) {
      for (int64_t c = 0; c < x.cols; ++c) {
        const auto index = static_cast<uint64_t>((first_row + r) * x.cols + c);
        at(x, r, c) = uniform01(key, index) >= p ? at(x, r, c) / (1 - p) : 0.0f;
      }
    }
  }
  void copy(Mat y, ConstMat x) const override {
    for (int64_t r = 0; r < y.rows; ++r) std::copy_n(x.data + r * x.ld, y.cols, y.data + r * y.ld);
  }
  void add(Mat y, ConstMat x) const override {
    for (int64_t r = 0; r < y.rows; ++r) {
      for (int64_t c = 0; c < y.cols; ++c) at(y, r, c) += at(x, r, c);
    }
  }
  void fill(Vec y, float value) const override { std::fill_n(y.data, y.size, value); }
};

class Head final : public HeadKernels {
  void loss(Vec losses, Mat dx, Mat dw, ConstMat x, ConstMat w, const int32_t* targets, ConstVec weights) const override {
    std::vector<double> z(static_cast<size_t>(w.rows));
    for (int64_t n = 0; n < x.rows; ++n) {
      losses.data[n] = 0;
      if (dx) std::fill_n(dx.data + n * dx.ld, dx.cols, 0.0f);
      if (targets[n] < 0) continue;
      double peak = -1e300, total = 0;
      for (int64_t v = 0; v < w.rows; ++v) {
        double sum = 0;
        for (int64_t c = 0; c < w.cols; ++c) sum += d(at(x, n, c)) * d(at(w, v, c));
        peak = std::max(peak, z[static_cast<size_t>(v)] = sum);
      }
      const double at_target = z[static_cast<size_t>(targets[n])];
      for (double& value : z) total += value = std::exp(value - peak);
      losses.data[n] = f(peak + std::log(total) - at_target);
      if (!dx) continue;
      const double weight = weights ? d(weights.data[n]) : 1;
      for (int64_t v = 0; v < w.rows; ++v) {
        const double g = weight * (z[static_cast<size_t>(v)] / total - (v == targets[n] ? 1 : 0));
        for (int64_t c = 0; c < w.cols; ++c) {
          at(dx, n, c) += f(g * d(at(w, v, c)));
          at(dw, v, c) += f(g * d(at(x, n, c)));
        }
      }
    }
  }
  void log_softmax(Mat logits) const override {
    for (int64_t r = 0; r < logits.rows; ++r) {
      double peak = -1e300, total = 0;
      for (int64_t c = 0; c < logits.cols; ++c) peak = std::max(peak, d(at(logits, r, c)));
      for (int64_t c = 0; c < logits.cols; ++c) total += std::exp(d(at(logits, r, c)) - peak);
      for (int64_t c = 0; c < logits.cols; ++c) at(logits, r, c) = f(d(at(logits, r, c)) - peak - std::log(total));
    }
  }
};

class Optimizer final : public OptimizerKernels {
  void adamw(Vec w, Vec m, Vec v, ConstVec g, const AdamWStep& s) const override {
    for (int64_t i = 0; i < w.size; ++i) {
      const double gradient = d(g.data[i]) * d(s.gradient_scale);
      m.data[i] = f(d(s.beta1) * d(m.data[i]) + (1 - d(s.beta1)) * gradient);
      v.data[i] = f(d(s.beta2) * d(v.data[i]) + (1 - d(s.beta2)) * gradient * gradient);
      const double m_hat = d(m.data[i]) / d(s.correction1), v_hat = d(v.data[i]) / d(s.correction2);
      w.data[i] = f(d(w.data[i]) * (1 - d(s.rate) * d(s.decay)) - d(s.rate) * m_hat / (std::sqrt(v_hat) + d(s.epsilon)));
    }
  }
  void combine(Vec y, float a, ConstVec x, float b, ConstVec z) const override {
    for (int64_t i = 0; i < y.size; ++i) y.data[i] = a * x.data[i] + (z.data != nullptr ? b * z.data[i] : 0.0f);
  }
  void add_diagonal(Mat y, float value) const override {
    for (int64_t i = 0; i < y.rows; ++i) at(y, i, i) += value;
  }
  double sum_of_squares(ConstVec x) const override {
    double sum = 0;
    for (int64_t i = 0; i < x.size; ++i) sum += d(x.data[i]) * d(x.data[i]);
    return sum;
  }
};

float spin(int64_t rounds) {
  float x = 1;
  for (int64_t i = 0; i < rounds; ++i) x = x * 0.999f + 1e-3f;
  return x;
}

}  // namespace

cpu::Parts parts() {
  static const Matmul matmul;
  static const Norm norm;
  static const Attention attention;
  static const Elementwise elementwise;
  static const Head head;
  static const Optimizer optimizer;
  return {"plain", &matmul, &norm, &attention, &elementwise, &head, &optimizer, &stored_kernels(), nullptr, {&spin, 2.0, 200'000}, nullptr, nullptr, nullptr, nullptr, nullptr, {}};
}

}  // namespace loam::ref
