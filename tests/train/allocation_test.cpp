// Once warm, a training step allocates nothing: its memory was planned before the first one.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "loam/base/threads.h"
#include "loam/model/transformer.h"

namespace {
std::atomic<int64_t> allocations = 0;
}  // namespace

__attribute__((noinline)) void* operator new(size_t size) {
  allocations.fetch_add(1);
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void* p) noexcept { std::free(p); }
__attribute__((noinline)) void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace loam {
namespace {

TEST(Allocation, NoneInsideAStep) {
  ModelConfig c;
  c.vocab = 300;
  c.context = 64;
  c.layers = 2;
  c.channels = 64;
  c.heads = c.kv_heads = 2;
  c.head_size = 32;
  c.hidden = 160;
  Transformer model(c, backend("cpu"));
  model.params().allocate(model.backend(), true);
  model.params().initialize(model.backend(), 1);
  model.plan(4, 64, true);
  std::vector<int32_t> ids(256), targets(256), positions(256);
  std::vector<float> losses(256);
  for (int32_t i = 0; i < 256; ++i) {
    ids[static_cast<size_t>(i)] = i;
    targets[static_cast<size_t>(i)] = 299 - i;
    positions[static_cast<size_t>(i)] = i % 64;
  }
  const Buffer moments = model.backend().allocate(2 * model.params().size());
  TokenBatch batch;
  batch.batch = 4;
  batch.time = 64;
  batch.ids = ids.data();
  batch.positions = positions.data();
  const int64_t n = model.params().size();
  auto step = [&] {
    const ConstMat hidden = model.forward(batch);
    model.backend().head().loss(Vec(losses.data(), 256), model.hidden_gradient(), model.head_gradient(), hidden, model.head(), targets.data(), {});
    model.backward(batch);
    model.backend().optimizer().sum_of_squares(model.params().gradients());
    model.backend().optimizer().adamw(model.params().values(), Vec(moments.floats(), n), Vec(moments.floats() + n, n), model.params().gradients(), {});
  };
  for (int i = 0; i < 20; ++i) step();  // each thread meets each kind of task
  const int64_t before = allocations.load();
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(allocations.load(), before);
}

}  // namespace
}  // namespace loam
