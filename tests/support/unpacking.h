// Readers of packed files in tests: all they give, with helping threads and without.
#pragma once

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "loam/base/spare_work.h"
#include "loam/formats/bytes.h"

namespace loam {

/// Threads that do nothing but help.
class HelpingThreads {
 public:
  explicit HelpingThreads(int count) : spare(2 * (count + 1)) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        while (!over_) {
          if (!spare.help()) std::this_thread::yield();
        }
      });
    }
  }
  ~HelpingThreads() {
    over_ = true;
    for (auto& thread : threads_) thread.join();
  }
  SpareWork spare;

 private:
  std::atomic<bool> over_ = false;
  std::vector<std::thread> threads_;
};

inline std::string random_numbers(size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string out;
  while (out.size() < bytes) out += std::to_string(random() % 50000) + (random() % 9 == 0 ? "\n" : " ");
  return out;
}

/// What a reader gives until its end or its Error, which goes to `error`.
template <class Reader>
std::string all_of(Reader&& in, int64_t step, std::string* error = nullptr) {
  std::string out, piece(static_cast<size_t>(step), '\0');
  try {
    while (const int64_t n = in.read(piece.data(), step)) out.append(piece, 0, static_cast<size_t>(n));
  } catch (const std::exception& e) {
    if (error == nullptr) throw;
    *error = e.what();
  }
  return out;
}

/// For all_of().
struct AsReader {
  ReadBytes source;
  int64_t read(char* into, int64_t limit) const { return source(into, limit); }
};

inline ReadBytes in_steps(std::string_view text, int64_t step) {
  return [read = read_text(text), step](char* into, int64_t limit) mutable { return read(into, std::min(limit, step)); };
}

}  // namespace loam
