// The kernels on the shapes of small and middling models: FLOP/s to hold against the machine's peak (the first line).
//
//   build/release/bench/kernels_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "loam/base/random.h"
#include "loam/kernels/backend.h"

namespace loam {
namespace {

struct Floats {
  std::vector<float> data;
  Floats(int64_t n, uint64_t seed) : data(static_cast<size_t>(n)) {
    for (size_t i = 0; i < data.size(); ++i) data[i] = 2 * uniform01(seed, i) - 1;
  }
  Mat mat(int64_t rows, int64_t cols) { return {data.data(), rows, cols}; }
};

void count(benchmark::State& s, double flop) { s.counters["flop/s"] = {flop, benchmark::Counter::kIsIterationInvariantRate}; }

void peak(benchmark::State& s) {
  for (auto _ : s) s.counters["flop/s"] = backend().peak_flops();
}
BENCHMARK(peak)->Iterations(1);

enum Orientation { kNt, kNn, kTn };
template <Orientation kWhich>
void matmul(benchmark::State& s) {
  const int64_t n = s.range(0), i = s.range(1), o = s.range(2);
  Floats x(n * i, 1), w(o * i, 2), y(n * o, 3);
  for (auto _ : s) {
    if (kWhich == kNt) backend().matmul().nt(y.mat(n, o), x.mat(n, i), w.mat(o, i));
    if (kWhich == kNn) backend().matmul().nn(x.mat(n, i), y.mat(n, o), w.mat(o, i));
    if (kWhich == kTn) backend().matmul().tn_add(w.mat(o, i), y.mat(n, o), x.mat(n, i));
  }
  count(s, 2.0 * static_cast<double>(n * i * o));
}
void shapes(benchmark::internal::Benchmark* b) {
  for (auto [n, i, o] : {std::array<int64_t, 3>{2048, 128, 384}, {2048, 128, 128}, {2048, 128, 512}, {2048, 512, 128}, {4096, 384, 1152}, {4096, 384, 1536}, {4096, 1536, 384}, {256, 768, 3072}, {1024, 768, 2304}}) {
    b->Args({n, i, o});
  }
  b->UseRealTime();
}
BENCHMARK(matmul<kNt>)->Apply(shapes);
BENCHMARK(matmul<kNn>)->Apply(shapes);
BENCHMARK(matmul<kTn>)->Apply(shapes);

void attention(benchmark::State& s) {
  const int64_t b = s.range(0), t = s.range(1), h = s.range(2), d = s.range(3);
  const bool backward = s.range(4) != 0;
  const int64_t n = b * t, c = h * d;
  Floats qkv(3 * n * c, 1), y(n * c, 2), dy(n * c, 3), dqkv(3 * n * c, 4), lse(n * h, 5);
  const AttentionShape shape{b, t, h, h, d, 1 / std::sqrt(static_cast<float>(d))};
  const Mat in = qkv.mat(n, 3 * c), out = dqkv.mat(n, 3 * c);
  const Vec sums(lse.data.data(), n * h);
  backend().attention().forward(y.mat(n, c), sums, in.columns(0, c), in.columns(c, c), in.columns(2 * c, c), shape);
  for (auto _ : s) {
    if (backward) {
      backend().attention().backward(out.columns(0, c), out.columns(c, c), out.columns(2 * c, c), dy.mat(n, c), y.mat(n, c), sums, in.columns(0, c), in.columns(c, c), in.columns(2 * c, c), shape);
    } else {
      backend().attention().forward(y.mat(n, c), sums, in.columns(0, c), in.columns(c, c), in.columns(2 * c, c), shape);
    }
  }
  // Two products of T x T / 2 forward; five backward.
  count(s, (backward ? 5.0 : 2.0) * static_cast<double>(b * h * t * t * d));
}
BENCHMARK(attention)->ArgsProduct({{8}, {256}, {4}, {32}, {0, 1}})->ArgsProduct({{1}, {1024}, {12}, {64}, {0, 1}})->UseRealTime();

void head(benchmark::State& s) {
  const int64_t n = s.range(0), c = s.range(1), v = s.range(2);
  Floats x(n * c, 1), w(v * c, 2), dx(n * c, 3), dw(v * c, 4), losses(n, 5);
  std::vector<int32_t> targets(static_cast<size_t>(n));
  for (size_t i = 0; i < targets.size(); ++i) targets[i] = static_cast<int32_t>(i * 7919 % static_cast<size_t>(v));
  for (auto _ : s) {
    backend().head().loss(Vec(losses.data.data(), n), dx.mat(n, c), dw.mat(v, c), x.mat(n, c), w.mat(v, c), targets.data(), {});
  }
  count(s, 6.0 * static_cast<double>(n * c * v));
}
BENCHMARK(head)->Args({2048, 128, 257})->Args({2048, 128, 4096})->Args({1024, 384, 50257})->UseRealTime();

void norm(benchmark::State& s) {
  const int64_t n = s.range(0), c = s.range(1);
  Floats x(n * c, 1), y(n * c, 2), g(c, 3), stats(2 * n, 4), dx(n * c, 5), dg(2 * c, 6);
  const Vec mean(stats.data.data(), n), rstd(stats.data.data() + n, n), gain(g.data.data(), c);
  for (auto _ : s) {
    backend().norm().layernorm_forward(y.mat(n, c), mean, rstd, x.mat(n, c), gain, gain, 1e-5f);
    backend().norm().layernorm_backward_add(dx.mat(n, c), Vec(dg.data.data(), c), Vec(dg.data.data() + c, c), y.mat(n, c), x.mat(n, c), gain, mean, rstd);
  }
  s.SetBytesProcessed(s.iterations() * n * c * 4 * 9);
}
BENCHMARK(norm)->Args({2048, 128})->Args({4096, 384})->UseRealTime();

void adamw(benchmark::State& s) {
  const int64_t n = s.range(0);
  Floats w(n, 1), m(n, 2), v(n, 3), g(n, 4);
  for (float& x : v.data) x = std::abs(x);
  for (auto _ : s) backend().optimizer().adamw(Vec(w.data.data(), n), Vec(m.data.data(), n), Vec(v.data.data(), n), ConstVec(g.data.data(), n), {});
  s.SetBytesProcessed(s.iterations() * n * 28);
}
BENCHMARK(adamw)->Arg(1 << 20)->Arg(1 << 24)->UseRealTime();

}  // namespace
}  // namespace loam
