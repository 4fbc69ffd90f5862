// Zstandard files on any bytes: Error{input}, or what the library's one call makes of the same frames.
#include <unistd.h>
#include <zstd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/formats/zstd.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMost = size_t{4} << 20;
  static const std::filesystem::path file = std::filesystem::temp_directory_path() / ("loam_zstd_fuzz_" + std::to_string(::getpid()));
  loam::write_file(file, std::string_view(reinterpret_cast<const char*>(data), size));
  std::string got, block(1 << 14, '\0');
  bool whole = false;
  try {
    loam::ZstdFileReader in(file);
    int64_t n = 1;
    while (got.size() < kMost && (n = in.read(block.data(), static_cast<int64_t>(block.size()))) > 0) got.append(block, 0, static_cast<size_t>(n));
    whole = n == 0;
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
  }
  if (!whole) return 0;
  std::string wanted(got.size() + 1, '\0');
  const size_t made = ZSTD_decompress(wanted.data(), wanted.size(), data, size);
  if (size > 0 && (ZSTD_isError(made) != 0 || made != got.size() || wanted.compare(0, made, got) != 0)) std::abort();
  return 0;
}
