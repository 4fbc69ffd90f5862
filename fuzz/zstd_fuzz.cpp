// Zstandard files on any bytes, in turn and as threads that help unpack them: Error{input}, or what the library's one call
// makes of the same frames; and what that takes, we take.
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "loam/base/error.h"
#include "loam/base/spare_work.h"
#include "loam/formats/zstd.h"

namespace {

constexpr size_t kMost = size_t{4} << 20;

/// What comes of the file, its first kMost bytes; `error` is why it ended.
std::string unpacked(std::string_view bytes, bool early, std::string& error) {
  loam::SpareWork spare(3);
  std::string out, block(1 << 14, '\0');
  loam::ZstdReader in(loam::read_text(bytes), early ? &spare : nullptr);
  try {
    while (const int64_t n = in.read(block.data(), static_cast<int64_t>(block.size()))) {
      out.append(block, 0, static_cast<size_t>(n));
      spare.help();
      if (out.size() > kMost) {
        out.resize(kMost);
        error = "long";
        break;
      }
    }
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
    error = e.what();
  }
  // Behind damage: the same whoever unpacks it, and an end.
  std::string behind;
  for (int damages = 0; !error.empty() && error != "long" && behind.size() < kMost && in.go_on(); ++damages) {
    if (damages > 1000) std::abort();
    try {
      while (const int64_t n = in.read(block.data(), static_cast<int64_t>(block.size()))) {
        behind.append(block, 0, static_cast<size_t>(n));
        spare.help();
        if (behind.size() > kMost) break;
      }
      break;
    } catch (const loam::Error& e) {
      if (e.kind() != loam::ErrorKind::input) std::abort();
    }
  }
  behind.resize(std::min(behind.size(), kMost));
  error += behind;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string error, early_error;
  const std::string got = unpacked(bytes, false, error);
  if (unpacked(bytes, true, early_error) != got || early_error != error) std::abort();
  const bool whole = error.empty();
  if (whole && size > 0 && !loam::begins_as_zstd(bytes) && !bytes.starts_with("\x5d\x2a\x4d\x18")) std::abort();
  if (bytes.starts_with("\x5d\x2a\x4d\x18") || size == 0 || error == "long") return 0;  // a dictionary, which the library is not told of
  std::string wanted(kMost + 1, '\0');
  const size_t made = ZSTD_decompress(wanted.data(), wanted.size(), data, size);
  const bool good = ZSTD_isError(made) == 0;
  if (whole && (!good || made != got.size() || wanted.compare(0, made, got) != 0)) std::abort();
  if (good && !whole && error.find("a window of") == std::string::npos) std::abort();
  return 0;
}
