#include "loam/formats/zstd.h"

#include <zstd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "loam/base/error.h"
#include "loam/base/threads.h"

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

struct ZstdFileReader::Stream {
  explicit Stream(const fs::path& path_in)
      : path(path_in), file(path_in, std::ios::binary), context(ZSTD_createDCtx()), buffer(kPiece, '\0') {
    std::error_code ignored;
    require_input(file && !fs::is_directory(path_in, ignored), "cannot read ", path_in);
  }
  ~Stream() { ZSTD_freeDCtx(context); }

  fs::path path;
  std::ifstream file;
  ZSTD_DCtx* context;
  std::string buffer;
  ZSTD_inBuffer in = {nullptr, 0, 0};
  bool inside_frame = false;
};

ZstdFileReader::ZstdFileReader(const fs::path& path) : stream_(std::make_unique<Stream>(path)) {}
ZstdFileReader::~ZstdFileReader() = default;

int64_t ZstdFileReader::read(char* to, int64_t room) {
  Stream& s = *stream_;
  ZSTD_outBuffer out = {to, static_cast<size_t>(room), 0};
  while (out.pos < out.size) {
    if (s.in.pos == s.in.size) {
      s.file.read(s.buffer.data(), static_cast<std::streamsize>(s.buffer.size()));
      require_input(!s.file.bad(), "cannot read ", s.path);
      s.in = {s.buffer.data(), static_cast<size_t>(s.file.gcount()), 0};
    }
    const bool at_end = s.in.size == 0;
    if (at_end && !s.inside_frame) break;
    const size_t before = out.pos;
    const size_t hint = ZSTD_decompressStream(s.context, &out, &s.in);
    check(hint, s.path, ErrorKind::input);
    s.inside_frame = hint != 0;
    if (at_end && s.inside_frame && out.pos == before) {
      fail(ErrorKind::input, s.path, ": zstd: the file is cut off inside a frame");
    }
  }
  return static_cast<int64_t>(out.pos);
}

}  // namespace loam
