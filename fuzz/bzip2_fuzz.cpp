// bzip2 files: marks between blocks at any bit, blocks unpacked out of their turn. Held to libbz2: what that unpacks to the
// end, so do we; what we unpack to the end, so does that. Bytes are read as they are, and as what follows a whole block.
#include <bzlib.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "loam/base/error.h"
#include "loam/base/spare_work.h"
#include "loam/formats/bzip2.h"

namespace {

/// All streams of a file, one after the other; false if one is damaged or cut off.
bool by_library(std::string_view file, std::string& out) {
  bool any = false;
  while (loam::begins_as_bzip2(file)) {
    bz_stream stream = {};
    BZ2_bzDecompressInit(&stream, 0, 0);
    stream.next_in = const_cast<char*>(file.data());
    stream.avail_in = static_cast<unsigned>(file.size());
    int code = BZ_OK;
    while (code == BZ_OK) {
      char block[1 << 16];
      stream.next_out = block;
      stream.avail_out = sizeof block;
      code = BZ2_bzDecompress(&stream);
      out.append(block, sizeof block - stream.avail_out);
      if (code == BZ_OK && stream.avail_in == 0 && stream.avail_out > 0) break;
    }
    file.remove_prefix(file.size() - stream.avail_in);
    BZ2_bzDecompressEnd(&stream);
    if (code != BZ_STREAM_END) return false;
    any = true;
  }
  return any;
}

void check(const std::string& file) {
  std::string wanted, got, block(1 << 16, '\0');
  const bool whole = by_library(file, wanted);
  loam::SpareWork spare(3);
  bool ours = true;
  loam::Bzip2Reader in(loam::read_text(file), &spare);
  try {
    while (const int64_t n = in.read(block.data(), static_cast<int64_t>(block.size()))) {
      got.append(block, 0, static_cast<size_t>(n));
      spare.help();
    }
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
    ours = false;
  }
  for (int damages = 0; !ours && in.go_on(); ++damages) {  // behind damage: an end
    if (damages > 1000) std::abort();
    try {
      while (in.read(block.data(), static_cast<int64_t>(block.size())) > 0) spare.help();
      break;
    } catch (const loam::Error& e) {
      if (e.kind() != loam::ErrorKind::input) std::abort();
    }
  }
  if (whole && (!ours || got != wanted)) std::abort();
  if (ours && !whole && got.size() <= 100000) std::abort();  // libbz2 holds blocks to their stream's level, we do not
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  // Packed here, hurt by the input's last two bytes: what a fuzzer alone does not find, for it must get the checksums right.
  if (size < 2) return 0;
  std::string packed(size + size / 50 + 700, '\0');
  auto length = static_cast<unsigned>(packed.size());
  if (BZ2_bzBuffToBuffCompress(packed.data(), &length, const_cast<char*>(bytes.data()), static_cast<unsigned>(size), 1, 0, 0) != BZ_OK) std::abort();
  packed.resize(length);
  check(packed + packed);
  const size_t at = (static_cast<size_t>(data[size - 1]) << 8 | data[size - 2]) % packed.size();
  std::string hurt = packed;
  hurt[at] = static_cast<char>(hurt[at] ^ data[0]);
  check(packed + hurt);
  check((packed + packed).substr(0, packed.size() + at));
  return 0;
}
