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
  const auto limit = static_cast<size_t>(limit_);
  for (size_t looked = 0;;) {
    const size_t have = end_ - begin_;
    if (looked < have) {
      if (const void* at = std::memchr(buffer_.data() + begin_ + looked, '\n', have - looked)) {
        const size_t length = static_cast<size_t>(static_cast<const char*>(at) - (buffer_.data() + begin_)) + 1;
        line = std::string_view(buffer_).substr(begin_, std::min(length, limit));
        cut_ = length > limit;
        begin_ += length;
        break;
      }
    }
    if (have > limit) {
      skip_line(limit);
      line = std::string_view(buffer_).substr(begin_, limit);
      cut_ = true;
      begin_ += limit;
      break;
    }
    looked = have;
    if (!fill()) {
      if (have == 0) return false;
      line = std::string_view(buffer_).substr(begin_, have);
      begin_ = end_;
      break;
    }
  }
  ++number_;
  return true;
}

/// Of a line that has no end yet the first `kept` bytes stay; behind them comes what follows the line.
void LineReader::skip_line(size_t kept) {
  end_ = begin_ + kept;
  std::string piece(size_t{128} << 10, '\0');
  for (;;) {
    const int64_t n = source_(piece.data(), static_cast<int64_t>(piece.size()));
    if (n == 0) {
      done_ = true;
      return;
    }
    const void* at = std::memchr(piece.data(), '\n', static_cast<size_t>(n));
    if (at == nullptr) continue;
    const size_t past = static_cast<size_t>(static_cast<const char*>(at) - piece.data()) + 1, rest = static_cast<size_t>(n) - past;
    if (buffer_.size() < end_ + rest) buffer_.resize(end_ + rest);
    std::memcpy(buffer_.data() + end_, piece.data() + past, rest);
    end_ += rest;
    return;
  }
}

}  // namespace loam
