// One team of threads for the whole program; what is computed never depends on how many they are.
//
//   set_threads(2);
//   parallel_for(rows, [&](int64_t row) { ... });              // any thread, any order, each row once
//   parallel_chunks(n, 1024, [&](int64_t begin, int64_t end) { ... });  // fixed pieces: sums over them are reproducible
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace loam {

int hardware_threads();
int threads();             ///< size of the team, the calling thread included
void set_threads(int n);   ///< 1 or more; not while work runs

namespace detail {
using Task = void (*)(void* context, int64_t index);
void run_tasks(int64_t count, Task task, void* context);
}  // namespace detail

/// Calls f(i) for each i in [0, count), each once, on any thread of the team; returns when all are done.
/// The first exception is kept and rethrown here; tasks not yet begun are then left out.
/// Called from inside a task, it runs on the calling thread alone.
template <class F>
void parallel_for(int64_t count, F&& f) {
  using Callable = std::remove_reference_t<F>;
  detail::run_tasks(
      count, [](void* context, int64_t index) { (*static_cast<Callable*>(context))(index); },
      const_cast<std::remove_const_t<Callable>*>(std::addressof(f)));
}

/// Calls f(begin, end) for [0, n) cut into pieces of `grain`, the last one shorter.
template <class F>
void parallel_chunks(int64_t n, int64_t grain, F&& f) {
  parallel_for((n + grain - 1) / grain, [&](int64_t piece) {
    const int64_t begin = piece * grain;
    f(begin, begin + grain < n ? begin + grain : n);
  });
}

}  // namespace loam
