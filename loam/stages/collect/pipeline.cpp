#include "loam/stages/collect/pipeline.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "loam/base/stop.h"
#include "loam/base/threads.h"

namespace loam {
namespace {

using Key = std::pair<int64_t, int64_t>;  // stream, batch

class Engine {
 public:
  Engine(OrderedWork& work, int64_t first, int64_t window_bytes)
      : work_(work), count_(work.streams()), window_(window_bytes), spare_(threads() > 1 ? 2 * threads() : 0, [this] { wake_one(); }), next_stream_(first), write_(first, 0) {}

  /// One thread's share. Any number of threads may run it, one alone does everything.
  void run() {
    std::unique_lock lock(mutex_);
    while (!error_ && write_.first < count_) {
      try {
        if (!consuming_ && stop_requested()) {
          consuming_ = true;
          Unlocked open(lock);
          work_.interrupted();
        } else if (!step(lock)) {
          // Others are at it; now and then a look at the stop flag.
          changed_.wait_for(lock, std::chrono::milliseconds(200));
        }
      } catch (...) {
        if (!error_) error_ = std::current_exception();
      }
      if (error_ || write_.first >= count_) changed_.notify_all();
    }
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  /// The lock given back for the length of a scope.
  struct Unlocked {
    explicit Unlocked(std::unique_lock<std::mutex>& given) : lock(given) { lock.unlock(); }
    ~Unlocked() { lock.lock(); }
    std::unique_lock<std::mutex>& lock;
  };

  struct OpenStream {
    std::unique_ptr<OrderedWork::Stream> stream;
    bool reading = false, ended = false;
    int64_t next_batch = 0;
  };

  /// Does one piece of work; false if there is none. What is furthest along goes first: that frees memory.
  bool step(std::unique_lock<std::mutex>& lock) { return consume(lock) || process(lock) || read(lock) || help(lock); }

  /// Work that a reading thread would come to: block after block of one packed file.
  bool help(std::unique_lock<std::mutex>& lock) {
    if (!spare_.waiting()) return false;
    Unlocked open(lock);
    spare_.help();
    return true;  // things may have changed meanwhile
  }

  void wake_one() {
    // With the lock, or one that has just found nothing to do would miss it.
    std::lock_guard lock(mutex_);
    changed_.notify_one();
  }

  bool consume(std::unique_lock<std::mutex>& lock) {
    const auto it = done_.find(write_);
    if (consuming_ || it == done_.end()) return false;
    consuming_ = true;
    const std::unique_ptr<OrderedWork::Batch> batch = std::move(it->second);
    done_.erase(it);
    {
      Unlocked open(lock);
      work_.consume(write_.first, *batch);
    }
    consuming_ = false;
    held_bytes_ -= batch->bytes;
    if (batch->last) {
      open_.erase(write_.first);
      write_ = {write_.first + 1, 0};
    } else {
      ++write_.second;
    }
    changed_.notify_all();
    return true;
  }

  bool process(std::unique_lock<std::mutex>& lock) {
    if (raw_.empty()) return false;
    auto node = raw_.extract(raw_.begin());
    OrderedWork::Batch& batch = *node.mapped();
    const int64_t before = batch.bytes;
    {
      Unlocked open(lock);
      work_.process(batch);
    }
    held_bytes_ += batch.bytes - before;
    done_.insert(std::move(node));
    changed_.notify_all();
    return true;
  }

  bool read(std::unique_lock<std::mutex>& lock) {
    // Over the window only the batch that is waited for may be read.
    const bool full = held_bytes_ >= window_;
    int64_t chosen = -1;
    for (const auto& [number, stream] : open_) {
      if (stream.reading || stream.ended) continue;
      if (full && !(number == write_.first && stream.next_batch == write_.second)) continue;
      chosen = number;
      break;
    }
    const bool may_open = next_stream_ < count_ && static_cast<int64_t>(open_.size()) < work_.most_open();
    if (chosen < 0 && may_open && (!full || next_stream_ == write_.first)) {
      chosen = next_stream_++;
      open_[chosen];
    }
    if (chosen < 0) return false;
    OpenStream& stream = open_[chosen];
    stream.reading = true;
    std::unique_ptr<OrderedWork::Batch> batch;
    {
      Unlocked open(lock);
      if (!stream.stream) stream.stream = work_.open(chosen, spare_);
      batch = stream.stream->read();
    }
    stream.reading = false;
    stream.ended = batch->last;
    if (stream.ended) stream.stream.reset();  // its file need not stay open until all is written
    held_bytes_ += batch->bytes;
    raw_.emplace(Key(chosen, stream.next_batch++), std::move(batch));
    changed_.notify_all();
    return true;
  }

  OrderedWork& work_;
  const int64_t count_, window_;
  std::mutex mutex_;
  std::condition_variable changed_;
  SpareWork spare_;
  std::map<int64_t, OpenStream> open_;
  std::map<Key, std::unique_ptr<OrderedWork::Batch>> raw_, done_;
  int64_t next_stream_;
  Key write_;
  int64_t held_bytes_ = 0;
  bool consuming_ = false;
  std::exception_ptr error_;
};

}  // namespace

int64_t OrderedWork::most_open() const { return 4 + 2 * static_cast<int64_t>(threads()); }

void run_ordered(OrderedWork& work, int64_t first, int64_t window_bytes) {
  Engine engine(work, first, window_bytes);
  parallel_for(threads(), [&](int64_t) { engine.run(); });
  engine.rethrow();
}

}  // namespace loam
