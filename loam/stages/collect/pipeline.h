// Streams read in pieces, the pieces worked on by all threads, the results taken in order: the order of one thread.
//
//   class Copy : public OrderedWork { ... };
//   Copy work;
//   run_ordered(work, 0, 64 << 20);
#pragma once

#include <cstdint>
#include <memory>

#include "loam/base/spare_work.h"

namespace loam {

/// What run_ordered() drives. Streams are numbered from 0; each gives batches one after the other.
class OrderedWork {
 public:
  class Batch {
   public:
    virtual ~Batch() = default;
    int64_t bytes = 0;   ///< about how much memory it holds, kept up to date by read() and process()
    bool last = false;   ///< its stream has no more
  };
  class Stream {
   public:
    virtual ~Stream() = default;
    /// The next batch, never null; one thread at a time.
    virtual std::unique_ptr<Batch> read() = 0;
  };
  virtual ~OrderedWork() = default;
  virtual int64_t streams() const = 0;
  virtual int64_t most_open() const;  ///< streams read side by side: by default a few for each thread
  /// On any thread. What the stream can do before its turn it may offer to `spare`, which outlives it.
  virtual std::unique_ptr<Stream> open(int64_t stream, SpareWork& spare) = 0;
  virtual void process(Batch& batch) = 0;                     ///< on any thread, any order
  virtual void consume(int64_t stream, Batch& batch) = 0;     ///< in order, one at a time
  virtual void interrupted() = 0;                             ///< a stop was asked for; in place of consume(); throws
};

/// Works through the streams from `first` on. Batches that are read but not consumed hold about `window_bytes` in all
/// (more only if one batch alone does), whatever the streams' number and size. Streams are read side by side, and
/// batches of one stream worked on side by side; there is room for two pieces of spare work a thread (none on one thread).
/// The first exception stops the work and is thrown here.
void run_ordered(OrderedWork& work, int64_t first, int64_t window_bytes);

}  // namespace loam
