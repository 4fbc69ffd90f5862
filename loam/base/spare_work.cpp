#include "loam/base/spare_work.h"

#include <utility>

namespace loam {

bool SpareWork::Piece::begin() {
  std::lock_guard lock(mutex_);
  if (state_ != State::waiting) return false;
  state_ = State::running;
  return true;
}

void SpareWork::Piece::run() {
  try {
    work_();
  } catch (...) {
    error_ = std::current_exception();
  }
  work_ = nullptr;  // what it held is not needed any more
  {
    std::lock_guard lock(mutex_);
    state_ = State::done;
  }
  done_.notify_all();
}

void SpareWork::Piece::finish() {
  if (begin()) {
    run();
  } else {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return state_ == State::done; });
  }
  if (error_) std::rethrow_exception(error_);
}

std::shared_ptr<SpareWork::Piece> SpareWork::offer(std::function<void()> work) {
  auto piece = std::make_shared<Piece>(std::move(work), alive_);
  {
    std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [](const auto& each) { return each.expired(); });  // a handful: see room()
    waiting_.push_back(piece);
  }
  if (offered_) offered_();
  return piece;
}

bool SpareWork::waiting() const {
  std::lock_guard lock(mutex_);
  return !waiting_.empty();
}

bool SpareWork::help() {
  for (;;) {
    std::shared_ptr<Piece> piece;
    {
      std::lock_guard lock(mutex_);
      if (waiting_.empty()) return false;
      piece = waiting_.front().lock();
      waiting_.pop_front();
    }
    if (piece && piece->begin()) {
      piece->run();
      return true;
    }
  }
}

}  // namespace loam
