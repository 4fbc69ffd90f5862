// What is unpacked before its turn, on threads that have time: stretches of a packed file, where parts of it stand for
// themselves, or else the next block of a stream. The reader of the format stays what it is without them: it goes through
// the file in order, decides what comes where, and asks here first.
//
//   while (ahead.room() && find_stretch(begin, end)) ahead.offer(begin, end, [bytes] { return unpack(bytes); });
//   if (!ahead.take(at, part)) unpack_here(at);
//
//   ReadBytes in = read_ahead(unpacked, spare);
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loam/base/spare_work.h"
#include "loam/formats/bytes.h"

namespace loam {

/// A part of a packed file that stands for itself (a gzip member, a bzip2 block, a zstd frame), and what it holds.
struct UnpackedPart {
  int64_t begin = 0, end = 0;   ///< where it stands in the packed file: bytes, or bits where blocks end in their midst
  std::string bytes;
};

class UnpackAhead {
 public:
  explicit UnpackAhead(SpareWork* spare) : spare_(spare) {}  ///< null: nothing is done ahead

  bool room() const { return spare_ != nullptr && spare_->room(); }
  /// `unpack` gives the parts that begin in [begin, end), in order, as far as they are whole; stretches come in order.
  void offer(int64_t begin, int64_t end, std::function<std::vector<UnpackedPart>()> unpack);
  /// The part that begins at `at`; false if none was unpacked. Places only go up.
  bool take(int64_t at, UnpackedPart& part);

 private:
  struct Stretch {
    int64_t begin, end;
    std::shared_ptr<std::vector<UnpackedPart>> parts;
    std::shared_ptr<SpareWork::Piece> piece;
    size_t next = 0;
  };
  SpareWork* spare_;
  std::deque<Stretch> stretches_;
};

/// The bytes of `source`, its next 256 KiB asked for before they are wanted where `spare` has room. One thread at a time
/// calls it, never two, and none after the last copy of what is returned is gone. `spare` may be null.
ReadBytes read_ahead(ReadBytes source, SpareWork* spare);

}  // namespace loam
