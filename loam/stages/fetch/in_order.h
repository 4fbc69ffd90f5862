// Work done by several threads, its results taken in the order of the jobs, with only so many under way.
//
//   run_in_order<Job, Result>(4, 64, next_job, [&](int64_t worker, const Job& job) { return work(job); }, take);
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace loam {

/// `next` gives jobs one after the other (one thread at a time; none: the end), `work` runs on any of the `workers`, and
/// `take`, on the calling thread, gets each job with its result in order; false ends it all. No more than `window` jobs are
/// begun and not taken. The first exception of `next` or `work` is thrown here when its turn comes, after all before it
/// were taken; threads are joined before this returns or throws.
template <class Job, class Result, class Next, class Work, class Take>
void run_in_order(int64_t workers, int64_t window, Next&& next, Work&& work, Take&& take) {
  struct Done {
    Job job;
    std::optional<Result> result;
    std::exception_ptr thrown;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::map<int64_t, Done> ready;
  int64_t begun = 0, taken = 0;
  bool ended = false, stopped = false;
  auto body = [&](int64_t worker) {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stopped || ended || begun - taken < window; });
      if (stopped || ended) return;
      Done done;
      const int64_t number = begun;
      try {
        std::optional<Job> job = next();
        if (!job) {
          ended = true;
          changed.notify_all();
          return;
        }
        done.job = std::move(*job);
        ++begun;
        lock.unlock();
        done.result = work(worker, done.job);
      } catch (...) {
        done.thrown = std::current_exception();
      }
      if (!lock.owns_lock()) {
        lock.lock();
      } else {  // next() threw: nothing comes behind it
        ended = true;
        ++begun;
      }
      ready.emplace(number, std::move(done));
      changed.notify_all();
    }
  };
  std::vector<std::thread> team;
  for (int64_t i = 0; i < workers; ++i) team.emplace_back(body, i);
  std::exception_ptr thrown;
  try {
    for (;;) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return ready.contains(taken) || (ended && begun == taken); });
      if (!ready.contains(taken)) break;
      Done done = std::move(ready.extract(taken).mapped());
      lock.unlock();
      if (done.thrown) std::rethrow_exception(done.thrown);
      if (!take(done.job, *done.result)) break;
      lock.lock();
      ++taken;
      changed.notify_all();
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex);
    stopped = true;
    changed.notify_all();
  }
  for (std::thread& thread : team) thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace loam
