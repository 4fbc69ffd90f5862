#include "loam/formats/gzip_members.h"

#include <brotli/decode.h>
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "loam/base/error.h"
#include "loam/formats/ahead.h"

namespace loam {

bool begins_as_gzip(std::string_view head) {
  return head.size() >= 4 && head.starts_with("\x1f\x8b\x08") && (static_cast<unsigned char>(head[3]) & 0xE0) == 0;
}

namespace {

constexpr size_t kWindow = size_t{4} << 20;        // of the packed file
constexpr size_t kFirstWindow = size_t{64} << 10;  // many files are smaller
constexpr size_t kMemberBytes = size_t{8} << 20;   // a member up to this long is unpacked in one go
constexpr size_t kFirstGuess = size_t{64} << 10;
constexpr size_t kStretch = size_t{256} << 10;     // of the packed file, unpacked early
constexpr size_t kBehind = size_t{128} << 10;      // and what its last member may have behind that
constexpr size_t kLookBack = size_t{1} << 20;      // behind the begin of a member, damage may show later than the next member begins
constexpr int kMostFalseMembers = 200;                    // members that were looked at behind damage and were none: a file of nothing else takes no hours
constexpr size_t kStretchMakes = size_t{4} << 20;    // that a stretch may unpack to

bool begins_member(const char* at, size_t left) { return begins_as_gzip({at, left}); }

/// The members that begin in the first kStretch bytes of `packed`, which stands at `base` in its file. Where a member begins
/// is a guess: its checksum must hold, and the reader asks for those alone that begin where it is.
std::vector<UnpackedPart> unpack_stretch(const std::string& packed, int64_t base) {
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> in(libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  if (!in) throw std::bad_alloc();
  std::vector<UnpackedPart> out;
  std::string member(kFirstGuess, '\0');
  size_t spent = 0;  // bytes made, of false members too
  for (size_t at = 0; at < std::min(kStretch, packed.size()) && spent < kStretchMakes;) {
    const void* next = std::memchr(packed.data() + at, '\x1f', packed.size() - at);
    if (next == nullptr) break;
    at = static_cast<size_t>(static_cast<const char*>(next) - packed.data());
    if (at >= kStretch) break;
    libdeflate_result result = LIBDEFLATE_BAD_DATA;
    size_t used = 0, made = 0;
    if (begins_member(packed.data() + at, packed.size() - at)) {
      for (;;) {
        result = libdeflate_gzip_decompress_ex(in.get(), packed.data() + at, packed.size() - at, member.data(), member.size(), &used, &made);
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE) break;
        spent += member.size();
        if (spent >= kStretchMakes) break;
        member.resize(member.size() * 2);
      }
    }
    if (result != LIBDEFLATE_SUCCESS) {
      ++at;
      continue;
    }
    out.push_back({base + static_cast<int64_t>(at), base + static_cast<int64_t>(at + used), member.substr(0, made)});
    spent += made;
    at += used;
  }
  return out;
}

}  // namespace

struct GzipMembers::State {
  State(ReadBytes packed, SpareWork* spare, GzipDamage how) : strict(how == GzipDamage::thrown), source(std::move(packed)), window(kFirstWindow, '\0'), ahead(spare), whole(libdeflate_alloc_decompressor()) {
    if (whole == nullptr) throw std::bad_alloc();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (streaming) inflateEnd(&stream);
    libdeflate_free_decompressor(whole);
  }

  const bool strict;
  ReadBytes source;
  std::string window;
  size_t begin = 0, end = 0;  // of the packed bytes at hand
  int64_t base = 0;           // where window[0] stands in the file
  bool source_ended = false;
  UnpackAhead ahead;
  int64_t offered = 0;        // bytes of the file before this were offered, or are past
  bool short_members = false; // the last one was: others may be
  UnpackedPart early;         // a member that was unpacked before
  libdeflate_decompressor* whole;
  libdeflate_result result = LIBDEFLATE_SUCCESS;  // of the last try to unpack one in one go
  std::string member;         // room for one that is unpacked in one go
  const char* made_bytes = nullptr;  // of either
  size_t member_at = 0, member_size = 0;
  z_stream stream = {};
  bool streaming = false;     // a member too long for that
  bool lost = false;          // looking for the next member
  const char* why = "";       // damaged_here()
  int false_members = 0;
  int64_t damaged = 0, passed = 0;  // damages; those that go_on() left behind
  std::string damage;
  int64_t member_base = 0;    // where the one that is streamed begins in the file

  const char* at() const { return window.data() + begin; }
  size_t left() const { return end - begin; }

  /// More packed bytes behind those at hand; false at the end of the file.
  bool fill() {
    if (source_ended) return false;
    const size_t kept = strict && streaming ? std::min(begin, kLookBack) : 0;
    if (begin > kept) {
      const size_t past = begin - kept;
      std::memmove(window.data(), window.data() + past, end - past);
      base += static_cast<int64_t>(past);
      end -= past;
      begin = kept;
    }
    if (end == window.size()) {
      if (window.size() == kWindow) return true;
      window.resize(window.size() * 2);
    }
    const int64_t n = source(window.data() + end, static_cast<int64_t>(window.size() - end));
    if (n == 0) source_ended = true;
    end += static_cast<size_t>(n);
    return n > 0;
  }

  void fill_up() {
    while (end - begin < kWindow && fill()) {
    }
  }

  void complain(const char* what) {
    if (!lost) {
      ++damaged;
      damage = cat(what, " at byte ", base + static_cast<int64_t>(begin));
    }
    lost = true;
  }

  /// Moves to the next member's first byte; false at the end of the file.
  bool find_member() {
    for (;;) {
      if (left() < 4 && !source_ended) {
        fill();
        continue;
      }
      if (left() == 0) return false;
      if (begins_member(at(), left())) return true;
      // Zeros behind the last member are padding; anything else should not be here.
      if (!lost && *at() != '\0') complain("what follows a gzip member is none");
      const void* next = std::memchr(at() + 1, '\x1f', left() - 1);
      begin = next == nullptr ? end : static_cast<size_t>(static_cast<const char*>(next) - window.data());
      if (next != nullptr && end - begin < 4 && source_ended) begin = end;
    }
  }

  /// Hands out stretches as far as there is room for them.
  void look_ahead() {
    const int64_t have = base + static_cast<int64_t>(end);
    offered = std::max(offered, base + static_cast<int64_t>(begin));
    while (offered < have && ahead.room()) {
      if (have - offered < static_cast<int64_t>(kStretch + kBehind) && !source_ended) return;
      std::string packed = window.substr(static_cast<size_t>(offered - base), std::min(kStretch + kBehind, static_cast<size_t>(have - offered)));
      const int64_t from = offered;
      offered = std::min(have, from + static_cast<int64_t>(kStretch));
      ahead.offer(from, offered, [packed = std::move(packed), from] { return unpack_stretch(packed, from); });
    }
  }

  /// The next member in one go; false if it has to be streamed.
  bool take_whole() {
    if (left() < kWindow / 2) fill_up();
    if (short_members) {
      look_ahead();
      if (ahead.take(base + static_cast<int64_t>(begin), early)) {
        begin += static_cast<size_t>(early.end - early.begin);
        made_bytes = early.bytes.data();
        member_at = 0;
        member_size = early.bytes.size();
        lost = false;
        return true;
      }
    }
    size_t used = 0;
    result = unpack_at(begin, used, member_size);
    member_at = 0;
    if (result != LIBDEFLATE_SUCCESS) {  // long, or damaged: the slow way tells
      member_size = 0;
      return false;
    }
    begin += used;
    made_bytes = member.data();
    lost = false;
    short_members = used < kBehind;
    return true;
  }

  /// The member at window[from] to `member`, if it makes no more than that may hold.
  libdeflate_result unpack_at(size_t from, size_t& used, size_t& made) {
    if (member.empty()) member.resize(kFirstGuess);
    for (;;) {
      const libdeflate_result out = libdeflate_gzip_decompress_ex(whole, window.data() + from, end - from, member.data(), member.size(), &used, &made);
      if (out != LIBDEFLATE_INSUFFICIENT_SPACE || member.size() >= kMemberBytes) return out;
      member.resize(member.size() * 2);
    }
  }

  int64_t read(char* into, int64_t limit) {
    for (;;) {
      if (member_at < member_size) {
        const size_t n = std::min(member_size - member_at, static_cast<size_t>(limit));
        std::memcpy(into, made_bytes + member_at, n);
        member_at += n;
        return static_cast<int64_t>(n);
      }
      if (strict && damaged > passed) fail(ErrorKind::input, damage);
      if (!streaming) {
        const bool more = find_member();
        if (strict && damaged > passed) continue;
        if (!more) return 0;
        if (take_whole()) continue;
        if (strict && result == LIBDEFLATE_BAD_DATA && damaged_here() && whole_behind()) {
          complain(why);
          ++begin;
          continue;
        }
        member_base = base + static_cast<int64_t>(begin);
        stream = {};
        if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::bad_alloc();
        streaming = true;
        short_members = false;
      }
      const int64_t n = stream_some(into, limit);
      if (n > 0) return n;
    }
  }

  /// Whether what is at hand shows that its member is damaged: not that it only goes on behind it.
  bool damaged_here() {
    z_stream look = {};
    if (inflateInit2(&look, 15 + 16) != Z_OK) throw std::bad_alloc();
    look.next_in = reinterpret_cast<Bytef*>(window.data() + begin);
    look.avail_in = static_cast<uInt>(left());
    int code = Z_OK;
    while (code == Z_OK) {
      look.next_out = reinterpret_cast<Bytef*>(member.data());
      look.avail_out = static_cast<uInt>(member.size());
      code = inflate(&look, Z_NO_FLUSH);
    }
    why = look.msg != nullptr ? look.msg : "a damaged gzip member";  // they are constants of zlib's
    inflateEnd(&look);
    return code != Z_STREAM_END && (code != Z_BUF_ERROR || source_ended);
  }

  /// Whether a whole member begins at window[from]. It must end where another one begins, or the file does: a packed file
  /// may hold whole ones as they are.
  bool whole_at(size_t from) {
    if (false_members >= kMostFalseMembers || !begins_member(window.data() + from, end - from)) return false;
    size_t used = 0, made = 0;
    const bool good = unpack_at(from, used, made) == LIBDEFLATE_SUCCESS;
    const size_t next = from + used;
    if (good && (next + 4 > end || window[next] == '\0' || begins_member(window.data() + next, end - next))) return true;
    ++false_members;
    return false;
  }

  /// Whether one stands behind the member at hand, in the window.
  bool whole_behind() {
    for (size_t from = begin + 1; from + 4 <= end; ++from) {
      const void* next = std::memchr(window.data() + from, '\x1f', end - from);
      if (next == nullptr) return false;
      from = static_cast<size_t>(static_cast<const char*>(next) - window.data());
      if (whole_at(from)) return true;
    }
    return false;
  }

  /// Whether the member at hand begins well: 256 KiB of it, or all there is.
  bool begins_well() {
    std::string room(kStretch, '\0');
    z_stream look = {};
    if (inflateInit2(&look, 15 + 16) != Z_OK) throw std::bad_alloc();
    look.next_in = reinterpret_cast<Bytef*>(window.data() + begin);
    look.avail_in = static_cast<uInt>(left());
    look.next_out = reinterpret_cast<Bytef*>(room.data());
    look.avail_out = static_cast<uInt>(room.size());
    const int code = inflate(&look, Z_NO_FLUSH);
    inflateEnd(&look);
    return code == Z_OK && look.avail_out == 0;
  }

  bool go_on() {
    if (streaming) stop_stream();
    member_at = member_size = 0;
    passed = damaged;
    lost = true;
    while (false_members < kMostFalseMembers && find_member()) {
      fill_up();
      if ((whole_at(begin) && take_whole()) || begins_well()) {
        lost = false;
        return true;
      }
      ++begin;
    }
    return false;
  }

  /// Bytes of the member that is streamed; 0 once it has ended.
  int64_t stream_some(char* into, int64_t limit) {
    stream.next_out = reinterpret_cast<Bytef*>(into);
    stream.avail_out = static_cast<uInt>(std::min<int64_t>(limit, 1 << 30));
    const uInt wanted = stream.avail_out;
    for (;;) {
      if (left() == 0 && !fill()) {
        complain("the file ends inside a gzip member");
        step_back();
        stop_stream();
        break;
      }
      stream.next_in = reinterpret_cast<Bytef*>(window.data() + begin);
      stream.avail_in = static_cast<uInt>(left());
      const int code = inflate(&stream, Z_NO_FLUSH);
      begin = end - stream.avail_in;
      if (code == Z_STREAM_END) {
        lost = false;
        stop_stream();
        break;
      }
      if (code != Z_OK && code != Z_BUF_ERROR) {
        const bool false_start = lost && stream.total_out == 0;
        if (!false_start) lost = false;
        complain(stream.msg != nullptr ? stream.msg : "a damaged gzip member");
        if (begin < end) ++begin;
        step_back();
        stop_stream();
        break;
      }
      if (stream.avail_out == 0) break;
    }
    return static_cast<int64_t>(wanted - stream.avail_out);
  }

  /// Where go_on() looks from: damage may show behind the begin of the next member.
  void step_back() {
    if (strict) begin = static_cast<size_t>(std::max({int64_t{0}, static_cast<int64_t>(begin) - static_cast<int64_t>(kLookBack), member_base + 1 - base}));
  }

  void stop_stream() {
    inflateEnd(&stream);
    streaming = false;
  }
};

GzipMembers::GzipMembers(const std::filesystem::path& file, SpareWork* spare) : GzipMembers(open_stored(file), spare) {}
GzipMembers::GzipMembers(ReadBytes packed, SpareWork* spare, GzipDamage damage) : state_(std::make_unique<State>(std::move(packed), spare, damage)) {}
GzipMembers::~GzipMembers() = default;
GzipMembers::GzipMembers(GzipMembers&&) noexcept = default;
int64_t GzipMembers::read(char* into, int64_t limit) { return state_->read(into, limit); }
bool GzipMembers::go_on() { return state_->go_on(); }
int64_t GzipMembers::damaged() const { return state_->damaged; }
const std::string& GzipMembers::damage() const { return state_->damage; }

namespace {

bool inflate_bytes(std::string_view packed, int window_bits, size_t limit, std::string& out) {
  z_stream stream = {};
  if (inflateInit2(&stream, window_bits) != Z_OK) throw std::bad_alloc();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib reads only
  stream.avail_in = static_cast<uInt>(std::min<size_t>(packed.size(), size_t{1} << 30));
  int code = Z_OK;
  while (code == Z_OK && out.size() < limit) {
    const size_t had = out.size();
    out.resize(std::min(limit, std::max(had * 2, size_t{64} << 10)));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    stream.avail_out = static_cast<uInt>(out.size() - had);
    code = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (code == Z_OK && stream.avail_in == 0 && stream.avail_out > 0) break;
  }
  inflateEnd(&stream);
  return code == Z_STREAM_END || out.size() >= limit;
}

bool unbrotli(std::string_view packed, size_t limit, std::string& out) {
  BrotliDecoderState* decoder = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
  if (decoder == nullptr) throw std::bad_alloc();
  const auto* in = reinterpret_cast<const uint8_t*>(packed.data());
  size_t left = packed.size();
  BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
  while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT && out.size() < limit) {
    const size_t had = out.size();
    out.resize(std::min(limit, std::max(had * 2, size_t{64} << 10)));
    auto* to = reinterpret_cast<uint8_t*>(out.data() + had);
    size_t room = out.size() - had;
    result = BrotliDecoderDecompressStream(decoder, &left, &in, &room, &to, nullptr);
    out.resize(out.size() - room);
  }
  BrotliDecoderDestroyInstance(decoder);
  return result == BROTLI_DECODER_RESULT_SUCCESS || out.size() >= limit;
}

bool unzstd(std::string_view packed, size_t limit, std::string& out) {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  if (context == nullptr) throw std::bad_alloc();
  ZSTD_inBuffer in = {packed.data(), packed.size(), 0};
  size_t code = 1;
  bool good = true;
  while (good && code != 0 && out.size() < limit) {
    const size_t had = out.size();
    out.resize(std::min(limit, std::max(had * 2, size_t{64} << 10)));
    ZSTD_outBuffer to = {out.data() + had, out.size() - had, 0};
    code = ZSTD_decompressStream(context, &to, &in);
    out.resize(had + to.pos);
    good = ZSTD_isError(code) == 0 && !(in.pos == in.size && to.pos == 0 && code != 0);
  }
  ZSTD_freeDCtx(context);
  return (good && code == 0) || out.size() >= limit;
}

}  // namespace

bool unpack_bytes(std::string_view packed, std::string_view how, int64_t limit, std::string& out) {
  out.clear();
  const auto most = static_cast<size_t>(limit);
  if (how == "gzip" || how == "x-gzip") return inflate_bytes(packed, 15 + 16, most, out);
  if (how == "deflate") {
    if (inflate_bytes(packed, 15, most, out)) return true;
    out.clear();
    return inflate_bytes(packed, -15, most, out);
  }
  if (how == "br") return unbrotli(packed, most, out);
  if (how == "zstd") return unzstd(packed, most, out);
  return false;
}

}  // namespace loam
