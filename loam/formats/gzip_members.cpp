#include "loam/formats/gzip_members.h"

#include <brotli/decode.h>
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "loam/base/error.h"

namespace loam {
namespace {

constexpr size_t kWindow = size_t{4} << 20;        // of the packed file
constexpr size_t kFirstWindow = size_t{64} << 10;  // many files are smaller
constexpr size_t kMemberBytes = size_t{8} << 20;   // a member up to this long is unpacked in one go
constexpr size_t kFirstGuess = size_t{64} << 10;

bool begins_member(const char* at, size_t left) {
  return left >= 4 && at[0] == '\x1f' && at[1] == '\x8b' && at[2] == '\x08' && (static_cast<unsigned char>(at[3]) & 0xE0) == 0;
}

}  // namespace

struct GzipMembers::State {
  explicit State(ReadBytes packed) : source(std::move(packed)), window(kFirstWindow, '\0'), whole(libdeflate_alloc_decompressor()) {
    if (whole == nullptr) throw std::bad_alloc();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (streaming) inflateEnd(&stream);
    libdeflate_free_decompressor(whole);
  }

  ReadBytes source;
  std::string window;
  size_t begin = 0, end = 0;  // of the packed bytes at hand
  int64_t base = 0;           // where window[0] stands in the file
  bool source_ended = false;
  libdeflate_decompressor* whole;
  std::string member;         // unpacked in one go
  size_t member_at = 0, member_size = 0;
  z_stream stream = {};
  bool streaming = false;     // a member too long for that
  bool lost = false;          // looking for the next member
  int64_t damaged = 0;
  std::string damage;

  const char* at() const { return window.data() + begin; }
  size_t left() const { return end - begin; }

  /// More packed bytes behind those at hand; false at the end of the file.
  bool fill() {
    if (source_ended) return false;
    if (begin > 0) {
      std::memmove(window.data(), window.data() + begin, end - begin);
      base += static_cast<int64_t>(begin);
      end -= begin;
      begin = 0;
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

  /// The next member in one go; false if it has to be streamed.
  bool take_whole() {
    if (left() < kWindow / 2) fill_up();
    if (member.empty()) member.resize(kFirstGuess);
    for (;;) {
      size_t used = 0, made = 0;
      const libdeflate_result result = libdeflate_gzip_decompress_ex(whole, at(), left(), member.data(), member.size(), &used, &made);
      if (result == LIBDEFLATE_SUCCESS) {
        begin += used;
        member_at = 0;
        member_size = made;
        lost = false;
        return true;
      }
      if (result != LIBDEFLATE_INSUFFICIENT_SPACE || member.size() >= kMemberBytes) return false;  // long, or damaged: the slow way tells
      member.resize(member.size() * 2);
    }
  }

  int64_t read(char* into, int64_t limit) {
    for (;;) {
      if (member_at < member_size) {
        const size_t n = std::min(member_size - member_at, static_cast<size_t>(limit));
        std::memcpy(into, member.data() + member_at, n);
        member_at += n;
        return static_cast<int64_t>(n);
      }
      if (!streaming) {
        if (!find_member()) return 0;
        if (take_whole()) continue;
        stream = {};
        if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::bad_alloc();
        streaming = true;
      }
      const int64_t n = stream_some(into, limit);
      if (n > 0) return n;
    }
  }

  /// Bytes of the member that is streamed; 0 once it has ended.
  int64_t stream_some(char* into, int64_t limit) {
    stream.next_out = reinterpret_cast<Bytef*>(into);
    stream.avail_out = static_cast<uInt>(std::min<int64_t>(limit, 1 << 30));
    const uInt wanted = stream.avail_out;
    for (;;) {
      if (left() == 0 && !fill()) {
        complain("the file ends inside a gzip member");
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
        stop_stream();
        break;
      }
      if (stream.avail_out == 0) break;
    }
    return static_cast<int64_t>(wanted - stream.avail_out);
  }

  void stop_stream() {
    inflateEnd(&stream);
    streaming = false;
  }
};

GzipMembers::GzipMembers(const std::filesystem::path& file) : GzipMembers(open_stored(file)) {}
GzipMembers::GzipMembers(ReadBytes packed) : state_(std::make_unique<State>(std::move(packed))) {}
GzipMembers::~GzipMembers() = default;
GzipMembers::GzipMembers(GzipMembers&&) noexcept = default;
int64_t GzipMembers::read(char* into, int64_t limit) { return state_->read(into, limit); }
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
