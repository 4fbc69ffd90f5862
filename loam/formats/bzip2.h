// bzip2 files, their blocks unpacked on as many threads as have time.
//
//   Bzip2Reader in(open_stored(file), &spare);
//   while (int64_t n = in.read(buffer, size)) use(buffer, n);
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loam/base/spare_work.h"
#include "loam/formats/bytes.h"

namespace loam {

bool begins_as_bzip2(std::string_view head);

/// Finds the marks between the blocks of a bzip2 file: 48 bits, at any bit, that begin a block (the decimals of pi) or
/// end a stream (those of its square root). Packed data may hold them by chance, once in 2^47 bits.
class Bzip2Marks {
 public:
  static constexpr int kBits = 48;
  struct Mark {
    int64_t bit;   ///< where it begins, counted from the first byte added
    bool block;    ///< else a stream's end
  };
  void add(std::string_view bytes, std::vector<Mark>& found);

 private:
  uint64_t last_ = 0;     // the last eight bytes
  int64_t bytes_ = 0;
};

/// The bytes of all streams of a file (`bzip2`, `pbzip2`, multistream dumps), one after the other; what follows the last
/// stream is let be, as bzip2 does. Each block's checksum and each stream's is held to before a byte is given. A block unpacks to 50 MB at
/// most; one of more than 4 MiB is unpacked twice and never held. Memory: the packed bytes of the blocks ahead, 4 MiB for
/// unpacking one, and 4 MiB at most for each that `spare` lets be unpacked early.
class Bzip2Reader {
 public:
  explicit Bzip2Reader(ReadBytes packed, SpareWork* spare = nullptr);
  ~Bzip2Reader();
  Bzip2Reader(Bzip2Reader&&) noexcept;

  /// Up to `limit` bytes; 0 at the end. Throws Error{input} with the place where the file is damaged or cut off; all
  /// bytes before that block have been given by then.
  int64_t read(char* into, int64_t limit);
  /// After read() has thrown: to the next block that is whole, whose bytes then follow. False if there is none.
  bool go_on();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace loam
