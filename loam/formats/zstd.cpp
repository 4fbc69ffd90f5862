#include "loam/formats/zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/threads.h"
#include "loam/formats/ahead.h"

namespace loam {
namespace {

constexpr size_t kPiece = size_t{1} << 18;
constexpr int kJobBytes = 4 << 20;  // part of what decides the bytes: never from the number of threads

void check(size_t code, const fs::path& path, ErrorKind kind) {
  if (ZSTD_isError(code)) fail(kind, path, ": zstd: ", ZSTD_getErrorName(code));
}

}  // namespace

struct ZstdFileWriter::Stream {
  Stream(const fs::path& path_in, int level) : path(path_in), file(path_in), context(ZSTD_createCCtx()), out(kPiece, '\0') {
    auto set = [&](ZSTD_cParameter what, int value) { check(ZSTD_CCtx_setParameter(context, what, value), path, ErrorKind::internal); };
    set(ZSTD_c_compressionLevel, level);
    set(ZSTD_c_checksumFlag, 1);
    // One worker and many give the same bytes, none gives others: so never none. A library built without threads
    // refuses; its bytes are then its own.
    if (!ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_nbWorkers, std::clamp(threads(), 1, 16)))) set(ZSTD_c_jobSize, kJobBytes);
  }
  ~Stream() { ZSTD_freeCCtx(context); }

  /// Feeds `in` with `how`; with ZSTD_e_end until all is out.
  void feed(std::string_view bytes, ZSTD_EndDirective how) {
    ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
    for (;;) {
      ZSTD_outBuffer to = {out.data(), out.size(), 0};
      const size_t left = ZSTD_compressStream2(context, &to, &in, how);
      check(left, path, ErrorKind::internal);
      file.write(out.data(), static_cast<int64_t>(to.pos));
      if (how == ZSTD_e_end ? left == 0 : in.pos == in.size) return;
    }
  }

  fs::path path;
  AtomicFile file;
  ZSTD_CCtx* context;
  std::string out, pending;
};

ZstdFileWriter::ZstdFileWriter(const fs::path& path, int level) : stream_(std::make_unique<Stream>(path, level)) {}
ZstdFileWriter::~ZstdFileWriter() = default;

void ZstdFileWriter::write(std::string_view bytes) {
  // Fed in equal pieces, so that the cut into writes cannot matter.
  Stream& s = *stream_;
  while (!bytes.empty()) {
    const size_t take = std::min(bytes.size(), kPiece - s.pending.size());
    s.pending.append(bytes.substr(0, take));
    bytes.remove_prefix(take);
    if (s.pending.size() == kPiece) {
      s.feed(s.pending, ZSTD_e_continue);
      s.pending.clear();
    }
  }
}

void ZstdFileWriter::commit() {
  stream_->feed(stream_->pending, ZSTD_e_end);
  stream_->file.commit();
}

namespace {

constexpr uint32_t kFrameMagic = 0xFD2FB528, kFrameSkippable = 0x184D2A50, kFrameDictionary = 0x184D2A5D, kFrameRawDictionary = 0xEC30A437;
constexpr size_t kFrameHeader = 18;  // of a frame at most
constexpr size_t kFrameFill = size_t{256} << 10;  // of the packed file at a time
constexpr size_t kFrameFirstWindow = size_t{4} << 20;  // of it at hand, to see whether frames are short
constexpr size_t kFrameWindow = size_t{16} << 20;  // where they are
constexpr size_t kFrameStep = 5;  // what a frame wants first
constexpr size_t kFrameStretch = size_t{256} << 10;  // of short frames, unpacked early in one go
constexpr size_t kFrameEarlyBytes = size_t{8} << 20;  // that a stretch may unpack to
constexpr uint64_t kWidestFrame = uint64_t{1} << 27;  // its window
constexpr int kMostFalseFrames = 200;
constexpr size_t kFrameDictionaryMost = size_t{16} << 20;

uint32_t number_at(std::string_view bytes, size_t at) {
  uint32_t out = 0;
  for (size_t i = 4; i-- > 0;) out = out << 8 | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

bool skippable(uint32_t magic) { return (magic & ~uint32_t{15}) == kFrameSkippable; }

/// The window that a frame asks for (RFC 8878, 3.1.1.1), or the part of it that its header says. `header` is all of it.
uint64_t window_of(std::string_view header) {
  const auto byte = [&](size_t at) { return at < header.size() ? static_cast<unsigned char>(header[at]) : 0U; };
  if ((byte(4) & 0x20) != 0) {
    const unsigned long long content = ZSTD_getFrameContentSize(header.data(), header.size());
    return content == ZSTD_CONTENTSIZE_ERROR || content == ZSTD_CONTENTSIZE_UNKNOWN ? 0 : content;
  }
  const uint64_t base = uint64_t{1} << (10 + (byte(5) >> 3));
  return base + base / 8 * (byte(5) & 7);
}

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  void operator()(ZSTD_DDict* dictionary) const { ZSTD_freeDDict(dictionary); }
};
using Context = std::unique_ptr<ZSTD_DCtx, FreeContext>;
using Dictionary = std::shared_ptr<const ZSTD_DDict>;

Context new_context(const Dictionary& dictionary) {
  Context out(ZSTD_createDCtx());
  if (!out || ZSTD_isError(ZSTD_DCtx_refDDict(out.get(), dictionary.get())) != 0) throw std::bad_alloc();
  return out;
}

/// The frames of `packed`, which stands at `base` in its file, as far as they are good and short.
std::vector<UnpackedPart> unpack_frames(const std::string& packed, int64_t base, const Dictionary& dictionary) {
  const Context context = new_context(dictionary);
  std::vector<UnpackedPart> out;
  std::string frame;
  size_t spent = 0;
  for (size_t at = 0; at < packed.size() && spent <= kFrameEarlyBytes;) {
    const char* from = packed.data() + at;
    const size_t length = ZSTD_findFrameCompressedSize(from, packed.size() - at);
    if (ZSTD_isError(length) != 0) break;
    if (!skippable(number_at(packed, at))) {
      const unsigned long long said = ZSTD_getFrameContentSize(from, length);
      const bool unknown = said == ZSTD_CONTENTSIZE_UNKNOWN;
      if (said == ZSTD_CONTENTSIZE_ERROR || (!unknown && said > kFrameEarlyBytes - spent)) break;
      if (window_of({from, std::min(length, kFrameHeader)}) > kWidestFrame) break;
      frame.resize(unknown ? std::min(std::max(frame.size(), 4 * length), kFrameEarlyBytes) : static_cast<size_t>(said));
      size_t made = ZSTD_decompressDCtx(context.get(), frame.data(), frame.size(), from, length);
      while (unknown && ZSTD_getErrorCode(made) == ZSTD_error_dstSize_tooSmall && frame.size() < kFrameEarlyBytes) {
        frame.resize(std::min(2 * frame.size(), kFrameEarlyBytes));
        made = ZSTD_decompressDCtx(context.get(), frame.data(), frame.size(), from, length);
      }
      if (ZSTD_isError(made) != 0) break;
      spent += std::max(made, kFrameHeader);
      const int64_t begin = base + static_cast<int64_t>(at);
      if (made == frame.size()) {
        out.push_back({begin, begin + static_cast<int64_t>(length), std::move(frame)});
        frame = std::string();
      } else {
        out.push_back({begin, begin + static_cast<int64_t>(length), frame.substr(0, made)});
      }
    }
    at += length;
  }
  return out;
}

}  // namespace

bool begins_as_zstd(std::string_view head) {
  while (head.size() >= 8 && skippable(number_at(head, 0))) {
    const size_t length = 8 + static_cast<size_t>(number_at(head, 4));
    if (length >= head.size()) return true;
    head.remove_prefix(length);
  }
  return head.size() >= 4 && number_at(head, 0) == kFrameMagic;
}

struct ZstdReader::State {
  State(ReadBytes packed, SpareWork* spare) : source(std::move(packed)), ahead(spare), context(new_context(nullptr)) {}

  ReadBytes source;
  UnpackAhead ahead;
  Dictionary dictionary;
  Context context;
  std::string window;
  size_t at = 0;         // into it: what is read next
  int64_t base = 0;      // where it stands in the file
  int64_t frame = 0;     // where the one that is read began
  bool source_ended = false, inside_frame = false;
  int64_t offered = 0;   // bytes of the file before this were offered, or are past
  int64_t hopeless = -1; // what begins here cannot be unpacked early
  int64_t starved = -1;  // the frame at `offered` was not whole when the file was here to this byte
  size_t most = kFrameFirstWindow;
  size_t wanted = kFrameStep; // bytes of a frame at a time: a block, so that a damaged one takes none before it along
  UnpackedPart early;    // frames that were unpacked before
  size_t early_at = 0;
  int false_frames = 0;  // that were looked at behind damage and were none

  int64_t place() const { return base + static_cast<int64_t>(at); }
  int64_t have() const { return base + static_cast<int64_t>(window.size()); }
  std::string_view left() const { return std::string_view(window).substr(at); }
  [[noreturn]] void damaged(const std::string& what) const { fail(ErrorKind::input, "zstd: ", what, ", in the frame at byte ", frame, " of the packed file"); }

  bool can_fill() const { return !source_ended && (window.size() < most || at >= most / 2 || at == window.size()); }

  /// More of the packed file at hand; false at its end, or where there is no room for more.
  bool fill() {
    if (!can_fill()) return false;
    if (at >= most / 2 || at == window.size()) {
      window.erase(0, at);
      base += static_cast<int64_t>(at);
      at = 0;
    }
    source_ended = !append_read(source, window, kFrameFill);
    return !source_ended;
  }

  /// The length of the whole frames from `offered` on that make a stretch; 0 if there is none.
  size_t stretch() {
    size_t length = 0;
    for (unsigned long long makes = 0; length < kFrameStretch && makes < kFrameEarlyBytes;) {
      const std::string_view rest = std::string_view(window).substr(static_cast<size_t>(offered - base) + length);
      const size_t size = ZSTD_findFrameCompressedSize(rest.data(), rest.size());
      if (ZSTD_isError(size) != 0) {
        const bool cut = ZSTD_getErrorCode(size) == ZSTD_error_srcSize_wrong;
        if (cut && fill()) continue;
        if (length == 0 && (!cut || source_ended || rest.size() >= most / 2)) hopeless = offered;
        starved = have();
        break;
      }
      const unsigned long long said = ZSTD_getFrameContentSize(rest.data(), size);
      makes += said == ZSTD_CONTENTSIZE_UNKNOWN || said == ZSTD_CONTENTSIZE_ERROR ? 4 * size : said;
      if (length > 0 && makes > kFrameEarlyBytes) break;
      if (makes > kFrameEarlyBytes && said != ZSTD_CONTENTSIZE_UNKNOWN) {
        hopeless = offered;
        break;
      }
      length += size;
    }
    return length;
  }

  /// Hands out frames as far as there is room for them.
  void look_ahead() {
    offered = std::max(offered, place());
    while (offered != hopeless && ahead.room() && (starved != have() || can_fill())) {
      const size_t length = stretch();
      if (length == 0) return;
      most = kFrameWindow;
      ahead.offer(offered, offered + static_cast<int64_t>(length), [packed = window.substr(static_cast<size_t>(offered - base), length), from = offered, words = dictionary] { return unpack_frames(packed, from, words); });
      offered += static_cast<int64_t>(length);
    }
  }

  /// A dictionary stands in a frame of its own, as it is or packed.
  void take_dictionary() {
    const size_t length = number_at(left(), 4);
    if (length > kFrameDictionaryMost) damaged(cat("a dictionary of ", length, " bytes, more than ", kFrameDictionaryMost));
    std::string bytes;
    at += 8;
    while (bytes.size() < length) {
      if (left().empty() && !fill()) damaged("the file ends inside a dictionary");
      const std::string_view some = left().substr(0, length - bytes.size());
      bytes += some;
      at += some.size();
    }
    if (length >= 4 && number_at(bytes, 0) == kFrameMagic) {
      std::string unpacked(kFrameDictionaryMost, '\0');
      const size_t made = ZSTD_decompressDCtx(context.get(), unpacked.data(), unpacked.size(), bytes.data(), bytes.size());
      if (ZSTD_isError(made) != 0) damaged(cat("a dictionary that cannot be unpacked: ", ZSTD_getErrorName(made)));
      bytes.assign(unpacked, 0, made);
    }
    if (bytes.size() < 8 || number_at(bytes, 0) != kFrameRawDictionary) return;  // of another use
    const std::shared_ptr<ZSTD_DDict> made(ZSTD_createDDict(bytes.data(), bytes.size()), FreeContext());
    if (!made) damaged("a damaged dictionary");
    dictionary = made;
    context = new_context(dictionary);
  }

  /// At the beginning of a frame: false at the end of the file.
  bool begin_frame() {
    while (left().size() < kFrameHeader && fill()) {
    }
    if (left().empty()) return false;
    frame = place();
    if (left().size() < 5) damaged("the file ends inside a header");
    const uint32_t magic = number_at(left(), 0);
    if (magic == kFrameDictionary && place() == 0 && left().size() >= 8) {
      take_dictionary();
      return begin_frame();
    }
    if (skippable(magic)) return true;
    if (magic != kFrameMagic) fail(ErrorKind::input, "zstd: what follows a frame is none, at byte ", frame, " of the packed file");
    if (const uint64_t wide = window_of(left().substr(0, kFrameHeader)); wide > kWidestFrame) {
      damaged(cat("a window of ", wide, " bytes is wanted, more than ", kWidestFrame, " (unpack it with zstd --long=31 first)"));
    }
    return true;
  }

  enum class Taken { whole, damaged, no };
  /// The frame at hand in one go, if it is short: so nothing is given of one that is damaged.
  Taken take_short() {
    if (skippable(number_at(left(), 0))) return Taken::no;
    size_t length = ZSTD_findFrameCompressedSize(left().data(), left().size());
    while (ZSTD_getErrorCode(length) == ZSTD_error_srcSize_wrong && left().size() < kFrameStretch && fill()) length = ZSTD_findFrameCompressedSize(left().data(), left().size());
    if (ZSTD_isError(length) != 0) return ZSTD_getErrorCode(length) == ZSTD_error_srcSize_wrong ? Taken::no : Taken::damaged;
    const unsigned long long said = ZSTD_getFrameContentSize(left().data(), length);
    const bool unknown = said == ZSTD_CONTENTSIZE_UNKNOWN;
    if (length > kFrameStretch || (!unknown && said > kFrameEarlyBytes)) return Taken::no;
    std::string& out = early.bytes;
    if (!unknown || out.size() < 4 * length) out.resize(unknown ? 4 * length : static_cast<size_t>(said));
    size_t made = 0;
    for (;;) {
      made = ZSTD_decompressDCtx(context.get(), out.data(), out.size(), left().data(), length);
      if (!unknown || ZSTD_getErrorCode(made) != ZSTD_error_dstSize_tooSmall) break;
      if (out.size() >= kFrameEarlyBytes) break;
      out.resize(2 * out.size());
    }
    const bool good = ZSTD_isError(made) == 0;
    const bool long_one = ZSTD_getErrorCode(made) == ZSTD_error_dstSize_tooSmall;
    out.resize(good ? made : 0);
    early_at = 0;
    if (good) at += length;
    return good ? Taken::whole : long_one ? Taken::no : Taken::damaged;
  }

  /// Whether a frame can be unpacked: all of it that is there, 8 MiB of it at most.
  bool begins_well(std::string_view packed) const {
    const Context look = new_context(dictionary);
    std::string room(kPiece, '\0');
    ZSTD_inBuffer in = {packed.data(), packed.size(), 0};
    for (size_t made = 0; made < kFrameEarlyBytes;) {
      ZSTD_outBuffer out = {room.data(), room.size(), 0};
      const size_t hint = ZSTD_decompressStream(look.get(), &out, &in);
      if (ZSTD_isError(hint) != 0) return false;
      if (hint == 0) return true;
      if (out.pos == 0 && in.pos == in.size) return made > 0;  // more of it is not at hand
      made += out.pos;
    }
    return true;
  }

  /// Where the next frame that begins well stands in what is left, but not at its begin, within so many bytes; enough of it
  /// must be at hand.
  size_t next_frame(size_t within = std::string::npos) {
    static constexpr std::string_view kMagic("\x28\xb5\x2f\xfd", 4);
    for (size_t next = left().find(kMagic, 1); next != std::string::npos && false_frames < kMostFalseFrames; next = left().find(kMagic, next + 1)) {
      const std::string_view rest = left().substr(next);
      if (next >= within || (rest.size() < kFrameFill && !source_ended)) break;
      if (window_of(rest.substr(0, kFrameHeader)) <= kWidestFrame && begins_well(rest.substr(0, kFrameFill))) return next;
      ++false_frames;
    }
    return std::string::npos;
  }

  /// Whether one follows the short frame at hand soon: in as much of the file as is looked at whatever else is.
  bool frame_follows() {
    while (left().size() < 4 * kFrameFill && fill()) {
    }
    return next_frame(3 * kFrameFill) != std::string::npos;
  }

  bool go_on() {
    early = {};
    early_at = 0;
    inside_frame = false;
    wanted = kFrameStep;
    if (ZSTD_isError(ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only)) != 0) throw std::bad_alloc();
    for (;;) {
      while (left().size() < most / 2 && fill()) {
      }
      if (const size_t next = next_frame(); next != std::string::npos) {
        at += next;
        return true;
      }
      if (source_ended || false_frames == kMostFalseFrames) return false;
      at = std::max(at + 1, window.size() - std::min(window.size(), kFrameFill));
    }
  }

  int64_t read(char* into, int64_t limit) {
    for (;;) {
      if (early_at < early.bytes.size()) {
        const size_t n = std::min(early.bytes.size() - early_at, static_cast<size_t>(limit));
        std::memcpy(into, early.bytes.data() + early_at, n);
        early_at += n;
        return static_cast<int64_t>(n);
      }
      if (!inside_frame) {
        if (!begin_frame()) return 0;
        look_ahead();
        if (ahead.take(place(), early)) {
          at += static_cast<size_t>(early.end - early.begin);
          early_at = 0;
          continue;
        }
        const Taken taken = take_short();
        if (taken == Taken::whole) continue;
        if (taken == Taken::damaged && frame_follows()) damaged("its blocks or their checksum are damaged");
      }
      if (left().empty()) fill();
      ZSTD_inBuffer in = {left().data(), std::min(left().size(), wanted), 0};
      ZSTD_outBuffer out = {into, static_cast<size_t>(limit), 0};
      const size_t hint = ZSTD_decompressStream(context.get(), &out, &in);
      if (ZSTD_isError(hint) != 0) damaged(ZSTD_getErrorName(hint));
      at += in.pos;
      inside_frame = hint != 0;
      wanted = inside_frame ? hint : kFrameStep;
      if (out.pos > 0) return static_cast<int64_t>(out.pos);
      if (inside_frame && in.size == 0 && source_ended) damaged("the file is cut off");
    }
  }
};

ZstdReader::ZstdReader(ReadBytes packed, SpareWork* spare) : state_(std::make_unique<State>(std::move(packed), spare)) {}
ZstdReader::~ZstdReader() = default;
ZstdReader::ZstdReader(ZstdReader&&) noexcept = default;
int64_t ZstdReader::read(char* into, int64_t limit) { return state_->read(into, limit); }
bool ZstdReader::go_on() { return state_->go_on(); }

ZstdFileReader::ZstdFileReader(const fs::path& path) : path_(path), in_(open_stored(path)) {
  std::error_code ignored;
  require_input(!fs::is_directory(path, ignored), "cannot read ", path, ": it is a folder");
}

int64_t ZstdFileReader::read(char* to, int64_t room) {
  try {
    return in_.read(to, room);
  } catch (Error& e) {
    e.during("reading ", path_);
    throw;
  }
}

}  // namespace loam
