#include "loam/formats/lines.h"

#include <algorithm>
#include <cstring>

namespace loam {

bool LineReader::fill() {
  if (done_) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const size_t wanted = std::max(end_ * 2, end_ + (size_t{128} << 10));
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  const int64_t n = source_(buffer_.data() + end_, static_cast<int64_t>(buffer_.size() - end_));
  if (n == 0) done_ = true;
  end_ += static_cast<size_t>(n);
  return n > 0;
}

bool LineReader::next(std::string_view& line) {
  cut_ = false;
  for (size_t looked = 0;;) {
    if (looked < end_ - begin_) {
      if (const void* at = std::memchr(buffer_.data() + begin_ + looked, '\n', end_ - begin_ - looked)) {
        const size_t length = static_cast<size_t>(static_cast<const char*>(at) - (buffer_.data() + begin_)) + 1;
        line = std::string_view(buffer_).substr(begin_, length);
        begin_ += length;
        break;
      }
    }
    looked = end_ - begin_;
    if (static_cast<int64_t>(looked) > limit_) {
      cut_ = true;
      break;
    }
    if (!fill()) {
      if (looked == 0) return false;
      line = std::string_view(buffer_).substr(begin_, looked);
      begin_ = end_;
      break;
    }
  }
  ++number_;
  if (cut_) {
    // What was read so far is the line; the rest goes through the buffer's end, unseen.
    const size_t kept = end_ - begin_;
    std::string skip(size_t{128} << 10, '\0');
    std::string tail;
    for (;;) {
      const int64_t n = source_(skip.data(), static_cast<int64_t>(skip.size()));
      if (n == 0) {
        done_ = true;
        break;
      }
      if (const void* at = std::memchr(skip.data(), '\n', static_cast<size_t>(n))) {
        const size_t past = static_cast<size_t>(static_cast<const char*>(at) - skip.data()) + 1;
        tail.assign(skip, past, static_cast<size_t>(n) - past);
        break;
      }
    }
    const size_t begin = begin_;
    if (buffer_.size() < end_ + tail.size()) buffer_.resize(end_ + tail.size());
    std::memcpy(buffer_.data() + end_, tail.data(), tail.size());
    end_ += tail.size();
    line = std::string_view(buffer_).substr(begin, std::min(kept, static_cast<size_t>(limit_)));
    begin_ = begin + kept;
  }
  return true;
}

}  // namespace loam
