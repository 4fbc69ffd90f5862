#include "loam/base/threads.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "loam/base/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace loam {
namespace {

thread_local bool inside_task = false;

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

/// A thread's tasks of a job. The same stretch of every job's tasks: what one job left in a core's own cache, the next finds.
struct alignas(64) Share {
  std::atomic<int64_t> next = 0;
  int64_t end = 0;
};

/// Workers spin a little between jobs (a training step is hundreds of short ones), then sleep.
class Team {
 public:
  explicit Team(int size) : shares_(static_cast<size_t>(size)) {
    // With more threads than cores a spinning thread only keeps a working one from running.
    spins_ = size <= hardware_threads() ? 20000 : 0;  // before they begin: they read it
    for (int i = 1; i < size; ++i) workers_.emplace_back([this, i] { work(i); });
  }

  ~Team() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  void run(int64_t count, detail::Task task, void* context) {
    task_ = task;
    context_ = context;
    error_ = nullptr;
    const int64_t each = count / size(), more = count % size();  // the first `more` shares have one task more
    int64_t begin = 0;
    for (int64_t i = 0; i < size(); ++i) {
      Share& share = shares_[static_cast<size_t>(i)];
      share.next.store(begin, std::memory_order_relaxed);
      begin = share.end = begin + each + (i < more ? 1 : 0);
    }
    busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0) {
      std::lock_guard lock(mutex_);
      wake_.notify_all();
    }
    take_tasks(0);
    for (int spin = 0; busy_.load(std::memory_order_acquire) > 0; ++spin) {
      if (spin < spins_) {
        relax();
      } else {
        std::this_thread::yield();
      }
    }
    if (error_) std::rethrow_exception(error_);
  }

 private:
  /// Its own share, then what is left of the others'.
  void take_tasks(size_t own) {
    inside_task = true;
    for (size_t i = 0; i < shares_.size(); ++i) {
      Share& share = shares_[(own + i) % shares_.size()];
      for (;;) {
        const int64_t index = share.next.fetch_add(1, std::memory_order_relaxed);
        if (index >= share.end) break;
        try {
          task_(context_, index);
        } catch (...) {
          std::lock_guard lock(mutex_);
          if (!error_) error_ = std::current_exception();
          for (Share& each : shares_) each.next.store(each.end, std::memory_order_relaxed);
        }
      }
    }
    inside_task = false;
  }

  void work(int own) {
    uint64_t seen = 0;
    for (;;) {
      int spin = 0;
      while (generation_.load(std::memory_order_acquire) == seen) {
        if (spin < spins_) {
          ++spin;
          relax();
          continue;
        }
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1, std::memory_order_seq_cst);
        wake_.wait(lock, [&] { return generation_.load(std::memory_order_seq_cst) != seen; });
        sleepers_.fetch_sub(1, std::memory_order_seq_cst);
      }
      ++seen;
      if (stop_) return;
      take_tasks(static_cast<size_t>(own));
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::vector<Share> shares_;
  std::vector<std::thread> workers_;
  int spins_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<int> sleepers_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;

  detail::Task task_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<uint64_t> generation_ = 0;
  alignas(64) std::atomic<int> busy_ = 0;
};

std::mutex team_mutex;
std::unique_ptr<Team> the_team;
std::atomic<int> wanted_size = 0;

}  // namespace

int hardware_threads() {
  static const int count = [] {
    const int n = static_cast<int>(std::thread::hardware_concurrency());
    return n > 0 ? n : 1;
  }();
  return count;
}

int threads() {
  const int n = wanted_size.load();
  return n > 0 ? n : hardware_threads();
}

void set_threads(int n) {
  require(n >= 1 && n <= 4096, "--threads ", n, " is not in 1..4096");
  std::lock_guard lock(team_mutex);
  wanted_size = n;
  the_team.reset();
}

void detail::run_tasks(int64_t count, Task task, void* context) {
  if (count <= 0) return;
  // One thread of ours at a time drives the team; a second one, or a task, does its work alone.
  std::unique_lock lock(team_mutex, std::defer_lock);
  if (count == 1 || inside_task || threads() == 1 || !lock.try_lock()) {
    for (int64_t i = 0; i < count; ++i) task(context, i);
    return;
  }
  if (!the_team) the_team = std::make_unique<Team>(threads());
  the_team->run(count, task, context);
}

}  // namespace loam
