// Work that may be done before its turn: by a thread with nothing better to do, else by the one that needs it.
//
//   SpareWork spare(4, [&] { changed.notify_one(); });
//   const auto piece = spare.offer([block] { block->unpack(); });  // by who will need it
//   while (spare.help()) {}                                         // by a thread that has time
//   piece->finish();                                                // done by now, or done here
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>

namespace loam {

class SpareWork {
 public:
  class Piece {
   public:
    Piece(std::function<void()> work, std::shared_ptr<std::atomic<int>> alive) : work_(std::move(work)), alive_(std::move(alive)) { ++*alive_; }
    ~Piece() { --*alive_; }
    Piece(const Piece&) = delete;
    Piece& operator=(const Piece&) = delete;

    /// Returns once the work is done; does it here if nobody has begun. What it threw is thrown here, each time.
    void finish();

   private:
    friend class SpareWork;
    bool begin();  ///< true to one caller, who has to call run()
    void run();
    std::mutex mutex_;
    std::condition_variable done_;
    enum class State { waiting, running, done } state_ = State::waiting;
    std::function<void()> work_;
    std::shared_ptr<std::atomic<int>> alive_;
    std::exception_ptr error_;
  };

  /// No more than `most` pieces are wanted at a time, in all: see room(). `offered` is called, on the offering thread,
  /// when there is something to help with.
  explicit SpareWork(int most, std::function<void()> offered = {}) : most_(most), offered_(std::move(offered)) {}

  /// Whether another piece is wanted. Pieces count from offer() until their holder lets go of them, so this bounds the
  /// memory of what was done early. It is no promise: two threads may see the last place.
  bool room() const { return alive_->load() < most_; }
  /// Work that depends on nothing but what it holds. Who lets go of the piece before it was begun takes it back.
  std::shared_ptr<Piece> offer(std::function<void()> work);
  bool waiting() const;
  /// Does one piece; false if none waits.
  bool help();

 private:
  const int most_;
  std::function<void()> offered_;
  std::shared_ptr<std::atomic<int>> alive_ = std::make_shared<std::atomic<int>>(0);
  mutable std::mutex mutex_;
  std::deque<std::weak_ptr<Piece>> waiting_;  // some of them begun or gone by now
};

}  // namespace loam
