#include "loam/formats/bzip2.h"

#include <bzlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <deque>
#include <new>
#include <utility>

#include "loam/base/error.h"
#include "loam/formats/ahead.h"

namespace loam {
namespace {

constexpr uint64_t kBlock = 0x314159265359, kEnd = 0x177245385090, kMarkBits = (uint64_t{1} << 48) - 1;
constexpr int64_t kHeaderBits = 32;                        // "BZh9"
constexpr size_t kFill = size_t{256} << 10;                // of the packed file at a time
constexpr int64_t kLongestBlock = int64_t{8} * (3 << 20);  // bits: 900,000 symbols of 20 bits and their tables are less
constexpr size_t kEarlyBytes = size_t{4} << 20;            // a block unpacks to 0.9 MB unless letters run on and on
constexpr int kMostFalseBlocks = 100;                            // blocks that were looked at behind damage and were none
constexpr int kEndsTried = 16;                             // its table of letters alone can hold five false ones

/// A mark that ends in the last of eight bytes has the third of them whole, whatever bit it ends at: what that may be.
constexpr std::array<bool, 256> third_bytes() {
  std::array<bool, 256> out = {};
  for (const uint64_t mark : {kBlock, kEnd}) {
    for (int shift = 0; shift < 8; ++shift) out[mark >> (40 - shift) & 0xFF] = true;
  }
  return out;
}
constexpr std::array<bool, 256> kThird = third_bytes();

/// `count` (up to 56) bits from `bit` on, all of which `bytes` has.
uint64_t bits_at(std::string_view bytes, int64_t bit, int count) {
  uint64_t out = 0;
  const auto first = static_cast<size_t>(bit / 8), past = static_cast<size_t>((bit + count + 7) / 8);
  const int skip = static_cast<int>(bit % 8);
  for (size_t i = first; i < past && i < first + 8; ++i) out = out << 8 | static_cast<unsigned char>(bytes[i]);
  const int have = static_cast<int>(std::min<size_t>(past - first, 8)) * 8;
  return out >> (have - skip - count) & ((uint64_t{1} << count) - 1);
}

/// The block that stands in bits [begin, end), as a bzip2 file of one block. It begins with its mark and checksum, which
/// is also that of such a file.
std::string as_file(std::string_view bytes, int64_t begin, int64_t end) {
  const int64_t length = end - begin;
  const int shift = static_cast<int>(begin % 8);
  const auto from = static_cast<size_t>(begin / 8);
  const auto whole = static_cast<size_t>(length / 8);
  std::string out(4 + whole, '\0');
  std::memcpy(out.data(), "BZh9", 4);
  for (size_t i = 0; i < whole; ++i) {
    const unsigned high = static_cast<unsigned char>(bytes[from + i]);
    const unsigned low = shift == 0 ? 0 : static_cast<unsigned char>(bytes[from + i + 1]);
    out[4 + i] = static_cast<char>(high << shift | low >> (8 - shift));
  }
  uint64_t rest = 0;
  int have = 0;
  auto put = [&](uint64_t value, int count) {
    for (int i = count - 1; i >= 0; --i) {
      rest = rest << 1 | (value >> i & 1);
      if (++have == 8) {
        out += static_cast<char>(rest);
        rest = 0;
        have = 0;
      }
    }
  };
  if (length % 8 > 0) put(bits_at(bytes, begin + static_cast<int64_t>(whole) * 8, static_cast<int>(length % 8)), static_cast<int>(length % 8));
  put(kEnd, 48);
  put(bits_at(bytes, begin + 48, 32), 32);
  if (have > 0) put(0, 8 - have);
  return out;
}

class Decompressor {
 public:
  explicit Decompressor(std::string file) : file_(std::move(file)) {
    if (BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) throw std::bad_alloc();
    stream_.next_in = file_.data();
    stream_.avail_in = static_cast<unsigned>(file_.size());
  }
  ~Decompressor() { BZ2_bzDecompressEnd(&stream_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  enum class Outcome { more, done, damaged };
  /// Up to `limit` bytes to `into`.
  Outcome read(char* into, size_t limit, size_t& made) {
    stream_.next_out = into;
    stream_.avail_out = static_cast<unsigned>(std::min<size_t>(limit, size_t{1} << 30));
    const unsigned room = stream_.avail_out;
    const int code = BZ2_bzDecompress(&stream_);
    made = room - stream_.avail_out;
    // All of the file was there from the start: whatever wants more of it is damaged.
    if (code == BZ_STREAM_END) return stream_.avail_in == 0 ? Outcome::done : Outcome::damaged;
    return code == BZ_OK && stream_.avail_out == 0 ? Outcome::more : Outcome::damaged;
  }

 private:
  std::string file_;
  bz_stream stream_ = {};
};

/// Whether the block is whole, however long it is.
bool is_whole(std::string file) {
  Decompressor in(std::move(file));
  std::string room(size_t{1} << 20, '\0');
  for (;;) {
    size_t made = 0;
    const auto outcome = in.read(room.data(), room.size(), made);
    if (outcome != Decompressor::Outcome::more) return outcome == Decompressor::Outcome::done;
  }
}

/// The whole block, unless it is damaged or long.
std::vector<UnpackedPart> unpack_early(std::string file, int64_t begin, int64_t end) {
  Decompressor in(std::move(file));
  UnpackedPart part{begin, end, std::string(size_t{1} << 20, '\0')};
  size_t have = 0;
  for (;;) {
    size_t made = 0;
    const auto outcome = in.read(part.bytes.data() + have, part.bytes.size() - have, made);
    have += made;
    if (outcome == Decompressor::Outcome::damaged || part.bytes.size() >= kEarlyBytes) return {};
    if (outcome == Decompressor::Outcome::done) break;
    part.bytes.resize(part.bytes.size() * 2);
  }
  part.bytes.resize(have);
  std::vector<UnpackedPart> out;
  out.push_back(std::move(part));
  return out;
}

}  // namespace

bool begins_as_bzip2(std::string_view head) { return head.size() >= 4 && head.starts_with("BZh") && head[3] >= '1' && head[3] <= '9'; }

void Bzip2Marks::add(std::string_view bytes, std::vector<Mark>& found) {
  const auto* in = reinterpret_cast<const unsigned char*>(bytes.data());
  uint64_t last = last_;
  for (size_t i = 0; i < bytes.size(); ++i) {
    last = last << 8 | in[i];
    if (!kThird[last >> 40 & 0xFF]) continue;
    const int64_t end = (bytes_ + static_cast<int64_t>(i) + 1) * 8;
    for (int shift = 7; shift >= 0; --shift) {  // bits of this byte behind the mark
      const uint64_t seen = last >> shift & kMarkBits;
      if ((seen == kBlock || seen == kEnd) && end - shift >= kBits) found.push_back({end - shift - kBits, seen == kBlock});
    }
  }
  last_ = last;
  bytes_ += static_cast<int64_t>(bytes.size());
}

struct Bzip2Reader::State {
  State(ReadBytes packed, SpareWork* spare) : source(std::move(packed)), ahead(spare) {}

  ReadBytes source;
  UnpackAhead ahead;
  std::string window;          // packed bytes from `base` on
  int64_t base = 0, at = 0;    // byte; bit of the file: what is read next
  bool source_ended = false, in_stream = false, ended = false;
  int false_blocks = 0;
  bool torn = false;           // blocks of this stream are missing: its checksum says nothing
  uint32_t checksum = 0;       // of the stream's blocks so far
  Bzip2Marks finder;
  std::deque<Bzip2Marks::Mark> marks;  // behind `at`, or there
  int64_t offered = 0;         // blocks that begin before this bit were offered, or are past

  UnpackedPart early;          // a block that was unpacked before
  size_t early_at = 0;
  std::unique_ptr<Decompressor> block;  // one that is unpacked now, from `at` to `block_end`
  int64_t block_end = 0;

  int64_t have_bits() const { return (base + static_cast<int64_t>(window.size())) * 8; }
  uint64_t bits(int64_t bit, int count) const { return bits_at(window, bit - base * 8, count); }
  [[noreturn]] void damaged(const char* what) const { fail(ErrorKind::input, what, " at byte ", at / 8, " of the packed file"); }

  bool fill() {
    if (source_ended) return false;
    if (const int64_t past = at / 8 - base; past >= static_cast<int64_t>(kFill)) {
      window.erase(0, static_cast<size_t>(past));
      base += past;
    }
    const size_t had = window.size();
    source_ended = !append_read(source, window, kFill);
    std::vector<Bzip2Marks::Mark> found;
    finder.add(std::string_view(window).substr(had), found);
    marks.insert(marks.end(), found.begin(), found.end());
    return !source_ended;
  }

  bool have(int64_t count) {
    while (have_bits() - at < count && fill()) {
    }
    return have_bits() - at >= count;
  }

  /// Moves into the next stream; false at the end of the file.
  bool begin_stream() {
    if (!have(kHeaderBits) || !begins_as_bzip2(std::string_view(window).substr(static_cast<size_t>(at / 8 - base), 4))) {
      if (at == 0) damaged("no bzip2 file");
      return false;
    }
    at += kHeaderBits;
    in_stream = true;
    torn = false;
    checksum = 0;
    return true;
  }

  void end_stream() {
    if (!have(Bzip2Marks::kBits + 32)) damaged("the file ends in the middle of a bzip2 stream");
    if (!torn && bits(at + Bzip2Marks::kBits, 32) != checksum) damaged("the bzip2 stream's checksum does not hold");
    at = (at + Bzip2Marks::kBits + 32 + 7) / 8 * 8;
    in_stream = false;
  }

  /// The `skip`-th mark behind `bit`, within the length of a block; -1 if there is none.
  int64_t mark_behind(int64_t bit, int skip) {
    for (size_t i = 0;;) {
      for (; i < marks.size(); ++i) {
        if (marks[i].bit - bit > kLongestBlock) return -1;
        if (marks[i].bit >= bit + Bzip2Marks::kBits && skip-- == 0) return marks[i].bit;
      }
      if (have_bits() - bit > kLongestBlock || !fill()) return -1;
    }
  }

  /// Hands out blocks as far as there is room for them.
  void look_ahead() {
    if (source_ended && marks.empty()) return;
    offered = std::max(offered, at);
    while (ahead.room()) {
      size_t i = 0;
      while (i < marks.size() && (marks[i].bit < offered || !marks[i].block)) ++i;
      if (i == marks.size()) {
        // No more than the blocks that have room lie in the window: three short ones, or a long one.
        if (have_bits() - at > 3 * kLongestBlock || !fill()) return;
        continue;
      }
      const int64_t begin = marks[i].bit, end = mark_behind(begin, 0);
      if (end < 0) return;
      offered = end;
      ahead.offer(begin, end, [file = as_file(window, begin - base * 8, end - base * 8), begin, end]() mutable { return unpack_early(std::move(file), begin, end); });
    }
  }

  /// Sets up the next block; false at the end of the file.
  bool next_block() {
    for (;;) {
      if (!in_stream && !begin_stream()) return false;
      if (!have(Bzip2Marks::kBits)) damaged("the file ends in the middle of a bzip2 stream");
      while (!marks.empty() && marks.front().bit < at) marks.pop_front();
      const uint64_t mark = bits(at, Bzip2Marks::kBits);
      if (mark == kBlock) break;
      if (mark != kEnd) damaged("neither a block nor the end of a bzip2 stream");
      end_stream();
    }
    if (!have(Bzip2Marks::kBits + 32)) damaged("the file ends in the middle of a bzip2 block");
    look_ahead();
    if (ahead.take(at, early)) {
      block_end = early.end;
      early_at = 0;
      end_block();
      return true;
    }
    if (!take_block()) damaged(source_ended && mark_behind(at, 0) < 0 ? "the file ends in the middle of a bzip2 block" : "a damaged bzip2 block");
    return true;
  }

  /// The block at `at`, to the first end behind it with which it is whole: marks may stand in it by chance.
  bool take_block() {
    for (int i = 0; i < kEndsTried; ++i) {
      block_end = mark_behind(at, i);
      if (block_end < 0) return false;
      auto file = [&] { return as_file(window, at - base * 8, block_end - base * 8); };
      if (auto parts = unpack_early(file(), at, block_end); !parts.empty()) {
        early = std::move(parts.front());
        early_at = 0;
        end_block();
        return true;
      }
      if (is_whole(file())) {
        block = std::make_unique<Decompressor>(file());
        return true;
      }
    }
    return false;
  }

  bool go_on() {
    early = {};
    early_at = 0;
    block.reset();
    torn = in_stream = true;
    for (++at;; ++at) {
      while (!marks.empty() && (marks.front().bit < at || !marks.front().block)) marks.pop_front();
      if (marks.empty()) {
        at = std::max(at, have_bits() - Bzip2Marks::kBits);  // what may be half a mark stays
        if (fill() || !marks.empty()) {
          --at;
          continue;
        }
        ended = true;
        return false;
      }
      at = marks.front().bit;
      if (have(Bzip2Marks::kBits + 32) && take_block()) return true;
      if (++false_blocks == kMostFalseBlocks) {
        ended = true;
        return false;
      }
    }
  }

  void end_block() {
    checksum = std::rotl(checksum, 1) ^ static_cast<uint32_t>(bits(at + Bzip2Marks::kBits, 32));
    at = block_end;
    block.reset();
  }

  int64_t read(char* into, int64_t limit) {
    while (!ended && limit > 0) {
      if (early_at < early.bytes.size()) {
        const size_t n = std::min(early.bytes.size() - early_at, static_cast<size_t>(limit));
        std::memcpy(into, early.bytes.data() + early_at, n);
        early_at += n;
        return static_cast<int64_t>(n);
      }
      if (!block && !next_block()) {
        ended = true;
        break;
      }
      if (!block) continue;
      size_t made = 0;
      const auto outcome = block->read(into, static_cast<size_t>(limit), made);
      if (outcome == Decompressor::Outcome::done) end_block();
      if (made > 0) return static_cast<int64_t>(made);
    }
    return 0;
  }
};

Bzip2Reader::Bzip2Reader(ReadBytes packed, SpareWork* spare) : state_(std::make_unique<State>(std::move(packed), spare)) {}
Bzip2Reader::~Bzip2Reader() = default;
Bzip2Reader::Bzip2Reader(Bzip2Reader&&) noexcept = default;
int64_t Bzip2Reader::read(char* into, int64_t limit) { return state_->read(into, limit); }
bool Bzip2Reader::go_on() { return state_->go_on(); }

}  // namespace loam
