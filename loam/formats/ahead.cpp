#include "loam/formats/ahead.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace loam {
namespace {

constexpr size_t kAheadBytes = size_t{256} << 10;

class ReadAhead {
 public:
  ReadAhead(ReadBytes source, SpareWork* spare) : source_(std::move(source)), spare_(spare) {}
  ~ReadAhead() {
    if (!piece_) return;
    try {
      piece_->finish();  // it uses what goes now
    } catch (...) {  // nobody asks any more
    }
  }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  int64_t read(char* into, int64_t limit) {
    if (at_ == size_) {
      at_ = size_ = 0;
      if (!piece_) {
        const int64_t n = source_(into, limit);
        if (n > 0) ask();
        return n;
      }
      const auto piece = std::exchange(piece_, nullptr);
      piece->finish();
      now_.swap(next_);
      size_ = next_size_;
      if (size_ == 0) return 0;
      ask();
    }
    const size_t n = std::min(size_ - at_, static_cast<size_t>(limit));
    std::memcpy(into, now_.data() + at_, n);
    at_ += n;
    return static_cast<int64_t>(n);
  }

 private:
  void ask() {
    if (!spare_->room()) return;
    next_.resize(kAheadBytes);
    piece_ = spare_->offer([this] { next_size_ = static_cast<size_t>(source_(next_.data(), static_cast<int64_t>(next_.size()))); });
  }

  ReadBytes source_;
  SpareWork* spare_;
  std::string now_, next_;
  size_t at_ = 0, size_ = 0, next_size_ = 0;
  std::shared_ptr<SpareWork::Piece> piece_;
};

}  // namespace

void UnpackAhead::offer(int64_t begin, int64_t end, std::function<std::vector<UnpackedPart>()> unpack) {
  auto parts = std::make_shared<std::vector<UnpackedPart>>();
  auto piece = spare_->offer([parts, unpack = std::move(unpack)] { *parts = unpack(); });
  stretches_.push_back({begin, end, std::move(parts), std::move(piece)});
}

bool UnpackAhead::take(int64_t at, UnpackedPart& part) {
  while (!stretches_.empty() && stretches_.front().end <= at) stretches_.pop_front();
  if (stretches_.empty() || stretches_.front().begin > at) return false;
  Stretch& stretch = stretches_.front();
  stretch.piece->finish();
  std::vector<UnpackedPart>& parts = *stretch.parts;
  while (stretch.next < parts.size() && parts[stretch.next].begin < at) parts[stretch.next++].bytes = std::string();
  if (stretch.next == parts.size() || parts[stretch.next].begin != at) return false;
  part = std::move(parts[stretch.next++]);
  return true;
}

ReadBytes read_ahead(ReadBytes source, SpareWork* spare) {
  if (spare == nullptr) return source;
  return [reader = std::make_shared<ReadAhead>(std::move(source), spare)](char* into, int64_t limit) { return reader->read(into, limit); };
}

}  // namespace loam
